"""Updates from a configuration to a committed system, on slots that are files.

The disk, the checkpoint, the loader's rules and the artifacts are real; the machine goes down when
a test says so.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.os_device import LIMITS, Device, config
from support.os_updates import Computer

from eaves.errors import Rejected, Transient
from eaves.evapi.config_items import ItemValues
from eaves.evapi.info import BootReason
from eaves.evapi.info.device import BaseOsStatus
from eaves.node.baseos.record import TRIAL_FACT, read_trial
from eaves.node.baseos.slots import Phase, Slot
from eaves.node.baseos.subsystem import AGAIN_S, BaseOs
from eaves.node.baseos.trial import Answer
from eaves.node.checkpoint import Checkpoint, StateNotWritable
from eaves.node.runtime.commands import takes_commands


@pytest.fixture
async def device(tmp_path: Path) -> Device:
    device = Device(Computer(tmp_path / "computer"), tmp_path / "state")
    await device.boot("first start")
    return device


@pytest.fixture(autouse=True)
def _closed(device: Device) -> Iterator[None]:
    yield
    device.close()


async def test_an_update_is_written_tried_tested_and_committed(device: Device) -> None:
    device.offer(device.computer.release("2"))
    node = await device.follow(config("2", retry=4))
    assert node.phase is Phase.REBOOTING
    assert device.reboots == [BootReason.BOOT_REASON_UPDATE]
    assert device.announced == [("1", "2")]
    node = await device.boot()
    assert (node.phase, node.version) == (Phase.WAITING, "2")
    await device.follow(config("2", retry=4))
    node = await device.passes(600, Answer.WELL)
    assert node.phase is Phase.TESTING
    node = await device.passes(60, Answer.WELL)
    assert node.phase is Phase.IDLE
    assert device.computer.states() == (Slot.ACTIVE, Slot.UNUSED)
    assert (node.counter(), device.settled) == (4, 1)
    assert (await device.boot()).phase is Phase.IDLE
    assert device.computer.running == "b"


async def committed_on_a_full_disk(device: Device, monkeypatch: pytest.MonkeyPatch) -> BaseOs:
    device.offer(device.computer.release("2"))
    await device.follow(config("2", retry=4))
    await device.boot()
    await device.follow(config("2", retry=4))
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "remember", _full)
        node = await device.passes(690, Answer.WELL)
    assert node.phase is Phase.IDLE
    assert (node.counter(), device.settled) == (0, 0)
    return node


def _full(checkpoint: Checkpoint, **_: object) -> None:
    raise StateNotWritable(checkpoint.folder, OSError("disk full"))


async def test_what_could_not_be_kept_of_a_commit_is_kept_later(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    await committed_on_a_full_disk(device, monkeypatch)
    node = await device.passes(AGAIN_S, Answer.WELL)
    assert (node.counter(), device.settled) == (4, 1)
    node = await device.passes(2 * AGAIN_S, Answer.WELL)
    assert (node.counter(), device.settled) == (4, 1)
    assert node.text() == "2 in IMGB, idle"


async def test_a_power_cut_right_after_a_commit_loses_no_counter(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    await committed_on_a_full_disk(device, monkeypatch)
    node = await device.boot()
    assert node.phase is Phase.IDLE
    assert (node.counter(), device.settled) == (4, 1)


async def test_the_vault_is_settled_once_it_is_open(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    await committed_on_a_full_disk(device, monkeypatch)
    device.vault_open = False
    node = await device.boot()
    assert (node.counter(), device.settled) == (4, 0)
    device.vault_open = True
    await device.passes(AGAIN_S, Answer.WELL)
    assert device.settled == 1


async def test_the_next_update_does_not_lose_the_counter_of_the_last(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    await committed_on_a_full_disk(device, monkeypatch)
    device.offer(device.computer.release("3"))
    node = await device.follow(config("3", retry=5))
    assert node.phase is Phase.REBOOTING
    assert node.counter() == 4


async def test_commands_of_the_controller_wait_for_the_end_of_a_trial(device: Device) -> None:
    """Node reference 22, row 52."""
    device.offer(device.computer.release("2"))
    assert takes_commands(await device.follow(config("1")))
    await device.follow(config("2"))
    node = await device.boot()
    assert not takes_commands(node)
    node = await device.passes(600, Answer.WELL)
    assert not takes_commands(node)
    assert takes_commands(await device.passes(60, Answer.WELL))
    assert takes_commands(None), "a machine whose system is not ours"


async def test_what_runs_is_not_installed(device: Device) -> None:
    node = await device.follow(config("1"))
    assert node.phase is Phase.IDLE


async def test_it_waits_for_its_content_and_is_withdrawn(device: Device) -> None:
    assert (await device.follow(config("2"))).phase is Phase.FETCHING
    assert (await device.follow(config("1"))).phase is Phase.IDLE


async def test_not_activated_is_not_installed(device: Device) -> None:
    device.offer(device.computer.release("2"))
    assert (await device.follow(config("2", activate=False))).phase is Phase.IDLE
    assert (await device.follow(config("2"))).phase is Phase.REBOOTING


async def test_content_that_the_configuration_lacks_is_told(device: Device) -> None:
    node = await device.follow(config("2", tree="00000000-0000-4000-8000-00000000dead"))
    error = node.software()[2].sw_err
    assert error is not None
    assert "holds no content for 2" in error.description


async def falls_back(device: Device, text: str) -> BaseOs:
    node = await device.boot(text)
    assert (node.phase, node.version) == (Phase.FAILED, "1")
    node = await device.follow(config("2"))
    assert node.phase is Phase.FAILED
    failed = node.software()[1]
    assert failed.user_status is BaseOsStatus.FAILED
    assert failed.sw_err is not None
    assert text in failed.sw_err.description or "trial" in failed.sw_err.description
    return node


@pytest.mark.parametrize("text", ["the kernel panicked", "the watchdog reset it", "power was lost"])
async def test_a_trial_that_just_ends_falls_back(device: Device, text: str) -> None:
    await device.update("2")
    node = await falls_back(device, text)
    error = node.software()[1].sw_err
    assert error is not None
    assert text in error.description
    assert "kernel: last line" in error.description


async def test_the_end_of_its_log_is_asked_for_once_and_told_with_where_the_rest_is(
    device: Device,
) -> None:
    began = device.boot_id
    await device.update("2")
    node = await falls_back(device, "power was lost")
    await device.start()
    assert device.asked_for == [("2", began)]
    error = node.software()[1].sw_err
    assert error is not None
    first, *rest = error.description.splitlines()
    assert "`eaves logs DEVICE --device --search 2`" in first
    assert rest == ["last lines of its log:", "kernel: last line"]


async def test_a_trial_that_left_no_log_says_so(device: Device) -> None:
    await device.update("2")
    device.words = ""
    node = await falls_back(device, "power was lost")
    error = node.software()[1].sw_err
    assert error is not None
    assert error.description.endswith("; nothing of its log was kept")


async def test_silence_falls_back(device: Device) -> None:
    await device.update("2")
    node = await device.passes(300, Answer.NONE)
    assert node.phase is Phase.LEAVING
    assert device.reboots[-1] is BootReason.BOOT_REASON_FALLBACK
    await falls_back(device, "no sign of the controller")


async def test_silence_after_answers_falls_back(device: Device) -> None:
    await device.update("2")
    await device.passes(300, Answer.WELL)
    node = await device.passes(300, Answer.NONE)
    assert node.phase is Phase.LEAVING


async def test_a_controller_that_puts_off_for_a_day_is_waited_for(device: Device) -> None:
    await device.update("2")
    node = await device.passes(24 * 3600, Answer.PUT_OFF, every=120)
    assert node.phase is Phase.WAITING
    node = await device.passes(690, Answer.WELL)
    assert node.phase is Phase.IDLE


async def test_a_system_on_trial_asks_often_enough_to_be_answered(device: Device) -> None:
    assert device.node is not None
    assert device.node.poll_within_s() == float("inf")
    node = await device.update("2")
    assert node.poll_within_s() == LIMITS.silence_s / 4
    node = await device.passes(690, Answer.WELL)
    assert node.poll_within_s() == float("inf")


@pytest.mark.parametrize("answer", [Answer.WELL, Answer.PUT_OFF])
async def test_a_vault_that_stays_shut_falls_back_with_its_own_reason(
    device: Device, answer: Answer
) -> None:
    """Also under a controller that never lets in what booted: it answers 403 for ever."""
    await device.update("2")
    device.vault_open = False
    node = await device.passes(300, answer)
    assert node.phase is not Phase.LEAVING
    node = await device.passes(30, answer)
    assert node.phase is Phase.LEAVING
    assert device.reboots[-1] is BootReason.BOOT_REASON_VAULT_FAILED


async def test_a_failed_check_falls_back_and_is_named(device: Device) -> None:
    await device.update("2")
    device.ill = "failed: eaves-measure.service"
    node = await device.passes(60, Answer.WELL)
    assert node.phase is Phase.LEAVING
    node = await falls_back(device, "a health check failed")
    error = node.software()[1].sw_err
    assert error is not None
    assert error.description.startswith("health check units: ")
    assert "eaves-measure.service" in error.description


async def test_a_system_that_is_not_what_its_manifest_says_is_left_and_barred(
    device: Device,
) -> None:
    device.computer.says = {"2": "2-draft"}
    node = await device.update("2")
    assert node.phase is Phase.LEAVING
    assert device.reboots[-1] is BootReason.BOOT_REASON_FALLBACK
    node = await falls_back(device, "a health check failed")
    error = node.software()[1].sw_err
    assert error is not None
    assert error.description.startswith("health check version: ")
    assert "it is version 2-draft, its signed manifest says 2;" in error.description


async def without_its_boot_partition(device: Device) -> BaseOs:
    """It is not mounted, from this start of the node on."""
    (device.computer.esp / "loader").rename(device.computer.esp / "away")
    return await device.start()


async def test_a_trial_that_cannot_read_the_boot_partition_stays_one_and_falls_back(
    device: Device,
) -> None:
    await device.update("2")
    node = await without_its_boot_partition(device)
    assert (node.phase, node.version) == (Phase.WAITING, "2")
    assert node.software()[0].partition_state == "inprogress"
    node = await device.passes(30, Answer.WELL)
    assert node.phase is Phase.LEAVING
    (device.computer.esp / "away").rename(device.computer.esp / "loader")
    node = await falls_back(device, "a health check failed")
    error = node.software()[1].sw_err
    assert error is not None
    assert error.description.startswith("health check boot partition: ")


async def test_a_good_system_without_its_boot_partition_goes_on_and_forgets_nothing(
    device: Device,
) -> None:
    """Neither the trial that failed, whose bar is made once the entries are read again."""
    await device.update("2")
    device.computer.boot()
    device.boot_id = "after the trial"
    node = await without_its_boot_partition(device)
    assert (node.phase, node.version) == (Phase.IDLE, "1")
    assert "cannot be read" in node.text()
    node = await device.follow(config("1"), forced=1)
    assert node.phase is Phase.IDLE
    (device.computer.esp / "away").rename(device.computer.esp / "loader")
    await falls_back(device, "power was lost")


async def test_a_system_that_boots_again_after_it_was_left_is_kept(device: Device) -> None:
    await device.update("2")
    node = await without_its_boot_partition(device)
    node = await device.passes(30, Answer.WELL)
    assert node.phase is Phase.LEAVING
    device.boot_id = "again"
    assert (await device.start()).phase is Phase.IDLE


async def test_a_failed_version_waits_for_its_counter(device: Device) -> None:
    await device.update("2")
    await falls_back(device, "power was lost")
    assert (await device.start()).phase is Phase.FAILED  # told by an earlier start
    node = await device.follow(config("2"))
    assert node.phase is Phase.FAILED
    node = await device.follow(config("2", retry=1))
    assert node.phase is Phase.REBOOTING
    node = await device.boot()
    assert (node.phase, node.version) == (Phase.WAITING, "2")


async def test_another_version_follows_a_failed_one(device: Device) -> None:
    await device.update("2")
    await falls_back(device, "power was lost")
    device.offer(device.computer.release("3"))
    node = await device.follow(config("3"))
    assert node.phase is Phase.REBOOTING
    assert (await device.boot()).version == "3"


async def test_a_second_update_waits_for_the_end_of_the_first(device: Device) -> None:
    await device.update("2")
    device.offer(device.computer.release("3"))
    node = await device.follow(config("3"))
    assert node.phase is Phase.WAITING
    assert "3" in node.software()[0].sub_status_str
    node = await device.passes(690, Answer.WELL)
    assert node.phase is Phase.REBOOTING
    assert (await device.boot()).version == "3"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"epoch": 0}, "older"),
        ({"wrong": {"version": "1.9"}}, "the configuration names 2"),
        ({"root": b"r" * 300_000}, "a slot here holds"),
    ],
)
async def test_an_unusable_update_is_refused_and_barred(
    device: Device, fields: dict[str, object], said: str
) -> None:
    device.offer(device.computer.release("2", **fields))
    node = await device.follow(config("2"))
    assert node.phase is Phase.REFUSED
    error = node.software()[2].sw_err
    assert error is not None
    assert said in error.description
    assert (await device.boot()).phase is Phase.IDLE
    assert (await device.follow(config("2"))).phase is Phase.REFUSED
    device.offer(device.computer.release("2"))
    assert (await device.follow(config("2", retry=1))).phase is Phase.REBOOTING


async def test_an_update_of_a_stranger_is_refused(device: Device, tmp_path: Path) -> None:
    stranger = Computer(tmp_path / "stranger")
    device.content = stranger.update(stranger.release("2"))
    node = await device.follow(config("2"))
    assert node.phase is Phase.REFUSED
    assert "no key of this device signed it" in node.text()


@pytest.mark.parametrize("error", [Transient("the TPM is busy"), Rejected("no log")])
async def test_a_vault_that_cannot_be_told_is_tried_again(device: Device, error: Exception) -> None:
    device.seal = error
    device.offer(device.computer.release("2"))
    node = await device.follow(config("2"))
    assert node.phase is Phase.FETCHING
    assert device.computer.states() == (Slot.ACTIVE, Slot.UNUSED)
    device.seal = None
    device.clock += AGAIN_S
    assert (await device.follow(config("2"))).phase is Phase.REBOOTING


async def test_the_fallback_counter_boots_the_other_version_and_stays_there(device: Device) -> None:
    await device.update("2")
    await device.follow(config("2"), forced=0)
    node = await device.passes(690, Answer.WELL)
    assert node.phase is Phase.IDLE
    node = await device.follow(config("2"), forced=0)
    assert node.phase is Phase.IDLE
    node = await device.follow(config("2"), forced=1)
    assert node.phase is Phase.REBOOTING
    node = await device.boot()
    assert node.version == "1"
    await device.follow(config("2"), forced=1)
    node = await device.passes(690, Answer.WELL)
    assert node.phase is Phase.REFUSED  # the configuration still names what was left
    assert device.computer.states() == (Slot.ACTIVE, Slot.UNUSED)


async def with_an_old_version(device: Device) -> None:
    """Version 2 is committed in slot B, version 1 is left in slot A."""
    await device.update("2")
    await device.follow(config("2"), forced=0)
    node = await device.passes(690, Answer.WELL)
    assert node.phase is Phase.IDLE


async def test_a_fallback_is_forced_while_an_update_is_fetched(device: Device) -> None:
    await with_an_old_version(device)
    device.content = None
    node = await device.follow(config("3"), forced=0)
    assert node.phase is Phase.FETCHING
    node = await device.follow(config("3"), forced=1)
    assert node.phase is Phase.REBOOTING
    node = await device.boot()
    assert (node.phase, node.version) == (Phase.WAITING, "1")
    await device.follow(config("2"), forced=1)
    node = await device.passes(690, Answer.WELL)
    assert (node.phase, node.version) == (Phase.REFUSED, "1")


async def test_a_fallback_is_forced_while_an_update_is_refused(device: Device) -> None:
    await with_an_old_version(device)
    device.offer(device.computer.release("3", epoch=0))
    node = await device.follow(config("3"), forced=0)
    assert node.phase is Phase.REFUSED
    node = await device.follow(config("3"), forced=1)
    assert node.phase is Phase.REBOOTING
    assert (await device.boot()).version == "1"


async def test_a_fallback_that_is_forced_during_a_trial_waits_for_its_end(device: Device) -> None:
    await device.follow(config("1"), forced=0)
    await device.update("2")
    node = await device.follow(config("2"), forced=1)
    assert node.phase is Phase.WAITING
    node = await device.passes(690, Answer.WELL)
    assert node.phase is Phase.REBOOTING
    assert (await device.boot()).version == "1"


async def test_a_forced_fallback_that_fails_is_tried_again(device: Device) -> None:
    """Also where something else is asked for meanwhile, which would take the slot."""
    await with_an_old_version(device)
    device.seal = Transient("the TPM is busy")
    device.offer(device.computer.release("3"))
    node = await device.follow(config("3"), forced=1)
    assert node.phase is Phase.FETCHING
    node = await device.follow(config("3"), forced=1)
    assert (node.phase, device.computer.states()) == (Phase.FETCHING, (Slot.ACTIVE, Slot.UNUSED))
    device.seal = None
    device.clock += AGAIN_S
    node = await device.follow(config("3"), forced=1)
    assert node.phase is Phase.REBOOTING
    assert (await device.boot()).version == "1"


async def test_a_forced_fallback_that_was_cut_off_is_made_up_for(device: Device) -> None:
    """Power went after it was noted and before the loader was told."""
    await with_an_old_version(device)
    await device.follow(config("2"), forced=1)
    device.computer.disk().drop_other()
    node = await device.boot()
    assert (node.phase, node.version) == (Phase.IDLE, "2")
    node = await device.follow(config("2"), forced=1)
    assert node.phase is Phase.REBOOTING
    assert (await device.boot()).version == "1"


async def test_a_restart_of_the_node_before_a_forced_reboot_goes_on(device: Device) -> None:
    await with_an_old_version(device)
    await device.follow(config("2"), forced=1)
    await device.start()
    node = await device.follow(config("2"), forced=1)
    assert node.phase is Phase.REBOOTING
    assert (await device.boot()).version == "1"


async def test_a_forced_fallback_whose_trial_ends_is_not_tried_again(device: Device) -> None:
    await with_an_old_version(device)
    await device.follow(config("2"), forced=1)
    assert (await device.boot()).version == "1"
    node = await device.boot()
    assert (node.phase, node.version) == (Phase.FAILED, "2")
    assert (await device.follow(config("2"), forced=1)).phase is Phase.FAILED
    assert (await device.start()).phase is Phase.FAILED
    assert (await device.follow(config("2"), forced=1)).phase is Phase.FAILED
    device.offer(device.computer.release("3"))
    await device.follow(config("3"), forced=1)
    await device.boot()
    await device.follow(config("3"), forced=1)
    node = await device.passes(690, Answer.WELL)
    assert (node.phase, node.version) == (Phase.IDLE, "3")
    device.content = None
    node = await device.follow(config("2"), forced=1)
    assert node.phase is Phase.FETCHING, "what was left, and came back, is not barred"


async def test_a_fallback_without_anything_to_fall_back_to_waits_and_ends_with_another_update(
    device: Device,
) -> None:
    """It was meant for what that update leaves, not for the update."""
    await device.follow(config("1"), forced=0)
    node = await device.follow(config("1"), forced=1)
    assert node.phase is Phase.IDLE
    error = node.software()[1].sw_err
    assert error is not None
    assert "no slot holds one that was good" in error.description
    device.offer(device.computer.release("2"))
    await device.follow(config("2"), forced=1)
    assert (await device.boot()).version == "2"
    node = await device.passes(690, Answer.WELL)
    node = await device.follow(config("2"), forced=1)
    assert (node.phase, node.version) == (Phase.IDLE, "2")
    assert (await device.follow(config("2"), forced=2)).phase is Phase.REBOOTING


async def test_a_committed_system_says_what_it_came_up_without(device: Device) -> None:
    device.ill = "failed: eaves-mounts.service; see their logs"
    node = await device.start()
    error = node.software()[0].sw_err
    assert error is not None
    assert error.description == "units: failed: eaves-mounts.service; see their logs"
    device.ill = ""
    assert (await device.start()).software()[0].sw_err is None


async def test_a_fallback_to_what_is_too_old_is_refused_and_told(device: Device) -> None:
    await with_an_old_version(device)
    device.computer.epoch = 3
    await device.start()
    node = await device.follow(config("2"), forced=1)
    assert node.phase is Phase.IDLE
    error = node.software()[1].sw_err
    assert error is not None
    assert "asks for version 1" in error.description
    assert "epoch is 1, 2 asks for 3" in error.description
    device.computer.epoch = 1  # another version came: the counter is answered
    await device.start()
    assert (await device.follow(config("2"), forced=1)).phase is Phase.IDLE


async def test_a_counter_that_cannot_be_kept_stops_no_configuration(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "remember", _full)
        node = await device.follow(config("1"))
    assert "disk full" in node.text()


async def test_a_loader_that_does_not_obey_is_not_asked_for_ever(device: Device) -> None:
    device.offer(device.computer.release("2"))
    await device.follow(config("2"))
    device.boot_id = "a boot that took the old slot"
    node = await device.start("power was lost")
    assert node.phase is Phase.REFUSED
    assert device.computer.states() == (Slot.ACTIVE, Slot.UNUSED)
    assert (await device.follow(config("2"))).phase is Phase.REFUSED


async def test_a_restart_of_the_node_before_the_reboot_goes_on(device: Device) -> None:
    device.offer(device.computer.release("2"))
    await device.follow(config("2"))
    node = await device.start()
    assert node.phase is Phase.REBOOTING
    assert len(device.reboots) == 2


async def test_a_restart_of_the_node_on_trial_begins_its_window_anew(device: Device) -> None:
    await device.update("2")
    await device.passes(600, Answer.WELL)
    node = await device.start()
    assert node.phase is Phase.WAITING
    assert (await device.passes(570, Answer.WELL)).phase is Phase.TESTING


async def test_a_note_without_a_trial_bars_nothing(device: Device) -> None:
    """Power went after the note was kept and before the loader was told."""
    device.offer(device.computer.release("2"))
    node = await device.follow(config("2"))
    assert node.phase is Phase.REBOOTING
    device.computer.disk().drop_other()
    node = await device.boot()
    assert node.phase is Phase.IDLE
    assert device.checkpoint is not None
    assert read_trial(device.checkpoint.fact(TRIAL_FACT)) is None
    assert (await device.follow(config("2"))).phase is Phase.REBOOTING


async def test_a_wish_that_changes_while_a_slot_is_written_ends_the_writing(device: Device) -> None:
    device.offer(device.computer.release("2"))
    assert device.node is not None
    node = device.node
    node.follow(config("2"), ItemValues())
    task = asyncio.create_task(node.run_forever())
    try:
        async with asyncio.timeout(20):
            node.follow(config("1"), ItemValues())
            await _until(lambda: node.phase in (Phase.IDLE, Phase.REBOOTING))
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - what is waited for has no event of its own
        await asyncio.sleep(0)
