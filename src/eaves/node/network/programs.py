"""Which nftables programs an item stands for.  Pure.

They are looked for every few seconds in what the kernel holds: each is made once.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from eaves.node.network.items import (
    AppFirewall,
    Nat,
    NetworkItem,
    NftBase,
    SwitchFirewall,
    SwitchRules,
)
from eaves.node.network.nftlang import Program, comments
from eaves.node.network.rules import base_programs, firewall_programs, nat_programs
from eaves.node.network.switch_rules import (
    base_switch_programs,
    switch_firewall_programs,
    switch_programs,
)

FAMILIES = ("inet", "bridge")
MOST: Final = 512  # items whose programs are kept


@lru_cache(maxsize=MOST)
def programs(item: NetworkItem) -> tuple[Program, ...]:
    """The nftables part of an item, one program for each family; empty for what has none."""
    match item:
        case NftBase():
            found = (*base_programs(item), *base_switch_programs(item))
        case Nat():
            found = nat_programs(item)
        case AppFirewall():
            found = firewall_programs(item)
        case SwitchRules():
            found = switch_programs(item)
        case SwitchFirewall():
            found = switch_firewall_programs(item)
        case _:
            return ()
    by_family: dict[str, Program] = {}
    for program in found:
        there = by_family.get(program.family)
        by_family[program.family] = there.joined(program) if there else program
    return tuple(by_family.values())


@lru_cache(maxsize=MOST)
def shown(item: NetworkItem) -> tuple[tuple[Program, Mapping[str, list[str]]], ...]:
    """Its programs, each with the comments of its rules by chain."""
    return tuple((program, comments(program)) for program in programs(item))


def rule_count(items: Iterable[NetworkItem]) -> int:
    """How many rules the kernel holds for these items."""
    found = (program for item in items for program in programs(item))
    return sum(len(chain.rules) for program in found for chain in program.chains)
