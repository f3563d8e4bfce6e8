"""Statistics of tables that PostgreSQL knows nothing of yet.

Without them it reads all of a table for a few rows of it.  It gathers them by itself, but up to a
minute after many rows came at once, as by a restore; a fleet that begins right then would pay.
"""

from time import monotonic
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

log = structlog.get_logger()

BUDGET_S: Final = 20.0  # a start waits no longer; what is left PostgreSQL gathers by itself
_LARGE: Final = 64 * 1024  # bytes; to read all of a smaller one costs nothing
# it says -1 of a table until it has looked at it; partitions come and go, and are many
_UNKNOWN: Final = text(
    "SELECT oid, quote_ident(relname) AS name FROM pg_class "
    "WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) "
    "AND relkind = 'r' AND NOT relispartition "
    "AND reltuples < 0 AND pg_relation_size(oid) > :large ORDER BY relname"
)
_IS_UNKNOWN: Final = text("SELECT reltuples < 0 FROM pg_class WHERE oid = :oid")
_LIMIT: Final = text("SELECT set_config('statement_timeout', :limit, true)")


async def gather_missing(engine: AsyncEngine, budget_s: float = BUDGET_S) -> tuple[str, ...]:
    """Which tables were looked at; none on SQLite.  What fails is left, and logged."""
    if engine.dialect.name != "postgresql":
        return ()
    until = monotonic() + budget_s
    try:
        async with engine.begin() as db:
            unknown = (await db.execute(_UNKNOWN, {"large": _LARGE})).all()
    except SQLAlchemyError as error:
        log.warning("statistics_not_gathered", why=str(error))
        return ()
    gathered: list[str] = []
    for oid, name in unknown:
        left = until - monotonic()
        if left <= 0:
            log.info("statistics_left", table=name, why=f"{budget_s:g} s are over")
            break
        try:
            if await _gather(engine, oid, name, left):
                gathered.append(name)
        except SQLAlchemyError as error:  # as where the table is dropped meanwhile
            log.warning("statistics_not_gathered", table=name, why=str(error))
    return tuple(gathered)


async def _gather(engine: AsyncEngine, oid: int, name: str, limit_s: float) -> bool:
    """In a transaction of its own, so that it is kept; False: another process does it."""
    async with engine.begin() as db:
        await db.execute(_LIMIT, {"limit": f"{max(1, int(limit_s * 1000))}ms"})
        if not (await db.execute(_IS_UNKNOWN, {"oid": oid})).scalar_one_or_none():
            return False
        await db.execute(text(f"ANALYZE (SKIP_LOCKED) {name}"))
        return (await db.execute(_IS_UNKNOWN, {"oid": oid})).scalar_one_or_none() is False
