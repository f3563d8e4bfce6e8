"""What a device attested, and what a person does about it: accept, ask again, block, renew keys.

Ours: the contract only shows the state.  To accept is to make a PCR template of the device's
model from what the device measured last, so that every device of the model may boot it.
"""

import dataclasses
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.admission.refusal import invalid
from eaves.controller.domain.admission.templates import LAST_PCR, MAX_NAME, admit_template
from eaves.controller.domain.contract.base import Contract, JsonObject, rfc3339
from eaves.controller.domain.contract.catalogue import PCRTemplate
from eaves.controller.domain.contract.device_status import AttestState
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.envelope import ZcOpsType
from eaves.controller.domain.measured import CAPTURED, VOLATILE, Measured, captured
from eaves.controller.domain.quotes import measured
from eaves.controller.domain.status.liveness import Limits, is_stale
from eaves.controller.northbound import catalog, crud, journal, records
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.pcr_templates import store_templates
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.routes import CHANGE_DEVICES, READ_DEVICES, Route
from eaves.controller.northbound.status import limits_in
from eaves.controller.northbound.work import Work
from eaves.controller.store import attestations
from eaves.controller.store import devices as device_rows
from eaves.controller.store.tables import Kind
from eaves.evapi.certs import ZCertType
from eaves.ids import DeviceId

MAX_WHY: Final = 256


class Acceptance(Contract):
    """What is made into a template; empty members have defaults."""

    name: str = ""
    pcrs: tuple[int, ...] = ()
    at: str = ""  # when the quote came that was looked at: a newer one is not accepted unseen


class Blocking(Contract):
    why: str = ""


class Renewal(Contract):
    project_id: str = ""  # empty: all devices that the caller sees


async def attestation(context: Context, request: Request) -> Response:
    """The device, and beside the members of the contract what its last quote came to."""
    async with context.reading(request) as work:
        device = await crud.find(work, catalog.DEVICES, object_id=request.path_params["id"])
        told = await _told(work, DeviceId(device.id), limits_in(context))
        model = await records.find(work.db, work.scope, records.MODEL, device.model_id)
    templates = model.pcr_templates if model is not None else ()
    told["templates"] = [template.to_json() for template in templates]
    return JSONResponse({**device.to_json(), "attestation": told})


async def _told(work: Work, device_id: DeviceId, limits: Limits) -> JsonObject:
    state, detail, at = await attestations.find_attestation(work.db, device_id)
    rows = await device_rows.read_devices(work.db, (device_id,))
    uploaded = await device_rows.find_device_certificates(work.db, device_id)
    standing = await attestations.find_standing(work.db, device_id)
    quoted = await attestations.find_quoted(work.db, device_id)
    return {
        "state": state or "ATTEST_STATE_NONE",
        "detail": detail or "the device has not attested yet",
        **({"attestedAt": rfc3339(at), "stale": is_stale(at, work.now, limits)} if at else {}),
        "enforced": any(row.attestation_required for row in rows),
        "hadTpm": standing.had_tpm,
        **({"blocked": standing.blocked} if standing.blocked else {}),
        "certificates": [
            {
                "type": ZCertType(one.type).name,
                "sha256": one.certificate_hash.hex(),
                "receivedAt": rfc3339(one.received_at),
            }
            for one in uploaded
        ],
        **({} if quoted is None else {"quote": _quote(quoted)}),
    }


def _quote(quoted: attestations.Quoted) -> JsonObject:
    read = _measured(quoted)
    return {
        "at": rfc3339(quoted.at),
        "eveVersion": quoted.eve_version,
        "firmwareVersion": quoted.firmware_version,
        "template": quoted.template,
        "differences": list(quoted.differences),
        **(_place(quoted.place) if quoted.place is not None else {}),
        "pcrs": [{"index": n, "value": value.hex()} for n, value in sorted(quoted.pcrs.items())],
        **({"eventLogFault": read.log_fault} if read.log_fault else {}),
        "eventLog": [
            {
                "number": event.number,
                "pcr": pcr,
                "type": event.type_name,
                "sha256": event.digest.hex(),
                "text": event.text(),
                "proven": read.explains(pcr),
            }
            for pcr, events in sorted(read.events.items())
            for event in events
        ],
    }


def _place(place: tuple[float, float]) -> JsonObject:
    """What the device says of itself, signed by its key and not by its TPM."""
    latitude, longitude = place
    return {"location": {"latitude": latitude, "longitude": longitude}}


def _measured(quoted: attestations.Quoted) -> Measured:
    return measured(quoted.eve_version, quoted.firmware_version, quoted.pcrs, quoted.event_log)


