"""Leases: which process runs a job that must run once.

A lease is a row that somebody holds until a moment of the database's clock, so the clocks of the
processes do not count.  Its generation grows with every new holder: it tells a late one from the
one in force.  A holder that writes what a late one must not write calls `confirm_lease` in the same
transaction: nobody else gets the lease before that transaction ends.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, or_, select, update

from eaves.controller.store.dialect import database_now, insert_missing, micros_in, micros_of
from eaves.controller.store.tables_shared import leases
from eaves.controller.store.unit import Db
from eaves.errors import Transient

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class LeaseLost(Transient):
    """Another process may run this job by now; whoever finds out stops at once."""


@dataclass(frozen=True, slots=True)
class Lease:
    name: str
    holder: str
    generation: int


async def free_leases(db: Db, names: Collection[str]) -> frozenset[str]:
    """Which of these nobody holds now, whoever takes them first."""
    c = leases.c
    held = await db.execute(select(c.name).where(micros_in(c.expires_at) > database_now(db)))
    return frozenset(names) - frozenset(held.scalars())


async def take_lease(db: Db, name: str, holder: str, ttl: timedelta) -> Lease | None:
    """Take a lease that nobody holds; None while somebody does."""
    c, now = leases.c, database_now(db)
    free = micros_in(c.expires_at) <= now
    row = (await db.execute(select(free).where(c.name == name))).one_or_none()
    if row is None:
        made = {"name": name, "holder": "", "generation": 0, "expires_at": _EPOCH}
        await insert_missing(db, leases, [made])
    elif not row[0]:
        return None  # as nearly always
    # FOR UPDATE waits for no one: who confirms the lease in a transaction of its own keeps it
    found = await db.execute(
        select(c.generation).where(c.name == name, free).with_for_update(skip_locked=True)
    )
    before = found.scalar_one_or_none()
    if before is None:
        return None
    await db.execute(
        update(leases)
        .where(c.name == name)
        .values(holder=holder, generation=before + 1, expires_at=now + micros_of(ttl))
    )
    return Lease(name, holder, before + 1)


async def renew_leases(db: Db, held: Iterable[Lease], ttl: timedelta) -> frozenset[str]:
    """Hold these longer; the names of those that still were ours."""
    mine = tuple(held)
    if not mine:
        return frozenset()
    rows = await db.execute(
        update(leases)
        .where(or_(*(_is(lease) for lease in mine)))
        .values(expires_at=database_now(db) + micros_of(ttl))
        .returning(leases.c.name)
    )
    return frozenset(row.name for row in rows)


async def release_lease(db: Db, lease: Lease) -> None:
    """Let somebody else have it at once."""
    await db.execute(
        update(leases).where(_is(lease)).values(holder="", expires_at=database_now(db))
    )


async def confirm_lease(db: Db, lease: Lease) -> None:
    """Make sure of a lease until the end of this transaction; keep that short.

    Raises LeaseLost.
    """
    found = await db.execute(
        select(leases.c.generation)
        .where(_is(lease), micros_in(leases.c.expires_at) > database_now(db))
        .with_for_update(read=True, key_share=True)  # renewing goes on beside it, taking does not
    )
    if found.one_or_none() is None:
        raise LeaseLost(f"job {lease.name!r} belongs to another process by now; it goes on there")


def _is(lease: Lease) -> ColumnElement[bool]:
    c = leases.c
    return and_(c.name == lease.name, c.holder == lease.holder, c.generation == lease.generation)
