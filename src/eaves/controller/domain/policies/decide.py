"""One node: what its policies want against what they own there."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from eaves.controller.domain.policies.entries import ORDER, Entry, Makes
from eaves.controller.domain.policies.selectors import Node, matches

LONGEST_NAME: Final = 256
SHORTEST_NAME: Final = 3
_STRANGE: Final = re.compile(r"[^a-zA-Z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Owned:
    """An object that a policy made.  `digest`: of the entry as it was then."""

    object_id: str
    source_id: str
    key: str
    makes: Makes
    digest: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Deletions run first, from the app down to the network; then the others, upwards."""

    delete: tuple[Owned, ...]
    update: tuple[tuple[Owned, Entry], ...]
    create: tuple[Entry, ...]

    def __bool__(self) -> bool:
        return bool(self.delete or self.update or self.create)


def decide(
    node: Node,
    entries: Iterable[Entry],
    owned: Iterable[Owned],
    outgrown: Collection[str] = (),
) -> Decision:
    """What is to change on a node; nothing when all is as the policies want it.

    `outgrown`: ids of objects that no update makes what their entry wants.
    """
    wanted = {entry.key: entry for entry in entries if matches(entry.selector, node)}
    delete: list[Owned] = []
    update: list[tuple[Owned, Entry]] = []
    kept: set[str] = set()
    for one in sorted(owned, key=lambda one: one.key):
        entry = wanted.get(one.key)
        if entry is None or one.object_id in outgrown or not _same(entry, one):
            delete.append(one)
            continue
        kept.add(one.key)
        if entry.digest != one.digest:
            update.append((one, entry))
    create = [entry for key, entry in wanted.items() if key not in kept]
    return Decision(
        tuple(sorted(delete, key=lambda one: (-ORDER[one.makes], one.key))),
        tuple(sorted(update, key=lambda pair: _place(pair[1]))),
        tuple(sorted(create, key=_place)),
    )


def _place(entry: Entry) -> tuple[int, str]:
    return ORDER[entry.makes], entry.key


def _same(entry: Entry, owned: Owned) -> bool:
    """Whether the object is the one that the entry means, as it was or as it became."""
    return entry.follows or _fixed(entry.digest) == _fixed(owned.digest)


def _fixed(digest: str) -> str:
    return digest.partition(":")[0]


def names_of(node: Node, entries: Iterable[Entry]) -> Mapping[str, str]:
    """The name that the object of each entry gets on this node, by key.

    Where two would have the same name the later one by its key gets an addition, made of the key:
    the order in which policies were written does not matter.
    """
    groups: defaultdict[tuple[Makes, str], list[str]] = defaultdict(list)
    for entry in entries:
        if matches(entry.selector, node):
            groups[entry.makes, name_of(node, entry.naming.parts)].append(entry.key)
    found: dict[str, str] = {}
    for (_, name), keys in groups.items():
        for place, key in enumerate(sorted(keys)):
            found[key] = name if place == 0 else _with(name, _mark(key))
    return found


def name_of(node: Node, parts: Sequence[str]) -> str:
    whole = "-".join([_plain(part) for part in (*parts, node.name) if part])
    if len(whole) > LONGEST_NAME:
        return _with(whole, _mark(whole))
    return whole.lstrip("-._").ljust(SHORTEST_NAME, "0")


@lru_cache(maxsize=4096)  # the parts that a policy gives stand in the names on all nodes
def _plain(part: str) -> str:
    return _STRANGE.sub("-", part).strip("-.")


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _with(name: str, mark: str) -> str:
    return f"{name[: LONGEST_NAME - len(mark) - 1]}-{mark}"
