"""Every intended item's state, and the chain of causes when it is not as asked for.  Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from eaves.reconcile.item import Fault, Graph, ItemRef, Progress
from eaves.reconcile.plan import Plan


class ItemState(StrEnum):
    PRESENT = "present"
    WORKING = "working"
    WAITING = "waiting"
    FAILED = "failed"
    LEAVING = "leaving"  # no longer intended, not yet gone


@dataclass(frozen=True, slots=True)
class Status:
    ref: ItemRef
    state: ItemState
    progress: Progress | None = None
    fault: Fault | None = None
    waits_for: frozenset[ItemRef] = frozenset()


@dataclass(frozen=True, slots=True)
class Cause:
    """One link: an item and the sentence that says why it is not there."""

    ref: ItemRef
    text: str
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Report:
    items: Mapping[ItemRef, Status]

    def unmet(self) -> tuple[Status, ...]:
        return tuple(s for _, s in sorted(self.items.items()) if s.state is not ItemState.PRESENT)

    def why(self, ref: ItemRef) -> tuple[Cause, ...]:
        """From the item down to a fact: what it waits for, and what that waits for."""
        chain: list[Cause] = []
        seen: set[ItemRef] = set()
        at: ItemRef | None = ref
        while at is not None and at not in seen:
            seen.add(at)
            status = self.items.get(at)
            if status is None:
                chain.append(Cause(at, f"{at} is not part of the configuration"))
                return tuple(chain)
            match status.state:
                case ItemState.PRESENT:
                    return tuple(chain)
                case ItemState.FAILED:
                    text = status.fault.text if status.fault else f"{at} failed"
                    chain.append(Cause(at, text, status.fault))
                    return tuple(chain)
                case ItemState.WORKING | ItemState.LEAVING:
                    chain.append(Cause(at, _working_text(status)))
                    return tuple(chain)
                case ItemState.WAITING:
                    at = self._deepest(status.waits_for)
                    text = (
                        f"{status.ref} waits for {at}" if at else f"{status.ref} is about to start"
                    )
                    chain.append(Cause(status.ref, text))
        return tuple(chain)

    def _deepest(self, refs: frozenset[ItemRef]) -> ItemRef | None:
        """Prefer the need that explains most: one that failed, then one that is worked on."""
        order = {ItemState.FAILED: 0, ItemState.WORKING: 1, ItemState.LEAVING: 2}

        def rank(ref: ItemRef) -> tuple[int, ItemRef]:
            status = self.items.get(ref)
            return (0 if status is None else order.get(status.state, 3), ref)

        return min(refs, key=rank, default=None)


def report(
    intended: Graph,
    current: Graph,
    faults: Mapping[ItemRef, Fault],
    progress: Mapping[ItemRef, Progress],
    todo: Plan,
) -> Report:
    items: dict[ItemRef, Status] = {}
    for ref, item in intended.items():
        if ref in todo.busy:
            items[ref] = Status(ref, ItemState.WORKING, progress.get(ref), faults.get(ref))
        elif ref in faults:
            items[ref] = Status(ref, ItemState.FAILED, fault=faults[ref])
        elif current.get(ref) == item:
            items[ref] = Status(ref, ItemState.PRESENT)
        else:
            items[ref] = Status(
                ref, ItemState.WAITING, waits_for=todo.waiting.get(ref, frozenset())
            )
    for ref in current.keys() | todo.busy:  # what is being made when its wish ends is there soon
        if ref not in intended:
            items[ref] = Status(ref, ItemState.LEAVING, fault=faults.get(ref))
    return Report(items)


def _working_text(status: Status) -> str:
    if status.state is ItemState.LEAVING:
        return f"{status.ref} is being removed"
    if status.progress is None:
        return f"{status.ref} is being made"
    phase = f" ({status.progress.phase})" if status.progress.phase else ""
    return f"{status.ref} is {status.progress.percent} % done{phase}"
