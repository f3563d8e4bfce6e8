"""docs/tutorials/five-steps.sh, as its page says, against a controller and simulated devices."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.cli import Cli
from support.controller import Process, running
from support.generated import REPOSITORY

from eaves.cli.client import Client
from eaves.cli.kinds import KINDS
from eaves.cli.session import load_contexts
from eaves.main import main

pytestmark = pytest.mark.system
SCRIPT = REPOSITORY / "docs/tutorials/five-steps.sh"


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    folder = tmp_path_factory.mktemp("five")
    (folder / "password").write_text("correct horse battery")
    options = ("--admin-password-file", str(folder / "password"))
    with running(Process(folder / "state", *options)) as process:
        cli = Cli.of(process, tmp_path_factory.mktemp("home"))
        password = str(folder / "password")
        cli.ok("login", cli.rest_url, "--ca", str(cli.root), "--password-file", password)
        (cli.home / "server").write_text(f"localhost:{process.device_port}")
        yield cli


@pytest.fixture(scope="module")
def told(cli: Cli) -> str:
    """What the script prints."""
    folder = str(Path(sys.executable).parent)
    server = (cli.home / "server").read_text()
    done = subprocess.run(
        ["/bin/bash", str(SCRIPT), "place", server],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        cwd=cli.home,
        env={**cli.environment, "PATH": f"{folder}:{cli.environment['PATH']}"},
    )
    log = cli.home / "place/fleet.log"
    assert done.returncode == 0, (
        f"{done.stdout}\n{done.stderr}\n{log.read_text() if log.exists() else ''}"
    )
    return done.stdout


SHOWN = (
    "enterprise/acme created",
    "in acme now; context acme is in use",
    "image/disk: 2.9 MiB are there, READY",
    "role/plant-operator created",
    "0 of 0 nodes match",
    "2 devices made",
    "job/deploy-many",
    "web-by-hand",
    "image/nginx-1.28 created",
    "app/web changed",
    "job/os-14",
    "device/plant-00002 changed",
    "patchenvelope/rules created",
    "instance/web-by-hand changed",
    "instance/web-by-hand deleted",
    "device/plant-00002: off-boarded",
    "device/plant-00002 deleted",
    "== done",
)


def test_the_journey_of_five_steps_arrives(told: str, cli: Cli) -> None:
    rest = told
    for line in SHOWN:
        assert line in rest, f"{line} is not in\n{told}"
        rest = rest[rest.index(line) + len(line) :]
    assert len(re.findall(r"^plant-web-plant-0000\d +ONLINE", told, re.MULTILINE)) == 2
    cpu = json.loads((cli.home / "place/cpu.json").read_text())
    assert cpu
    everything = "".join(p.read_text() for p in (cli.home / "place").glob("*.json")) + told
    assert "secret-of-the-registry" not in everything


Run = Callable[..., Result]


@pytest.fixture
def acme(told: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line in the tenant of the journey, in this process: that is quick."""
    assert told
    monkeypatch.setenv("EAVES_CONFIG", str(cli.home))
    for name in ("EAVES_URL", "EAVES_TOKEN", "EAVES_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    runner = CliRunner()
    if "again" not in load_contexts().sessions:
        entered = runner.invoke(main, ["context", "enter", "acme", "--name", "again"])
        assert entered.exit_code == 0, entered.output

    def run(*words: str, stdin: str = "", code: int = 0) -> Result:
        done = runner.invoke(main, ["--context", "again", *words], input=stdin)
        assert done.exit_code == code, (words, done.output)
        return done

    return run


def test_every_kind_is_listed_from_what_the_journey_left(acme: Run) -> None:
    seen = {kind.name: acme("get", kind.name, "-o", "wide").stdout.splitlines() for kind in KINDS}
    filled = {name for name, lines in seen.items() if len(lines) > 1}
    assert filled >= {
        *("enterprise", "model", "project", "role", "user", "network", "datastore", "image", "app"),
        *("patchenvelope", "device", "deployment", "netinst", "instance", "job", "event"),
        *("session", "token"),
    }
    assert "hall" in seen["deployment"][1]
    for words in (
        ("describe", "deployment", "vision"),
        ("describe", "role", "plant-operator"),
        ("describe", "user", "olga"),
        ("describe", "job", "deploy-many"),
        ("describe", "enterprise", "acme"),
    ):
        assert "intended:" in acme(*words).stdout


def test_an_upload_goes_on_where_it_stopped(acme: Run, tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    (tmp_path / "disk").write_bytes(content)
    (tmp_path / "other").write_bytes(content[::-1])
    digest = hashlib.sha256(content).hexdigest()
    (tmp_path / "image.yaml").write_text(
        "{kind: datastore, name: here, dsType: FILE_STORAGE}\n---\n"
        "{kind: image, name: torn, datastore: here, imageType: APPLICATION, imageFormat: RAW,"
        f" imageArch: AMD64, imageSha256: {digest}}}"
    )
    done = acme("apply", "-f", str(tmp_path / "image.yaml"))
    assert "eaves image upload torn FILE" in done.stderr
    wrong = acme("image", "upload", "torn", str(tmp_path / "other"), code=1)
    assert f"image 'torn' asks for {digest}" in wrong.stderr
    path = "/v1/apps/images/name/torn/upload/chunked"
    with Client(load_contexts().named("again")) as client:  # what a line that broke leaves behind
        place = {"Content-Range": f"bytes 0-{(1 << 20) - 1}/{3 << 20}"}
        place["Content-Type"] = "application/octet-stream"
        client.exchange("PUT", path, content[: 1 << 20], place)
    sent = acme("image", "upload", "torn", str(tmp_path / "disk"), "--piece", "1048576")
    assert sent.stderr.splitlines()[0] == "image/torn: 33%  1 MiB of 3 MiB  goes on"
    assert sent.stdout == "image/torn: 3 MiB are there, READY\n"
    again = acme("image", "upload", "torn", str(tmp_path / "disk"))
    assert again.stderr == "image/torn: 100%  3 MiB of 3 MiB\n"
    kept = acme("artifact", "upload", "logo", str(tmp_path / "disk"))
    assert kept.stdout == "artifact/logo: 3 MiB are there\n"
    listed = acme("get", "artifact", "logo", "-o", "name")
    assert listed.stdout == "artifact/logo\n"
    acme("delete", "artifact", "logo")


def test_a_rollout_that_pauses_is_not_watched_for_ever(acme: Run, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(
        "{kind: rollout, name: os-15, operationType: BASEOS_UPDATE,"
        " selectionCriteria: {devices: [plant-00001]},"
        " baseosUpdate: {baseimage: {imageName: eve-14, version: '15', activate: true}}}"
    )
    made = acme("apply", "-f", str(tmp_path / "r.yaml"))
    assert made.stdout == "rollout/os-15 created\n"
    assert acme("apply", "-f", str(tmp_path / "r.yaml")).stdout == "rollout/os-15 unchanged\n"
    other = (tmp_path / "r.yaml").read_text().replace("'15'", "'16'")
    refused = acme("apply", "-f", "-", stdin=other, code=1)
    assert "a rollout does not change; choose another name" in refused.stderr
    acme("rollout", "pause", "os-15")
    watched = acme("rollout", "status", "os-15", "--watch", code=1)
    assert "rollout os-15 is PAUSED" in watched.stderr
    assert "`eaves rollout resume os-15` goes on" in watched.stderr
    acme("rollout", "abort", "os-15")
    waited = acme("wait", "rollout", "os-15", "--for", "state=COMPLETED", code=1)
    assert "rollout/os-15 is ABORTED, not COMPLETED, and stays so" in waited.stderr
    acme("rollout", "objects", "os-15")


def test_a_job_is_followed_and_looked_into(acme: Run) -> None:
    acme("wait", "job", "deploy-many", "--for", "state=COMPLETED", "--timeout", "0")
    stays = acme("wait", "job", "deploy-many", "--for", "state=FAILED", code=1)
    assert "job/deploy-many is COMPLETED, not FAILED, and stays so" in stays.stderr
    assert "job/deploy-many: 100%" in acme("job", "follow", "deploy-many").stderr
    told = json.loads(acme("job", "status", "deploy-many", "-o", "json").stdout)
    assert told["objectsByState"]["COMPLETE"] == 2
    assert acme("job", "results", "deploy-many").stdout.count("COMPLETE") == 2
    assert "no object is FAILED" in acme("job", "results", "deploy-many", "--state=FAILED").stderr
    nothing = acme("job", "run", "tags", "-l", "site=nowhere", "--set", "a=b", code=1)
    assert "no device is meant" in nothing.stderr
    tagged = acme("job", "run", "tags", "--device", "plant-00001", "--set", "rack=7", "--wait")
    assert "COMPLETED" in tagged.stderr
    assert acme("get", "device", "-l", "rack=7", "-o", "name").stdout == "device/plant-00001\n"
    ended = acme("job", "abort", tagged.stdout.strip().partition("/")[2], code=1)
    assert "is COMPLETED already" in ended.stderr


def test_people_are_cared_for(acme: Run) -> None:
    for verb in ("unlock", "logout"):
        acme("user", verb, "olga")
    weak = acme("user", "password", "olga", "--password-file", "-", stdin="olga", code=1)
    assert "the new password" in weak.stderr
    nobody = acme("user", "allow", "olga", "--into", "nowhere", "--role", "SysAdmin", code=1)
    assert "there is no enterprise 'nowhere'" in nobody.stderr


EACH = """\
{kind: realm, name: shift, title: TITLE}
---
{kind: role, name: watcher, title: TITLE,
 scopes: [{accessDevice: PermissionAccessRead, projects: [plant, hall]}]}
---
{kind: user, name: walter, fullName: TITLE, email: walter@example.com, role: watcher}
---
{kind: authprofile, name: company, title: TITLE, type: OAUTH, profileType: OAUTH_CUSTOM,
 defaultRole: watcher, oauthProfile: {OIDCEndPoint: "https://login.example.com", clientID: eaves,
 clientSecret: hush-hush, jwtAuthProfile: {alg: RS256}}}
---
{kind: appprofile, name: vision, title: TITLE, appPolicies: [], volumePolicies: [],
 networkPolicies: [{metaData: {name: nat, title: NAT}, networkConfig: {port: eth0,
 kind: NETWORK_INSTANCE_KIND_LOCAL, type: NETWORK_INSTANCE_DHCP_TYPE_V4}}]}
---
{kind: assetgroup, name: doors, title: TITLE, project: plant, assetIds: {devices: [plant-00001]}}
---
{kind: profiledeployment, name: vision-doors, title: TITLE, project: plant,
 appProfileInfo: {profile: vision, version: 1}, targetAssetGroup: {group: doors}}
---
{kind: deployment, name: second, title: TITLE, project: hall, deploymentTag: v2}
---
{kind: patchenvelope, name: texts, title: TITLE, project: plant, action: STORE,
 userDefinedVersion: "1", artifacts: [{format: OpaqueObjectCategoryInline,
 base64Artifact: {base64Data: e30=, fileNameToUse: texts.json}}]}
"""
MADE = (
    *("realm/shift", "role/watcher", "user/walter"),
    *("authprofile/company", "patchenvelope/texts", "deployment/second", "appprofile/vision"),
    *("assetgroup/doors", "profiledeployment/vision-doors"),
)


def test_kinds_are_made_changed_and_deleted_from_files(acme: Run) -> None:
    first = EACH.replace("TITLE", "First")
    dry = acme("apply", "--dry-run", "-f", "-", stdin=first)
    assert "hush-hush" not in dry.output
    assert "would be changed" not in dry.output
    made = acme("apply", "-f", "-", stdin=first)
    assert made.stdout.splitlines() == [f"{title} created" for title in MADE]
    assert "warning" not in made.stderr
    again = acme("apply", "-f", "-", stdin=first)
    assert again.stdout.splitlines() == [f"{title} unchanged" for title in MADE]
    second = EACH.replace("TITLE", "Second")
    told = json.loads(acme("diff", "-f", "-", "-o", "json", stdin=second, code=1).stdout)
    assert {one["name"]: [f["field"] for f in one["fields"]] for one in told} == {
        title.partition("/")[2]: ["fullName" if "user" in title else "title"] for title in MADE
    }
    changed = acme("apply", "-f", "-", stdin=second)
    assert changed.stdout.splitlines() == [f"{title} changed" for title in MADE]
    role = json.loads(acme("get", "role/watcher", "-o", "json").stdout)
    assert len(role["scopes"][0]["projectFilter"]) == 2
    there = acme("get", "deployment", "--project", "hall", "-o", "name").stdout.split()
    assert there == ["deployment/second", "deployment/vision"]
    assert acme("get", "deployment", "--project", "plant", "-o", "name").stdout == ""
    acme("delete", "deployment", "second", "--project", "hall")
    gone = acme("delete", "-f", "-", stdin=second).stdout.splitlines()
    assert "deployment/second is not there" in gone
    assert gone.count("user/walter deleted") == 1
    assert len(gone) == len(MADE)
