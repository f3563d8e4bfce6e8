"""Patch envelopes on their way to apps: which instances refer to one, and how far devices are."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.admission import Refusal
from eaves.controller.domain.admission.patches import admit_patch_reference
from eaves.controller.domain.admission.refusal import invalid, unknown
from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.envelope import ZcOpsType
from eaves.controller.domain.contract.patches import (
    PatchEnvelope,
    PatchEnvelopeState,
    PatchEnvelopeStatus,
    PatchReferenceUpdateConfig,
    PatchStatusListMsg,
)
from eaves.controller.northbound import catalog, crud, journal, records, rendering
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.paging import Row, page_of, project, read_list_query, summary_from
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.routes import CHANGE_INSTANCES, Route, reads
from eaves.controller.northbound.verbs import keep_references
from eaves.controller.northbound.work import Work
from eaves.controller.store import carriers, objects, reports
from eaves.controller.store.tables import Kind
from eaves.evapi.info import (
    EvePatchEnvelopeState,
    ZInfoPatchEnvelope,
    ZInfoTypes,
    decode_z_info_msg,
)
from eaves.ids import DeviceId

INSTANCES_MOST: Final = 10_000
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
    """These instances refer to this envelope from now on; to none when none is given."""
    body = await crud.read_body(request, PatchReferenceUpdateConfig)
    async with context.writing(request) as work:
        envelope = await records.find(
            work.db, work.scope, records.PATCH_ENVELOPE, body.patchenvelope_id
        )
        instances = await _instances(work, body)
        refusals = _refuse(body, instances, envelope)
        for index, one in enumerate(instances):
            if envelope is not None:
                refusals += admit_patch_reference(
                    one.model_copy(update={"patch_envelope_id": envelope.id}),
                    envelope,
                    await records.on_device(work.db, work.scope, records.NETINST, one.device_id),
                    f"appInstIDList[{index}]",
                )
        if refusals:
            raise Problem.of_refusals(refusals)
        for instance in instances:
            await _refer(work, instance, envelope)
        target = (
            catalog.PATCH_ENVELOPES.target(envelope)
            if envelope is not None
            else catalog.INSTANCES.target(instances[0])
        )
        await rendering.render_changed(work, Kind.APP_INSTANCE.value, target)
    return context.envelopes.success(
        target,
        operation=ZcOpsType.UPDATE,
        user=work.principal.user_name,
        status=202,
        job=work.render_job,
    )


async def _instances(work: Work, body: PatchReferenceUpdateConfig) -> tuple[AppInstance, ...]:
    if len(body.app_inst_id_list) > INSTANCES_MOST:
        raise Problem(
            400,
            f"{len(body.app_inst_id_list):,} app instances are named, {INSTANCES_MOST:,} are "
            "allowed at once; send them in several requests",
            location="appInstIDList",
        )
    ids = tuple(dict.fromkeys(body.app_inst_id_list))
    return await records.in_order(work.db, work.scope, records.APP_INSTANCE, ids)


def _refuse(
    body: PatchReferenceUpdateConfig,
    instances: Iterable[AppInstance],
    envelope: PatchEnvelope | None,
) -> tuple[Refusal, ...]:
    found = {one.id: one for one in instances}
    refusals = [
        unknown("app instance", one, f"appInstIDList[{index}]")
        for index, one in enumerate(body.app_inst_id_list)
        if one not in found
    ]
    if not body.app_inst_id_list:
        refusals.append(invalid("appInstIDList", "no app instance is named; give their ids"))
    if body.patchenvelope_id and envelope is None:
        refusals.append(unknown("patch envelope", body.patchenvelope_id, "patchenvelopeId"))
    refusals += [
        invalid(
            f"appInstIDList[{index}]",
            f"app instance {found[one].name!r} is not in project {body.project_id!r}; leave it "
            "out or correct projectId",
        )
        for index, one in enumerate(body.app_inst_id_list)
        if one in found and body.project_id and found[one].project_id != body.project_id
    ]
    return tuple(refusals)


async def _refer(work: Work, instance: AppInstance, envelope: PatchEnvelope | None) -> None:
    wanted = instance.model_copy(
        update={
            "patch_envelope_id": envelope.id if envelope is not None else "",
            "patch_envelope_name": envelope.name if envelope is not None else "",
        }
    )
    if wanted.patch_envelope_id == instance.patch_envelope_id:
        return
    prepared = await keep_references(work, catalog.INSTANCES, wanted)
    others = prepared.references - {instance.patch_envelope_id}
    prepared = replace(prepared, references=others | {wanted.patch_envelope_id})
    await objects.replace_object(
        work.db,
        work.scope,
        crud.draft_of(catalog.INSTANCES, work, prepared),
        work.stamp,
        expected=None,
        made_from=crud.expected_revision(instance),
    )
    work.changed.add(DeviceId(instance.device_id))
    await journal.note(
        work,
        journal.Entry(
            kind=Kind.APP_INSTANCE,
            noun="app instance",
            object_id=instance.id,
            object_name=instance.name,
            project_id=instance.project_id,
            device_id=instance.device_id,
            what="patch envelope changed",
            before=instance,
            after=wanted,
        ),
    )


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
