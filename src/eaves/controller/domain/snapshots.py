"""Snapshots of app instances: what is intended, and how far the device is.

The controller wishes (take, go back to, delete) by what stands in the configuration; the device
tells which snapshots it has.  The state of a snapshot is read off both.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from eaves.controller.domain.contract.snapshots import SnapshotState
from eaves.controller.domain.status.words import fatal
from eaves.evapi.info import ZInfoApp, ZSwState

NO_ROLLBACK = 0
MOST_KEPT: Final = 64  # of one app instance, whatever its maxSnapshots
MOST_LISTED: Final = 1000  # entries of one request: a client sends back those that it read


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`rollback`: which of the rollbacks of its app instance led here last; 0 none did."""

    id: str
    instance_id: str
    name: str
    config: str = field(repr=False)  # JSON of the instance at that moment, without secrets
    immediate: bool  # taken at once, or with the next update of the app
    rollback: int
    created_at: datetime
    changed_at: datetime
    deleted_at: datetime | None = None

    @property
    def kept(self) -> bool:
        return self.deleted_at is None


def active_of(snapshots: Iterable[Snapshot]) -> Snapshot | None:
    """The one that its instance went back to last, even when it is deleted since."""
    led = [one for one in snapshots if one.rollback]
    return max(led, key=lambda one: one.rollback, default=None)


def most_kept(max_snapshots: int) -> int:
    """How many an app instance has at once; the classic number is one."""
    return min(max(1, max_snapshots), MOST_KEPT)


def too_many(snapshots: Iterable[Snapshot], most: int) -> tuple[Snapshot, ...]:
    """Those that give way to newer ones, the oldest first."""
    kept = sorted((one for one in snapshots if one.kept), key=lambda one: (one.created_at, one.id))
    return tuple(kept[: max(0, len(kept) - most)])


def state_of(
    snapshot: Snapshot, reported: ZInfoApp | None, heard_at: datetime | None, *, active: bool
) -> SnapshotState:
    """`reported`: what the device last said of the app, `heard_at` when that came."""
    told = reported.snapshots if reported is not None else ()
    found = next((one for one in told if one.id == snapshot.id), None)
    failed = found is not None and found.snap_err is not None and bool(found.snap_err.description)
    if not snapshot.kept:
        if found is None:
            return SnapshotState.DELETED
        return SnapshotState.DELETE_FAILED if failed else SnapshotState.DELETING
    if found is None:
        return SnapshotState.CREATING if snapshot.immediate else SnapshotState.IDLE
    if failed:
        return SnapshotState.ROLLBACK_FAILED if active else SnapshotState.CREATE_FAILED
    if not active:
        return SnapshotState.CREATED
    # a report from before the wish says nothing of it
    since = heard_at is not None and heard_at > snapshot.changed_at
    if since and reported is not None and fatal(reported.app_err):
        return SnapshotState.ROLLBACK_FAILED
    running = reported is not None and reported.state is ZSwState.RUNNING
    return SnapshotState.ACTIVE if since and running else SnapshotState.ROLLING_BACK
