"""A host without a kernel: what a node makes is remembered, takes time, fails and ends.

It implements what the engine asks of a subsystem (`runtime.engine.Subsystem`), as the real ones
promise it.  Content and volumes outlive a power cut; everything else is gone with it, and stays
when only the process is killed.  What a node must never do is noted in `violations`.
"""

import asyncio
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from eaves.errors import Transient
from eaves.node.containers.items import CONTAINER, NOT_RUNNING, Container
from eaves.node.domains.items import DOMAIN, Domain
from eaves.node.network.items import KINDS as NETWORK
from eaves.node.storage.items import CONTENT_TREE, VOLUME
from eaves.reconcile.apply import Clock, Configurator, ProgressSink, backoff
from eaves.reconcile.item import Fault, Graph, Item, ItemRef, Observation

STORED = frozenset({CONTENT_TREE, VOLUME})
WORKLOADS = frozenset({CONTAINER, DOMAIN})
NAMED = frozenset({"bridge", "switch", "vif", "netns"})  # by numbers that others had before
BOOT_RETRY = timedelta(minutes=10)
LASTS_S = {CONTENT_TREE: 8.0, VOLUME: 2.0, DOMAIN: 3.0, CONTAINER: 0.5}
SLOWER = 50.0
DAMAGE: Mapping[str, Mapping[str, Any]] = {
    "nat": {"subnet": ""},
    "firewall": {"mac": ""},
    "switch-rules": {"number": 0},
    "switch-firewall": {"zone": 0},
    "bridge": {"mtu": 0},
    "switch": {"mtu": 0},
    "routes": {"routes": ()},
    "vif": {"mtu": 0},
    "dnsmasq": {"netmask": ""},
}
"""How the network tells what is not whole; kinds that are not here are made at one stroke."""


class PowerCut(Exception):
    """The process ended here, or the whole machine."""


class HostFails(Transient):
    def __init__(self, kind: str) -> None:
        super().__init__(f"the host cannot do anything about a {kind} now; it is tried again")


class Node(Protocol):
    """The process that works on the host: what it wishes."""

    @property
    def intended(self) -> Graph: ...


@dataclass
class Life:
    """One process of the node, until it ends."""

    node: Node | None = None
    over: bool = False


@dataclass
class SimulatedHost:
    """What is there, what is half made, and what goes wrong."""

    clock: Clock
    made: dict[ItemRef, Item] = field(default_factory=dict[ItemRef, Item])
    half: dict[ItemRef, Item] = field(default_factory=dict[ItemRef, Item])
    ended: dict[ItemRef, datetime] = field(default_factory=dict[ItemRef, datetime])
    vanished: set[ItemRef] = field(default_factory=set[ItemRef])
    failing: set[str] = field(default_factory=set[str])  # kinds
    slow: bool = False
    blind: bool = False  # nothing can be observed
    violations: list[str] = field(default_factory=list[str])
    life: Life = field(default_factory=Life)
    cut_after: int | None = None  # moments

    # The power

    def moment(self, life: Life) -> None:
        """A point at which the process may end."""
        if self.cut_after is not None and life is self.life and not life.over:
            self.cut_after -= 1
            if self.cut_after < 0:
                self.cut_after, life.over = None, True
        if life.over:
            raise PowerCut

    def power_gone(self) -> None:
        for things in (self.made, self.half):
            for ref in [r for r in things if r.kind not in STORED]:
                del things[ref]
        self.ended.clear()
        self.vanished.clear()

    # What goes wrong by itself

    def vanish(self, ref: ItemRef) -> None:
        """Somebody else took it away, or it ended."""
        if ref.kind in WORKLOADS:
            self.ended[ref] = self.clock()
        else:
            del self.made[ref]
            self.vanished.add(ref)

    def alive(self, ref: ItemRef) -> bool:
        return ref in self.made and ref not in self.ended

    # Steps

    def begin(self, item: Item) -> None:
        if item.ref.kind in WORKLOADS and self.alive(item.ref):
            self.violations.append(f"a second copy of {item.ref} is started")
        for need in item.needs():
            self._look_at_need(item.ref, need)
        name = getattr(item, "name", "")  # of an interface or a namespace
        for other, there in self.made.items() if item.ref.kind in NAMED else ():
            if other.kind in NAMED and other != item.ref and getattr(there, "name", "") == name:
                self.violations.append(f"{item.ref} takes the name {name} of {other}")
        if item.ref.kind in STORED or item.ref.kind in WORKLOADS or item.ref.kind in DAMAGE:
            self.made.pop(item.ref, None)
            self.ended.pop(item.ref, None)
            self.half[item.ref] = item

    def _look_at_need(self, ref: ItemRef, need: ItemRef) -> None:
        there = self.made.get(need)
        if there is None or not (need in self.ended or self.alive(need)):
            if need not in self.vanished and need not in self.half:
                self.violations.append(f"{ref} is made without {need}")
            raise Transient(f"{ref}: {need} is gone; it is made again first")

    def finish(self, item: Item) -> None:
        self.half.pop(item.ref, None)
        self.vanished.discard(item.ref)
        self.made[item.ref] = item

    def begin_removal(self, life: Life, ref: ItemRef) -> None:
        for other, item in self.made.items():
            if ref in item.needs() and self.alive(other) and other.kind in WORKLOADS | {"vif"}:
                self.violations.append(f"{ref} is removed under {other}")
        if ref.kind == VOLUME and life.node is not None and ref in life.node.intended:
            self.violations.append(f"{ref} is wanted and removed: what the app wrote is lost")

    def remove(self, ref: ItemRef) -> None:
        for things in (self.made, self.half, self.ended):
            things.pop(ref, None)

    def check(self, kind: str) -> None:
        if kind in self.failing:
            raise HostFails(kind)

    def lasts_s(self, kind: str) -> float:
        return LASTS_S.get(kind, 0.0) * (SLOWER if self.slow else 1.0)

    # Looks

    def see(self, kinds: Iterable[str], working: set[ItemRef]) -> Observation:
        present: dict[ItemRef, Item] = {}
        faults: dict[ItemRef, Fault] = {}
        wanted = frozenset(kinds)
        for ref, item in self.made.items():
            if ref.kind not in wanted:
                continue
            if ref in self.ended:
                at = self.ended[ref]
                present[ref] = not_running(item)
                faults[ref] = Fault(f"{ref} ended", at, retry_at=at + BOOT_RETRY)
            else:
                present[ref] = item
        for ref in [r for r in self.half if r.kind in wanted and r not in working]:
            if ref.kind in STORED:
                del self.half[ref]  # what a cut left behind and nobody works on
            elif ref.kind in WORKLOADS:
                present[ref] = not_running(self.half[ref])
            else:
                present[ref] = damaged(self.half[ref])
        return Observation(present, faults)


