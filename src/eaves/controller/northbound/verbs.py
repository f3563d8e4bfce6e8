"""What every verb does with the object that it changed."""

from typing import TypeVar

from eaves.controller.domain.contract.base import Contract
from eaves.controller.northbound import crud, records
from eaves.controller.northbound.crud import Resource
from eaves.controller.northbound.problems import Target
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store.objects import StoredObject

T = TypeVar("T", bound=Contract)


async def keep_references(work: Work, resource: Resource[T], item: T) -> Prepared[T]:
    """The object as stored, with another content: a verb changes nothing that it refers to."""
    stored = await crud.find_stored(work, resource, object_id=str(getattr(item, "id", "")))
    return Prepared(
        item,
        (),
        references=await records.references_of(work.db, stored.id),
        project_id=stored.project_id,
        device_id=stored.device_id,
        state=stored.state,
    )


async def store_change(
    work: Work,
    resource: Resource[T],
    current: T,
    wanted: T,
    what: str,
    *,
    stored: StoredObject | None = None,
) -> Target:
    """`stored`: the row that `current` was read from, where the caller has it."""
    if stored is None:
        stored = await crud.find_stored(work, resource, object_id=str(getattr(wanted, "id", "")))
    prepared = Prepared(
        wanted,
        (),
        references=None,
        project_id=stored.project_id,
        device_id=stored.device_id,
        state=stored.state,
    )
    return await crud.store_prepared(work, resource, prepared, current, what=what)