async def accept(context: Context, request: Request) -> Response:
    """Make what the device measured last a template of its model.

    Was it let in without fitting, it attests again at once; a refused one does so by itself.
    """
    asked = await crud.read_body(request, Acceptance)
    async with context.writing(request) as work:
        device = await crud.find(work, catalog.DEVICES, object_id=request.path_params["id"])
        quoted = await attestations.find_quoted(work.db, DeviceId(device.id))
        if quoted is None:
            raise Problem(
                412,
                f"device {device.name!r} has sent no quote of a TPM yet; nothing can be accepted",
                target=catalog.DEVICES.target(device),
            )
        if asked.at and asked.at != rfc3339(quoted.at):
            raise Problem(
                409,
                f"device {device.name!r} sent another quote at {rfc3339(quoted.at)}; look at that",
                target=catalog.DEVICES.target(device),
                location="at",
            )
        model = await crud.find(work, catalog.MODELS, object_id=device.model_id)
        name = asked.name or f"{device.name} {rfc3339(quoted.at)}"
        pcrs = asked.pcrs or CAPTURED
        made = captured(_measured(quoted), name[:MAX_NAME], pcrs)
        template = PCRTemplate.from_json(made).model_copy(update={"id": work.new_id()})
        refusals = admit_template(template, model.pcr_templates)
        refusals += [
            invalid("pcrs", f"PCR {n} is not 0 to {LAST_PCR}, or changes by itself; leave it out")
            for n in asked.pcrs
            if n not in range(LAST_PCR + 1) or n in VOLATILE
        ]
        if refusals:
            raise Problem.of_refusals(refusals, catalog.MODELS.target(model))
        kept = (*model.pcr_templates, template)
        target = await store_templates(work, model, kept, "measurements accepted", template)
        state, *_ = await attestations.find_attestation(work.db, DeviceId(device.id))
        if state != AttestState.PASS and await attestations.drop_token(
            work.db, DeviceId(device.id)
        ):
            work.told.add(DeviceId(device.id))
    return context.envelopes.success(
        target, operation=ZcOpsType.CREATE, user=work.principal.user_name
    )


async def renew(context: Context, request: Request) -> Response:
    """Drop the token: with its next poll the device is asked to attest again."""
    async with context.writing(request) as work:
        device = await crud.find(work, catalog.DEVICES, object_id=request.path_params["id"])
        if not await attestations.drop_token(work.db, DeviceId(device.id)):
            raise Problem(
                412,
                f"device {device.name!r} holds no integrity token; it attests by itself",
                target=catalog.DEVICES.target(device),
            )
        await _note(work, device, "asked to attest again")
    return _done(context, work, device)


async def renew_all(context: Context, request: Request) -> Response:
    """Drop the tokens of many devices; those that wait for changes hear of it within a minute."""
    asked = await crud.read_body(request, Renewal)
    async with context.writing(request) as work:
        told = journal.Entry(
            kind=Kind.ENTERPRISE,
            noun="enterprise",
            object_id=work.scope.enterprise,
            object_name=work.scope.enterprise,
            what="devices asked to attest again",
        )
        if asked.project_id:
            found = await crud.find(work, catalog.PROJECTS, object_id=asked.project_id)
            told = dataclasses.replace(
                told, kind=Kind.PROJECT, noun="project", object_id=found.id, object_name=found.name
            )
        dropped = await attestations.drop_tokens(work.db, work.scope, asked.project_id)
        if dropped:
            work.told.update(dropped)
            await journal.note(work, told)
    return JSONResponse({"devices": len(dropped)})


async def block(context: Context, request: Request) -> Response:
    asked = await crud.read_body(request, Blocking)
    async with context.writing(request) as work:
        device = await crud.find(work, catalog.DEVICES, object_id=request.path_params["id"])
        why = asked.why.strip()[:MAX_WHY] or f"blocked by {work.principal.user_name}"
        await attestations.block(work.db, DeviceId(device.id), why)
        await _note(work, device, f"blocked: {why}")
    return _done(context, work, device)


async def unblock(context: Context, request: Request) -> Response:
    async with context.writing(request) as work:
        device = await crud.find(work, catalog.DEVICES, object_id=request.path_params["id"])
        await attestations.block(work.db, DeviceId(device.id), "")
        await _note(work, device, "unblocked")
    return _done(context, work, device)


async def renew_certificates(context: Context, request: Request) -> Response:
    """Let the next upload replace certificates that are not mutable, once."""
    async with context.writing(request) as work:
        device = await crud.find(work, catalog.DEVICES, object_id=request.path_params["id"])
        await attestations.open_certificates(work.db, DeviceId(device.id))
        await _note(work, device, "its next upload may replace its certificates")
    return _done(context, work, device)


async def _note(work: Work, device: DeviceConfig, what: str) -> None:
    work.told.add(DeviceId(device.id))
    await journal.note(
        work,
        journal.Entry(
            kind=Kind.DEVICE,
            noun="device",
            object_id=device.id,
            object_name=device.name,
            project_id=device.project_id,
            device_id=device.id,
            what=what,
        ),
    )


def _done(context: Context, work: Work, device: DeviceConfig) -> Response:
    return context.envelopes.success(
        catalog.DEVICES.target(device), operation=ZcOpsType.UPDATE, user=work.principal.user_name
    )


_OURS: Final = "/v1/eaves/devices/id/{id}"

ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/devices/id/{id}/attestation", attestation, READ_DEVICES),
    Route("PUT", f"{_OURS}/attestation/accept", accept, CHANGE_DEVICES, Acceptance),
    Route("PUT", f"{_OURS}/attestation/renew", renew, CHANGE_DEVICES),
    Route("PUT", "/v1/eaves/attestation/renew", renew_all, CHANGE_DEVICES, Renewal),
    Route("PUT", f"{_OURS}/attestation/block", block, CHANGE_DEVICES, Blocking),
    Route("PUT", f"{_OURS}/attestation/unblock", unblock, CHANGE_DEVICES),
    Route("PUT", f"{_OURS}/certificates/renew", renew_certificates, CHANGE_DEVICES),
)
