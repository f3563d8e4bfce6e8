"""What an update asks of the machine and of the rest of the node."""

import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from eaves.evapi.info import BootReason
from eaves.node.baseos.bundle import Manifest
from eaves.node.baseos.disk import Running, Told
from eaves.node.baseos.health import Check
from eaves.node.baseos.slots import Slot
from eaves.node.baseos.trial import Limits
from eaves.reconcile.item import ItemRef, Progress


class SlotsOnDisk(Protocol):
    """What the update needs of a machine; `eaves.node.baseos.disk.Disk` is one.  Blocking."""

    running: Running

    def states(self) -> tuple[Slot, Slot]: ...  # raises BootPartitionUnreadable
    def mend(self) -> None: ...  # raises BootPartitionUnreadable
    def held(self, *, running: bool) -> Manifest | None: ...
    def whole(self) -> str: ...
    def device_name(self, *, running: bool) -> str: ...
    def write(self, path: Path, wanted: str, stop: threading.Event, told: Told, /) -> Manifest: ...
    def drop_other(self) -> None: ...
    def mark_other(self, version: str, /) -> None: ...
    def commit(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Content:
    """How far the content of an update is."""

    path: Path | None = None  # it is here, verified
    progress: Progress | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Around:
    """What the update asks of the rest of the node."""

    content: Callable[[ItemRef], Content]
    announce: Callable[[Manifest, Manifest], Awaitable[None]]  # what runs, what will
    settle: Callable[[], Awaitable[None]]  # the vault: to what runs now
    vault_open: Callable[[], bool]
    limits: Callable[[], Limits]
    reboot: Callable[[BootReason, str], None]
    checks: tuple[Check, ...]
    # Keeps the log of a version that failed, which a boot of this id began, and tells its end.
    last_words: Callable[[str, str], Awaitable[str]]
    changed: Callable[[], None]
    clock: Callable[[], float]  # monotonic
    now: Callable[[], datetime]
    boot_id: str
    boot_reason: BootReason
    boot_text: str
