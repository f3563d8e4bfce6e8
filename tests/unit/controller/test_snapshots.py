"""States of snapshots: what is wished against what the device told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from eaves.controller.domain.contract.snapshots import SnapshotState
from eaves.controller.domain.snapshots import Snapshot, active_of, state_of, too_many
from eaves.evapi.info import ErrorInfo, Severity, ZInfoApp, ZInfoSnapshot, ZSwState

T0 = datetime(2026, 5, 1, tzinfo=UTC)
LATER = T0 + timedelta(minutes=1)
ONE = Snapshot("s1", "web", "one", "{}", True, 0, T0, T0)
NEXT = replace(ONE, immediate=False)
GONE = replace(ONE, deleted_at=T0)
THERE = ZInfoApp(snapshots=(ZInfoSnapshot(id="s1"),), state=ZSwState.RUNNING)
FAILED = replace(
    THERE, snapshots=(ZInfoSnapshot(id="s1", snap_err=ErrorInfo(description="no room")),)
)
HALTED = replace(THERE, state=ZSwState.HALTED)
STUCK = replace(THERE, app_err=(ErrorInfo(description="stuck"),))
NOTED = replace(
    THERE, app_err=(ErrorInfo(description="runs by TCG", severity=Severity.SEVERITY_NOTICE),)
)
OTHERS = replace(THERE, snapshots=(ZInfoSnapshot(id="s2"),))


@pytest.mark.parametrize(
    ("snapshot", "reported", "heard_at", "active", "state"),
    [
        (ONE, None, None, False, SnapshotState.CREATING),
        (NEXT, None, None, False, SnapshotState.IDLE),
        (ONE, OTHERS, LATER, False, SnapshotState.CREATING),
        (ONE, THERE, LATER, False, SnapshotState.CREATED),
        (ONE, FAILED, LATER, False, SnapshotState.CREATE_FAILED),
        (ONE, THERE, T0, True, SnapshotState.ROLLING_BACK),
        (ONE, HALTED, LATER, True, SnapshotState.ROLLING_BACK),
        (ONE, THERE, LATER, True, SnapshotState.ACTIVE),
        (ONE, NOTED, LATER, True, SnapshotState.ACTIVE),
        (ONE, STUCK, LATER, True, SnapshotState.ROLLBACK_FAILED),
        (ONE, STUCK, T0, True, SnapshotState.ROLLING_BACK),
        (ONE, FAILED, LATER, True, SnapshotState.ROLLBACK_FAILED),
        (GONE, THERE, LATER, False, SnapshotState.DELETING),
        (GONE, FAILED, LATER, False, SnapshotState.DELETE_FAILED),
        (GONE, OTHERS, LATER, True, SnapshotState.DELETED),
        (GONE, None, None, False, SnapshotState.DELETED),
    ],
)
def test_a_state_follows_from_wish_and_report(
    snapshot: Snapshot,
    reported: ZInfoApp | None,
    heard_at: datetime | None,
    active: bool,  # noqa: FBT001 - a column of the table
    state: SnapshotState,
) -> None:
    assert state_of(snapshot, reported, heard_at, active=active) is state


def test_the_last_rollback_counts_though_it_is_deleted() -> None:
    led = replace(GONE, rollback=2)
    assert active_of((ONE, replace(NEXT, rollback=1), led)) == led
    assert active_of((ONE, NEXT)) is None


def test_the_oldest_gives_way() -> None:
    many = tuple(replace(ONE, id=str(n), created_at=T0 + timedelta(n)) for n in (3, 1, 2))
    assert [one.id for one in too_many((*many, GONE), 2)] == ["1"]
    assert too_many(many, 3) == ()
