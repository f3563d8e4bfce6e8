"""The selection of a bulk operation: read from its request, kept with the job."""

import json
from collections.abc import Mapping
from typing import Any, Final

from eaves.controller.domain.admission.refusal import Refusal, invalid, unknown
from eaves.controller.domain.contract.jobs import BulkConfig, BulkService, SelectionCriteria
from eaves.controller.northbound import records
from eaves.controller.northbound.bulk import deploying
from eaves.controller.northbound.bulk.operations import BulkOperation
from eaves.controller.northbound.work import Work
from eaves.controller.store.bulk_selection import Selection, selects_something, unseen
from eaves.controller.store.tables import Kind

AT: Final = "selectionCriteria"
MOST_TOLD: Final = 100  # refusals of one kind


def selected_kind(operation: BulkOperation) -> Kind:
    return operation.selects


def selection_of(operation: BulkOperation, config: BulkConfig) -> Selection:
    """What a request selects.  Entries with a device of their own need no criteria."""
    criteria = config.selection_criteria or SelectionCriteria()
    devices = frozenset(criteria.device_id_list)
    project, bundle = criteria.project_id, criteria.bundle_id
    if operation.service is BulkService.APPINSTANCE_DEPLOY and config.instance_deploy is not None:
        bundle = ""  # it says what to deploy, not where
        if deploying.template_of(config) is None:
            devices, project = frozenset(deploying.parts_of(config)), ""
        elif devices:
            devices |= frozenset(deploying.parts_of(config))
    return Selection(operation.selects, project, bundle, devices)


def write_selection(selection: Selection) -> str:
    return json.dumps(
        {
            "project": selection.project_id,
            "bundle": selection.bundle_id,
            "devices": sorted(selection.devices),
            "ids": sorted(selection.ids),
        }
    )


def read_selection(text: str, kind: Kind) -> Selection:
    told: Mapping[str, Any] = json.loads(text)
    return Selection(
        kind, told["project"], told["bundle"], frozenset(told["devices"]), frozenset(told["ids"])
    )


async def check_selection(work: Work, selection: Selection) -> tuple[Refusal, ...]:
    """Every reason why nothing, or not what was meant, is selected."""
    if selection.empty:
        return (
            invalid(
                AT,
                "nothing is selected; set selectionCriteria.deviceIdList, .projectId or .bundleId",
            ),
        )
    db, scope = work.db, work.scope
    refusals: list[Refusal] = []
    if selection.project_id:
        project = await records.find(db, scope, records.PROJECT, selection.project_id)
        if project is None:
            refusals.append(unknown("project", selection.project_id, f"{AT}.projectId"))
    if selection.bundle_id:
        bundle = await records.find(db, scope, records.APP, selection.bundle_id)
        if bundle is None:
            refusals.append(unknown("app bundle", selection.bundle_id, f"{AT}.bundleId"))
    refusals += [
        unknown("device", one, f"{AT}.deviceIdList")
        for one in await unseen(db, scope, Kind.DEVICE, selection.devices)
    ][:MOST_TOLD]
    refusals += [
        unknown(selection.kind.noun, one, "objectList")
        for one in await unseen(db, scope, selection.kind, selection.ids)
    ][:MOST_TOLD]
    if not refusals and not await selects_something(db, scope, selection):
        refusals.append(
            invalid(
                AT,
                f"the selection matches no {selection.kind.noun} that you may see; list them to "
                "find the right criteria",
            )
        )
    return tuple(refusals)
