"""Snapshots of app instances."""

from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.base import Contract, OpenEnum, Timestamp


class SnapshotState(OpenEnum):
    INVALID = "INVALID"
    IDLE = "IDLE"
    CREATING = "CREATING"
    CREATED = "CREATED"
    CREATE_FAILED = "CREATE_FAILED"
    ROLLING_BACK = "ROLLING_BACK"
    ACTIVE = "ACTIVE"
    ROLLBACK_FAILED = "ROLLBACK_FAILED"
    DELETING = "DELETING"
    DELETE_FAILED = "DELETE_FAILED"
    DELETED = "DELETED"


class AppInstanceSnapshot(Contract):
    activate: bool = False
    config: AppInstance | None = None
    id: str = ""
    immediate: bool = False
    name: str = ""
    state: SnapshotState = SnapshotState.INVALID


class AppInstSnapshotsList(Contract):
    snapshots: tuple[AppInstanceSnapshot, ...] = ()


class AppInstanceSnapshotState(Contract):
    state: SnapshotState = SnapshotState.INVALID
    timestamp: Timestamp = ""
