"""Secrets in a reply: to a token that was made to read them, and written down each time."""

import json
from typing import TypeVar

from eaves.controller.domain.audit import AuditEntry
from eaves.controller.domain.contract.base import Contract
from eaves.controller.northbound.crud import Resource, name_of
from eaves.controller.northbound.routes import AREAS
from eaves.controller.northbound.work import Principal, Work
from eaves.controller.store import sealed
from eaves.controller.store.events import insert_audit

T = TypeVar("T", bound=Contract)


def may_tell(principal: Principal, resource: Resource[T]) -> bool:
    """Whether any object of this kind may show its secrets to whoever asks."""
    projects = principal.rights.projects_of_secrets(AREAS[resource.of.kind])
    return resource.told is not None and principal.reads_secrets and projects != frozenset()


async def with_secrets(work: Work, resource: Resource[T], item: T) -> T:
    """The object with what of its secrets may be told; a row of the audit says which were."""
    told, who = resource.told, work.principal
    project = str(getattr(item, "project_id", ""))
    if told is None or not who.reads_secrets:
        return item
    if not who.rights.tells_secrets(AREAS[resource.of.kind], project):
        return item
    object_id = str(getattr(item, "id", ""))
    found = await sealed.find_secrets(work.db, (object_id,))
    clear = {
        name.field: work.keys.open(name.purpose, value).decode()
        for name, value in found.items()
        if name.field in told.fields
    }
    if not clear:
        return item
    await insert_audit(
        work.db,
        AuditEntry(
            at=work.now,
            enterprise_id=who.scope.enterprise,
            verb="secrets read",
            result="done",
            project_id=project,
            user_id=who.user_id,
            user_name=who.user_name,
            client=who.client,
            request_id=work.request_id,
            object_kind=resource.of.kind.value,
            object_id=object_id,
            object_name=name_of(item),
            changes=json.dumps({"told": sorted(clear)}),
        ),
    )
    return told.put_in(item, clear)
