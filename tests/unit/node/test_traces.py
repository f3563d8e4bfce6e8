"""How the boot before ended, by what it left; and what is told to systemd."""

import asyncio
import contextlib
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eaves.evapi.info import BootReason
from eaves.node.baseos.booted import Booted
from eaves.node.baseos.disk import Running
from eaves.node.checkpoint import Checkpoint
from eaves.node.host.notify import Notifier, notifier, prove_alive_forever
from eaves.node.host.traces import Traces, read_traces, tail
from eaves.node.runtime.boot import boot_of
from eaves.node.runtime.commands import decide_boot
from eaves.node.runtime.os_updates import Boot

PANIC = Traces(last_words="<0>Kernel panic - not syncing: VFS: Unable to mount root fs")
MEMORY = Traces(last_words="Kernel panic: Out of memory and no killable processes...")


@pytest.mark.parametrize(
    ("traces", "reason"),
    [
        (Traces(), BootReason.BOOT_REASON_POWER_FAIL),
        (Traces(watchdog=True), BootReason.BOOT_REASON_WATCHDOG_HUNG),
        (PANIC, BootReason.BOOT_REASON_KERNEL),
        (MEMORY, BootReason.BOOT_REASON_OOM),
    ],
)
def test_an_unplanned_boot_has_the_reason_that_was_left(traces: Traces, reason: BootReason) -> None:
    boot = decide_boot(
        first=False, same_boot_id=False, run_state_there=False, planned=None, traces=traces
    )
    assert (boot.fresh, boot.reason) == (True, reason)


def test_what_was_planned_wins_over_traces() -> None:
    reason = BootReason.BOOT_REASON_UPDATE
    boot = decide_boot(
        first=False, same_boot_id=False, run_state_there=False, planned=reason, traces=PANIC
    )
    assert (boot.reason, boot.text) == (reason, "an update of the base OS was to be tried")


def test_a_restart_of_the_process_does_not_repeat_an_old_panic() -> None:
    boot = decide_boot(
        first=False, same_boot_id=True, run_state_there=True, planned=None, traces=PANIC
    )
    assert not boot.fresh


def test_traces_are_read_where_linux_leaves_them(tmp_path: Path) -> None:
    assert read_traces(tmp_path) == Traces()
    flag = tmp_path / "sys/class/watchdog/watchdog0/bootstatus"
    flag.parent.mkdir(parents=True)
    flag.write_text("32\n")
    record = tmp_path / "var/lib/systemd/pstore/1700000000/dmesg.txt"
    record.parent.mkdir(parents=True)
    record.write_text("Kernel panic - not syncing\n")
    traces = read_traces(tmp_path)
    assert traces.watchdog
    assert traces.panicked
    assert not traces.out_of_memory


def test_the_end_of_a_log_is_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert tail(path) == ""
    path.write_text("".join(f"line {n}\n" for n in range(100)))
    assert tail(path, 20).splitlines() == ["line 98", "line 99"]
    assert tail(path).startswith("line 0\n")


def test_systemd_hears_that_the_node_lives(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(address)
        ear.settimeout(30)
        told = notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"}, 7)
        told.tell("READY=1")
        assert ear.recv(100) == b"READY=1"
    assert told.watchdog_s == 30
    told.tell("WATCHDOG=1")  # nobody listens any more


async def test_a_node_whose_loop_stands_still_tells_systemd_no_more(tmp_path: Path) -> None:
    """Nothing beside the loop of events speaks for it, so that systemd ends the process."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(address)
        ear.setblocking(False)

        def heard() -> int:
            found = 0
            with contextlib.suppress(BlockingIOError):
                while ear.recv(100) == b"WATCHDOG=1":
                    found += 1
            return found

        telling = asyncio.create_task(prove_alive_forever(Notifier(address, 0.03)))
        async with asyncio.timeout(30):
            loop = asyncio.get_running_loop()
            assert await loop.sock_recv(ear, 100) == b"READY=1"
            assert await loop.sock_recv(ear, 100) == b"WATCHDOG=1"
        heard()
        threading.Event().wait(0.1)  # the loop hangs, for three times as long as systemd waits
        assert not heard()
        telling.cancel()
        await asyncio.wait([telling])


def test_the_watchdog_of_another_process_is_not_ours() -> None:
    assert notifier({"WATCHDOG_USEC": "5", "WATCHDOG_PID": "8"}, 7).watchdog_s == 0
    assert notifier({}, 7).address == ""


def test_a_trial_that_never_started_its_node_is_no_update() -> None:
    """The note of the boot before is about a system that did not come as far as to clear it."""
    for traces, reason in (
        (Traces(), BootReason.BOOT_REASON_FALLBACK),
        (PANIC, BootReason.BOOT_REASON_KERNEL),
        (Traces(watchdog=True), BootReason.BOOT_REASON_WATCHDOG_HUNG),
    ):
        boot = decide_boot(
            first=False,
            same_boot_id=False,
            run_state_there=False,
            planned=BootReason.BOOT_REASON_UPDATE,
            traces=traces,
            missed="2",
        )
        assert boot.reason is reason


AT = datetime(2026, 1, 2, tzinfo=UTC)
BOOTED = Booted(
    Running("a", "1", "x86_64", "standard", 1), (Path("/a"), Path("/b")), Path("/e"), Path("/p")
)


def boot(state: Path, boot_id: str, traces: Traces, booted: Booted | None = BOOTED) -> Boot:
    """One start of the node on a machine that left `traces`; its run-time state stays."""
    checkpoint = Checkpoint(state)
    try:
        return boot_of(
            state,
            checkpoint,
            boot_id,
            lambda: AT,
            booted=booted,
            traces=lambda: traces,
            ended="of the node",
        )
    finally:
        checkpoint.close()


def test_a_record_of_the_kernel_is_about_one_boot(tmp_path: Path) -> None:
    """It stays where it is: without that, each later power cut would be told as a panic."""
    boot(tmp_path, "1", Traces())
    panicked = boot(tmp_path, "2", PANIC)
    assert panicked.reason is BootReason.BOOT_REASON_KERNEL
    assert (panicked.node_log, panicked.kernel_log) == ("of the node", PANIC.last_words)
    again = boot(tmp_path, "2", PANIC)
    assert (again.reason, again.kernel_log) == (panicked.reason, panicked.kernel_log)
    later = boot(tmp_path, "3", PANIC)
    assert (later.reason, later.kernel_log) == (BootReason.BOOT_REASON_POWER_FAIL, "")


def test_traces_of_a_machine_that_is_not_ours_are_left_alone(tmp_path: Path) -> None:
    boot(tmp_path, "1", PANIC, None)
    assert boot(tmp_path, "2", PANIC, None).reason is BootReason.BOOT_REASON_POWER_FAIL
