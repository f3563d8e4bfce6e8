"""What a database answers when it cannot do a transaction now: done again here, or 503.

Two processes that write the same rows may be in each other's way so that the database ends one of
the transactions, or one sees that what it read was changed by the other.  Nothing of it is stored
then, so the whole request is done again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from eaves.controller.store.objects import Overtaken

T = TypeVar("T")

ATTEMPTS: Final = 5
FIRST_REST_S: Final = 0.02
CONFLICTS: Final = frozenset({"40001", "40P01"})  # serialization failure, deadlock
READ_ONLY: Final = "25006"  # a server that became a standby


def in_conflict(error: SQLAlchemyError) -> bool:
    """The transaction was undone because of another one; it may be done again."""
    return _sqlstate(error) in CONFLICTS


def unavailable(error: SQLAlchemyError) -> bool:
    """The database cannot be reached or written to for the moment."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    waits = isinstance(error, OperationalError | InterfaceError | NoFreeConnection)
    return waits or in_conflict(error) or _sqlstate(error) == READ_ONLY


def _sqlstate(error: SQLAlchemyError) -> str:
    return str(getattr(getattr(error, "orig", None), "sqlstate", "") or "")


async def done_again_in_conflict(work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`, whole transactions, again while others are in its way; then raise what it does."""
    for attempt in range(ATTEMPTS - 1):
        try:
            return await work()
        except (DBAPIError, Overtaken) as error:
            if isinstance(error, DBAPIError) and not in_conflict(error):
                raise
            await asyncio.sleep(FIRST_REST_S * (1 << attempt))
    return await work()
