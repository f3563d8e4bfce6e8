"""The part of the nftables language that the node uses, as values.  Pure.

One rule renders to JSON for `nft -j` and to text for people and tests.
"""

import hashlib
import ipaddress
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
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
    "icmpv6 type": {"payload": {"protocol": "icmpv6", "field": "type"}},
    "ether saddr": {"payload": {"protocol": "ether", "field": "saddr"}},
    "arp saddr ip": {"payload": {"protocol": "arp", "field": "saddr ip"}},
    "ct state": {"ct": {"key": "state"}},
    "ct status": {"ct": {"key": "status"}},
    # 16 is SNAT, 32 is DNAT
    "ct status & 48": {"&": [{"ct": {"key": "status"}}, 48]},
    "ct original proto-dst": {"ct": {"key": "proto-dst", "dir": "original"}},
    "ct original ip daddr": {"ct": {"key": "ip daddr", "dir": "original"}},
    "ct direction": {"ct": {"key": "direction"}},
    "ct mark": {"ct": {"key": "mark"}},
    "ct zone": {"ct": {"key": "zone"}},
    "meta mark": {"meta": {"key": "mark"}},
    # of the frame within a VLAN tag, where `ether type` would be that of the tag
    "meta protocol": {"meta": {"key": "protocol"}},
    "ip6 saddr": {"payload": {"protocol": "ip6", "field": "saddr"}},
    "ip6 daddr": {"payload": {"protocol": "ip6", "field": "daddr"}},
    # 2 is SYN, 4 is RST: with the right side 2, only what begins a connection
    "tcp flags & 6": {"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, 6]},
}
_BITS = frozenset({"ct state", "ct status"})  # matched by any of the bits, not by equality


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
class Within:
    """Matches what does not exceed the rate."""

    rate: int
    unit: str
    burst: int = 0


@dataclass(frozen=True, slots=True)
class Counter:
    """`name` is that of an object of the table: it goes on counting when its rule is replaced."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Set:
    """Give the packet or its connection a value: `ct mark`, `ct zone` or `meta mark`."""

    field: str
    value: int


@dataclass(frozen=True, slots=True)
class Refresh:
    """The timeout of a set's element begins anew."""

    field: str
    set: str


@dataclass(frozen=True, slots=True)
class Log:
    """A copy of the packet's beginning to whoever listens to the group."""

    group: int
    prefix: str
    bytes: int


@dataclass(frozen=True, slots=True)
class ClampMss:
    """A TCP handshake offers no more than the path takes."""


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
    """snat, dnat, masquerade, or redirect (to the node itself, at `port`)."""

    word: str
    address: str = ""
    port: int = 0


Part = (
    Match | Over | Within | Counter | Set | Refresh | Log | ClampMss | Verdict | Lookup | Translate
)


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
    """A named set, or a verdict map.

    Elements that somebody else adds leave a set after `timeout_s`; 0: they stay.
    """

    name: str
    types: tuple[str, ...]
    verdicts: bool = False
    timeout_s: int = 0


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

    @property
    def counters(self) -> tuple[str, ...]:
        """Names of the counters that its rules count into, each once."""
        parts = (p for chain in self.chains for rule in chain.rules for p in rule.parts)
        names = (p.name for p in parts if isinstance(p, Counter) and p.name)
        return tuple(dict.fromkeys(names))

    def joined(self, other: "Program") -> "Program":
        """Both as one; they are of the same table."""
        return Program(
            self.family,
            self.table,
            self.chains + other.chains,
            self.containers + other.containers,
            self.elements + other.elements,
            self.owns_table or other.owns_table,
        )

    def digest(self) -> str:
        return hashlib.sha256(program_text(self).encode()).hexdigest()[:12]


# Text


def part_text(part: Part) -> str:
    match part:
        case Match(left, right, op):
            if isinstance(right, tuple):
                joined = ", ".join(str(r) for r in right)
                value = joined if left in _BITS else f"{{ {joined} }}"
            else:
                value = str(right)
            return f"{left} {value}" if op == "==" else f"{left} {op} {value}"
        case Over(rate, unit, burst) | Within(rate, unit, burst):
            over = "over " if isinstance(part, Over) else ""
            more = f" burst {burst} packets" if burst else ""
            return f"limit rate {over}{rate}/{unit}{more}"
        case Verdict(word, chain):
            return f"{word} {chain}".strip()
        case Lookup(key, name):
            return f"{key} vmap @{name}"
        case Translate(word, address, port):
            where = f" ip to {address}{f':{port}' if port else ''}" if address else ""
            return f"{word}{where or (f' to :{port}' if port else '')}"
        case _:
            return _statement_text(part)


def _statement_text(part: Counter | Set | Refresh | Log | ClampMss) -> str:
    match part:
        case Counter(name):
            return f'counter name "{name}"' if name else "counter"
        case Set(field, value):
            return f"{field} set {value:#x}" if field.endswith("mark") else f"{field} set {value}"
        case Refresh(field, name):
            return f"update @{name} {{ {field} }}"
        case Log(group, prefix, length):
            return f'log prefix "{prefix}" group {group} snaplen {length}'
        case ClampMss():
            return "tcp option maxseg size set rt mtu"


