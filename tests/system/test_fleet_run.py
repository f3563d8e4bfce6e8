"""`eaves fleet run` against a real controller: every fault shows itself, and nothing else fails."""

import json
import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.cli import Cli
from support.controller import DEADLINE_S, Process, running

from eaves.evapi.paths import Endpoint, endpoint_path

pytestmark = pytest.mark.system

DEVICES = 50
APP = """
kind: datastore
name: files
dsType: DATASTORE_TYPE_CONTAINERREGISTRY
dsFQDN: https://registry.example.com
dsPath: samples
---
kind: image
name: web
datastore: files
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
"""


@dataclass(frozen=True)
class Place:
    """A controller and a fleet that onboarded with it."""

    process: Process
    cli: Cli
    state: Path
    first: dict[str, Any]  # figures of the run that onboarded

    def run(self, home: Path, *options: str, code: int = 0) -> dict[str, Any]:
        """Figures of a run of the same devices; the state that it leaves is not kept."""
        state = home / "fleet.json"
        shutil.copy(self.state, state)
        words = ("fleet", "run", "--devices", str(DEVICES), "--state", str(state), "--json")
        done = self.cli(*words, "--spread", "1s", "--hurry", "20", *options)
        assert done.code == code, done
        figures: dict[str, Any] = json.loads(done.out.splitlines()[-1])
        return figures


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "password").write_text("correct horse battery")
    options = ("--admin-password-file", str(folder / "password"))
    with running(Process(folder / "state", *options)) as process:
        cli = Cli.of(process, folder)
        cli.ok("login", cli.rest_url, "--ca", str(cli.root), "--password-file", "password")
        state = folder / "fleet.json"
        words = ("--devices", str(DEVICES), "--state", str(state), "--json", "--for", "12s")
        server = ("--server", f"localhost:{process.device_port}")
        out = cli.ok("fleet", "run", *words, *server, "--hurry", "20")
        yield Place(process, cli, state, json.loads(out.splitlines()[-1]))


def test_new_devices_are_made_onboard_and_report(place: Place) -> None:
    told = place.first
    assert told["errors"] == 0
    assert told["devices"] == told["online"] == DEVICES
    assert told["acknowledged"]["onboarded"] == DEVICES
    assert told["acknowledged"]["config"] >= DEVICES
    assert told["endpoints"]["register"]["statuses"] == {"201": DEVICES}
    assert told["endpoints"]["attest"]["statuses"] == {"201": 3 * DEVICES}
    assert place.state.stat().st_mode & 0o777 == 0o600
    devices = json.loads(place.cli.ok("get", "devices", "-o", "json"))
    assert len(devices) == DEVICES


@pytest.mark.parametrize("profile", ["eve", "eaves"])
def test_known_devices_run_again_without_onboarding(
    place: Place, tmp_path: Path, profile: str
) -> None:
    told = place.run(tmp_path, "--profile", profile, "--for", "8s")
    assert told["errors"] == 0
    assert "register" not in told["endpoints"]
    assert told["waiting"] == (DEVICES if profile == "eaves" else 0)
    assert told["endpoints"]["metrics"]["statuses"].keys() == {"201"}
    assert told["requests"] > 4 * DEVICES
    assert sum(second["requests"] for second in told["timeline"]) <= told["requests"]


FAULTS: dict[str, tuple[str, ...]] = {
    "offline": ("--offline-share", "40%", "--fault-period", "3s"),
    "slow link": ("--slow-links", "0.2"),
    "clock skew": ("--clock-skew", "10"),
    "duplicate serial": ("--duplicate-serials", "5"),
    "bad signature": ("--bad-signatures", "20%"),
    "crash loop": ("--crash-loops", "20%", "--fault-period", "3s"),
}


