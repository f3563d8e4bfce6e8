"""One change of many objects of a kind: what `verbs.store_change` does to each, by few statements.

For jobs: whoever began the transaction lets policies and rendering follow, once for all of them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.stored import KnownParts
from eaves.controller.northbound import crud, journal, records, rendering
from eaves.controller.northbound.crud import Resource
from eaves.controller.northbound.work import Work
from eaves.controller.store.objects import StoredObject, hold_objects
from eaves.controller.store.versions import NewVersion, put_versions

T = TypeVar("T", bound=Contract)


@dataclass(frozen=True)
class HeldObject(Generic[T]):
    """Nobody else changes it before the end of the transaction."""

    stored: StoredObject
    current: T


async def hold(
    work: Work, resource: Resource[T], ids: Collection[str]
) -> Mapping[str, HeldObject[T]]:
    """Those of these objects that are there and that the caller may see, by id."""
    known = KnownParts()
    found = await hold_objects(work.db, work.scope, resource.of.kind, ids)
    held = {id_: HeldObject(one, resource.of.read(one, known)) for id_, one in found.items()}
    return {id_: one for id_, one in held.items() if records.in_sight(work.scope, one.current)}


async def store_changes(
    work: Work, resource: Resource[T], changes: Sequence[tuple[HeldObject[T], T]], what: str
) -> None:
    """The second of each pair is what the object becomes; its name and what it refers to stay."""
    for held, wanted in changes:
        await resource.before_replace(work, wanted, held.current)
    versions = [NewVersion(held.stored, crud.stored_text(wanted)) for held, wanted in changes]
    await put_versions(work.db, work.scope, resource.of.kind, versions, work.stamp)
    for held, wanted in changes:
        await resource.after_write(work, wanted, held.current)
        work.changed.update(await rendering.devices_of(work, wanted))
    await journal.note_all(
        work,
        [
            crud.entry_of(
                resource,
                wanted,
                held.current,
                what,
                project_id=held.stored.project_id,
                device_id=held.stored.device_id,
            )
            for held, wanted in changes
        ],
    )
