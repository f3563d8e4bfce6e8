"""Passes over an index that go from value to value instead of from entry to entry.

SQLite groups a hundred thousand entries by computing their values for each; to look up the next
value that there is, and to count a range between two of them, costs a fifth of it.  PostgreSQL
groups fast by itself, and counts ranges slowly in a table that changes all the time.
"""

from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, Table, func, select

Given = ColumnElement[Any]


def distinct_pairs(table: Table, enterprise: str, first: str, second: str) -> CTE:
    """Rows (`first`, `second`) of an enterprise, along an index that leads with these.

    Each value of `first` comes with NULL too, whether there is such a row or not.
    """
    one, other, ours = table.c[first], table.c[second], table.c.enterprise_id == enterprise
    firsts = select(func.min(one).label("value")).where(ours).cte(recursive=True)
    following = select(func.min(one)).where(ours, one > firsts.c.value)
    firsts = firsts.union_all(
        select(following.scalar_subquery()).where(firsts.c.value.is_not(None))
    )
    least = select(func.min(other)).where(ours, one == firsts.c.value)
    pairs = (
        select(firsts.c.value.label("first"), least.scalar_subquery().label("second"))
        .where(firsts.c.value.is_not(None))
        .cte(recursive=True)
    )
    following = select(func.min(other)).where(ours, one == pairs.c.first, other > pairs.c.second)
    return pairs.union_all(
        select(pairs.c.first, following.scalar_subquery()).where(pairs.c.second.is_not(None))
    )


def counts_of_pairs(
    table: Table,
    enterprise: str,
    first: str,
    second: str,
    *which: Given,
) -> tuple[CTE, Select[Any]]:
    """For each pair how many rows there are that meet each of these conditions.

    The CTE has `first` and `second`, for conditions that say which pairs are to be counted at all.
    """
    pairs = distinct_pairs(table, enterprise, first, second)
    of_pair = (
        table.c.enterprise_id == enterprise,
        table.c[first] == pairs.c.first,
        table.c[second].is_not_distinct_from(pairs.c.second),
    )
    counts = [select(func.count()).where(*of_pair, meets).scalar_subquery() for meets in which]
    return pairs, select(pairs.c.first, pairs.c.second, *counts)
