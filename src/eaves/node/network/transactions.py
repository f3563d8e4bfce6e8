"""Rules into the kernel and out of it: one transaction for each change.

What the record of an item says is in the kernel is not read back, which takes several times as
long as the change itself.  The kernel refuses a transaction that does not fit what is there, whole;
then it is read, and what is there counts.
"""

import asyncio
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import structlog

from eaves.node.host import dnsmasq, links, nft
from eaves.node.host.process import CommandFailed
from eaves.node.network.items import AppFirewall, Nat, NetworkItem, SwitchFirewall
from eaves.node.network.marks import APP_MASK, mark_of
from eaves.node.network.nftlang import (
    Element,
    Json,
    Program,
    dynamic_sets,
    element_json,
    load_commands,
)
from eaves.node.network.programs import programs
from eaves.node.network.workshop import Made
from eaves.reconcile.apply import ProgressSink
from eaves.reconcile.item import ItemRef

log = structlog.get_logger(__name__)

# Maps of earlier releases: what is in them still leads to chains of the same name.
RETIRED = ("decided-tx", "decided-rx")
Tables = Mapping[str, nft.SeenTable | None]  # by family
Entry = tuple[str, str, tuple[str, ...]]  # family, map, key


class Rules(Made):
    """nft-base, nat and firewall: one transaction for all families."""

    async def make(self, item: NetworkItem, running: NetworkItem | None) -> None:
        await self._load(item, running, recorded=running is None)

    async def modify(self, running: NetworkItem, item: NetworkItem, _: ProgressSink, /) -> None:
        """What was seen damaged is told apart by its record, which is whole."""
        await self._load(item, running, recorded=self._begin(item) == running)
        self.shop.records.put(item)

    async def _load(
        self, item: NetworkItem, running: NetworkItem | None, *, recorded: bool
    ) -> None:
        wanted, before = programs(item), programs(running) if running else ()
        async with self.shop.lock:
            await nft.apply_text("".join(dynamic_sets(p) for p in wanted))
            lost = entries(before) & self.shop.moved
            known = recorded and not lost
            if not known or not await _as_recorded(item.ref, changes(before, wanted)):
                seen = await self._seen(wanted)
                await nft.apply(replacement(before, wanted, seen))
                self.shop.moved.difference_update(lost)
                self.shop.moved.update(led_elsewhere(wanted, seen))
        if isinstance(item, AppFirewall) and isinstance(running, AppFirewall):
            await forget_forbidden_flows(running, item)
        if isinstance(item, SwitchFirewall) and isinstance(running, SwitchFirewall):
            await forget_switch_flows(running, item)
        if isinstance(item, Nat) and item.hosts:
            # The sets may be new: answers that dnsmasq has cached would never fill them.
            dnsmasq.reload(self.shop.dnsmasq_folder(item.bridge))

    async def unmake(self, item: NetworkItem) -> None:
        there = programs(item)
        async with self.shop.lock:
            gone = [c for program in there for c in removal(program, assumed(program))]
            lost = entries(there) & self.shop.moved
            if lost or not await _as_recorded(item.ref, gone):
                seen = await self._seen(there)
                await nft.apply(
                    [
                        command
                        for program in there
                        if (table := seen[program.family]) is not None
                        for command in removal(program, table)
                    ]
                )
                self.shop.moved.difference_update(lost)
        if isinstance(item, AppFirewall):
            await links.forget_flows(item.address)
        if isinstance(item, SwitchFirewall):
            await forget_switch_flows(item, None)

    @staticmethod
    async def _seen(wanted: Sequence[Program]) -> Tables:
        tables = await asyncio.gather(*(nft.list_table(p.family, p.table) for p in wanted))
        return {program.family: table for program, table in zip(wanted, tables, strict=True)}


async def _as_recorded(ref: ItemRef, commands: Sequence[Json]) -> bool:
    """False when the kernel has something else than was recorded; nothing is changed then."""
    try:
        await nft.apply(commands)
    except CommandFailed as error:
        log.info("rules_not_as_recorded", item=str(ref), error=str(error), next="they are read")
        return False
    return True


def entries(of: Sequence[Program]) -> set[Entry]:
    return {(p.family, e.container, e.key) for p in of for e in p.elements if e.goto}


def led_elsewhere(wanted: Sequence[Program], seen: Tables) -> set[Entry]:
    """What led to rules of another item until now; a removal goes by the key alone."""
    return {
        (p.family, e.container, e.key)
        for p in wanted
        for e in p.elements
        if (table := seen[p.family]) is not None
        and table.elements.get(e.container, {}).get(e.key, e.goto) != e.goto
    }


def assumed(program: Program) -> nft.SeenTable:
    """A table that holds what the program put there."""
    elements: dict[str, dict[tuple[str, ...], str]] = {c.name: {} for c in program.containers}
    for one in program.elements:
        elements.setdefault(one.container, {})[one.key] = one.goto
    return nft.SeenTable(
        {chain.name: () for chain in program.chains},
        elements,
        dict.fromkeys(program.counters, (0, 0)),
    )


