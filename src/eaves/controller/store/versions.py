"""New versions of many objects of one kind, by one statement."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from eaves.controller.domain.scope import Scope
from eaves.controller.store.listed import put_all_listed
from eaves.controller.store.object_statements import given, put_body
from eaves.controller.store.objects import Overtaken, Stamp, StoredObject
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import Db


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What an object is to say; its name, its place and what it refers to stay as they are."""

    before: StoredObject  # as `hold_objects` gave it in this transaction
    body: str = field(repr=False)  # JSON


async def put_versions(
    db: Db, scope: Scope, kind: Kind, versions: Sequence[NewVersion], stamp: Stamp
) -> None:
    """Store these, each object once.

    Raises Overtaken where one is not as it was read any more: the caller undoes all of them.
    """
    if not versions:
        return
    dialect = db.dialect.name
    common = given(dialect, scope) | {"new_updated_at": stamp.at, "new_updated_by": stamp.by}
    done = await db.execute(
        put_body(kind, dialect, narrow=scope.projects is not None),
        [
            {
                "of": one.before.id,
                "made_from": one.before.revision.curr,
                "new_body": one.body,
                **common,
            }
            for one in versions
        ],
    )
    if done.rowcount != len(versions):
        first = versions[0].before
        raise Overtaken(kind, first.name, first.revision.curr, first.revision.curr + 1)
    rows = [
        {
            "id": one.before.id,
            "enterprise_id": one.before.enterprise_id,
            "project_id": one.before.project_id,
            "device_id": one.before.device_id,
            "name": one.before.name,
            "title": one.before.title,
            "body": one.body,
        }
        for one in versions
    ]
    await put_all_listed(db, kind, rows, at=stamp.at, by=stamp.by)
