"""Commits into a database by a thread of its own, with a synchronous connection.

The event loop only queues and is called back: no statement of the ingest path runs on it, and the
sync of a commit is waited for beside it.  One thread for each file or database is also what makes
SQLite quick: nobody waits for its write lock.
"""

import asyncio
import concurrent.futures
from collections.abc import Callable, Sequence
from typing import Final, Generic, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from eaves.controller.store.sync import writing
from eaves.controller.telemetry.pipeline import Unavailable

# serialization failure, deadlock: a transaction of another process was first; alone it succeeds
_LOST_TURNS: Final = frozenset({"40001", "40P01"})

_TOO_LARGE: Final = "54"  # class of SQLSTATE: a key too long for its index and such

R = TypeVar("R")
T = TypeVar("T")
W = TypeVar("W")
R_contra = TypeVar("R_contra", contravariant=True)
T_co = TypeVar("T_co", covariant=True)


class Fold(Protocol[R_contra, T_co]):
    """What becomes of reports in a database; called in the writer thread only."""

    def fold(self, connection: Connection, batch: Sequence[R_contra], /) -> Sequence[T_co]:
        """Store a batch in the transaction of the caller; a result for each report.

        Folding the same batch twice changes nothing.
        """
        ...

    def forget(self) -> None:
        """Drop what is held in memory: the transaction that it came from was rolled back."""
        ...


class EmbeddedCommitter(Generic[R, T]):
    """See the module text."""

    def __init__(self, engine: Engine, fold: Fold[R, T], *, name: str) -> None:
        """Takes over `engine`: `close` disposes of it.  `name`: of the thread."""
        self._engine, self._fold = engine, fold
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix=name)

    async def commit(self, batch: Sequence[R], /) -> Sequence[T]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, batch)

    def submit(self, work: Callable[[Connection], W]) -> "concurrent.futures.Future[W]":
        """Run `work` between two batches, in a transaction of its own; from any thread.

        Keep it short (some ten milliseconds): reports wait meanwhile.
        """
        return self._thread.submit(self._work, work)

    async def work(self, work: Callable[[Connection], W]) -> W:
        """As `submit`, awaited on the loop of the caller."""
        return await asyncio.wrap_future(self.submit(work))

    def close(self) -> None:
        """Finish what was submitted, then end the thread and its connections."""
        self._thread.shutdown(wait=True)
        self._engine.dispose()

    def _commit(self, batch: Sequence[R]) -> Sequence[T]:
        try:
            with writing(self._engine) as connection:
                return self._fold.fold(connection, batch)
        except BaseException as error:
            self._fold.forget()
            if why := nobody_to_blame(error):
                raise Unavailable(f"{self._engine.url.render_as_string()}: {why}") from error
            raise

    def _work(self, work: Callable[[Connection], W]) -> W:
        try:
            with writing(self._engine) as connection:
                return work(connection)
        except BaseException:
            self._fold.forget()
            raise


def nobody_to_blame(error: BaseException) -> str:
    """Why another report would have failed as well: no space, no server, locked; else empty."""
    if isinstance(error, NoConnection):
        return str(error)
    if not isinstance(error, DBAPIError) or _sqlstate(error) in _LOST_TURNS or is_too_large(error):
        return ""
    if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
        return str(error.orig)
    return ""


def is_too_large(error: DBAPIError) -> bool:
    """Is the report itself more than the database takes?  Drivers call that operational too."""
    return _sqlstate(error).startswith(_TOO_LARGE)


def _sqlstate(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")  # SQLite has none