def changes(before: Sequence[Program], wanted: Sequence[Program]) -> list[Json]:
    """From what was put there to what is wanted; a family where both are the same is left alone."""
    there = {p.family: p for p in before}
    moved = [p for p in wanted if there.get(p.family) != p]
    tables = {p.family: assumed(p) for p in before}
    return replacement(before, moved, tables)


def replacement(before: Sequence[Program], wanted: Sequence[Program], tables: Tables) -> list[Json]:
    old_ones = {p.family: p for p in before}
    commands: list[Json] = []
    for program in wanted:
        seen, old = tables.get(program.family), old_ones.get(program.family)
        if seen is None:
            commands += load_commands(program, frozenset())
            continue
        if old is not None and old.table == program.table:
            commands += stale(old, program, seen)
        commands += without_conflicts(program, seen)
        commands += load_commands(program, seen.counters.keys())
    return commands


async def forget_forbidden_flows(running: AppFirewall, item: AppFirewall) -> None:
    """Entries that were only added at the end forbid nothing that was allowed."""
    if running.aces != item.aces[: len(running.aces)] or running.address != item.address:
        await links.forget_flows(running.address)


async def forget_switch_flows(running: SwitchFirewall, item: SwitchFirewall | None) -> None:
    """By the app's number in the mark: which addresses it uses on a switch nobody knows for sure.

    What the app's other interfaces have open goes on as soon as its list is asked again.
    """
    if item is None or running.aces != item.aces[: len(running.aces)]:
        await links.forget_marked(mark_of(running.app_number, 0) & APP_MASK, APP_MASK)


def without_conflicts(program: Program, seen: nft.SeenTable) -> list[Json]:
    """Deletions of map entries that lead elsewhere: the kernel refuses to overwrite them."""
    at: Json = {"family": program.family, "table": program.table}
    return retired(program, seen) + [
        {
            "delete": {
                "element": at
                | {
                    "name": e.container,
                    "elem": element_json(program, e)["elem"][0][:1],
                }
            }
        }
        for e in program.elements
        if e.goto and seen.elements.get(e.container, {}).get(e.key, e.goto) != e.goto
    ]


def retired(program: Program, seen: nft.SeenTable) -> list[Json]:
    """Deletions of what an earlier release left, which would keep chains and their counters."""
    mine = {chain.name for chain in program.chains}
    return [
        {"delete": {"element": element_json(program, Element(name, key))}}
        for name in RETIRED
        for key, goto in seen.elements.get(name, {}).items()
        if goto in mine
    ]


def stale(old: Program, new: Program, seen: nft.SeenTable) -> list[Json]:
    """What the old program put there and the new one does not have."""
    keep_elements = {(e.container, e.key) for e in new.elements}
    keep_chains = {c.name for c in new.chains}
    keep_containers = {c.name for c in new.containers}
    keep_counters = set(new.counters)
    rest = Program(
        old.family,
        old.table,
        tuple(c for c in old.chains if c.name not in keep_chains),
        tuple(c for c in old.containers if c.name not in keep_containers),
        tuple(e for e in old.elements if (e.container, e.key) not in keep_elements),
    )
    # Rules of the chains that stay may still look into sets that go.
    at: Json = {"family": old.family, "table": old.table}
    flush = [
        {"flush": {"chain": at | {"name": c.name}}} for c in new.chains if c.name in seen.chains
    ]
    unused = [name for name in old.counters if name not in keep_counters and name in seen.counters]
    gone = removal(rest, seen, frozenset(unused))
    return [*flush, *gone] if gone else []


def removal(
    program: Program, seen: nft.SeenTable, counters: AbstractSet[str] | None = None
) -> list[Json]:
    """Take a program out of a table: elements, then chains, then sets; only what is there.

    `counters` are taken out last; None: those of the program.
    """
    at: Json = {"family": program.family, "table": program.table}
    if program.owns_table:
        return [{"delete": {"table": {"family": program.family, "name": program.table}}}]
    commands = retired(program, seen)
    for element in program.elements:
        if seen.elements.get(element.container, {}).get(element.key) == element.goto:
            spec = element_json(program, element)
            if element.goto:
                spec["elem"] = [spec["elem"][0][0]]
            commands.append({"delete": {"element": spec}})
    chains = [c.name for c in program.chains if c.name in seen.chains]
    commands += [{"flush": {"chain": at | {"name": name}}} for name in chains]
    commands += [{"delete": {"chain": at | {"name": name}}} for name in chains]
    commands += [
        {"delete": {"set": at | {"name": c.name}}}
        for c in program.containers
        if c.name in seen.elements
    ]
    unused = program.counters if counters is None else sorted(counters)
    commands += [
        {"delete": {"counter": at | {"name": name}}} for name in unused if name in seen.counters
    ]
    return commands
