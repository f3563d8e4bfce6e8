"""Who may start: memory and pinned CPUs by what is declared, not by what is in use.  Pure.

What runs keeps what it has, and what is going down holds its memory until it is gone.  The others
get what is left, those with the lowest number first.  Whoever does not fit waits, knows who holds
what it needs, and starts by itself when that is freed.  Source: node reference 7.3.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from eaves.evapi.config import AppInstanceConfig, VmConfig
from eaves.evapi.config_items import ItemValues
from eaves.ids import AppInstanceId
from eaves.node import refs
from eaves.node.containers.items import Container
from eaves.node.cpus.items import CpuSet
from eaves.node.domains.intent import LEAST_MEMORY_KIB
from eaves.node.domains.items import Domain, overhead_kib
from eaves.node.refs import AppInForce
from eaves.reconcile.item import Graph, ItemRef

MIB_KIB = 1024
MOST_RESERVE_MIB = 800  # what a node of this kind is held below
HOST_CPUS = 1  # the first ones stay with the host


@dataclass(frozen=True, slots=True)
class Budget:
    """What there is to give.  The empty one is not known: nothing is refused for it."""

    memory_kib: int = 0
    reserve_kib: int = 0
    overhead_mib: int = 0  # of each VM, in place of the estimate; 0: estimate
    unchecked: bool = False  # memory.apps.ignore.check
    cpus: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Grants:
    """What came of it: sentences for those that wait, and the CPUs of each workload."""

    refusals: Mapping[AppInstanceId, str] = field(default_factory=dict[AppInstanceId, str])
    cpus: tuple[CpuSet, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """What one app asks for, or holds."""

    app: AppInForce
    name: str
    ram_kib: int
    overhead_kib: int
    pinned: int  # CPUs of its own
    runs: bool  # as it is wished now

    @property
    def kib(self) -> int:
        return self.ram_kib + self.overhead_kib


def budget_of(items: ItemValues, memory_mib: int, cpus: Iterable[int]) -> Budget:
    """`memory_mib` and `cpus` are the machine's."""
    reserve = items.count("memory.eve.limit.bytes") >> 10
    reserve = reserve or items.count("memory.eve.limit.MiB") * MIB_KIB
    return Budget(
        memory_mib * MIB_KIB,
        reserve or min(MOST_RESERVE_MIB * MIB_KIB, memory_mib * MIB_KIB // 4),
        items.count("memory.vmm.limit.MiB"),
        items.flag("memory.apps.ignore.check"),
        tuple(sorted(cpus)),
    )


def vm_overhead_kib(config: AppInstanceConfig, budget: Budget) -> int:
    """The node's property, else the app's own figure, else the estimate."""
    resources = config.fixedresources or VmConfig()
    if budget.overhead_mib:
        return budget.overhead_mib * MIB_KIB
    ram = max(resources.memory, LEAST_MEMORY_KIB)
    return resources.vmm_maxmem or overhead_kib(ram, max(1, resources.vcpus))


def admit(
    apps: Sequence[AppInForce],
    containers: AbstractSet[AppInstanceId],
    current: Graph,
    budget: Budget,
) -> Grants:
    claims = sorted(
        (_claim(app, app.app in containers, current, budget) for app in apps if app.activate),
        key=lambda claim: (not claim.runs, claim.app.number),
    )
    refusals = _short_of_memory(claims, _going(claims, current), budget)
    pinned, short = _pin([c for c in claims if c.app.app not in refusals], current, budget)
    refusals |= short
    starting = [c for c in claims if c.app.app not in refusals]
    return Grants(refusals, _cpu_sets(starting, containers, pinned, budget))


def _claim(app: AppInForce, container: bool, current: Graph, budget: Budget) -> Claim:  # noqa: FBT001 - what carries the app
    resources = app.config.fixedresources or VmConfig()
    held = current.get(_workload(app.app, container))
    runs = isinstance(held, Domain | Container) and held.incarnation == app.incarnation
    return Claim(
        app,
        app.config.displayname or app.app,
        resources.memory if container else max(resources.memory, LEAST_MEMORY_KIB),
        0 if container else vm_overhead_kib(app.config, budget),
        max(1, resources.vcpus) if resources.pin_cpu else 0,
        runs,
    )


def _workload(app: AppInstanceId, container: bool) -> ItemRef:  # noqa: FBT001 - what carries the app
    return refs.container(app) if container else refs.domain(app)


def _going(claims: Sequence[Claim], current: Graph) -> dict[str, int]:
    """Memory of those that are still there and should not be: by name, in KiB."""
    kept = {claim.app.app for claim in claims}
    found: dict[str, int] = {}
    for item in current.values():
        if isinstance(item, Domain) and item.app not in kept:
            overhead = item.overhead_kib or overhead_kib(item.memory_kib, item.vcpus)
            found[item.name or item.app] = item.memory_kib + overhead
        elif isinstance(item, Container) and item.app not in kept:
            found[item.name or item.app] = item.memory_kib
    return found


def _short_of_memory(
    claims: Sequence[Claim], going: Mapping[str, int], budget: Budget
) -> dict[AppInstanceId, str]:
    if budget.unchecked or not budget.memory_kib:
        return {}
    holders = {f"app {name}, which is going down": kib for name, kib in going.items() if kib}
    left = budget.memory_kib - budget.reserve_kib - sum(going.values())
    refused: dict[AppInstanceId, str] = {}
    for claim in claims:
        if claim.runs or claim.kib <= left:
            left -= claim.kib
            if claim.kib:
                holders[f"app {claim.name}"] = claim.kib
            continue
        refused[claim.app.app] = _no_memory(claim, holders, left, budget)
    return refused


def _no_memory(claim: Claim, holders: Mapping[str, int], left: int, budget: Budget) -> str:
    parts = f" ({_mib(claim.ram_kib)} and {_mib(claim.overhead_kib)} for its emulator)"
    held = [f"the node keeps {_mib(budget.reserve_kib)}"]
    held += [f"{name} holds {_mib(kib)}" for name, kib in holders.items()]
    step = "stop one of them or give it less memory" if holders else "give it less memory"
    return (
        f"memory: app {claim.name} needs {_mib(claim.kib)}{parts if claim.overhead_kib else ''}, "
        f"{_mib(max(0, left))} of {_mib(budget.memory_kib)} are left: {', '.join(held)}; {step}, "
        "it starts by itself when there is room"
    )


def _mib(kib: int) -> str:
    return f"{-(-kib // MIB_KIB)} MiB"


def _pin(
    claims: Sequence[Claim], current: Graph, budget: Budget
) -> tuple[dict[AppInstanceId, tuple[int, ...]], dict[AppInstanceId, str]]:
    """CPUs of those that want their own, and why there are none for the others."""
    free = list(budget.cpus[HOST_CPUS:])
    pinned: dict[AppInstanceId, tuple[int, ...]] = {}
    short: dict[AppInstanceId, str] = {}
    if not budget.cpus:
        return pinned, short
    had = {i.app: i.cpus for i in current.values() if isinstance(i, CpuSet)}
    wanting = [claim for claim in claims if claim.pinned]
    for claim in wanting:  # what it has is kept, so that a neighbour's coming moves nobody
        before = had.get(claim.app.app, ())
        if len(before) == claim.pinned and set(before) <= set(free):
            pinned[claim.app.app] = before
            free = [cpu for cpu in free if cpu not in before]
    for claim in wanting:
        if claim.app.app in pinned:
            continue
        if claim.pinned > len(free):
            names = {c.app.app: c.name for c in wanting}
            holders = [f"app {names[a]} holds {len(cpus)}" for a, cpus in pinned.items()]
            short[claim.app.app] = (
                f"CPUs: app {claim.name} wants {claim.pinned} of its own, {len(free)} of "
                f"{len(budget.cpus)} are free: "
                f"{', '.join([f'the node keeps {HOST_CPUS}', *holders])}; "
                "stop one of them or give it fewer, it starts by itself when there are enough"
            )
            continue
        pinned[claim.app.app], free = tuple(free[: claim.pinned]), free[claim.pinned :]
    return pinned, short


def _cpu_sets(
    claims: Sequence[Claim],
    containers: AbstractSet[AppInstanceId],
    pinned: Mapping[AppInstanceId, tuple[int, ...]],
    budget: Budget,
) -> tuple[CpuSet, ...]:
    """Nobody pins: no set at all.  Else each has its own, or shares what is left."""
    if not pinned:
        return ()
    taken = {cpu for cpus in pinned.values() for cpu in cpus}
    shared = tuple(cpu for cpu in budget.cpus if cpu not in taken)
    return tuple(
        CpuSet(
            claim.app.app,
            claim.app.app in containers,
            pinned.get(claim.app.app, shared),
        )
        for claim in claims
    )
