"""Works on the main database, many in one synced commit: a pipeline whose reports are functions."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeVar, cast

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.ext.asyncio import AsyncConnection

from eaves.controller.telemetry.embedded import nobody_to_blame
from eaves.controller.telemetry.pipeline import Pipeline, Unavailable

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]
Begin = Callable[[], AbstractAsyncContextManager[AsyncConnection]]
"""Opens a connection in a write transaction; commits at a clean exit, else rolls back."""


@dataclass(frozen=True, slots=True)
class _Transaction:
    begin: Begin

    async def commit(self, batch: Sequence[Work[object]], /) -> Sequence[object]:
        """Raises Unavailable, and what one of the works raised."""
        try:
            async with self.begin() as db:
                return [await work(db) for work in batch]
        except (DBAPIError, NoConnection) as error:
            if why := nobody_to_blame(error):
                raise Unavailable(f"the database of the controller: {why}") from error
            raise


class Writer(Pipeline[Work[object], object]):
    """See the module text.  Lives on one event loop."""

    def __init__(self, begin: Begin, *, queue: int, queue_bytes: int, batch: int) -> None:
        super().__init__(_Transaction(begin), queue=queue, queue_bytes=queue_bytes, batch=batch)

    async def write(self, work: Work[T], size_bytes: int = 0) -> T:
        """Run `work` in the next transaction; its result once that is committed.

        Raises Busy, Stopped, Unavailable, or what `work` raised (nothing of it is stored then).
        """
        return cast("T", await self.accept(work, size_bytes))
