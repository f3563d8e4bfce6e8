"""Log lines as they are read: the newest first, or from a moment on, a page at a time.

A page is found by walking the chunks of one device or app along their times.  Chunks may overlap,
so a line counts only once no chunk to come can hold an earlier one.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import RowMapping, text

from eaves.controller.domain.scope import Scope
from eaves.controller.store.unit import Db
from eaves.evapi.log_lines import LogLine
from eaves.ids import DeviceId

if TYPE_CHECKING:
    from eaves.controller.store.log_chunks import Wanted

_FILTERS_AT_ONCE: Final = 256  # chunks
_CHUNKS_AT_ONCE: Final = 16
_FOREVER: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: at the line of this time, the so manieth of them that was asked for."""

    time_ns: int
    lines: int


@dataclass(frozen=True, slots=True)
class Page:
    lines: tuple[LogLine, ...]
    next: Position | None  # None: there is nothing more


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Lines of a device the caller found within its scope; `app_id` empty: its own."""

    device_id: DeviceId
    app_id: str
    wanted: "Wanted"
    newest_first: bool
    after: Position | None = None
    limit: int = 1000


async def search_logs(db: Db, scope: Scope, query: LogQuery) -> Page:
    """One page.  In the order of time, or against it with `newest_first`."""
    page = _Page(query)
    async with aclosing(_hits(db, scope, query)) as hits:
        async for first_ns, last_ns, lines in hits:
            if page.complete(last_ns if query.newest_first else first_ns):
                break
            page.add(lines)
    return page.cut()


class _Page:
    """Lines found so far; `limit` and one more tell whether there is a next page."""

    def __init__(self, query: LogQuery) -> None:
        self._query = query
        self._skip = query.after.lines if query.after is not None else 0
        self._found: list[LogLine] = []
        self._needed = query.limit + 1 + self._skip

    def add(self, lines: Sequence[LogLine]) -> None:
        self._found += lines
        self._found.sort(reverse=self._query.newest_first)
        del self._found[self._needed :]

    def complete(self, border_ns: int) -> bool:
        """True when no line at or beyond `border_ns` can come into this page any more."""
        if len(self._found) < self._needed:
            return False
        last = self._found[-1].time_ns
        return last > border_ns if self._query.newest_first else last < border_ns

    def cut(self) -> Page:
        query = self._query
        lines = self._found[self._skip_at_border() :]
        shown = tuple(lines[: query.limit])
        if len(lines) <= query.limit or not shown:
            return Page(shown, None)
        last = shown[-1].time_ns
        same = sum(line.time_ns == last for line in shown)
        if query.after is not None and query.after.time_ns == last:
            same += query.after.lines
        return Page(shown, Position(last, same))

    def _skip_at_border(self) -> int:
        """How many of the lines at the time where the last page ended were on it."""
        if self._query.after is None:
            return 0
        border = self._query.after.time_ns
        there = sum(line.time_ns == border for line in self._found)
        return min(self._skip, there)


async def _hits(
    db: Db, scope: Scope, query: LogQuery
) -> AsyncGenerator[tuple[int, int, list[LogLine]]]:
    """Chunk after chunk along the order: its first and last time, and its lines asked for."""
    from eaves.controller.store.log_chunks import search_chunk  # noqa: PLC0415 - numpy, at need

    wanted = _bounded(query)

    def search(parts: Sequence[RowMapping]) -> list[list[LogLine]]:
        return [search_chunk(wanted, part["heads"], part["texts"]) for part in parts]

    async with aclosing(_candidates(db, scope, query, wanted)) as candidates:
        async for ids in candidates:
            found = await db.execute(
                text(_PARTS.format(", ".join(f":id{n}" for n in range(len(ids))))),
                {f"id{n}": one for n, one in enumerate(ids)} | _owner(scope, query),
            )
            by_id = {row["id"]: row for row in found.mappings()}
            parts = [by_id[one] for one in ids if one in by_id]
            for row, lines in zip(parts, await asyncio.to_thread(search, parts), strict=True):
                yield row["first_ns"], row["last_ns"], lines


_PARTS: Final = (
    "SELECT id, first_ns, last_ns, heads, texts FROM log_chunks "
    "WHERE enterprise_id = :enterprise AND device_id = :device AND app_id = :app AND id IN ({})"
)
_NEWEST_FIRST: Final = (
    "SELECT id, first_ns, last_ns, levels, grams FROM log_chunks "
    "WHERE enterprise_id = :enterprise AND device_id = :device AND app_id = :app "
    "AND last_ns >= :from_ns AND first_ns <= :until_ns "
    "AND (last_ns < :last OR (last_ns = :last AND id < :last_id)) "
    "ORDER BY last_ns DESC, id DESC LIMIT :most"
)
_OLDEST_FIRST: Final = (
    "SELECT id, first_ns, last_ns, levels, grams FROM log_chunks "
    "WHERE enterprise_id = :enterprise AND device_id = :device AND app_id = :app "
    "AND last_ns >= :from_ns AND first_ns <= :until_ns "
    "AND (first_ns > :last OR (first_ns = :last AND id > :last_id)) "
    "ORDER BY first_ns, id LIMIT :most"
)


async def _candidates(
    db: Db, scope: Scope, query: LogQuery, wanted: "Wanted"
) -> AsyncGenerator[list[int]]:
    """Chunks that may hold what is asked for, by id, some at a time."""
    down = query.newest_first
    last, last_id = (_FOREVER, _FOREVER) if down else (-_FOREVER, -1)
    most, at_once = 8, 1  # most pages are filled from the first chunks
    while True:
        found = await db.execute(
            text(_NEWEST_FIRST if down else _OLDEST_FIRST),
            {
                "from_ns": -_FOREVER if wanted.from_ns is None else wanted.from_ns,
                "until_ns": _FOREVER if wanted.until_ns is None else wanted.until_ns,
                "last": last,
                "last_id": last_id,
                "most": most,
            }
            | _owner(scope, query),
        )
        rows = found.mappings().all()
        candidates = [row["id"] for row in rows if wanted.may_be_in(row["levels"], row["grams"])]
        while candidates:
            yield candidates[:at_once]
            del candidates[:at_once]
            at_once = min(at_once * 2, _CHUNKS_AT_ONCE)
        if len(rows) < most:
            return
        most = min(most * 4, _FILTERS_AT_ONCE)
        last, last_id = rows[-1]["last_ns" if down else "first_ns"], rows[-1]["id"]


def _owner(scope: Scope, query: LogQuery) -> dict[str, str]:
    return {
        "enterprise": scope.enterprise,
        "device": query.device_id,
        "app": query.app_id,
    }


def _bounded(query: LogQuery) -> "Wanted":
    """From where the last page ended on."""
    wanted, after = query.wanted, query.after
    if after is None:
        return wanted
    if query.newest_first:
        until = after.time_ns if wanted.until_ns is None else min(wanted.until_ns, after.time_ns)
        return replace(wanted, until_ns=until)
    start = after.time_ns if wanted.from_ns is None else max(wanted.from_ns, after.time_ns)
    return replace(wanted, from_ns=start)
