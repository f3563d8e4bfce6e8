"""What a node does not believe: foreign controllers, configs not for it, a clock that is wrong."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

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

pytestmark = [pytest.mark.system, pytest.mark.host, pytest.mark.timeout(240)]

ONE = 8121
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
