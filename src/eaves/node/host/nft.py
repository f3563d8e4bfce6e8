"""nftables: transactions in, one table's contents out.  A transaction applies whole or not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eaves.node.host.process import run


@dataclass(frozen=True, slots=True)
class SeenRule:
    comment: str
    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class SeenTable:
    """Elements are (key parts as text) -> name of the chain they lead to, or empty."""

    chains: Mapping[str, tuple[SeenRule, ...]]
    elements: Mapping[str, Mapping[tuple[str, ...], str]]


async def apply(commands: Sequence[Mapping[str, Any]]) -> None:
    if commands:
        await run(["nft", "-j", "-f", "-"], stdin=json.dumps({"nftables": list(commands)}).encode())


async def list_table(family: str, table: str) -> SeenTable | None:
    """None when there is no such table."""
    done = await run(["nft", "-j", "-n", "list", "tables", family])
    if (family, table) not in {
        (t["table"]["family"], t["table"]["name"])
        for t in json.loads(done.out)["nftables"]
        if "table" in t
    }:
        return None
    done = await run(["nft", "-j", "list", "table", family, table], check=False)
    if done.code:
        return None  # deleted between the two calls
    return parse_table(done.out)


def parse_table(text: str) -> SeenTable:
    chains: dict[str, list[SeenRule]] = {}
    elements: dict[str, dict[tuple[str, ...], str]] = {}
    for entry in json.loads(text)["nftables"]:
        if chain := entry.get("chain"):
            chains.setdefault(chain["name"], [])
        elif rule := entry.get("rule"):
            counter: dict[str, int] = next(
                (e["counter"] for e in rule["expr"] if "counter" in e), {}
            )
            chains.setdefault(rule["chain"], []).append(
                SeenRule(
                    rule.get("comment", ""), counter.get("packets", 0), counter.get("bytes", 0)
                )
            )
        elif container := entry.get("map") or entry.get("set"):
            elements[container["name"]] = dict(_element(e) for e in container.get("elem", ()))
    return SeenTable({name: tuple(rules) for name, rules in chains.items()}, elements)


def _element(element: Any) -> tuple[tuple[str, ...], str]:
    target = ""
    if isinstance(element, list):
        element, verdict = element
        body = next(iter(verdict.values()), None) if isinstance(verdict, dict) else None
        target = body["target"] if isinstance(body, dict) else ""
    if isinstance(element, dict) and "elem" in element:
        element = element["elem"]["val"]
    if isinstance(element, dict) and "concat" in element:
        return tuple(str(part) for part in element["concat"]), target
    return (str(element),), target
