"""Which nodes a policy means: terms that all must hold, each of which can say why it does not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Node:
    """The facts of a device that terms read."""

    id: str
    name: str
    project_id: str
    deployment_tag: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class InProject:
    project_id: str
    name: str = ""

    def holds(self, node: Node) -> bool:
        return node.project_id == self.project_id

    @property
    def text(self) -> str:
        return f"project is {self.name or self.project_id!r}"

    def seen(self, node: Node) -> str:
        return f"its project is {node.project_id!r}"


@dataclass(frozen=True, slots=True)
class Deployed:
    """The deployment tag of the node picks the deployment; none picks the one without."""

    tag: str

    def holds(self, node: Node) -> bool:
        return node.deployment_tag == self.tag

    @property
    def text(self) -> str:
        return f"deploymentTag is {self.tag!r}"

    def seen(self, node: Node) -> str:
        return f"its deploymentTag is {node.deployment_tag!r}"


@dataclass(frozen=True, slots=True)
class Tagged:
    key: str
    value: str

    def holds(self, node: Node) -> bool:
        return node.tags.get(self.key) == self.value

    @property
    def text(self) -> str:
        return f"tag {self.key}={self.value}"

    def seen(self, node: Node) -> str:
        if self.key not in node.tags:
            return f"it has no tag {self.key!r}"
        return f"its tag is {self.key}={node.tags[self.key]}"


@dataclass(frozen=True, slots=True)
class Member:
    """In an asset group: named by its id, or with all pairs of one of the groups of tags."""

    group: str
    ids: frozenset[str] = frozenset()
    any_of: tuple[tuple[Tagged, ...], ...] = ()

    def holds(self, node: Node) -> bool:
        if node.id in self.ids:
            return True
        return any(all(term.holds(node) for term in terms) for terms in self.any_of)

    @property
    def text(self) -> str:
        tags = " or ".join(
            " and ".join(f"{term.key}={term.value}" for term in terms) for terms in self.any_of
        )
        named = f"{len(self.ids)} nodes by id" if self.ids else ""
        both = ", or ".join(part for part in (named, f"tags {tags}" if tags else "") if part)
        return f"member of asset group {self.group!r} ({both or 'which is empty'})"

    def seen(self, node: Node) -> str:
        tags = ", ".join(f"{key}={value}" for key, value in sorted(node.tags.items()))
        return f"it is not named there and its tags are {tags or 'none'}"


Term = InProject | Deployed | Tagged | Member
Selector = tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """One node against a selector; `fails` is empty where it matches."""

    node: Node
    fails: tuple[Term, ...]

    @property
    def matches(self) -> bool:
        return not self.fails

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(f"{term.text}: {term.seen(self.node)}" for term in self.fails)


def matches(selector: Selector, node: Node) -> bool:
    return all(term.holds(node) for term in selector)


def explain(selector: Selector, nodes: Iterable[Node]) -> tuple[Explained, ...]:
    return tuple(
        Explained(node, tuple(term for term in selector if not term.holds(node))) for node in nodes
    )


def pairs(condition: Mapping[str, str]) -> tuple[Tagged, ...]:
    return tuple(Tagged(key, value) for key, value in sorted(condition.items()))


def member_of(group: str, ids: Iterable[str], any_of: Sequence[Mapping[str, str]]) -> Member:
    """A group of tags without a pair means nobody: an empty one would mean everybody."""
    return Member(
        group,
        frozenset(one for one in ids if one),
        tuple(pairs(condition) for condition in any_of if condition),
    )
