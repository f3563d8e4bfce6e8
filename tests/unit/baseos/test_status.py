"""What the controller is told about both slots, phase by phase of an update."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypedDict, Unpack

import pytest

from eaves.evapi.info import ZSwState
from eaves.evapi.info.device import BaseOsStatus, BaseOsSubStatus
from eaves.node.baseos.record import Bar
from eaves.node.baseos.slots import Phase, Slot
from eaves.node.baseos.status import Seen, SlotSeen, baseos_text, software

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BAR = Bar("2", 1, "its trial ended: kernel panic", AT.isoformat(), 10, "units")


class Facts(TypedDict, total=False):
    """What a test says of `Seen` beside its phase and slots."""

    target: str
    activate: bool
    fetched: int
    fetch_error: str
    written: tuple[str, int]
    seconds_left: int
    deferred: str
    error: str
    at: datetime
    bars: Mapping[str, Bar]


def seen(
    phase: Phase,
    current: Slot = Slot.ACTIVE,
    other: Slot = Slot.UNUSED,
    *,
    running: str = "1",
    held: str = "",
    **facts: Unpack[Facts],
) -> Seen:
    usual = Seen(
        phase,
        SlotSeen("a", "/dev/vda2", current, running),
        SlotSeen("b", "/dev/vda3", other, held),
    )
    return replace(usual, **facts)


def test_idle() -> None:
    running, other = software(seen(Phase.IDLE, held="0.9"))
    assert (running.activated, running.partition_label, running.partition_state) == (
        True,
        "IMGA",
        "active",
    )
    assert (running.short_version, running.user_status) == ("1", BaseOsStatus.UPDATED)
    assert (other.partition_label, other.partition_state) == ("IMGB", "unused")
    assert (other.short_version, other.user_status) == ("0.9", BaseOsStatus.NONE)


def test_a_download_is_told_with_its_percent() -> None:
    _, _, coming = software(seen(Phase.FETCHING, target="2", activate=True, fetched=40))
    assert coming.user_status is BaseOsStatus.DOWNLOADING
    assert (coming.sub_status_progress, coming.download_progress) == (40, 40)
    assert coming.partition_label == ""


def test_a_download_ahead_of_its_activation_is_not_an_update() -> None:
    _, _, coming = software(seen(Phase.IDLE, target="2", activate=False, fetched=100))
    assert coming.user_status is BaseOsStatus.NONE
    assert coming.status is ZSwState.DELIVERED


def test_why_a_download_stands_still_is_told() -> None:
    _, _, coming = software(
        seen(Phase.FETCHING, target="2", activate=True, fetch_error="404", at=AT)
    )
    assert coming.sw_err is not None
    assert coming.sw_err.description == "404"


@pytest.mark.parametrize(
    ("what", "sub"),
    [
        ("write", BaseOsSubStatus.UPDATE_INITIALIZING),
        ("verify", BaseOsSubStatus.VERIFY_INPROGRESS),
    ],
)
def test_the_writing_of_a_slot_is_told(what: str, sub: BaseOsSubStatus) -> None:
    _, _, coming = software(seen(Phase.WRITING, target="2", activate=True, written=(what, 70)))
    assert (coming.user_status, coming.sub_status) == (BaseOsStatus.UPDATING, sub)
    assert coming.sub_status_progress == 70


def test_a_reboot_that_is_due() -> None:
    told = software(seen(Phase.REBOOTING, other=Slot.UPDATING, held="2", target="2"))
    assert len(told) == 2
    assert told[1].user_status is BaseOsStatus.UPDATING
    assert told[1].sub_status is BaseOsSubStatus.UPDATE_REBOOTING


def test_a_trial_counts_down_and_names_what_it_falls_back_to() -> None:
    running, other = software(
        seen(
            Phase.TESTING,
            Slot.INPROGRESS,
            Slot.ACTIVE,
            running="2",
            held="1",
            seconds_left=312,
            target="2",
        )
    )
    assert (running.user_status, running.sub_status) == (
        BaseOsStatus.UPDATING,
        BaseOsSubStatus.UPDATE_TESTING,
    )
    assert running.sub_status_progress == 312
    assert running.partition_state == "inprogress"
    assert other.user_status is BaseOsStatus.FALLBACK


def test_a_second_update_is_told_as_deferred() -> None:
    running, *_ = software(
        seen(Phase.TESTING, Slot.INPROGRESS, Slot.ACTIVE, running="2", held="1", deferred="3")
    )
    assert running.sub_status is BaseOsSubStatus.UPDATE_DEFERRED
    assert "3" in running.sub_status_str


def test_a_failed_version_keeps_its_reason() -> None:
    told = software(
        seen(Phase.FAILED, other=Slot.INPROGRESS, held="2", target="2", bars={"2": BAR})
    )
    assert len(told) == 2
    assert told[0].user_status is BaseOsStatus.UPDATED
    assert told[1].user_status is BaseOsStatus.FAILED
    error = told[1].sw_err
    assert error is not None
    assert error.description == "health check units: its trial ended: kernel panic"
    assert error.timestamp == AT
    assert error.retry_condition


def test_a_failed_version_that_is_tried_again_has_not_failed() -> None:
    _, slot, coming = software(
        seen(Phase.FETCHING, other=Slot.INPROGRESS, held="2", target="2", activate=True, fetched=7)
    )
    assert (slot.user_status, slot.sw_err) == (BaseOsStatus.NONE, None)
    assert (coming.short_version, coming.user_status) == ("2", BaseOsStatus.DOWNLOADING)


def test_a_refused_version_is_told_though_no_slot_holds_it() -> None:
    _, _, refused = software(seen(Phase.REFUSED, target="2", activate=True, bars={"2": BAR}))
    assert (refused.short_version, refused.user_status) == ("2", BaseOsStatus.FAILED)
    assert refused.sw_err is not None


def test_only_the_running_slot_is_activated() -> None:
    for phase in (Phase.IDLE, Phase.FETCHING, Phase.REFUSED):
        told = software(seen(phase, target="2", activate=True, bars={"2": BAR}))
        assert [sw.activated for sw in told] == [True] + [False] * (len(told) - 1)


def test_one_line_for_a_person() -> None:
    assert baseos_text(seen(Phase.IDLE)) == "1 in IMGA, idle"
    assert "kernel panic" in baseos_text(seen(Phase.FAILED, target="2", bars={"2": BAR}))
