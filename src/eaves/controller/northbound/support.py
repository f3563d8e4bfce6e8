"""What support looks at: raw reports of a device, its attestation, the health of the controller."""

import asyncio
import json
import socket
from importlib.metadata import version

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.authz import Anybody
from eaves.controller.domain.contract.diagnostics import (
    BriefHealth,
    DeviceRawMetrics,
    HealthDesc,
    HealthServiceResp,
    HelloName,
    HelloResp,
    PingMsgSendResp,
)
from eaves.controller.domain.numerals import number_of
from eaves.controller.northbound import catalog, crud
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.paging import refuse
from eaves.controller.northbound.problems import not_found
from eaves.controller.northbound.routes import READ_DEVICES, READ_ENTERPRISE, Route
from eaves.controller.northbound.status import DEVICES, status_of
from eaves.controller.observe.health import Health
from eaves.controller.store import reports
from eaves.evapi.info import ZInfoTypes
from eaves.evapi.plain import plain_info, plain_metrics
from eaves.ids import DeviceId


async def raw_metrics(context: Context, request: Request) -> Response:
    """The newest metrics message of a device, whole.  404 before the first one."""
    params = request.path_params
    async with context.reading(request) as work:
        device = await crud.find(
            work, catalog.DEVICES, object_id=params.get("id", ""), name=params.get("name", "")
        )
        newest = await reports.find_measured(work.db, DeviceId(device.id))
    if newest is None:
        raise not_found("metrics message of device", device.name)
    raw = json.dumps(plain_metrics(newest.message), separators=(",", ":"))
    return JSONResponse(DeviceRawMetrics(id=device.id, name=device.name, raw_metrics=raw).to_json())


async def info(context: Context, request: Request) -> Response:
    """The status of a device, and the message that it was made from, whole."""
    status = await status_of(context, request, DEVICES)
    async with context.reading(request) as work:
        kinds = (int(ZInfoTypes.ZiDevice),)
        found = await reports.list_info(work.db, (DeviceId(status.id),), kinds)
    if found:
        raw = json.dumps(plain_info(found[0].message), separators=(",", ":"))
        status = status.model_copy(update={"raw_status": raw})
    return JSONResponse(status.to_json())


async def hello(context: Context, request: Request) -> Response:
    """Answers only while database and keys of this service can be used."""
    body = await crud.read_body(request, HelloName)
    async with context.reading(request) as work:
        name = " ".join(part for part in (body.first_name, body.last_name) if part)
        who = name or work.principal.user_name
    return JSONResponse(HelloResp(response=f"Hello, {who}").to_json())


async def ping(_context: Context, request: Request) -> Response:
    text = request.path_params["pingId"]
    if number_of(text) is None:
        raise refuse(f"pingId is {text[:40]!r}; give a whole number of 63 bits", "pingId")
    return JSONResponse(PingMsgSendResp(ping_id=text).to_json())


async def health_report(context: Context, _request: Request) -> Response:
    """The checks that also decide whether this process is sent requests."""
    health = await asyncio.to_thread(context.health)
    return JSONResponse(_report(health).to_json(), status_code=200 if health.ok else 503)


def _report(health: Health) -> HealthServiceResp:
    host = socket.gethostname()
    return HealthServiceResp(
        health_desc=tuple(
            HealthDesc(
                brief_health=BriefHealth(
                    service_health_status=f"{'healthy' if one.ok else 'failing'}: {one.why}"
                ),
                env_name=f"eaves {version('eaves')}",
                host_name=host,
                service_instance=host,
                service_name=one.name,
            )
            for one in health.findings
        )
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/devices/id/{id}/status/metrics/raw", raw_metrics, READ_DEVICES),
    Route("GET", "/v1/devices/name/{name}/status/metrics/raw", raw_metrics, READ_DEVICES),
    Route("GET", "/v1/devices/id/{id}/status/info", info, READ_DEVICES),
    Route("GET", "/v1/devices/name/{name}/status/info", info, READ_DEVICES),
    Route("POST", "/v1/hello", hello, Anybody.USER),
    Route("GET", "/v1/cloud/ping/id/{pingId}", ping, Anybody.STRANGER),
    Route("GET", "/v1/cloud/healthreport", health_report, READ_ENTERPRISE),
)
