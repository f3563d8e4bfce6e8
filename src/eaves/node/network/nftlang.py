"""The part of the nftables language that the node uses, as values.  Pure.

One rule renders to JSON for `nft -j` and to text for people and tests.
"""

import hashlib
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
Operand = str | int | tuple[str, ...] | tuple[int, ...]

_FIELDS: dict[str, Json] = {
    "iifname": {"meta": {"key": "iifname"}},
    "oifname": {"meta": {"key": "oifname"}},
    "meta l4proto": {"meta": {"key": "l4proto"}},
    "ip saddr": {"payload": {"protocol": "ip", "field": "saddr"}},
    "ip daddr": {"payload": {"protocol": "ip", "field": "daddr"}},
    "tcp sport": {"payload": {"protocol": "tcp", "field": "sport"}},
    "tcp dport": {"payload": {"protocol": "tcp", "field": "dport"}},
    "udp sport": {"payload": {"protocol": "udp", "field": "sport"}},
    "udp dport": {"payload": {"protocol": "udp", "field": "dport"}},
    "th dport": {"payload": {"protocol": "th", "field": "dport"}},
    "icmp type": {"payload": {"protocol": "icmp", "field": "type"}},
    "ether saddr": {"payload": {"protocol": "ether", "field": "saddr"}},
    "arp saddr ip": {"payload": {"protocol": "arp", "field": "saddr ip"}},
    "ct state": {"ct": {"key": "state"}},
    "ct status": {"ct": {"key": "status"}},
    "ct original proto-dst": {"ct": {"key": "proto-dst", "dir": "original"}},
}


@dataclass(frozen=True, slots=True)
class Match:
    left: str  # a field, or several joined by " . "
    right: Operand  # "@set" looks into a named set; a tuple is any of
    op: str = "=="


@dataclass(frozen=True, slots=True)
class Over:
    """Matches what exceeds the rate."""

    rate: int
    unit: str
    burst: int = 0


@dataclass(frozen=True, slots=True)
class Counter:
    pass


