"""The twin of a device: what it is told now, next, at its first boot, and without this controller.

Everything is what the device itself gets: secrets stand there encrypted to the device, or not at
all.
"""

import base64
from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.contract.base import rfc3339
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.diagnostics import (
    ConfigServiceResp,
    LastKnownStatus,
    LocalOperatorConsoleBlob,
    LocalOperatorConsoleBlobList,
)
from eaves.controller.domain.contract.envelope import ZcOpsType
from eaves.controller.domain.render import render_device
from eaves.controller.keys.facts import controller_facts
from eaves.controller.keys.published import published_list
from eaves.controller.northbound import catalog, crud, journal, rendering
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.first_config import first_config
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.routes import CHANGE_DEVICES, READ_DEVICES, Endpoint, Route
from eaves.controller.northbound.work import Work
from eaves.controller.store import devices as device_rows
from eaves.controller.store.inputs import load_inputs
from eaves.controller.store.rendered import RenderedConfig, find_rendered, next_timestamp
from eaves.controller.store.tables import Kind
from eaves.evapi.certs import encode_z_controller_cert
from eaves.evapi.cipher import cipher_context
from eaves.evapi.config import (
    dated,
    undated,
)
from eaves.evapi.envelope import seal, seal_encrypted
from eaves.evapi.plain import plain_config
from eaves.evapi.poll import PollResponse, encode_poll_response
from eaves.ids import DeviceId

ASKED: Final = 200


async def _twin(
    work: Work, device: DeviceConfig, stored: RenderedConfig | None
) -> ConfigServiceResp:
    """What every answer says of a device."""
    id_ = DeviceId(device.id)
    seen = (await device_rows.find_last_seen(work.db, (id_,))).get(id_)
    status = LastKnownStatus(
        last_attempt_state=ASKED if seen is not None else 0,
        last_attempted_at=rfc3339(seen) if seen is not None else "",
        last_known_status_line="the device asked" if seen is not None else "the device never asked",
    )
    revision = device.revision
    return ConfigServiceResp(
        created_at=revision.created_at if revision is not None else "",
        last_known_status=status,
        read_at=rfc3339(work.now),
        updated_at=rfc3339(stored.config_timestamp) if stored is not None else "",
    )


async def _in_force(work: Work, device: DeviceConfig) -> RenderedConfig:
    """Raises Problem(412) where nothing could be rendered yet."""
    stored = await find_rendered(work.db, DeviceId(device.id))
    if stored is None or not stored.config_hash:
        raise Problem(
            412,
            f"device {device.name!r} has no configuration: nothing could be rendered for it yet; "
            f"GET /api/v1/eaves/why/device/{device.id} says why",
            target=catalog.DEVICES.target(device),
        )
    return stored


async def _current(_context: Context, work: Work, device: DeviceConfig) -> ConfigServiceResp:
    stored = await _in_force(work, device)
    plain = plain_config(stored.config)
    twin = await _twin(work, device, stored)
    return twin.model_copy(
        update={
            "config": plain,
            "latest_config": plain,
            "latest_config_hash": stored.config_hash,
            "pconfig": _base64(stored.config),
        }
    )


async def _next(_context: Context, work: Work, device: DeviceConfig) -> ConfigServiceResp:
    """What the device would get without a lock: the same as now where nothing waits."""
    stored = await find_rendered(work.db, DeviceId(device.id))
    inputs = await load_inputs(work.db, DeviceId(device.id))
    assert inputs is not None  # noqa: S101 - the device was found in this transaction
    rendered = render_device(rendering.without_lock(inputs), controller_facts(work.keys))
    digest, encoded = undated(rendered.config)
    waits = stored is None or stored.config_hash != digest
    before = stored.config_timestamp if stored is not None else None
    at = next_timestamp(before, work.now) if waits or before is None else before
    plain = plain_config(dated(encoded, at))
    twin = await _twin(work, device, stored)
    latest = {"latest_config_hash": stored.config_hash} if stored is not None else {}
    return twin.model_copy(
        update={**latest, "config": plain, "next_config": plain, "next_config_hash": digest}
    )


