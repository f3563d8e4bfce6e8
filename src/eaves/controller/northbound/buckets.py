"""Orders whose first field has few values, and how many objects there are of each.

A page then lies in one or two of these buckets: the ones before are passed by their numbers alone,
instead of computing a value for every object and sorting all of them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement

Counts = Mapping[str, Mapping[str, int]]
"""By the name of a field, how many of all objects have each value of its column."""


def both_ways(
    by_project: Mapping[str, Mapping[str, int]],
) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """How many there are of each value, and in each project, from the numbers of both."""
    values: Counter[str] = Counter()
    for counts in by_project.values():
        values.update(counts)
    return values, {project: sum(counts.values()) for project, counts in by_project.items()}


@dataclass(frozen=True, slots=True)
class Bucket:
    value: str
    inside: ColumnElement[bool]
    count: int


def buckets_of(
    counts: Mapping[str, int],
    condition: Callable[[Sequence[str]], ColumnElement[bool]],
    names: Mapping[str, str] | None = None,
) -> list[Bucket]:
    """One for each value, in the order of code points.

    `names`: what the values are sorted by, where that is not themselves; "" for one without.
    """
    together: defaultdict[str, list[str]] = defaultdict(list)
    sizes: Counter[str] = Counter()
    for value, count in counts.items():
        if count:
            shown = value if names is None else names.get(value, "")
            together[shown].append(value)
            sizes[shown] += count
    return [Bucket(shown, condition(together[shown]), sizes[shown]) for shown in sorted(together)]


def from_offset(buckets: Sequence[Bucket], sign: int, offset: int) -> Iterator[tuple[Bucket, int]]:
    """The buckets from that object on, each with how many of its own stand before."""
    for bucket in buckets[::sign]:
        if offset < bucket.count:
            yield bucket, offset
        offset = max(offset - bucket.count, 0)


def from_value(
    buckets: Sequence[Bucket],
    sign: int,
    value: str,
) -> Iterator[tuple[Bucket, int]]:
    """The buckets from that value on, its own included."""
    for bucket in buckets[::sign]:
        if bucket.value >= value if sign > 0 else bucket.value <= value:
            yield bucket, 0