def rule_text(rule: Rule) -> str:
    return " ".join(part_text(p) for p in rule.parts)


def program_text(program: Program) -> str:
    """One line for each rule and element."""
    lines = [f"table {program.family} {program.table}"]
    for c in program.containers:
        kind = "map" if c.verdicts else "set"
        timeout = f" timeout {c.timeout_s}s" if c.timeout_s else ""
        lines.append(f"{kind} {c.name} {' . '.join(c.types)}{timeout}")
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


def _part_json(part: Part) -> Json:
    match part:
        case Match(left, right, op):
            if left in _BITS:
                words = list(right) if isinstance(right, tuple) else right
                return {"match": {"op": "in", "left": _field(left), "right": words}}
            value = (
                {"set": [_operand(r) for r in right]}
                if isinstance(right, tuple)
                else _operand(right)
            )
            return {"match": {"op": op, "left": _field(left), "right": value}}
        case Over(rate, unit, burst) | Within(rate, unit, burst):
            limit: Json = {"rate": rate, "per": unit}
            limit |= {"inv": True} if isinstance(part, Over) else {}
            return {"limit": limit | ({"burst": burst} if burst else {})}
        case Verdict(word, chain):
            return {word: {"target": chain} if chain else None}
        case Lookup(key, name):
            return {"vmap": {"key": _field(key), "data": f"@{name}"}}
        case Translate(word, address, port):
            to: Json = {"family": "ip", "addr": address} if address else {}
            return {word: (to | ({"port": port} if port else {})) or None}
        case _:
            return _statement_json(part)


def _statement_json(part: Counter | Set | Refresh | Log | ClampMss) -> Json:
    match part:
        case Counter(name):
            return {"counter": name or None}
        case Set(field, value):
            return {"mangle": {"key": _field(field), "value": value}}
        case Refresh(field, name):
            return {"set": {"op": "update", "elem": _field(field), "set": f"@{name}"}}
        case Log(group, prefix, length):
            return {"log": {"group": group, "prefix": prefix, "snaplen": length}}
        case ClampMss():
            option = {"tcp option": {"name": "maxseg", "field": "size"}}
            return {"mangle": {"key": option, "value": {"rt": {"key": "mtu"}}}}


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


def comments(program: Program) -> dict[str, list[str]]:
    """By chain, that of each rule: together they tell whether the chain is whole and current."""
    digest = program.digest()
    return {chain.name: _comments(digest, chain) for chain in program.chains}


def _comments(digest: str, chain: Chain) -> list[str]:
    count = len(chain.rules)
    return [f"{digest} {n}/{count} {rule.label}".strip() for n, rule in enumerate(chain.rules, 1)]


def load_commands(program: Program, counting: AbstractSet[str]) -> list[Json]:
    """Make chains, sets and counters if missing, replace the chains' rules, add the elements.

    `counting` names the counters that are there: they are left as they are and go on.
    """
    at: Json = {"family": program.family, "table": program.table}
    commands: list[Json] = []
    if program.owns_table:
        commands.append({"add": {"table": {"family": program.family, "name": program.table}}})
    commands += [_container_command(at, c) for c in program.containers if not c.timeout_s]
    for chain in program.chains:
        spec: Json = at | {"name": chain.name}
        if chain.hook:
            spec |= {"type": chain.hook.type, "hook": chain.hook.hook, "policy": "accept"}
            spec |= {"prio": chain.hook.priority}
        commands.append({"add": {"chain": spec}})
        commands.append({"flush": {"chain": at | {"name": chain.name}}})
    missing = [name for name in program.counters if name not in counting]
    commands += [{"add": {"counter": at | {"name": name}}} for name in missing]
    told = comments(program)
    for chain in program.chains:
        for rule, comment in zip(chain.rules, told[chain.name], strict=True):
            expr = [_part_json(p) for p in rule.parts]
            body = at | {"chain": chain.name, "comment": comment, "expr": expr}
            commands.append({"add": {"rule": body}})
    commands += [{"add": {"element": element_json(program, e)}} for e in program.elements]
    return commands


def _container_command(at: Json, c: Container) -> Json:
    body: Json = at | {"name": c.name, "type": c.types[0] if len(c.types) == 1 else list(c.types)}
    return {"add": {"map": body | {"map": "verdict"}} if c.verdicts else {"set": body}}


def dynamic_sets(program: Program) -> str:
    """Sets that rules refresh, to be made before `load_commands`; empty for none.

    In text: nft up to 1.0.8 does not know the flag in JSON, and refuses the rules without it.
    """
    return "".join(
        f"add set {program.family} {program.table} {c.name} {{ type {' . '.join(c.types)};"
        f" flags dynamic,timeout; timeout {c.timeout_s}s; }}\n"
        for c in program.containers
        if c.timeout_s
    )
