"""What a node and its apps live through, with real processes: one line for all tests here."""

import re
import time
from collections import Counter
from collections.abc import Generator
from datetime import datetime

import pytest
from support.line import MACHINE, Client, Line, add_disk, whole_line

pytestmark = [pytest.mark.system, pytest.mark.host, pytest.mark.timeout(600)]

ONE, TWO = 8101, 8102
QUIET_S = 5  # more than two rounds of looking at everything


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> None:
    """Processes of the line come and go with these tests; the check of the session holds."""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Generator[Line]:
    with whole_line(tmp_path_factory.mktemp("line"), "s") as line:
        line.deploy("one", ONE)
        line.until("everything is met", line.settled)
        yield line


def quiet(line: Line) -> int:
    """Steps that the node ran since it started, once it had the time to run some more."""
    began = time.time()
    line.until("the node is on line", line.online, 60)

    def looked_again() -> bool:
        said = line.status().at
        return line.settled() and datetime.fromisoformat(said).timestamp() > began + QUIET_S

    line.until("the node had a second look", looked_again, 60)
    return line.status().steps


def counts(line: Line, name: str) -> list[int]:
    """The numbers that the counting app printed, as the controller has them."""
    found = (re.fullmatch(r"count (\d+)", text) for text in line.lines_of(name))
    return [int(match[1]) for match in found if match]


def check_no_line_is_lost_or_doubled(line: Line, name: str, least: int) -> None:
    line.until("log lines are read back", lambda: max(counts(line, name), default=0) >= least, 60)
    seen = counts(line, name)
    doubled = [n for n, times in Counter(seen).items() if times > 1]
    lost = set(range(max(seen))) - set(seen)
    assert not doubled, f"twice: {doubled}"
    assert not lost, f"lost: {sorted(lost)}"


