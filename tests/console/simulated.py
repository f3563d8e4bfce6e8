"""A fleet for the console to show: simulated nodes with faults, and something of every kind."""

import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from console.browser import PASSWORD, Site
from console.views import TABS, VIEWS, not_shown
from support.cli import EAVES, Cli
from support.tied import TIED

JOIN_WITHIN_S = 600.0  # on a machine with much else to do
TOLD_WITHIN_S = 180.0  # as above
OBJECTS = """
kind: datastore
name: registry
dsType: DATASTORE_TYPE_CONTAINERREGISTRY
dsFQDN: https://registry.example.com
dsPath: samples
---
kind: image
name: web
datastore: registry
imageType: IMAGE_TYPE_APPLICATION
imageFormat: CONTAINER
imageArch: AMD64
imageRelUrl: web:v1
---
kind: app
name: web
manifestJSON:
  name: web
  acKind: PodManifest
  acVersion: 1.2.0
  appType: APP_TYPE_CONTAINER
  deploymentType: DEPLOYMENT_TYPE_STAND_ALONE
  vmmode: HV_NOHYPER
  images: [{imagename: web, imageformat: CONTAINER, drvtype: HDD, target: Disk}]
  interfaces: [{name: eth0}]
  resources:
    - {name: cpus, value: "1"}
    - {name: memory, value: "65536"}
---
kind: netinst
name: apps
project: fleet
device: fleet-00001
networkKind: NETWORK_INSTANCE_KIND_LOCAL
type: NETWORK_INSTANCE_DHCP_TYPE_V4
port: eth0
---
kind: instance
name: web-1
app: web
device: fleet-00001
project: fleet
appType: APP_TYPE_CONTAINER
vminfo: {cpus: 1, memory: 65536, mode: HV_NOHYPER}
drives: [{imagename: web, drvtype: HDD, target: Disk}]
interfaces: [{intfname: eth0, intforder: 1, netinstname: apps}]
---
kind: image
name: eve-14
datastore: registry
imageType: EVE
imageFormat: QCOW2
imageArch: AMD64
imageRelUrl: eve-14.qcow2
imageSizeBytes: 340000000
imageSha256: 30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58
---
kind: alertchannel
name: on-call
title: Whoever is on call
type: WEBHOOK
webhook: {url: "https://hooks.example.org/eaves", secret: a secret of 24 characters}
---
{kind: volume, name: notes, project: fleet, device: fleet-00001, type: BLOCKSTORAGE,
 accessmode: READWRITE, sizeBytes: "1048576", label: notes}
---
{kind: patchenvelope, name: rules, title: Rules, project: fleet, action: STORE,
 userDefinedVersion: "1", artifacts: [{format: OpaqueObjectCategoryInline,
 base64Artifact: {base64Data: e30=, fileNameToUse: rules.json}}]}
---
{kind: role, name: watcher, title: Watches the fleet,
 scopes: [{accessDevice: PermissionAccessRead, projects: [fleet]}]}
---
{kind: user, name: walter, fullName: Walter Watcher, email: walter@example.org, role: watcher}
---
{kind: authprofile, name: company, title: Sign in at the company, type: OAUTH,
 profileType: OAUTH_CUSTOM, defaultRole: watcher,
 oauthProfile: {OIDCEndPoint: "https://login.example.org", clientID: eaves,
 clientSecret: hush-hush, jwtAuthProfile: {alg: RS256}}}
"""
RULE = """
kind: alertrule
name: node-reboot
condition: NODE_REBOOT
clearSeconds: 3600
severity: ERROR
channels: []
selector: {}
"""
ROLLOUT = """
name: eve-14
title: EVE 14
operationType: BULK_SERVICE_BASEOS_UPDATE
project: fleet
baseosUpdate: {baseimage: {imageName: eve-14, version: "14.0", activate: true}}
waves: [{share: 2}, {share: 20}, {}]
successThreshold: 95
deadlineSeconds: 3600
"""


@dataclass(frozen=True)
class Course:
    """`gone`: nodes that ran for a moment; `hurry`: by what the intervals of nodes are divided."""

    nodes: int
    hurry: float
    faults: tuple[str, ...]
    gone: int = 0
    first_s: int = 6  # in which nodes onboard; those that did not do so later
    logs_every_s: float = 10.0  # at most; no hurry divides it


