"""Patch envelopes on their way to apps: which instances refer to one, and how far devices are."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.contract.envelope import ZcOpsType
from eaves.controller.domain.contract.jobs import BulkService
from eaves.controller.domain.contract.patches import (
    PatchEnvelopeState,
    PatchEnvelopeStatus,
    PatchReferenceUpdateConfig,
    PatchStatusListMsg,
)
from eaves.controller.northbound import catalog, crud, records, rendering
from eaves.controller.northbound.bulk import asking
from eaves.controller.northbound.bulk.operations import BY_SERVICE
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.paging import Row, page_of, project, read_list_query, summary_from
from eaves.controller.northbound.patch_references import References, as_config, checked, refer
from eaves.controller.northbound.problems import Target
from eaves.controller.northbound.routes import CHANGE_INSTANCES, Route, reads
from eaves.controller.northbound.work import Work
from eaves.controller.store import carriers, reports
from eaves.controller.store.bulk_selection import Selection
from eaves.controller.store.tables import Kind
from eaves.evapi.info import (
    EvePatchEnvelopeState,
    ZInfoPatchEnvelope,
    ZInfoTypes,
    decode_z_info_msg,
)
from eaves.ids import DeviceId

IN_LINE: Final = 200  # instances that one transaction changes, at most
AT_ONCE: Final = 500
DEVICE_FILTER: Final = "filter.deviceName"
STATES: Final = {
    EvePatchEnvelopeState.PATCH_ERROR: PatchEnvelopeState.ERRORED,
    EvePatchEnvelopeState.PATCH_RECEIVED: PatchEnvelopeState.RECEIVED,
    EvePatchEnvelopeState.PATCH_DOWNLOADING: PatchEnvelopeState.DOWNLOADING,
    EvePatchEnvelopeState.PATCH_DOWNLOADED: PatchEnvelopeState.DOWNLOADED,
    EvePatchEnvelopeState.PATCH_READY: PatchEnvelopeState.READY,
    EvePatchEnvelopeState.PATCH_ACTIVE: PatchEnvelopeState.ACTIVE,
}


async def update_references(context: Context, request: Request) -> Response:
    """These instances refer to this envelope from now on; to none when none is given.

    Many are left to a job, of which each batch is a transaction of its own; what is wrong with the
    request is told at once all the same.
    """
    body = await crud.read_body(request, PatchReferenceUpdateConfig)
    if len(set(body.app_inst_id_list)) > IN_LINE:
        return await _leave_to_job(context, request, body)
    async with context.writing(request) as work:
        found = await checked(work, body)
        for instance in found.instances:
            await refer(work, instance, found.envelope)
        target = _target(found)
        await rendering.render_changed(work, Kind.APP_INSTANCE.value, target)
    return context.envelopes.success(
        target,
        operation=ZcOpsType.UPDATE,
        user=work.principal.user_name,
        status=202,
        job=work.render_job,
    )


async def _leave_to_job(
    context: Context, request: Request, body: PatchReferenceUpdateConfig
) -> Response:
    async with context.reading(request) as work:  # nobody waits for it
        found = await checked(work, body)
    ids = frozenset(one.id for one in found.instances)
    async with context.writing(request) as work:
        job = await asking.ask_about(
            work,
            BY_SERVICE[BulkService.APPLY_PATCH_ENVELOPE],
            as_config(found.envelope_id),
            Selection(Kind.APP_INSTANCE, ids=ids),
        )
    return context.envelopes.success(
        _target(found),
        operation=ZcOpsType.UPDATE,
        user=work.principal.user_name,
        status=202,
        job=job.id,
    )


def _target(found: References) -> Target:
    if found.envelope is not None:
        return catalog.PATCH_ENVELOPES.target(found.envelope)
    return catalog.INSTANCES.target(found.instances[0])


async def status(context: Context, request: Request) -> Response:
    """A row for each device on which an app refers to an envelope."""
    query = read_list_query(request.query_params)
    filters = {
        "deviceName" if name == DEVICE_FILTER else name: values
        for name, values in query.filters.items()
    }
    async with context.reading(request) as work:
        rows = await _statuses(work)
    page = page_of((Row(one, {}) for one in rows), replace(query, filters=filters))
    shown = () if query.summary else page.rows
    answer = PatchStatusListMsg(
        list=tuple(row.item for row in shown), next=page.next, total_count=page.total
    ).to_json()
    answer["list"] = [project(item, query.fields) for item in answer["list"]]
    states = Counter(one.state.value for one in rows)
    return JSONResponse({**answer, "summaryByState": summary_from(states, "state").to_json()})


async def _statuses(work: Work) -> tuple[PatchEnvelopeStatus, ...]:
    db, scope = work.db, work.scope
    envelopes = {one.id: one for one in await records.list_all(db, scope, records.PATCH_ENVELOPE)}
    pairs = await carriers.carried_on(db, scope, tuple(envelopes))
    ids = sorted({device for _, device in pairs})
    devices = {d.id: d for d in await records.in_order(db, scope, records.DEVICE, ids)}
    projects = await records.names_of(db, scope, Kind.PROJECT)
    told = await _reported(work, ids)
    found: list[PatchEnvelopeStatus] = []
    for envelope_id, device_id in pairs:
        envelope, device = envelopes[envelope_id], devices.get(device_id)
        heard = told.get((device_id, envelope_id))
        found.append(
            PatchEnvelopeStatus(
                id=envelope.id,
                name=envelope.name,
                device_id=device_id,
                device_name=device.name if device is not None else "",
                project_id=envelope.project_id,
                project_name=projects.get(envelope.project_id, ""),
                user_defined_version=(heard.version if heard else "")
                or envelope.user_defined_version,
                state=(
                    STATES.get(heard.state, PatchEnvelopeState.UNKNOWN)
                    if heard is not None
                    else PatchEnvelopeState.UNKNOWN
                ),
                errors=heard.errors if heard is not None else (),
            )
        )
    return tuple(found)


async def _reported(
    work: Work, device_ids: list[str]
) -> Mapping[tuple[str, str], ZInfoPatchEnvelope]:
    """What devices last said of envelopes, by device and envelope."""
    told: dict[tuple[str, str], ZInfoPatchEnvelope] = {}
    for start in range(0, len(device_ids), AT_ONCE):
        some = [DeviceId(one) for one in device_ids[start : start + AT_ONCE]]
        for info in await reports.list_info(work.db, some, (int(ZInfoTypes.ZiPatchEnvelope),)):
            patch = decode_z_info_msg(info.message).patch_info
            if patch is not None:
                told[str(info.device_id), patch.id] = patch
    return told


ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/apps/instances/patch-reference-update", update_references, CHANGE_INSTANCES),
    Route("GET", "/v1/patch-envelope/status", status, reads(Kind.PATCH_ENVELOPE)),
)
