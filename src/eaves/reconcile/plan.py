"""The one planner: intended and current graph in, steps out.  Pure.

A plan lists the steps that may start now.  Finished steps change the current graph and the next
plan goes on, so a run that is cut anywhere continues from what was observed.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from eaves.reconcile.graph import closure_of_dependants, dependants, needs_first
from eaves.reconcile.item import Fault, Graph, Item, ItemRef, carries


@dataclass(frozen=True, slots=True)
class Create:
    item: Item

    @property
    def ref(self) -> ItemRef:
        return self.item.ref


@dataclass(frozen=True, slots=True)
class Modify:
    running: Item
    item: Item

    @property
    def ref(self) -> ItemRef:
        return self.item.ref


@dataclass(frozen=True, slots=True)
class Delete:
    item: Item

    @property
    def ref(self) -> ItemRef:
        return self.item.ref


Step = Create | Modify | Delete


@dataclass(frozen=True, slots=True)
class Plan:
    steps: tuple[Step, ...]
    waiting: Mapping[ItemRef, frozenset[ItemRef]]  # intended, not there, and what it waits for
    held: Mapping[ItemRef, Fault]  # failed before; not tried until its time comes
    busy: frozenset[ItemRef] = field(default=frozenset())

    @property
    def settled(self) -> bool:
        """Nothing to do and nothing under way; what waits or is held keeps its reason."""
        return not self.steps and not self.busy

    @property
    def next_retry(self) -> datetime | None:
        return min((f.retry_at for f in self.held.values() if f.retry_at is not None), default=None)


def plan(
    intended: Graph,
    current: Graph,
    faults: Mapping[ItemRef, Fault],
    busy: AbstractSet[ItemRef],
    now: datetime,
) -> Plan:
    """The steps that may start now, in a stable order: deletions (users first), then the rest.

    `busy` references have a step under way and get no second one.  An item whose fault says
    "not before" is held; its dependants wait where it is not there, or was only begun.
    """
    removing = _doomed(intended, current)
    users = dependants(current) if removing else {}
    steps: list[Step] = []
    held: dict[ItemRef, Fault] = {}

    def may_try(ref: ItemRef) -> bool:
        fault = faults.get(ref)
        if fault is None or (fault.retry_at is not None and fault.retry_at <= now):
            return True
        held[ref] = fault
        return False

    for ref in reversed(list(needs_first({r: current[r] for r in removing}))):
        if ref in busy or users.get(ref, set()) & (set(current) | set(busy)) - {ref}:
            continue
        if may_try(ref):
            steps.append(Delete(current[ref]))

    waiting: dict[ItemRef, frozenset[ItemRef]] = {}
    # Nothing is made on what is about to change: an app meets its new rules, not the old ones.
    moving = removing | set(busy)
    unmet = {r: i for r, i in intended.items() if r not in moving and current.get(r) != i}
    for ref in needs_first(unmet):
        item, running = unmet[ref], current.get(ref)
        missing = frozenset(
            n for n in item.needs() if n not in current or n in moving or not carries(current[n])
        )
        if missing:
            waiting[ref] = missing
            if missing <= moving:
                moving.add(ref)
        elif may_try(ref):
            steps.append(Create(item) if running is None else Modify(running, item))
            moving.add(ref)
    return Plan(tuple(steps), waiting, held, frozenset(busy))


def _doomed(intended: Graph, current: Graph) -> set[ItemRef]:
    """What is there and must go: not intended, not changeable, or needing such an item."""
    roots: set[ItemRef] = set()
    for ref, running in current.items():
        item = intended.get(ref)
        if item is None or (item != running and item.replaces(running)):
            roots.add(ref)
    return closure_of_dependants(current, roots) if roots else roots
