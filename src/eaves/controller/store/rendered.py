"""The configuration of each device as it is served: encoded once, when something changes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update

from eaves.controller.domain.unrendered import not_rendered, without_failure
from eaves.controller.store.changes import DEVICES, note_change
from eaves.controller.store.dialect import upsert
from eaves.controller.store.tables import rendered_configs, rendered_contents
from eaves.controller.store.unit import Db
from eaves.ids import ConfigHash, DeviceId

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


async def find_in_force(db: Db, device_id: DeviceId) -> InForce | None:
    """Hash and timestamp without the configuration itself."""
    row = (
        await db.execute(select(rendered_configs).where(rendered_configs.c.device_id == device_id))
    ).one_or_none()
    if row is None:
        return None
    missing = tuple(json.loads(row.missing)) if row.missing else ()
    return InForce(ConfigHash(row.config_hash), row.config_timestamp, missing)


async def find_rendered(db: Db, device_id: DeviceId) -> RenderedConfig | None:
    query = (
        select(
            rendered_configs.c.config_hash,
            rendered_configs.c.config_timestamp,
            rendered_contents.c.config,
        )
        .join(rendered_contents, rendered_contents.c.device_id == rendered_configs.c.device_id)
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
    query = (
        select(
            rendered_configs.c.device_id,
            rendered_configs.c.config_hash,
            rendered_configs.c.config_timestamp,
            rendered_contents.c.config,
        )
        .join(rendered_contents, rendered_contents.c.device_id == rendered_configs.c.device_id)
        .where(rendered_configs.c.device_id.in_(device_ids))
    )
    return {
        DeviceId(row.device_id): RenderedConfig(
            ConfigHash(row.config_hash), row.config_timestamp, row.config
        )
        for row in (await db.execute(query)).all()
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
    await upsert(
        db,
        rendered_configs,
        {
            "device_id": device_id,
            "config_hash": rendered.config_hash,
            "config_timestamp": rendered.config_timestamp,
            "missing": json.dumps(missing),
        },
    )
    await upsert(db, rendered_contents, {"device_id": device_id, "config": rendered.config})
    note_change(db, DEVICES, (device_id,))


async def put_missing(db: Db, device_id: DeviceId, missing: tuple[str, ...]) -> None:
    """The configuration is as before, the reasons beside it are not."""
    await db.execute(
        update(rendered_configs)
        .where(rendered_configs.c.device_id == device_id)
        .values(missing=json.dumps(missing))
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
    values = {
        "device_id": device_id,
        "config_hash": "",
        "config_timestamp": now.replace(microsecond=0),
        "missing": json.dumps((text,)),
    }
    await upsert(db, rendered_configs, values)
