"""Devices to be rendered outside of a request: a wish is kept until a render has served it.

The process that notes a wish serves it at once; when it dies first, another one finds the row.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, delete, select

from eaves.controller.store.dialect import (
    database_now,
    is_one_of,
    micros_in,
    micros_of,
    upsert,
    upsert_many,
)
from eaves.controller.store.many import run_many
from eaves.controller.store.tables_shared import render_wanted
from eaves.controller.store.unit import Db
from eaves.ids import DeviceId


async def want_render(db: Db, device_id: DeviceId, request: str, now: datetime) -> None:
    """`request` says what is new: a render that began before must not serve it."""
    await upsert(db, render_wanted, {"device_id": device_id, "wanted_at": now, "request": request})


async def want_renders(db: Db, requests: Mapping[DeviceId, str], now: datetime) -> None:
    """As `want_render`, for many."""
    rows = [
        {"device_id": device_id, "wanted_at": now, "request": request}
        for device_id, request in sorted(requests.items())
    ]
    await upsert_many(db, render_wanted, rows)


async def render_requests(db: Db, device_ids: Sequence[DeviceId]) -> Mapping[DeviceId, str]:
    """The wishes for these devices; read them before what is rendered."""
    c = render_wanted.c
    query = select(c.device_id, c.request).where(is_one_of(db, c.device_id, device_ids))
    return {DeviceId(row.device_id): row.request for row in await db.execute(query)}


async def renders_served(db: Db, requests: Mapping[DeviceId, str]) -> None:
    """Forget wishes, where there is no newer one; in the transaction that stores the renders."""
    if requests:
        rows = [{"of": device_id, "asked": asked} for device_id, asked in sorted(requests.items())]
        await run_many(db, _SERVED, rows)


_wanted: Final = render_wanted.c
_SERVED: Final = delete(render_wanted).where(
    _wanted.device_id == bindparam("of"), _wanted.request == bindparam("asked")
)


async def renders_left_over(db: Db, older_than: timedelta, limit: int) -> tuple[DeviceId, ...]:
    """Wishes that nobody has served in that time, oldest first."""
    c = render_wanted.c
    query = (
        select(c.device_id)
        .where(micros_in(c.wanted_at) < database_now(db) - micros_of(older_than))
        .order_by(c.wanted_at)
        .limit(limit)
    )
    return tuple(DeviceId(row.device_id) for row in await db.execute(query))
