"""nftables: transactions in, one table's contents out.  A transaction applies whole or not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from eaves.node.host.process import run

PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp"}


@dataclass(frozen=True, slots=True)
class SeenRule:
    comment: str
    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class SeenTable:
    """Elements are (key parts as text) -> name of the chain they lead to, or empty.

    Counters are (packets, bytes) by name.
    """

    chains: Mapping[str, tuple[SeenRule, ...]]
    elements: Mapping[str, Mapping[tuple[str, ...], str]]
    counters: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])


async def apply(commands: Sequence[Mapping[str, Any]]) -> None:
    if commands:
        await run(["nft", "-j", "-f", "-"], stdin=json.dumps({"nftables": list(commands)}).encode())


async def apply_text(text: str) -> None:
    """As `apply`, for what nft takes in its own language only."""
    if text:
        await run(["nft", "-f", "-"], stdin=text.encode())


async def list_table(family: str, table: str) -> SeenTable | None:
    """None when there is no such table."""
    done = await run(["nft", "-j", "list", "table", family, table], check=False)
    if not done.code:
        return parse_table(done.out)
    tables = await run(["nft", "-j", "-n", "list", "tables", family])
    if (family, table) not in {
        (t["table"]["family"], t["table"]["name"])
        for t in json.loads(tables.out)["nftables"]
        if "table" in t
    }:
        return None
    done = await run(["nft", "-j", "list", "table", family, table])  # made or changed meanwhile
    return parse_table(done.out)


def parse_table(text: str) -> SeenTable:
    chains: dict[str, list[SeenRule]] = {}
    elements: dict[str, dict[tuple[str, ...], str]] = {}
    document: Any = msgspec.json.decode(text)  # hundreds of kilobytes, in the loop of the node
    counters: dict[str, tuple[int, int]] = {
        counter["name"]: (counter["packets"], counter["bytes"])
        for entry in document["nftables"]
        if (counter := entry.get("counter"))
    }
    for entry in document["nftables"]:
        if chain := entry.get("chain"):
            chains.setdefault(chain["name"], [])
        elif rule := entry.get("rule"):
            chains.setdefault(rule["chain"], []).append(_rule(rule, counters))
        elif container := entry.get("map") or entry.get("set"):
            elements[container["name"]] = _elements(container)
    return SeenTable({name: tuple(rules) for name, rules in chains.items()}, elements, counters)


def _rule(rule: Any, counters: Mapping[str, tuple[int, int]]) -> SeenRule:
    comment = rule.get("comment", "")
    for expression in rule["expr"]:
        if "counter" in expression:
            counter = expression["counter"]
            if _has_type(counter, str):
                return SeenRule(comment, *counters.get(counter, (0, 0)))
            return SeenRule(comment, counter["packets"], counter["bytes"])
    return SeenRule(comment, 0, 0)


def _elements(container: Any) -> dict[tuple[str, ...], str]:
    """Protocols by name, also on a machine whose nft knows none, for want of /etc/protocols."""
    told = container.get("type", "")
    types: list[Any] = told if _has_type(told, list) else [told]
    found: dict[tuple[str, ...], str] = {}
    for element in container.get("elem", ()):
        key, target = _element(element)
        if len(key) == len(types):
            key = tuple(map(_named, types, key))
        found[key] = target
    return found


def _named(kind: object, part: str) -> str:
    return PROTOCOLS.get(part, part) if kind == "inet_proto" else part


def _element(element: Any) -> tuple[tuple[str, ...], str]:
    """A key, or [key, verdict]; a key is a value, a concatenation, or either with attributes."""
    if not _has_type(element, list):
        return _key(element), ""
    key, verdict = element
    for body in verdict.values():
        if body:
            return _key(key), str(body["target"])
    return _key(key), ""


def _key(key: Any) -> tuple[str, ...]:
    if not _has_type(key, dict):
        return (str(key),)
    if "elem" in key:
        return _key(key["elem"]["val"])
    return tuple(str(part) for part in key["concat"])


def _has_type(value: object, kind: type) -> bool:
    """Tells without narrowing: the insides stay what the parser gave, unknown."""
    return isinstance(value, kind)
