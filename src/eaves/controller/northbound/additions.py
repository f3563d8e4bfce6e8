"""What is not a list, a write or a status: onboarding material, Eaves's own additions."""

from collections.abc import Awaitable, Callable
from importlib.metadata import version

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.authz import Anybody
from eaves.controller.domain.contract.base import JsonObject, rfc3339
from eaves.controller.domain.contract.devices import DeviceCerts
from eaves.controller.domain.contract.networks import NetworkDeviceList, NetworkRelatedDevice
from eaves.controller.domain.why import (
    DeviceFacts,
    Why,
    why_app,
    why_device,
    why_netinst,
    why_volume,
)
from eaves.controller.northbound import catalog, crud, policies, records
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.denied import denied_lately
from eaves.controller.northbound.identities import fresh_device, issue
from eaves.controller.northbound.problems import Problem, not_found
from eaves.controller.northbound.render_jobs import with_waiting
from eaves.controller.northbound.reports import images_of, read_fleet
from eaves.controller.northbound.routes import CHANGE_DEVICES, READ_DEVICES, Route
from eaves.controller.northbound.status import limits_in
from eaves.controller.northbound.work import Work
from eaves.controller.store import attention, attestations
from eaves.controller.store import devices as device_rows
from eaves.ids import DeviceId


async def controller(context: Context, _request: Request) -> Response:
    """What a device's configuration folder and a first login need; public by nature."""
    return JSONResponse(
        {
            "deviceServer": context.settings.device_server,
            "rootCertificatePem": context.keys.root_certificate_pem.decode(),
            "version": version("eaves"),
        }
    )


async def cloud_version(_context: Context, _request: Request) -> Response:
    return JSONResponse({"version": {"comp": "eaves", "ver": version("eaves")}})


async def cloud_ping(_context: Context, _request: Request) -> Response:
    return JSONResponse({"status": "alive"})


async def onboarding(context: Context, request: Request) -> Response:
    """Certificate and key that a fresh device registers with; new ones with every call."""
    async with context.writing(request) as work:
        device = await fresh_device(work, request.path_params["id"])
        issued = await issue(work, device)
    certs = DeviceCerts(pem_cert=issued.certificate_pem.decode(), pem_key=issued.key_pem.decode())
    return JSONResponse(device.model_copy(update={"onboarding": certs}).to_json())


async def device_by_serial(context: Context, request: Request) -> Response:
    serial = request.path_params["serialno"]
    async with context.reading(request) as work:
        for device in await records.list_all(work.db, work.scope, records.DEVICE):
            if device.serialno == serial:
                return JSONResponse(device.to_json())
    raise not_found("device with serial", serial)


async def network_devices(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        network = await crud.find(work, catalog.NETWORKS, object_id=request.path_params["id"])
        devices = await records.list_all(work.db, work.scope, records.DEVICE)
    return JSONResponse(
        NetworkDeviceList(
            list=tuple(
                NetworkRelatedDevice(
                    dev_id=device.id, dev_name=device.name, adapter_name=port.intfname
                )
                for device in devices
                for port in device.interfaces
                if network.name == port.netname or network.id == port.netid
            )
        ).to_json()
    )


async def why(context: Context, request: Request) -> Response:
    kind, object_id = request.path_params["kind"], request.path_params["id"]
    explain = EXPLANATIONS.get(kind)
    if explain is None:
        raise Problem(
            404, f"there is no explanation of {kind!r}; ask for {', '.join(sorted(EXPLANATIONS))}"
        )
    async with context.reading(request) as work:
        told = await explain(context, work, object_id)
    return JSONResponse(_chain(told))


def _chain(told: Why) -> JsonObject:
    causes: list[JsonObject] = [
        {
            "text": f"{cause.what}; {cause.then}" if cause.then else cause.what,
            "what": cause.what,
            "then": cause.then,
            **({"since": rfc3339(cause.since)} if cause.since else {}),
        }
        for cause in told.causes
    ]
    return {
        "subject": told.subject,
        "met": told.met,
        "chain": [] if told.met else causes,
        "evidence": causes if told.met else [],
    }


async def _why_device(context: Context, work: Work, object_id: str) -> Why:
    device = await crud.find(work, catalog.DEVICES, object_id=object_id)
    fleet = await read_fleet(work, limits_in(context), (device.id,))
    reported = fleet.device(device.id)
    state, detail, at = await attestations.find_attestation(work.db, DeviceId(device.id))
    rows = await device_rows.read_devices(work.db, (DeviceId(device.id),))
    unclaimed = await attention.unclaimed_in(work.db, work.scope, 10)
    facts = DeviceFacts(
        missing=reported.missing,
        attestation_required=any(row.attestation_required for row in rows),
        attested="PASS" in state,
        attestation_detail=detail,
        attested_at=at,
        attestation_stale=reported.attestation_stale,
        now=work.now,
        unclaimed=tuple(one.serial or one.soft_serial for one in unclaimed),
    )
    told = why_device(device, fleet.holders[device.id].alive, reported.info, facts)
    told = await policies.with_faults(work, device.id, told)
    return await with_waiting(work, device.id, told)


async def _why_instance(context: Context, work: Work, object_id: str) -> Why:
    item = await crud.find(work, catalog.INSTANCES, object_id=object_id)
    fleet = await read_fleet(work, limits_in(context), (item.device_id,))
    images = await images_of(work, (item,))
    denied = await denied_lately(work.db, work.scope, DeviceId(item.device_id), item.id, work.now)
    told = why_app(item, fleet.holders[item.device_id], fleet.app(item, images), denied)
    return await with_waiting(work, item.device_id, told)


async def _why_netinst(context: Context, work: Work, object_id: str) -> Why:
    item = await crud.find(work, catalog.NETINSTS, object_id=object_id)
    fleet = await read_fleet(work, limits_in(context), (item.device_id,))
    told = why_netinst(item, fleet.holders[item.device_id], fleet.netinst(item.device_id, item.id))
    return await with_waiting(work, item.device_id, told)


async def _why_volume(context: Context, work: Work, object_id: str) -> Why:
    item = await crud.find(work, catalog.VOLUMES, object_id=object_id)
    fleet = await read_fleet(work, limits_in(context), (item.device_id,))
    images = await images_of(work, (), (item,))
    told = why_volume(
        item,
        fleet.holders[item.device_id],
        fleet.volume(item.device_id, item.id),
        fleet.tree(item.device_id, images.get(item.image)),
    )
    return await with_waiting(work, item.device_id, told)


EXPLANATIONS: dict[str, Callable[[Context, Work, str], Awaitable[Why]]] = {
    "device": _why_device,
    "devices": _why_device,
    "instance": _why_instance,
    "instances": _why_instance,
    "netinst": _why_netinst,
    "netinsts": _why_netinst,
    "volume": _why_volume,
    "volumes": _why_volume,
}

ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/eaves/controller", controller, Anybody.STRANGER),
    Route("GET", "/v1/eaves/why/{kind}/{id}", why, READ_DEVICES),
    Route("GET", "/v1/cloud/version", cloud_version, Anybody.STRANGER),
    Route("GET", "/v1/cloud/ping", cloud_ping, Anybody.STRANGER),
    Route("GET", "/v1/devices/id/{id}/onboarding", onboarding, CHANGE_DEVICES),
    Route("GET", "/v1/devices/serial/{serialno}", device_by_serial, READ_DEVICES),
    Route("GET", "/v1/networks/id/{id}/devices", network_devices, READ_DEVICES),
)
