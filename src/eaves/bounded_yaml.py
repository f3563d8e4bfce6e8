"""YAML by a stranger: what its aliases and merges unfold to is counted before anything unfolds.

Nine lines of ten aliases each stand for a thousand million values, so the size of a text bounds
nothing.
"""

from typing import Final

import yaml

MOST_NODES: Final = 100_000


class TooMuch(ValueError):
    """The document stands for more than anybody writes by hand."""


def load_bounded(text: str, most: int = MOST_NODES) -> object:
    """As `yaml.safe_load`.  Raises yaml.YAMLError, RecursionError, ValueError; TooMuch is one."""
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _unfolded(node, most, {}) > most:
            raise TooMuch(f"its aliases unfold to more than {most} values")
        document: object = loader.construct_document(node)  # pyright: ignore[reportUnknownMemberType] - untyped in the stubs
        return document
    finally:
        loader.dispose()


def _unfolded(node: yaml.Node, most: int, known: dict[int, int]) -> int:
    """How many nodes there are with each alias replaced by what it stands for.

    A node within itself never ends: it counts as more than `most`.
    """
    size = known.get(id(node))
    if size is not None:
        return size
    known[id(node)] = most + 1  # until it is known: an alias of what is around it comes here
    size = 1 + sum(_unfolded(inner, most, known) for inner in _inner(node))
    known[id(node)] = min(size, most + 1)
    return known[id(node)]


def _inner(node: yaml.Node) -> list[yaml.Node]:
    match node:
        case yaml.SequenceNode():
            return list(node.value)
        case yaml.MappingNode():
            return [part for pair in node.value for part in pair]
        case _:
            return []