@dataclass(frozen=True, slots=True)
class Verdict:
    word: str  # accept, drop, return, jump, goto
    chain: str = ""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Verdict map; falls through to the next rule when the key is not in it."""

    key: str
    map: str


@dataclass(frozen=True, slots=True)
class Translate:
    """snat, dnat or masquerade."""

    word: str
    address: str = ""
    port: int = 0


Part = Match | Over | Counter | Verdict | Lookup | Translate


@dataclass(frozen=True, slots=True)
class Rule:
    parts: tuple[Part, ...]
    label: str = ""  # stands in the comment; counters are found and kept by it


@dataclass(frozen=True, slots=True)
class Element:
    """A member of a set, or of a verdict map if `goto` (or `jump`) names a chain."""

    container: str
    key: tuple[str, ...]
    goto: str = ""
    verb: str = "goto"


@dataclass(frozen=True, slots=True)
class Container:
    """A named set, or a verdict map."""

    name: str
    types: tuple[str, ...]
    verdicts: bool = False


@dataclass(frozen=True, slots=True)
class Hook:
    type: str
    hook: str
    priority: int


@dataclass(frozen=True, slots=True)
class Chain:
    name: str
    rules: tuple[Rule, ...]
    hook: Hook | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """What one item puts into one table."""

    family: str
    table: str
    chains: tuple[Chain, ...] = ()
    containers: tuple[Container, ...] = ()
    elements: tuple[Element, ...] = ()
    owns_table: bool = False

    def digest(self) -> str:
        return hashlib.sha256(program_text(self).encode()).hexdigest()[:12]


# Text


def part_text(part: Part) -> str:
    match part:
        case Match(left, right, op):
            if isinstance(right, tuple):
                joined = ", ".join(str(r) for r in right)
                value = f"{{ {joined} }}" if not left.startswith("ct st") else joined
            else:
                value = str(right)
            return f"{left} {value}" if op == "==" else f"{left} {op} {value}"
        case Over(rate, unit, burst):
            more = f" burst {burst} packets" if burst else ""
            return f"limit rate over {rate}/{unit}{more}"
        case Counter():
            return "counter"
        case Verdict(word, chain):
            return f"{word} {chain}".strip()
        case Lookup(key, name):
            return f"{key} vmap @{name}"
        case Translate(word, address, port):
            return f"{word} ip to {address}{f':{port}' if port else ''}" if address else word


def rule_text(rule: Rule) -> str:
    return " ".join(part_text(p) for p in rule.parts)


def program_text(program: Program) -> str:
    """One line for each rule and element."""
    lines = [f"table {program.family} {program.table}"]
    lines += [
        f"{'map' if c.verdicts else 'set'} {c.name} {' . '.join(c.types)}"
        for c in program.containers
    ]
    for chain in program.chains:
        hook = chain.hook
        head = f" {hook.type} {hook.hook} {hook.priority}" if hook else ""
        lines.append(f"chain {chain.name}{head}")
        lines += [f"  {rule_text(rule)}" for rule in chain.rules]
    for element in program.elements:
        verdict = f" : {element.verb} {element.goto}" if element.goto else ""
        lines.append(f"@{element.container} {' . '.join(element.key)}{verdict}")
    return "\n".join(lines)


# JSON


def _field(text: str) -> Json:
    names = text.split(" . ")
    return _FIELDS[text] if len(names) == 1 else {"concat": [_FIELDS[n] for n in names]}


def _operand(value: str | int) -> Any:
    if isinstance(value, str) and "/" in value and not value.startswith("@"):
        network = ipaddress.ip_network(value)
        return {"prefix": {"addr": str(network.network_address), "len": network.prefixlen}}
    return value


def _part_json(part: Part, kept: tuple[int, int]) -> Json:
    match part:
        case Match(left, right, op):
            if left in {"ct state", "ct status"}:
                words = list(right) if isinstance(right, tuple) else right
                return {"match": {"op": "in", "left": _field(left), "right": words}}
            value = (
                {"set": [_operand(r) for r in right]}
                if isinstance(right, tuple)
                else _operand(right)
            )
            return {"match": {"op": op, "left": _field(left), "right": value}}
        case Over(rate, unit, burst):
            limit: Json = {"rate": rate, "per": unit, "inv": True}
            return {"limit": limit | ({"burst": burst} if burst else {})}
        case Counter():
            return {"counter": {"packets": kept[0], "bytes": kept[1]}}
        case Verdict(word, chain):
            return {word: {"target": chain} if chain else None}
        case Lookup(key, name):
            return {"vmap": {"key": _field(key), "data": f"@{name}"}}
        case Translate(word, address, port):
            if not address:
                return {word: None}
            return {word: {"family": "ip", "addr": address} | ({"port": port} if port else {})}


def _element_key(key: Sequence[str]) -> Any:
    parts = [int(k) if k.isdecimal() else k for k in key]
    return parts[0] if len(parts) == 1 else {"concat": parts}


def element_json(program: Program, element: Element) -> Json:
    key = _element_key(element.key)
    member = [key, {element.verb: {"target": element.goto}}] if element.goto else key
    return {
        "family": program.family,
        "table": program.table,
        "name": element.container,
        "elem": [member],
    }


def comments(program: Program, chain: Chain) -> list[str]:
    """The comment of each rule: together they tell whether the chain is whole and current."""
    digest, count = program.digest(), len(chain.rules)
    return [f"{digest} {n}/{count} {rule.label}".strip() for n, rule in enumerate(chain.rules, 1)]


def load_commands(program: Program, kept: Mapping[tuple[str, str], tuple[int, int]]) -> list[Json]:
    """Make chains and sets if missing, replace the chains' rules, add the elements.

    `kept` gives counters to go on from, by chain and label.
    """
    at: Json = {"family": program.family, "table": program.table}
    commands: list[Json] = []
    if program.owns_table:
        commands.append({"add": {"table": {"family": program.family, "name": program.table}}})
    for c in program.containers:
        types = c.types[0] if len(c.types) == 1 else list(c.types)
        body: Json = at | {"name": c.name, "type": types}
        commands.append(
            {"add": {"map": body | {"map": "verdict"}} if c.verdicts else {"set": body}}
        )
    for chain in program.chains:
        spec: Json = at | {"name": chain.name}
        if chain.hook:
            spec |= {"type": chain.hook.type, "hook": chain.hook.hook, "policy": "accept"}
            spec |= {"prio": chain.hook.priority}
        commands.append({"add": {"chain": spec}})
        commands.append({"flush": {"chain": at | {"name": chain.name}}})
    for chain in program.chains:
        for rule, comment in zip(chain.rules, comments(program, chain), strict=True):
            counters = kept.get((chain.name, rule.label), (0, 0))
            expr = [_part_json(p, counters) for p in rule.parts]
            body = at | {"chain": chain.name, "comment": comment, "expr": expr}
            commands.append({"add": {"rule": body}})
    commands += [{"add": {"element": element_json(program, e)}} for e in program.elements]
    return commands
