"""Statistics of tables that PostgreSQL knows nothing of yet.

Without them it reads all of a table for a few rows of it.  It gathers them by itself, but up to a
minute after many rows came at once, as by a restore; a fleet that begins right then would pay.
"""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

_LARGE: Final = 64 * 1024  # bytes; to read all of a smaller one costs nothing
# it says -1 of a table until it has looked at it
_UNKNOWN: Final = text(
    "SELECT quote_ident(relname) FROM pg_class "
    "WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) "
    "AND relkind = 'r' AND reltuples < 0 AND pg_relation_size(oid) > :large ORDER BY relname"
)


async def gather_missing(engine: AsyncEngine) -> tuple[str, ...]:
    """Which tables were looked at; none on SQLite."""
    if engine.dialect.name != "postgresql":
        return ()
    async with engine.begin() as db:
        names = tuple((await db.execute(_UNKNOWN, {"large": _LARGE})).scalars())
        for name in names:
            await db.execute(text(f"ANALYZE {name}"))
    return names