@pytest.mark.parametrize("profile", ["eve", "eaves"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_shows_itself_and_nothing_else_fails(
    place: Place, tmp_path: Path, profile: str, fault: str
) -> None:
    longer = "10s" if fault == "duplicate serial" else "6s"  # claimants begin after five seconds
    told = place.run(tmp_path, "--profile", profile, "--for", longer, *FAULTS[fault])
    assert told["errors"] == 0
    assert told["faults"].keys() == {fault}
    assert told["faults"][fault] > 0
    statuses = {name: one["statuses"] for name, one in told["endpoints"].items()}
    match fault:
        case "duplicate serial":
            assert statuses["register"].keys() == {"409"}
            assert told["expected_refusals"]["duplicate serial"] > 0
        case "bad signature":
            assert statuses["metrics"]["401"] == told["expected_refusals"]["bad signature"]
        case "crash loop":
            assert told["acknowledged"]["config"] > DEVICES
        case "slow link":
            assert told["p99_ms"] > 400
        case _:
            assert not told["expected_refusals"]


def test_the_same_seed_gives_the_same_devices_the_same_faults(place: Place, tmp_path: Path) -> None:
    """Seen at the controller: who was refused for a bad signature."""
    refused: list[set[str]] = []
    for seed in ("7", "7", "8"):
        log = place.process.log
        before = len(log.read_text())
        place.run(
            tmp_path, "--bad-signatures", "5", "--seed", seed, "--hurry", "60", "--for", "12s"
        )
        lines = [w for w in log.read_text()[before:].splitlines() if "signature_refused" in w]
        refused.append({w.partition("device_id=")[2].split(" ")[0] for w in lines})
    assert len(refused[0]) == 5
    assert refused[0] == refused[1] != refused[2]


def test_several_processes_are_one_fleet(place: Place, tmp_path: Path) -> None:
    """Each device runs in one of them; figures, faults, ledger and state are those of all."""
    ledger = tmp_path / "ledger.json"
    told = place.run(
        tmp_path,
        *("--processes", "3", "--for", "8s", "--profile", "eaves"),
        *("--bad-signatures", "10", "--ledger", str(ledger)),
    )
    assert told["errors"] == 0
    assert told["online"] == told["waiting"] == DEVICES
    assert told["acknowledged"]["info"] >= DEVICES
    assert told["faults"].keys() == {"bad signature"}
    assert sum(second["requests"] for second in told["timeline"]) <= told["requests"]
    acknowledged = json.loads(ledger.read_text())
    assert len(acknowledged) == DEVICES
    assert sum(n["info"] for n in acknowledged.values()) == told["acknowledged"]["info"]
    kept = json.loads((tmp_path / "fleet.json").read_text())["devices"]
    before = json.loads(place.state.read_text())["devices"]
    assert [d["device_id"] for d in kept] == [d["device_id"] for d in before]
    assert all(d["restarts"] == b["restarts"] + 1 for d, b in zip(kept, before, strict=True))


def test_a_process_of_a_fleet_that_dies_ends_the_run_and_leaves_none_behind(
    place: Place, tmp_path: Path
) -> None:
    state = tmp_path / "fleet.json"
    shutil.copy(place.state, state)
    words = ("--devices", "4", "--state", str(state), "--processes", "2", "--spread", "0")
    with place.cli.start("fleet", "run", *words) as fleet:
        until("both processes run", lambda: len(children(fleet.pid)) == 2)
        crews = children(fleet.pid)
        os.kill(crews[0], signal.SIGKILL)
        _, said = fleet.communicate(timeout=DEADLINE_S)
        assert fleet.returncode == 1
    assert "of 2 of the fleet ended early with status -9" in " ".join(said.split())
    assert not any(Path(f"/proc/{crew}").exists() for crew in crews)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(what: str, condition: Callable[[], bool], seen: Callable[[], str] = str) -> None:
    """`seen` tells what was there instead."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"not within {DEADLINE_S} s: {what}\n{seen()}"
        time.sleep(0.1)


@pytest.mark.parametrize("profile", ["eve", "eaves"])
def test_apps_live_as_the_configuration_says(place: Place, tmp_path: Path, profile: str) -> None:
    state = tmp_path / "fleet.json"
    shutil.copy(place.state, state)
    (tmp_path / "app.yaml").write_text(APP)
    cli = place.cli

    def described() -> str:
        return cli.ok("describe", "instance", "web-1")

    restarting = "state RESTARTING (was RUNNING)"

    def runs_again() -> bool:
        since, restarted, _ = described().partition(restarting)  # the newest stands first
        return bool(restarted) and "state RUNNING (was BOOTING)" in since

    words = ("--devices", "3", "--state", str(state), "--profile", profile, "--json")
    out = tmp_path / "figures.json"
    with cli.start(
        "fleet", "run", *words, "--spread", "0", "--hurry", "30", "--out", str(out)
    ) as fleet:
        cli.ok("apply", "-f", str(tmp_path / "app.yaml"))
        cli.ok("wait", "instance", "web-1", "--timeout", "60")
        cli.ok("restart", "web-1")
        until("the app restarts", lambda: restarting in described(), described)
        until("the app runs again", runs_again, described)
        cli.ok("delete", "-f", str(tmp_path / "app.yaml"))
        fleet.terminate()
        told, said = fleet.communicate(timeout=DEADLINE_S)
        assert fleet.returncode == 0, said
    figures = json.loads(told.splitlines()[-1])
    assert figures["errors"] == 0
    assert figures["acknowledged"]["info"] >= 3 + 12  # the devices, and the steps of the app
    assert json.loads(out.read_text()) == figures


def test_a_device_that_leaves_in_the_middle_of_a_request_is_no_failure(place: Place) -> None:
    process = place.process
    address = ("localhost", process.device_port)
    with (
        socket.create_connection(address) as bare,
        process.tls().wrap_socket(bare, server_hostname="localhost") as connection,
    ):
        path = endpoint_path(Endpoint.UUID)
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
        connection.sendall(head.encode() + b"the first half")
    told = "the client went before its request was whole"
    until("the controller notices", lambda: told in process.log.read_text())
    assert "request_failed" not in process.log.read_text()


def test_figures_are_shown_to_a_person(place: Place, tmp_path: Path) -> None:
    state = tmp_path / "fleet.json"
    shutil.copy(place.state, state)
    words = ("--devices", "2", "--state", str(state), "--for", "3s", "--spread", "0")
    done = place.cli.at_terminal("fleet", "run", *words)
    assert done.code == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", done.out)
    assert "2 of 2 devices online (eve)" in plain
    assert "ENDPOINT" in plain


def test_errors_are_told_and_fail_the_run(place: Place, tmp_path: Path) -> None:
    told = place.run(tmp_path, "--server", "localhost:1", "--for", "3s", code=1)
    assert told["errors"] == told["requests"] > 0
    assert all("refused" in cause for cause in told["errors_by_cause"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--devices", "2", "--offline-share", "many"), "is no share; write a number of devices"),
        (("--devices", "2", "--for", "soon"), "is no time; write 90, 90s, 10m or 2h"),
        (("--devices", "2", "--token-file", "password"), "--token-file needs --controller"),
        (("--devices", "2", "--onboarding", "."), "is no onboarding folder"),
        (("--devices", "2", "--out", "nowhere/figures"), "cannot be written: see the folder"),
        (("--devices", "2", "--state", "password"), "is no state of a fleet"),
    ],
)
def test_what_cannot_run_says_why(place: Place, words: tuple[str, ...], said: str) -> None:
    done = place.cli("fleet", "run", *words)
    assert done.code in (1, 2)
    assert said in " ".join(done.err.split()), done.err
