"""A model drafted from what a device reported of its hardware."""

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.model_draft import draft_model
from eaves.controller.northbound import catalog, crud
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.routes import READ_DEVICES, Route
from eaves.controller.store import reports
from eaves.evapi.info import ZInfoTypes, decode_z_info_msg
from eaves.ids import DeviceId

KINDS = (int(ZInfoTypes.ZiDevice), int(ZInfoTypes.ZiHardware))


async def draft(context: Context, request: Request) -> Response:
    """Nothing is stored: brand and model as they may be sent, and what to look at before.

    Raises Problem(412) for a device that reported nothing yet.
    """
    params = request.path_params
    async with context.reading(request) as work:
        device = await crud.find(
            work, catalog.DEVICES, object_id=params.get("id", ""), name=params.get("name", "")
        )
        told = await reports.list_info(work.db, (DeviceId(device.id),), KINDS)
    messages = {one.kind: decode_z_info_msg(one.message) for one in told}
    info = messages.get(int(ZInfoTypes.ZiDevice))
    if info is None or info.dinfo is None:
        raise Problem(
            412,
            f"device {device.name!r} reported nothing of itself yet; start it with any model, it "
            "reports after its first configuration",
            target=catalog.DEVICES.target(device),
        )
    hardware = messages.get(int(ZInfoTypes.ZiHardware))
    inventory = hardware.hwinfo.inventory if hardware and hardware.hwinfo else None
    drafted = draft_model(info.dinfo, inventory, request.query_params.get("name", ""))
    return JSONResponse(
        {
            "brand": drafted.brand.to_json(),
            "model": drafted.model.to_json(),
            "notes": list(drafted.notes),
        }
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/eaves/devices/id/{id}/model-draft", draft, READ_DEVICES),
    Route("GET", "/v1/eaves/devices/name/{name}/model-draft", draft, READ_DEVICES),
)
