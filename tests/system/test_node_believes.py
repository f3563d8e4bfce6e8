"""What a node does not believe: foreign controllers, configs not for it, a clock that is wrong."""

import contextlib
import json
import selectors
import socket
import subprocess
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.impostor import impostor
from support.line import Line, whole_line

from eaves.evapi.config import (
    EdgeDevConfig,
    UUIDandVersion,
    decode_edge_dev_config,
    encode_edge_dev_config,
)
from eaves.evapi.envelope import controller_sender, parse_envelope
from eaves.evapi.keys import KeySigner
from eaves.evapi.poll import decode_poll_response
from eaves.node.network.rules import METADATA_PORT

pytestmark = [pytest.mark.system, pytest.mark.host, pytest.mark.timeout(600)]

ONE = 8121
SCAN_S = 0.3  # for as many ports as are asked at once; the machine is on this one
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
OTHER = "00000000-0000-4000-8000-00000000beef"


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> None:
    """Processes of the line come and go with these tests; the check of the session holds."""


@dataclass(frozen=True)
class Clock:
    """The wall clock of the node's process, set through a file."""

    file: Path

    def set(self, offset: str) -> None:
        self.file.write_text(offset)

    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    clock = Clock(tmp_path_factory.mktemp("clock") / "offset")
    clock.set("+0")
    return clock


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Generator[Line]:
    with whole_line(tmp_path_factory.mktemp("line"), "b") as line:
        line.deploy("one", ONE)
        line.until("everything is met", line.settled)
        yield line


def in_force(line: Line) -> EdgeDevConfig:
    """What the node keeps as its last good config."""
    payload = parse_envelope((line.state / "config").read_bytes()).payload
    return decode_edge_dev_config(decode_poll_response(payload).config or b"")


def without_apps(line: Line) -> EdgeDevConfig:
    """A config that would take the app away if it were believed."""
    return replace(in_force(line), apps=())


def nothing_changed(line: Line, before: frozenset[tuple[str, int, int]], kept: bytes) -> None:
    """The app goes on, and the real controller is heard again."""
    line.until("the real controller is heard", line.online, 90)
    assert line.get(ONE) == "hello"
    assert line.workloads() == before
    assert line.until("all is met", line.settled) is True
    assert parse_envelope((line.state / "config").read_bytes()).payload == kept


@pytest.fixture
def unchanged(line: Line) -> Generator[None]:
    before, kept = line.workloads(), parse_envelope((line.state / "config").read_bytes()).payload
    yield
    nothing_changed(line, before, kept)


def test_a_node_listens_on_no_management_address(line: Line) -> None:
    """Only DNS, DHCP and metadata of its network instances; and a scan finds only the app.

    A port map is no listener: the firewall hands it to the app.
    """
    inside = ("nsenter", f"--net=/run/netns/{line.netns}", "--")
    told = subprocess.run(
        [*inside, "ss", "-Hlntuw"], capture_output=True, text=True, check=True
    ).stdout
    links = subprocess.run(
        [*inside, "ip", "-json", "address"], capture_output=True, text=True, check=True
    ).stdout
    bridged = {
        address["local"]
        for link in json.loads(links)
        if link["ifname"] not in {"lo", "eth0"}
        for address in link["addr_info"]
    }
    listening = [row.split()[4] for row in told.splitlines()]
    assert listening  # dnsmasq is one
    for local in listening:
        host, _, port = local.rpartition(":")
        address, _, link = host.strip("[]").partition("%")
        on_bridge = address in bridged or link not in {"", "eth0"}
        assert on_bridge or address in {"127.0.0.1", "::1"}, local
        assert port in {"53", "67", "547", str(METADATA_PORT)}, local
    assert open_ports(line.address) == {ONE}