def test_a_killed_node_leaves_its_apps_alone_and_adopts_them(line: Line) -> None:
    line.deploy("two", TWO)
    line.until("everything is met", line.settled)
    before = line.workloads()
    with Client(line, ONE) as client:
        line.kill_node()
        assert line.get(TWO, "/cgi-bin/end?7") == ""
        line.until("two has ended", lambda: line.get(TWO, timeout_s=1) == "")
        line.until("the client asked on", lambda: client.answers > 40)
        line.start_node()
        ended = line.until("the exit is told", lambda: line.apps()["two"].why, 30)
        assert "7" in " ".join(ended), ended
        last = client.answers
        line.until("the client asked on", lambda: client.answers > last + 20)
    assert client.failures == []
    after = line.workloads()
    gone = before - after
    assert after <= before, "the node started something"
    assert {name for name, _, _ in gone} <= {"start-web", "conmon"}
    line.until("its controller knows", lambda: "exit" in line.why("two"), 30)
    assert line.status().steps == 0
    check_no_line_is_lost_or_doubled(line, "one", client.answers // 10)
    line.remove("two")


def test_a_node_killed_again_and_again_changes_nothing(line: Line) -> None:
    before = line.workloads()
    with Client(line, ONE) as client:
        for _ in range(3):
            line.kill_node()
            line.start_node()
            line.until("the node is on line", line.online, 60)
        assert quiet(line) == 0
    assert client.failures == []
    assert line.workloads() == before
    assert line.status().device.restarts == 1  # of the process, not of what stands for the machine


def test_the_same_configuration_again_changes_nothing(line: Line) -> None:
    before, steps = line.workloads(), quiet(line)
    heard = line.status().controller.config_received
    line.deploy("one", ONE, title="the same under another title")
    line.deploy("one", ONE)
    line.stop_controller()
    line.start_controller()
    assert quiet(line) == steps
    line.kill_node()
    line.start_node()
    line.until("the config came", lambda: line.status().controller.config_received != heard)
    assert quiet(line) == 0
    assert line.workloads() == before


def test_a_change_comes_by_the_long_poll(line: Line) -> None:
    """The timer of this node is an hour."""
    line.eaves("deactivate", "instance", "one")
    line.until("it has stopped", lambda: line.get(ONE, timeout_s=1) == "", 20)
    line.eaves("activate", "instance", "one")
    line.until("it answers again", lambda: line.get(ONE, timeout_s=1) == "hello", 20)


def test_a_restart_counter_acts_once_also_when_it_moved_while_the_node_was_down(line: Line) -> None:
    line.until("everything is met", line.settled)
    before = line.workloads()
    line.kill_node()
    line.eaves("restart", "one")
    line.start_node()
    line.until("another incarnation", lambda: not before <= line.workloads(), 30)
    line.until("it answers again", lambda: line.get(ONE, timeout_s=1) == "hello", 30)
    restarted, steps = line.workloads(), quiet(line)
    assert steps == 2  # down and up: its volume and its network stayed
    line.kill_node()
    line.start_node()
    assert quiet(line) == 0
    assert line.workloads() == restarted


def test_a_purge_counter_acts_once(line: Line) -> None:
    before = line.workloads()
    line.kill_node()
    line.eaves("purge", "one")
    line.start_node()
    line.until("another incarnation", lambda: not before <= line.workloads(), 60)
    line.until("it answers again", lambda: line.get(ONE, timeout_s=1) == "hello", 30)
    quiet(line)
    purged = line.workloads()
    line.kill_node()
    line.start_node()
    assert quiet(line) == 0
    assert line.workloads() == purged


def test_a_reboot_command_takes_everything_down_and_brings_it_back_once(line: Line) -> None:
    before, starts = line.workloads(), line.status().device.restarts
    line.eaves("reboot", "first")
    line.until("the node started anew", lambda: line.status().device.restarts == starts + 1, 60)
    line.until("the app is back", lambda: line.get(ONE, timeout_s=1) == "hello", 60)
    assert not before & line.workloads(), "something went on over the reboot"
    assert line.status().device.boot == "the controller asked for a reboot"
    rebooted = line.workloads()
    line.kill_node()
    line.start_node()
    assert quiet(line) == 0
    assert line.status().device.restarts == starts + 1
    assert line.workloads() == rebooted
    line.until("the reason is reported", lambda: "REBOOT_CMD" in _device(line), 30)


def test_apps_come_up_after_a_power_cut_without_a_controller(line: Line) -> None:
    starts = line.status().device.restarts
    line.stop_controller()
    line.cut_power()
    line.plug_in()
    line.start_node()
    line.until("the app answers", lambda: line.get(ONE, timeout_s=1) == "hello", 60)
    device = line.status().device
    assert device.boot.startswith("power was lost"), device
    assert device.restarts == starts + 1
    line.until("the app runs", lambda: line.apps()["one"].state == "RUNNING")
    assert not line.online()
    line.start_controller()
    steps = line.status().steps
    line.until("the node is on line", line.online, 90)
    assert quiet(line) == steps
    line.until("the reason is reported", lambda: "POWER_FAIL" in _device(line), 30)


def _device(line: Line) -> str:
    return line.eaves("describe", "device", "first", "-o", "json")


@pytest.mark.vm
def test_a_virtual_machine_goes_on_under_a_killed_node(line: Line) -> None:
    digest, size = add_disk(line)
    machine = {"name": "machine", "port": TWO, "file": "machine.qcow2", "format": "QCOW2"}
    line.apply(MACHINE, **machine, sha256=digest, bytes=size)
    line.until("the machine answers", lambda: line.get(TWO, timeout_s=2), 120)
    line.until("everything is met", line.settled)
    before = line.workloads()
    with Client(line, TWO) as client:
        line.kill_node()
        last = client.answers
        line.until("the client asked on", lambda: client.answers > last + 10)
        line.start_node()
        assert quiet(line) == 0
    assert client.failures == []
    assert line.workloads() == before
    line.remove("machine")