async def _bootstrap(context: Context, work: Work, device: DeviceConfig) -> ConfigServiceResp:
    """`pconfig` is the file bootstrap-config.pb of an installer."""
    stored = await _in_force(work, device)
    first = first_config(stored.config, context.keys)
    twin = await _twin(work, device, stored)
    return twin.model_copy(
        update={
            "config": plain_config(first.config),
            "pconfig": _base64(first.file),
        }
    )


async def _offline(context: Context, work: Work, device: DeviceConfig) -> ConfigServiceResp:
    """What a local operator console serves: signed, and encrypted as soon as the device can read
    that.
    """
    stored = await _in_force(work, device)
    keys = context.keys
    payload = encode_poll_response(
        PollResponse(config=stored.config, config_hash=stored.config_hash)
    )
    uploaded = await device_rows.find_device_certificates(work.db, DeviceId(device.id))
    ecdh = next((one for one in uploaded if one.type == device_rows.ECDH_TYPE), None)
    if ecdh is None:
        blob = LocalOperatorConsoleBlob(
            dev_id=device.id, config=_base64(seal(payload, keys.sender))
        )
    else:
        cipher = cipher_context(keys.ring.ecdh[0].hash16, ecdh.certificate_hash)
        key = keys.agreed_key(ecdh.pem)
        blob = LocalOperatorConsoleBlob(
            dev_id=device.id,
            encrypted_config=_base64(
                seal_encrypted(payload, keys.sender, cipher, key, context.random)
            ),
        )
    certs = seal(encode_z_controller_cert(published_list(keys.ring)), keys.sender)
    twin = await _twin(work, device, stored)
    return twin.model_copy(
        update={
            "latest_config_hash": stored.config_hash,
            "local_operator_console_blob_list": LocalOperatorConsoleBlobList(
                controller_certs=_base64(certs), local_operator_console_blob_list=(blob,)
            ),
        }
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


Tell = Callable[[Context, Work, DeviceConfig], Awaitable[ConfigServiceResp]]


def _told(tell: Tell) -> Endpoint:
    async def endpoint(context: Context, request: Request) -> Response:
        params = request.path_params
        async with context.reading(request) as work:
            device = await crud.find(
                work,
                catalog.DEVICES,
                object_id=params.get("id", ""),
                name=params.get("name", ""),
            )
            twin = await tell(context, work, device)
        return JSONResponse(twin.to_json())

    return endpoint


async def regenerate(context: Context, request: Request) -> Response:
    """Make the configuration anew and put it in force, what waits behind a lock included."""
    async with context.writing(request) as work:
        device = await crud.find(work, catalog.DEVICES, object_id=request.path_params["id"])
        target = catalog.DEVICES.target(
            device, device.revision.curr if device.revision is not None else ""
        )
        work.changed.add(DeviceId(device.id))
        await rendering.render_changed(work, Kind.DEVICE.value, target, through_lock=True)
        await journal.note(
            work,
            journal.Entry(
                kind=Kind.DEVICE,
                noun="device",
                object_id=device.id,
                object_name=device.name,
                project_id=device.project_id,
                device_id=device.id,
                what="configuration pushed",
            ),
        )
    return context.envelopes.success(
        target, operation=ZcOpsType.UPDATE, user=work.principal.user_name
    )


TWINS: Final = (
    ("config", _current),
    ("config/next", _next),
    ("config/bootstrap", _bootstrap),
    ("config/offline", _offline),
)
ROUTES: tuple[Route, ...] = (
    *(
        Route("GET", f"/v1/devices/{key}/{path}", _told(tell), READ_DEVICES)
        for path, tell in TWINS
        for key in ("id/{id}", "name/{name}")
    ),
    Route("PUT", "/v1/devices/id/{id}/config", regenerate, CHANGE_DEVICES),
)