@contextmanager
def at_work(site: Site, folder: Path, course: Course) -> Generator[Cli]:
    """Nodes run until the end; `rule.yaml` is applied by whoever wants its incidents."""
    (folder / "password").write_text(PASSWORD)
    (folder / "objects.yaml").write_text(OBJECTS)
    (folder / "rule.yaml").write_text(RULE)
    (folder / "rollout.yaml").write_text(ROLLOUT)
    cli = Cli.of(site.process, folder)
    cli.ok("login", cli.rest_url, "--ca", str(cli.root), "--password-file", "password")
    server = ("--server", f"localhost:{site.process.device_port}", "--state", "fleet.json")
    pace = (
        *("--hurry", f"{course.hurry:g}"),
        *("--log-interval", f"{course.logs_every_s * course.hurry:g}s"),
    )
    run = [*TIED, *EAVES, "fleet", "run", *server, *pace, "--devices"]
    first = [*run, str(course.nodes), "--for", f"{course.first_s}s"]
    with (folder / "first.log").open("wb") as log:
        # what a request of a simulated node met is no matter here: its exit code is not looked at
        subprocess.run(
            first,
            env=cli.environment,
            cwd=folder,
            stdout=log,
            stderr=log,
            check=False,
            timeout=JOIN_WITHIN_S,
        )
    words = [*run, str(course.nodes - course.gone), *course.faults, "--spread", "5s"]
    with (
        (folder / "fleet.log").open("wb") as log,
        subprocess.Popen(words, env=cli.environment, cwd=folder, stdout=log, stderr=log) as running,
    ):
        try:
            cli.ok("apply", "-f", "objects.yaml")
            cli.ok("rollout", "create", "-f", "rollout.yaml")
            with site.api() as http:
                _tag(http)
            yield cli
        finally:
            running.terminate()


def _tag(http: httpx.Client) -> None:
    """A job of all that is done to many nodes."""
    node = http.get("/v1/devices/name/fleet-00002").json()["id"]
    asked = {
        "jobName": "tag-north",
        "selectionCriteria": {"deviceIdList": [node]},
        "tagUpdate": {"tags": {"site": "north"}, "override": False},
    }
    assert http.put("/v1/jobs/devices/tags", json=asked).status_code == 200


def wait_until_told(http: httpx.Client) -> None:
    """Until the first node has a log and figures, and somebody is needed."""
    node = http.get("/v1/devices/name/fleet-00001").json()["id"]
    end = time.monotonic() + TOLD_WITHIN_S
    for path in (
        f"/v1/eaves/devices/id/{node}/logs",
        f"/v1/devices/id/{node}/timeSeries/METRIC_TYPE_CPU_USAGE",
        "/v1/eaves/incidents",
    ):
        while not _listed(http, path):
            assert time.monotonic() < end, f"{path}: nothing within {TOLD_WITHIN_S:g} s"
            time.sleep(0.5)  # processes of their own are asked, there is nothing to await


def _listed(http: httpx.Client, path: str) -> bool:
    told: dict[str, Any] = http.get(path).json()
    return bool(told.get("content", told).get("list"))


def views_of(http: httpx.Client) -> Mapping[str, str]:
    """Each by the name of its picture."""

    def found(path: str, name: str) -> str:
        return str(http.get(f"{path}/name/{name}").json()["id"])

    pages = {
        "node": f"/nodes/{found('/v1/devices', 'fleet-00001')}",
        "instance": f"/instances/{found('/v1/apps/instances', 'web-1')}",
        "app": f"/apps/{found('/v1/apps', 'web')}",
    }
    shelf = http.get("/v1/apps/global").json()["list"]
    rollouts = http.get("/v1/eaves/rollouts").json()["list"]
    jobs = http.get("/v1/jobs").json()["list"]
    views = {
        **{view.strip("/").replace("/", "-") or "overview": view for view in VIEWS},
        **pages,
        **{
            f"{name}-{tab}": f"{page}/{tab}"
            for name, page in pages.items()
            for tab in TABS[page.split("/")[1]]
        },
        "deploy": f"{pages['app']}/deploy",
        "shelf": f"/marketplace/{shelf[0]['id']}/deploy",
        "project": f"/projects/{found('/v1/projects', 'fleet')}",
        "rollout": f"/rollouts/{rollouts[0]['id']}",
        "job": f"/jobs/{jobs[0]['id']}",
        "image": f"/library/images/{found('/v1/apps/images', 'eve-14')}",
    }
    assert not_shown(views.values()) == []
    return views