def not_running(item: Item) -> Item:
    assert isinstance(item, Container | Domain)
    return replace(item, incarnation=NOT_RUNNING)


def damaged(item: Any) -> Item:
    found: Item = replace(item, **DAMAGE[item.ref.kind])
    return found


class SimulatedPart:
    """One subsystem of one process."""

    def __init__(self, host: SimulatedHost, life: Life, kinds: frozenset[str]) -> None:
        self.kinds = kinds
        self.working: set[ItemRef] = set()
        self._host = host
        self._life = life

    def configurators(self) -> Mapping[str, Configurator]:
        return dict.fromkeys(self.kinds, self)

    async def observe(self) -> Observation:
        self._host.moment(self._life)
        if self._host.blind:
            raise OSError("nothing can be seen")
        return self._host.see(self.kinds, self.working)

    async def close(self) -> None:
        """Nothing is held open."""

    async def create(self, item: Any, progress: ProgressSink, /) -> None:
        host, ref = self._host, item.ref
        with self._works_on(ref):
            host.moment(self._life)
            host.begin(item)
            await asyncio.sleep(host.lasts_s(ref.kind))
            host.moment(self._life)
            host.check(ref.kind)
            host.finish(item)
            host.moment(self._life)

    async def modify(self, running: Any, item: Any, progress: ProgressSink, /) -> None:
        host, ref = self._host, item.ref
        if ref.kind not in WORKLOADS | STORED:
            await self.create(item, progress)
            return
        with self._works_on(ref):
            host.moment(self._life)
            host.check(ref.kind)
            if ref in host.made:
                host.finish(item)
            host.moment(self._life)

    async def delete(self, item: Any, progress: ProgressSink, /) -> None:
        host, ref = self._host, item.ref
        with self._works_on(ref):
            host.moment(self._life)
            host.check(ref.kind)
            host.begin_removal(self._life, ref)
            await asyncio.sleep(host.lasts_s(ref.kind) / 4)
            host.moment(self._life)
            host.remove(ref)
            host.moment(self._life)

    def retry_delay(self, item: Any, attempts: int, /) -> timedelta:
        if item.ref.kind in WORKLOADS and attempts >= 3:
            return BOOT_RETRY
        return backoff(attempts, first_s=2.0, most_s=60.0)

    @contextmanager
    def _works_on(self, ref: ItemRef) -> Generator[None]:
        self.working.add(ref)
        try:
            yield
        finally:
            self.working.discard(ref)


def parts_of(host: SimulatedHost, life: Life) -> tuple[SimulatedPart, ...]:
    kinds = (STORED, NETWORK, frozenset({DOMAIN}), frozenset({CONTAINER}))
    return tuple(SimulatedPart(host, life, of) for of in kinds)
