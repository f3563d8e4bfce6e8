"""Patch envelopes."""

from collections.abc import Mapping

from eaves.controller.domain.admission.patches import (
    MOST_ARTIFACTS,
    admit_patch_envelope,
    file_name_of,
    image_of,
)
from eaves.controller.domain.contract.base import JsonObject
from eaves.controller.domain.contract.patches import (
    BinaryArtifact,
    PatchEnvelope,
    PatchEnvelopeList,
)
from eaves.controller.northbound import records
from eaves.controller.northbound.paging import Facts, Page, Row, summary_of
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store import carriers, objects
from eaves.controller.store.image_trust import find_trust
from eaves.controller.store.tables import Kind

COUNT = "deviceCount"


async def prepare_envelope(
    work: Work, wanted: PatchEnvelope, current: PatchEnvelope | None
) -> Prepared[PatchEnvelope]:
    db, scope = work.db, work.scope
    project = await records.find(db, scope, records.PROJECT, wanted.project_id)
    named = [image_of(one) for one in wanted.artifacts[:MOST_ARTIFACTS]]
    images = await records.by_reference(db, scope, records.IMAGE, named)
    trust = await find_trust(
        db, scope.enterprise, wanted.project_id, {image.id for image in images.values()}
    )
    users = await objects.dependants(db, current.id) if current is not None else ()
    complete = wanted.model_copy(update={"artifacts": _with_ids(work, wanted, current)})
    return Prepared(
        complete,
        admit_patch_envelope(
            wanted,
            current,
            project_known=project is not None,
            images=images,
            used_by=tuple(f"{user.kind.noun} {user.name!r}" for user in users),
            trust=trust,
        ),
        references=frozenset(
            {image.id for image in images.values()} | ({project.id} if project else set())
        ),
        project_id=wanted.project_id,
        state=wanted.action.value,
    )


def _with_ids(
    work: Work, wanted: PatchEnvelope, current: PatchEnvelope | None
) -> tuple[BinaryArtifact, ...]:
    """An artifact keeps its id as long as its file keeps its name."""
    known = {file_name_of(one): one.id for one in (current.artifacts if current else ())}
    return tuple(
        one.model_copy(update={"id": known.get(file_name_of(one)) or work.new_id()})
        for one in wanted.artifacts
    )


async def envelope_facts(work: Work, items: tuple[PatchEnvelope, ...]) -> Mapping[str, Facts]:
    projects = await records.names_of(work.db, work.scope, Kind.PROJECT)
    counts = await carriers.device_counts(work.db, work.scope, [item.id for item in items])
    return {
        item.id: {
            "projectName": projects.get(item.project_id, ""),
            COUNT: str(counts.get(item.id, 0)),
        }
        for item in items
    }


def envelopes(page: Page[PatchEnvelope], rows: tuple[Row[PatchEnvelope], ...]) -> JsonObject:
    return PatchEnvelopeList(
        list=tuple(
            row.item.model_copy(update={"device_count": int(str(row.facts.get(COUNT, 0)))})
            for row in page.rows
        ),
        next=page.next,
        summary_by_action=summary_of((row.item.action for row in rows), "action"),
    ).to_json()
