"""What retention last dropped of each kind of telemetry, for those who ask what is kept.

Kept with the facts that every controller on a database shares: the process that drops is rarely the
one that is asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from eaves.controller.store.marks import find_mark, put_mark
from eaves.controller.store.unit import Db


class Kept(StrEnum):
    """What has bounds of its own."""

    LOGS = "logs"
    FLOWS = "flows"
    METRICS = "metrics"
    STATE = "state"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Removal:
    """Rows as they are stored: a chunk of some hundred lines, a sample, a roll-up, an event."""

    older: int = 0  # than their age allows; on PostgreSQL also days, dropped as a whole
    over_bound: int = 0  # more than the bound of a device or of all
    devices: int = 0  # deleted ones, all of whose rows went

    def __bool__(self) -> bool:
        return self != NOTHING


NOTHING: Final = Removal()


class Removed(msgspec.Struct, frozen=True):
    """A removal and when it was."""

    at: datetime
    what: Removal


_DECODER: Final = msgspec.json.Decoder(Removed)


def _mark(kept: Kept) -> str:
    return f"removed_{kept}"


async def note_removals(db: Db, removals: Mapping[Kept, Removal], at: datetime) -> None:
    """Remember those that removed anything."""
    for kept, removal in removals.items():
        if removal:
            await put_mark(db, _mark(kept), msgspec.json.encode(Removed(at, removal)).decode())


async def find_removed(db: Db, kept: Kept) -> Removed | None:
    """None: nothing was ever removed."""
    text = await find_mark(db, _mark(kept))
    return _DECODER.decode(text) if text else None
