"""The configuration of each device as it is served: encoded once, when something changes."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Result, Select, and_, bindparam, select, update

from eaves.controller.domain.unrendered import not_rendered, without_failure
from eaves.controller.store.changes import DEVICES, note_change
from eaves.controller.store.dialect import insert_missing, is_one_of, upsert, upsert_many
from eaves.controller.store.many import run_many
from eaves.controller.store.owners import enterprise_of, enterprises_of
from eaves.controller.store.tables import rendered_configs, rendered_contents
from eaves.controller.store.unit import Db
from eaves.ids import ConfigHash, DeviceId

_CONTENT: Final = and_(
    rendered_contents.c.enterprise_id == rendered_configs.c.enterprise_id,
    rendered_contents.c.device_id == rendered_configs.c.device_id,
)
_NOTHING: Final = ("", "[]")  # that is missing
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class RenderedConfig:
    config_hash: ConfigHash
    config_timestamp: datetime
    config: bytes = field(repr=False)  # serialized EdgeDevConfig


@dataclass(frozen=True, slots=True)
class InForce:
    config_hash: ConfigHash
    config_timestamp: datetime
    missing: tuple[str, ...]  # what could not be rendered, as sentences
    generation: int = 0  # another one with every attempt to render


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of rendering one device."""

    device_id: DeviceId
    before: InForce | None  # as it was when the inputs were read
    rendered: RenderedConfig | None  # None: the configuration is as before
    missing: tuple[str, ...]


async def find_in_force(db: Db, device_id: DeviceId) -> InForce | None:
    """Hash and timestamp without the configuration itself."""
    return (await find_all_in_force(db, (device_id,))).get(device_id)


async def find_all_in_force(db: Db, device_ids: Collection[DeviceId]) -> Mapping[DeviceId, InForce]:
    """As `find_in_force` for at most some hundreds; those without a row are left out."""
    c = rendered_configs.c
    query = select(c.device_id, c.config_hash, c.config_timestamp, c.missing, c.generation)
    rows = await db.execute(query.where(is_one_of(db, c.device_id, device_ids)))
    return {
        DeviceId(device): InForce(
            ConfigHash(digest),
            at,
            () if missing in _NOTHING else tuple(json.loads(missing)),
            generation,
        )
        for device, digest, at, missing, generation in rows
    }


async def find_rendered(db: Db, device_id: DeviceId) -> RenderedConfig | None:
    query = (
        select(
            rendered_configs.c.config_hash,
            rendered_configs.c.config_timestamp,
            rendered_contents.c.config,
        )
        .join(rendered_contents, _CONTENT)
        .where(rendered_configs.c.device_id == device_id)
    )
    row = (await db.execute(query)).one_or_none()
    if row is None:
        return None
    return RenderedConfig(ConfigHash(row.config_hash), row.config_timestamp, row.config)


async def find_rendered_of(
    db: Db, device_ids: Sequence[DeviceId]
) -> dict[DeviceId, RenderedConfig]:
    """As `find_rendered`, for some devices at once; those without a configuration are left out."""
    return _by_device(await db.execute(_rendered_of(db, device_ids)))


def read_rendered_of(
    connection: Connection, device_ids: Sequence[DeviceId]
) -> dict[DeviceId, RenderedConfig]:
    """As `find_rendered_of`, in a thread."""
    return _by_device(connection.execute(_rendered_of(connection, device_ids)))


_Row = tuple[str, str, datetime, bytes]


def _rendered_of(db: Db | Connection, device_ids: Sequence[DeviceId]) -> Select[*_Row]:
    return (
        select(
            rendered_configs.c.device_id,
            rendered_configs.c.config_hash,
            rendered_configs.c.config_timestamp,
            rendered_contents.c.config,
        )
        .join(rendered_contents, _CONTENT)
        .where(is_one_of(db, rendered_configs.c.device_id, device_ids))
    )


def _by_device(rows: Result[*_Row]) -> dict[DeviceId, RenderedConfig]:
    return {
        DeviceId(device_id): RenderedConfig(ConfigHash(config_hash), at, config)
        for device_id, config_hash, at, config in rows
    }


def next_timestamp(before: datetime | None, now: datetime) -> datetime:
    """A moment after the last one, whatever the clock says.

    Devices ignore a configuration that is older than the one they have, and compare seconds.
    """
    whole = now.replace(microsecond=0)
    return whole if before is None or whole > before else before + _SECOND


