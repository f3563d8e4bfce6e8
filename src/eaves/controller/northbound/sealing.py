"""The secrets of an object that is written: sealed beside it, in the same transaction."""

from collections.abc import Mapping

from eaves.controller.domain.contract.base import JsonObject
from eaves.controller.domain.secrets import SecretName
from eaves.controller.northbound.work import Prepared, T, Work
from eaves.controller.store import sealed
from eaves.errors import Rejected

SECRET = "(secret)"  # noqa: S105 - what an audit row shows in its place
ANOTHER = "(another secret)"


async def keep_secrets(work: Work, object_id: str, prepared: Prepared[T]) -> JsonObject:
    """Store what is new, drop what the object cannot have any more; tells of both for the audit.

    The object must be stored first.  A secret that was not sent stays as it is.
    """
    if not prepared.secrets and prepared.secret_fields is None:
        return {}  # a verb: nothing was sent, and nothing cannot be any more
    stored = await sealed.find_secrets(work.db, (object_id,))
    told: JsonObject = {}
    for field, clear in sorted(prepared.secrets.items()):
        name = SecretName(object_id, field)
        before = stored.get(name)
        if before is not None and _same(work, name, before, clear):
            continue
        await sealed.put_secret(work.db, name, work.keys.seal(name.purpose, clear.encode()))
        told[field] = [None if before is None else SECRET, SECRET if before is None else ANOTHER]
    if prepared.secret_fields is not None:
        for name in stored:
            if name.field not in prepared.secret_fields:
                await sealed.delete_secret(work.db, name)
                told[name.field] = [SECRET, None]
    return told


async def brings_new(work: Work, object_id: str, secrets: Mapping[str, str]) -> bool:
    """Whether one of these, by field, is not what is stored for the object."""
    if not secrets:
        return False
    stored = await sealed.find_secrets(work.db, (object_id,))
    for field, clear in secrets.items():
        name = SecretName(object_id, field)
        before = stored.get(name)
        if before is None or not _same(work, name, before, clear):
            return True
    return False


def _same(work: Work, name: SecretName, before: bytes, clear: str) -> bool:
    try:
        return work.keys.open(name.purpose, before) == clear.encode()
    except Rejected:
        return False  # the key file was lost: what is sent anew can be read again
