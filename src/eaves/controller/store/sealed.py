"""Secrets at rest: the store keeps what it is given, sealed under a key it does not have."""

from collections.abc import Iterable, Mapping

from sqlalchemy import delete, select

from eaves.controller.domain.secrets import SecretName
from eaves.controller.store.dialect import is_one_of, upsert
from eaves.controller.store.tables import secrets
from eaves.controller.store.unit import Db


async def put_secret(db: Db, name: SecretName, sealed: bytes) -> None:
    """The object must be stored first; its secrets go with it."""
    await upsert(db, secrets, {"object_id": name.object_id, "field": name.field, "sealed": sealed})


async def delete_secret(db: Db, name: SecretName) -> None:
    await db.execute(
        delete(secrets).where(secrets.c.object_id == name.object_id, secrets.c.field == name.field)
    )


async def find_secrets(db: Db, object_ids: Iterable[str]) -> Mapping[SecretName, bytes]:
    """All sealed secrets of these objects, which the caller found within its scope."""
    wanted = set(object_ids)
    if not wanted:
        return {}
    rows = await db.execute(
        select(secrets)
        .where(is_one_of(db, secrets.c.object_id, wanted))
        .order_by(secrets.c.object_id, secrets.c.field)
    )
    return {SecretName(row.object_id, row.field): row.sealed for row in rows}
