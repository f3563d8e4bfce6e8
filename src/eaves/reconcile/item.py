"""What exists or should exist on a node: one bridge, one volume, one running app.

An item is a frozen dataclass.  Equal items need no work; a different item under the same
reference is modified in place, or taken down and made again when `replaces` says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol, Self


class ItemRef(NamedTuple):
    """The name of an item: unique over the whole node, stable over restarts.

    A tuple, as its hash is asked for some hundred thousand times a minute while apps change.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Item(Protocol):
    @property
    def ref(self) -> ItemRef: ...

    def needs(self) -> frozenset[ItemRef]:
        """What must be present before this item can be, and outlives it."""
        ...

    def replaces(self, running: Self, /) -> bool:
        """Can `running` not be changed into this item in place?"""
        ...


Graph = Mapping[ItemRef, Item]


def carries(item: Item) -> bool:
    """May others be made on it?  Not while it was only begun: it says `whole` is False."""
    return bool(getattr(item, "whole", True))


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an item is not as intended: one sentence for a person, and when it is tried again."""

    text: str
    at: datetime
    attempts: int = 1
    retry_at: datetime | None = None  # None: only a change of the intention can help
    final: bool = False  # True: Rejected, waiting cannot help


@dataclass(frozen=True, slots=True)
class Progress:
    """How far long work on an item is; either figure may be unknown."""

    done: int  # bytes, or steps
    total: int | None = None
    phase: str = ""  # a ZSwState word such as "DOWNLOAD_STARTED", "VERIFYING"

    @property
    def percent(self) -> int:
        return min(100, 100 * self.done // self.total) if self.total else 0


@dataclass(frozen=True, slots=True)
class Observation:
    """What one subsystem sees: items that are there, and items that broke by themselves."""

    present: Graph
    faults: Mapping[ItemRef, Fault]
