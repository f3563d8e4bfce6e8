"""Order over items: who needs whom."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from eaves.errors import Rejected
from eaves.reconcile.item import Graph, Item, ItemRef


class DuplicateItem(Rejected):
    def __init__(self, ref: ItemRef) -> None:
        super().__init__(f"{ref} is intended twice with different attributes; names must be unique")
        self.ref = ref


def graph_of(*groups: Iterable[Item]) -> dict[ItemRef, Item]:
    """Collect items by reference; the same item twice is one, two different ones are refused."""
    graph: dict[ItemRef, Item] = {}
    for group in groups:
        for item in group:
            if graph.setdefault(item.ref, item) != item:
                raise DuplicateItem(item.ref)
    return graph


def dependants(graph: Graph) -> dict[ItemRef, set[ItemRef]]:
    """Who needs this item directly, for every item that somebody needs."""
    users: dict[ItemRef, set[ItemRef]] = defaultdict(set)
    for ref, item in graph.items():
        for need in item.needs():
            users[need].add(ref)
    return dict(users)


def closure_of_dependants(graph: Graph, roots: Iterable[ItemRef]) -> set[ItemRef]:
    """`roots` and everything that needs one of them, directly or not."""
    users = dependants(graph)
    found: set[ItemRef] = set()
    stack = list(roots)
    while stack:
        ref = stack.pop()
        if ref not in found:
            found.add(ref)
            stack.extend(users.get(ref, ()))
    return found


def needs_first(graph: Graph) -> Iterator[ItemRef]:
    """Every reference after all that it needs; references of a cycle come last, in name order."""
    waiting = {ref: {n for n in item.needs() if n in graph} for ref, item in graph.items()}
    users: dict[ItemRef, list[ItemRef]] = defaultdict(list)
    for ref, needs in waiting.items():
        for need in needs:
            users[need].append(ref)
    ready = sorted(ref for ref, needs in waiting.items() if not needs)
    done: set[ItemRef] = set()
    while ready:
        ref = ready.pop(0)
        done.add(ref)
        yield ref
        freed: list[ItemRef] = []
        for user in users.get(ref, ()):
            waiting[user].discard(ref)
            if not waiting[user]:
                freed.append(user)
        ready.extend(sorted(freed))
    yield from sorted(set(graph) - done)