async def put_rendered(
    db: Db, device_id: DeviceId, rendered: RenderedConfig, missing: tuple[str, ...] = ()
) -> None:
    owner = await enterprise_of(db, device_id)
    if owner is None:
        return  # deleted meanwhile
    key = {"enterprise_id": owner, "device_id": device_id}
    await upsert(
        db,
        rendered_configs,
        key
        | {
            "config_hash": rendered.config_hash,
            "config_timestamp": rendered.config_timestamp,
            "missing": json.dumps(missing),
            "generation": _next_generation(0, rendered.config_timestamp),
        },
    )
    await upsert(db, rendered_contents, key | {"config": rendered.config})
    note_change(db, DEVICES, (device_id,))


async def put_outcomes(db: Db, outcomes: Sequence[Outcome], now: datetime) -> frozenset[DeviceId]:
    """Store what was rendered from inputs read in an earlier transaction.

    Another one may have rendered a device since then, from newer inputs: that one wins, and such a
    device is to be rendered again.  Told are those that were stored, unchanged ones too.
    """
    if not outcomes:
        return frozenset()
    highest = max(one.before.generation if one.before else 0 for one in outcomes)
    generation = _next_generation(highest, now)
    await _replace_known(db, outcomes, generation)
    await _insert_fresh(db, outcomes, generation)
    c = rendered_configs.c
    query = select(c.device_id, c.enterprise_id).where(
        is_one_of(db, c.device_id, [one.device_id for one in outcomes]), c.generation == generation
    )
    stored = {DeviceId(device): owner for device, owner in await db.execute(query)}
    contents = [
        {
            "enterprise_id": stored[one.device_id],
            "device_id": one.device_id,
            "config": one.rendered.config,
        }
        for one in outcomes
        if one.rendered is not None and one.device_id in stored
    ]
    await upsert_many(db, rendered_contents, contents)
    note_change(
        db, DEVICES, (o.device_id for o in outcomes if o.rendered and o.device_id in stored)
    )
    return frozenset(stored)


async def _replace_known(db: Db, outcomes: Sequence[Outcome], generation: int) -> None:
    """Only where nobody rendered since."""
    known = [(one, one.before) for one in outcomes if one.before is not None]
    if not known:
        return
    await run_many(
        db,
        _REPLACE,
        [
            {
                "of": one.device_id,
                "expected": before.generation,
                "digest": (one.rendered or before).config_hash,
                "at": (one.rendered or before).config_timestamp,
                "lacks": json.dumps(one.missing),
                "attempt": generation,
            }
            for one, before in known
        ],
    )


_rendered: Final = rendered_configs.c
_REPLACE: Final = (
    update(rendered_configs)
    .where(_rendered.device_id == bindparam("of"), _rendered.generation == bindparam("expected"))
    .values(
        config_hash=bindparam("digest"),
        config_timestamp=bindparam("at", type_=_rendered.config_timestamp.type),
        missing=bindparam("lacks"),
        generation=bindparam("attempt"),
    )
)


async def _insert_fresh(db: Db, outcomes: Sequence[Outcome], generation: int) -> None:
    fresh = [(one, one.rendered) for one in outcomes if one.before is None]
    if not fresh:
        return
    owners = await enterprises_of(db, [one.device_id for one, _ in fresh])
    await insert_missing(
        db,
        rendered_configs,
        [
            {
                "enterprise_id": owners[one.device_id],
                "device_id": one.device_id,
                "config_hash": rendered.config_hash,
                "config_timestamp": rendered.config_timestamp,
                "missing": json.dumps(one.missing),
                "generation": generation,
            }
            for one, rendered in fresh
            if rendered is not None and one.device_id in owners
        ],
    )


def _next_generation(before: int, now: datetime) -> int:
    """Made of the clock as well, so that a row that was deleted does not come back as it was."""
    return max(before + 1, int(now.timestamp() * 1_000_000))


async def put_missing(db: Db, device_id: DeviceId, missing: tuple[str, ...]) -> None:
    """The configuration is as before, the reasons beside it are not."""
    await db.execute(
        update(rendered_configs)
        .where(rendered_configs.c.device_id == device_id)
        .values(missing=json.dumps(missing), generation=rendered_configs.c.generation + 1)
    )


async def put_failure(db: Db, device_id: DeviceId, why: str, now: datetime) -> None:
    """The last attempt to render this device failed; the next that succeeds takes this away.

    What is in force stays.  Where nothing is, a row without a hash holds the reason.
    """
    text = not_rendered(why)
    before = await find_in_force(db, device_id)
    if before is not None:
        await put_missing(db, device_id, (text, *without_failure(before.missing)))
        return
    owner = await enterprise_of(db, device_id)
    if owner is None:
        return  # deleted meanwhile
    values = {
        "enterprise_id": owner,
        "device_id": device_id,
        "config_hash": "",
        "config_timestamp": now.replace(microsecond=0),
        "missing": json.dumps((text,)),
    }
    await upsert(db, rendered_configs, values)
