"""The end of the table of events, read once for all streams of a process.

Nobody reads while nobody listens: whoever listens looks, at most every `EVERY_S` one of them.

On PostgreSQL a row gets its number when it is written and is seen when its transaction commits,
so a lower number may be seen after a higher one.  Hence the `place`: every row up to it was seen
`SETTLED_S` ago or earlier, and what is above it is looked at again each time, by numbers alone.
One writer after the other fills SQLite, where the place is the newest row.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.store import events as rows
from eaves.controller.store.events import Event
from eaves.controller.store.unit import snapshot

EVERY_S: Final = 0.5
SETTLED_S: Final = 15.0  # longer than a transaction that writes events takes
BEHIND: Final = 200  # rows below the newest that may not be visible yet, where a tail begins
STALE_S: Final = 5.0  # nobody looked for so long: begin anew
AT_ONCE: Final = 2000  # rows of one look; more, and everybody missed some
KEPT: Final = 2000  # events, for streams that are slow


class Arrived(NamedTuple):
    number: int
    event: Event


class Tail:
    """On one loop.  Numbers of arrival are of this process; places are of the table."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._settles_s = 0.0 if engine.dialect.name == "sqlite" else SETTLED_S
        self._lock = asyncio.Lock()
        self._looked_s: float | None = None
        self._arrived: deque[Arrived] = deque(maxlen=KEPT)
        self._next = 0
        self._place = 0
        self._unsettled: dict[int, float] = {}  # row -> when it was seen

    @property
    def place(self) -> int:
        """Everything up to this row was told to whoever is at `position`."""
        return self._place

    @property
    def position(self) -> int:
        """The number that the next event arrives with."""
        return self._next

    def since(self, position: int) -> Sequence[Event] | None:
        """What arrived from there on; None: some of it is not kept any more."""
        if position >= self._next:
            return ()
        if not self._arrived or self._arrived[0].number > position:
            return None
        return [one.event for one in self._arrived if one.number >= position]

    async def look(self) -> None:
        """Read what is new, unless somebody just did.  Raises what the database raises."""
        async with self._lock:
            now_s = asyncio.get_running_loop().time()
            since_s = None if self._looked_s is None else now_s - self._looked_s
            if since_s is not None and since_s < EVERY_S / 2:
                return
            if since_s is None or since_s > STALE_S:
                await self._begin(now_s)
            else:
                await self._read(now_s)
            self._looked_s = now_s

    async def _begin(self, now_s: float) -> None:
        """At the end of the table; streams that were here before missed what lies between."""
        async with snapshot(self._engine) as db:
            newest = await rows.newest_row(db)
            behind = 0 if self._settles_s == 0 else BEHIND
            self._place = max(newest - behind, 0)
            seen = await rows.rows_after(db, self._place, limit=behind + AT_ONCE)
        self._unsettled = dict.fromkeys(seen, now_s)
        self._skip()

    async def _read(self, now_s: float) -> None:
        async with snapshot(self._engine) as db:
            seen = await rows.rows_after(db, self._place, limit=AT_ONCE + len(self._unsettled))
            new = [row for row in seen if row not in self._unsettled]
            told = await rows.read_rows(db, new) if len(new) < AT_ONCE else None
        if told is None:
            await self._begin(now_s)
            return
        for event in told:
            self._arrived.append(Arrived(self._next, event))
            self._next += 1
        self._unsettled.update(dict.fromkeys(new, now_s))
        self._settle(now_s)

    def _settle(self, now_s: float) -> None:
        settled = [row for row, at_s in self._unsettled.items() if now_s - at_s >= self._settles_s]
        if settled:
            self._place = max(self._place, *settled)
            self._unsettled = {
                row: at_s for row, at_s in self._unsettled.items() if row > self._place
            }

    def _skip(self) -> None:
        """Leave a gap in the numbers, by which every stream sees that it missed something."""
        if self._next:
            self._arrived.clear()
            self._next += 1