def open_ports(host: str, at_once: int = 500) -> set[int]:
    """Every TCP port that somebody answers on: a scan of all of them."""
    found: set[int] = set()
    for first in range(1, 65536, at_once):
        with contextlib.ExitStack() as stack, selectors.DefaultSelector() as waiting:
            for port in range(first, min(first + at_once, 65536)):
                one = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
                one.setblocking(False)
                one.connect_ex((host, port))
                waiting.register(one, selectors.EVENT_WRITE, port)
            left, end = at_once, time.monotonic() + SCAN_S
            while left > 0 and time.monotonic() < end:
                for key, _ in waiting.select(SCAN_S):
                    left -= 1
                    waiting.unregister(key.fileobj)
                    one = cast("socket.socket", key.fileobj)  # what was registered
                    if one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                        found.add(key.data)
                if not waiting.get_map():
                    break
    return found


@pytest.mark.usefixtures("unchanged")
def test_a_config_for_another_device_is_refused(line: Line) -> None:
    foreign = replace(without_apps(line), id=UUIDandVersion(uuid=OTHER, version="1"))
    with impostor(line) as other:
        other.offer(encode_edge_dev_config(foreign))
        line.until("the node says for whom it was", lambda: OTHER in line.problem(), 60)
        assert "is not applied" in line.problem()


@pytest.mark.usefixtures("unchanged")
def test_a_config_that_is_no_message_is_refused(line: Line) -> None:
    with impostor(line) as other:
        other.offer(b"\xff" * 40)
        line.until("the node says so", lambda: "corrupt" in line.problem(), 60)


@pytest.mark.usefixtures("unchanged")
def test_a_forged_signature_is_refused(line: Line) -> None:
    with impostor(line) as other:
        forger = KeySigner(ec.generate_private_key(ec.SECP256R1()))
        forged = controller_sender(forger, other.keys.ring.signing.pem)
        other.offer(encode_edge_dev_config(without_apps(line)), forged)
        line.until("the node says so", lambda: "signature" in line.problem(), 60)


@pytest.mark.usefixtures("unchanged")
def test_a_controller_with_other_certificates_is_not_talked_to(line: Line) -> None:
    with impostor(line, own_tls=True) as other:
        other.offer(encode_edge_dev_config(without_apps(line)))
        line.until("the node says so", lambda: "not trusted" in line.problem(), 60)
        assert "root-certificate.pem" in line.problem()
        assert other.asked == []


def test_a_start_without_a_readable_config_takes_no_app_down(line: Line) -> None:
    before = line.workloads()
    line.kill_node()
    line.stop_controller()
    for name in ("config", "config.bak"):
        (line.state / name).write_bytes(b"\x00garbage")
    line.start_node()
    line.until("the node waits", lambda: line.problem() != "", 30)
    assert line.get(ONE) == "hello"
    assert line.workloads() == before
    line.start_controller()
    line.until("the real controller is heard", line.online, 90)
    line.until("all is met", line.settled)
    assert line.status().steps == 0
    assert line.workloads() == before


@pytest.mark.skipif(FAKETIME is None, reason="needs the package libfaketime")
def test_a_clock_thirty_years_off_costs_no_app_and_is_told(line: Line, clock: Clock) -> None:
    before = line.workloads()
    line.node_environment = clock.environment()
    line.kill_node()
    clock.set("+30y")
    line.start_node()
    line.until("the node blames its clock", lambda: "clock" in line.problem(), 60)
    assert line.get(ONE) == "hello"
    assert line.workloads() == before
    assert line.status().steps == 0
    clock.set("+0")
    line.until("it recovers by itself", line.online, 90)
    assert line.workloads() == before


@pytest.mark.skipif(FAKETIME is None, reason="needs the package libfaketime")
def test_apps_start_from_the_checkpoint_under_a_clock_thirty_years_behind(
    line: Line, clock: Clock
) -> None:
    line.node_environment = clock.environment()
    line.cut_power()
    clock.set("-30y")
    line.plug_in()
    line.start_node()
    line.until("the app answers", lambda: line.get(ONE, timeout_s=1) == "hello", 60)
    line.until("the node blames its clock", lambda: "clock" in line.problem(), 30)
    started = line.workloads()
    clock.set("+0")
    line.until("it recovers by itself", line.online, 90)
    assert line.workloads() == started
