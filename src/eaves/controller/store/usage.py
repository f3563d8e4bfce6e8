"""How much of each kind of telemetry there is, as REST tells it.

Logs and flows tell what they take by themselves (`log_bounds.read_usage`); of the others a store
knows how large it is in all, and a few figures that an index holds.
"""

from dataclasses import dataclass
from typing import Any, Final, cast

from sqlalchemy import func, select, text

from eaves.controller.domain.scope import Scope
from eaves.controller.store.reports import is_gone
from eaves.controller.store.series_store import FIVE_MINUTES, HOUR
from eaves.controller.store.tables import events
from eaves.controller.store.tables_telemetry import info_latest, metrics_latest
from eaves.controller.store.unit import TELEMETRY_FILES, Db

_TABLES: Final = {
    "database": ("events", "audit", "objects", "rendered_configs"),
    "state": ("info_latest", "device_events", "health_reports"),
    "metrics": (
        *("metrics_latest", "metric_layouts", "metric_samples"),
        *("metric_rollups", "metric_due"),
    ),
    "logs": ("log_chunks", "flow_chunks", "telemetry_uploads"),
}


@dataclass(frozen=True, slots=True)
class Store:
    """A file of SQLite, or the tables of PostgreSQL that stand for it; of all enterprises."""

    name: str
    bytes: int
    free_bytes: int  # a part of it that the next rows take


@dataclass(frozen=True, slots=True)
class Metrics:
    """Roll-ups begin at `oldest_*`, microseconds since 1970; None: there are none."""

    devices: int
    oldest_five_minutes: int | None
    oldest_hour: int | None


@dataclass(frozen=True, slots=True)
class Events:
    records: int
    oldest: Any  # datetime | None: aware, in UTC


async def read_stores(db: Db) -> tuple[Store, ...]:
    """In the order of `_TABLES`."""
    if db.dialect.name == "sqlite":
        return tuple([await _file(db, name) for name in _TABLES])
    return tuple([await _tables(db, name) for name in _TABLES])


async def _file(db: Db, name: str) -> Store:
    schema = f"telemetry_{name}" if name in TELEMETRY_FILES else "main"

    async def pragma(word: str) -> int:
        return int((await db.exec_driver_sql(f"PRAGMA {schema}.{word}")).scalar_one())

    size = await pragma("page_size")
    return Store(name, await pragma("page_count") * size, await pragma("freelist_count") * size)


async def _tables(db: Db, name: str) -> Store:
    """Partitions included."""
    names = ", ".join(f"'{table}'" for table in _TABLES[name])
    found = await db.execute(
        text(
            f"WITH named AS (SELECT to_regclass(name)::oid AS id FROM unnest(ARRAY[{names}]) name) "  # noqa: S608 - constants
            "SELECT coalesce(sum(pg_total_relation_size(id)), 0) FROM ("
            "SELECT id FROM named UNION ALL "
            "SELECT inhrelid FROM pg_inherits WHERE inhparent IN (SELECT id FROM named)) every"
        )
    )
    return Store(name, int(found.scalar_one()), 0)


async def count_info(db: Db, scope: Scope) -> int:
    """Objects whose last state is known: devices and what runs on them, not what is gone."""
    c = info_latest.c
    there = select(func.count()).where(c.enterprise_id == scope.enterprise, ~is_gone)
    return await _count(db, there)


async def read_metrics(db: Db, scope: Scope) -> Metrics:
    """Roll-ups: of all enterprises."""
    c = metrics_latest.c
    devices = await _count(db, select(func.count()).where(c.enterprise_id == scope.enterprise))
    return Metrics(devices, await _oldest(db, FIVE_MINUTES), await _oldest(db, HOUR))


async def _oldest(db: Db, level: int) -> int | None:
    found = await db.execute(
        text("SELECT MIN(start) FROM metric_rollups WHERE level = :level"), {"level": level}
    )
    return cast("int | None", found.scalar_one())


async def read_events(db: Db, scope: Scope) -> Events:
    c = events.c
    mine = c.enterprise_id == scope.enterprise
    oldest = await db.execute(select(c.at).where(mine).order_by(c.row).limit(1))
    return Events(await _count(db, select(func.count()).where(mine)), oldest.scalar_one_or_none())


async def _count(db: Db, query: Any) -> int:
    return int((await db.execute(query)).scalar_one())
