"""Every view, light and dark, for the documentation: `make screenshots`.  No test by its name.

What is drawn is a fleet of simulated nodes that runs meanwhile: some come and go, some start again
and again, a few have gone for good.  One of them has an app, and a roll-out is on its way.
"""

import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from console.browser import DESK, PASSWORD, Site, at_console, faults_of_access, sign_in
from console.test_first_look import VIEWS
from playwright.sync_api import Page, Playwright, expect
from support.cli import EAVES, Cli
from support.tied import TIED

FOLDER = Path(__file__).parents[2] / "docs/images/console"
NODES, GONE = 300, 6
JOIN_WITHIN_S = 600.0  # on a machine with much else to do
SILENT_S = 200.0  # longer than a node may be silent before it is suspect
HURRY = ("--hurry", "5")
FAULTS = ("--offline-share", "5%", "--fault-period", "20s", "--crash-loops", "2%")
TALL = {"width": DESK["width"], "height": 1300}  # the overview, with all of its cards
PLACES = (
    *("52.52,13.40", "48.86,2.35", "40.71,-74.01", "37.77,-122.42", "35.68,139.69"),
    *("-33.87,151.21", "1.35,103.82", "19.08,72.88", "-23.55,-46.63", "51.51,-0.13"),
)
APP = """
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


@pytest.fixture(scope="module")
def fleet(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Generator[Site]:
    folder = tmp_path_factory.mktemp("fleet")
    with at_work(site, folder):
        yield site


@contextmanager
def at_work(site: Site, folder: Path) -> Generator[None]:
    """Nodes run until the end; the last few of them ran for a moment."""
    (folder / "password").write_text(PASSWORD)
    (folder / "app.yaml").write_text(APP)
    (folder / "rollout.yaml").write_text(ROLLOUT)
    cli = Cli.of(site.process, folder)
    cli.ok("login", cli.rest_url, "--ca", str(cli.root), "--password-file", "password")
    server = ("--server", f"localhost:{site.process.device_port}", "--state", "fleet.json")
    run = ("fleet", "run", *server, *HURRY)
    first = [*TIED, *EAVES, *run, "--devices", str(NODES), "--for", "25s"]
    subprocess.run(first, env=cli.environment, cwd=folder, check=True, timeout=JOIN_WITHIN_S)
    begun = time.monotonic()
    words = [*TIED, *EAVES, *run, "--devices", str(NODES - GONE), *FAULTS, "--spread", "10s"]
    with (
        (folder / "fleet.log").open("wb") as log,
        subprocess.Popen(words, env=cli.environment, cwd=folder, stdout=log, stderr=log) as running,
    ):
        try:
            cli.ok("apply", "-f", "app.yaml")
            cli.ok("rollout", "create", "-f", "rollout.yaml")
            _place(site)
            time.sleep(max(0.0, begun + SILENT_S - time.monotonic()))
            yield
        finally:
            running.terminate()


def _place(site: Site) -> None:
    with site.api() as http:
        listed = http.get("/v1/devices", params={"next.pageSize": 500}).json()["list"]
        for number, device in enumerate([*listed[:60], *listed[-GONE:]]):
            place = {"latlong": PLACES[number % len(PLACES)]}
            moved = {**device, "devLocation": place}
            assert http.put(f"/v1/devices/id/{device['id']}", json=moved).status_code == 200


def views_of(http: httpx.Client) -> Mapping[str, str]:
    """Each by the name of its picture."""
    node = http.get("/v1/devices/name/fleet-00001").json()["id"]
    instance = http.get("/v1/apps/instances/name/web-1").json()["id"]
    app = http.get("/v1/apps/name/web").json()["id"]
    project = http.get("/v1/projects/name/fleet").json()["id"]
    rollouts = http.get("/v1/eaves/rollouts").json()["list"]
    tabs = (
        *("adapters", "apps", "asked", "attestation", "charts", "connections", "events", "flows"),
        *("logs", "updates"),
    )
    return {
        **{view.strip("/").replace("/", "-") or "overview": view for view in VIEWS},
        "node": f"/nodes/{node}",
        **{f"node-{tab}": f"/nodes/{node}/{tab}" for tab in tabs},
        "instance": f"/instances/{instance}",
        "deploy": f"/apps/{app}/deploy",
        "project": f"/projects/{project}",
        "rollout": f"/rollouts/{rollouts[0]['id']}",
    }


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_view_is_drawn(playwright: Playwright, fleet: Site, *, dark: bool) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with fleet.api() as http:
        views = views_of(http)
    faults = draw(playwright, fleet, views, FOLDER, dark=dark)
    assert not faults, faults


def draw(
    playwright: Playwright, site: Site, views: Mapping[str, str], folder: Path, *, dark: bool
) -> Mapping[str, list[str]]:
    """What axe finds, by view."""
    faults: dict[str, list[str]] = {}
    light = "dark" if dark else "light"
    with at_console(playwright, site, dark=dark) as page:
        page.goto("/")
        page.get_by_label("User").wait_for()
        page.screenshot(path=folder / f"sign-in-{light}.png")
        sign_in(page, "admin", PASSWORD)
        page.get_by_role("heading", name="Needs a person").wait_for()
        for name, view in views.items():
            page.set_viewport_size(TALL if view == "/" else DESK)  # type: ignore[arg-type]  # a plain dict is one
            _settle(page, view)
            if found := faults_of_access(page):
                faults[view] = found
            page.screenshot(path=folder / f"{name}-{light}.png")
    return faults


def _settle(page: Page, view: str) -> None:
    page.goto(view)
    page.get_by_role("heading", level=1).first.wait_for()
    expect(page.get_by_role("progressbar")).to_have_count(0)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.evaluate("document.fonts.ready.then(() => true)")
    if view == "/":
        page.locator(".eaves-map canvas").or_(page.get_by_text("No node tells")).first.wait_for()
        page.get_by_role("heading", name="Capacity").wait_for()
