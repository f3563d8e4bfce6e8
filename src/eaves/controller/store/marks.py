"""Facts about the whole database that every controller on it shares."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update

from eaves.controller.store.dialect import insert_missing, upsert
from eaves.controller.store.tables import marks, rendered_configs
from eaves.controller.store.unit import Db

PUBLISHED: Final = "published_certificates"
"""The hash of the certificate list that every stored configuration carries."""


ROOM: Final = "room_for_uploads"
"""Held by whoever promises room on the disk, so that what is promised is counted once."""

LIFT: Final = timedelta(hours=1)

ROTATE: Final = "rotate_certificates"
"""What an operator asked to exchange now: the parts, and which asking it was; empty: nothing."""

EPOCH: Final = "epoch"
"""Another value than before says that this memory was set back to an earlier one."""


async def find_mark(db: Db, name: str) -> str:
    """Empty where it was never put."""
    value = await db.execute(select(marks.c.value).where(marks.c.name == name))
    return value.scalar_one_or_none() or ""


async def find_epoch(db: Db) -> int:
    return int(await find_mark(db, EPOCH) or 0)


async def note_restored(db: Db, now: datetime) -> None:
    """These are the contents of a backup: every device gets a newer configuration than it has.

    The epoch is made of the clock, so that the same backup restored twice has another one.
    Timestamps: devices may hold what was made after the backup, by a clock that was ahead of this
    one, or faster than one a second; every next configuration is newer than that by `LIFT`.
    """
    lifted = now.replace(microsecond=0) + LIFT
    await db.execute(
        update(rendered_configs)
        .where(rendered_configs.c.config_timestamp < lifted)
        .values(config_timestamp=lifted)
    )
    epoch = max(await find_epoch(db) + 1, int(now.timestamp()))
    await put_mark(db, EPOCH, str(epoch))
    await put_mark(db, PUBLISHED, "")  # the next start renders every device


async def hold_mark(db: Db, name: str) -> None:
    """Whoever holds the same one waits for the end of this transaction.

    On SQLite every writer waits for the one before anyhow.
    """
    if db.dialect.name == "sqlite":
        return
    await insert_missing(db, marks, ({"name": name, "value": ""},))
    await db.execute(select(marks.c.name).where(marks.c.name == name).with_for_update())


async def clear_mark(db: Db, name: str, value: str) -> None:
    """What was asked for is done; what was asked for since stays."""
    await db.execute(
        update(marks).where(marks.c.name == name, marks.c.value == value).values(value="")
    )


async def put_mark(db: Db, name: str, value: str) -> None:
    await upsert(db, marks, {"name": name, "value": value})
