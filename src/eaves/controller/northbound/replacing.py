"""A machine takes the record of another one: a new board, the same device.

Apps, volumes, settings and events stay.  What belongs to the machine goes: its certificates, what
it attested, the keys in escrow.  Which machines had the record before is kept.
"""

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.contract.base import Contract, rfc3339
from eaves.controller.domain.contract.envelope import ZcOpsType
from eaves.controller.northbound import catalog, crud
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.routes import CHANGE_DEVICES, READ_DEVICES, Route
from eaves.controller.store import devices as device_rows
from eaves.controller.store import machines
from eaves.ids import DeviceId

MAX_WHY = 256


class Replacement(Contract):
    """Ours: what the new machine is known by.  Empty members stay as they are."""

    identity: str = ""  # its certificate, as base64; without one it registers with its key
    obkey: str = ""
    serialno: str = ""
    why: str = ""


async def replace_machine(context: Context, request: Request) -> Response:
    asked = await crud.read_body(request, Replacement)
    async with context.writing(request) as work:
        current = await crud.find(work, catalog.DEVICES, object_id=request.path_params["id"])
        target = catalog.DEVICES.target(current)
        if not asked.serialno and not asked.identity:
            raise Problem(
                400,
                "neither serialno nor identity says which machine takes the record; send one",
                target=target,
                location="serialno",
            )
        id_, by = DeviceId(current.id), work.principal.user_name
        why = asked.why[:MAX_WHY] or "replaced"
        left = await machines.note_left(work.db, work.scope.enterprise, id_, why, by, work.now)
        if left is None:
            raise Problem(
                412,
                f"no machine has the record of device {current.name!r} yet; change its serialno "
                "instead",
                target=target,
            )
        await device_rows.mark_gone(work.db, id_)
        without = current.model_copy(update={"identity": "", "onboarding": None})
        wanted = without.model_copy(
            update={
                "serialno": asked.serialno or current.serialno,
                "obkey": asked.obkey or current.obkey,
                "identity": asked.identity,
            }
        )
        target = await crud.store_version(
            work, catalog.DEVICES, wanted, without, what="machine replaced"
        )
        work.told.add(id_)
    return context.envelopes.success(
        target, operation=ZcOpsType.UPDATE, user=work.principal.user_name
    )


async def machines_of(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        device = await crud.find(work, catalog.DEVICES, object_id=request.path_params["id"])
        id_ = DeviceId(device.id)
        now = await machines.find_machine(work.db, id_)
        before = await machines.list_before(work.db, work.scope.enterprise, id_)
    listed = [] if now is None else [now]
    return JSONResponse(
        {
            "list": [
                {
                    **machines.shown(one),
                    **({"boundAt": rfc3339(one.bound_at)} if one.bound_at else {}),
                    **({"leftAt": rfc3339(one.left_at)} if one.left_at else {}),
                    **({"user": one.user_name} if one.user_name else {}),
                    **({"why": one.why} if one.why else {}),
                }
                for one in (*listed, *before)
            ]
        }
    )


ROUTES: tuple[Route, ...] = (
    Route("PUT", "/v1/eaves/devices/id/{id}/replace", replace_machine, CHANGE_DEVICES, Replacement),
    Route("GET", "/v1/eaves/devices/id/{id}/machines", machines_of, READ_DEVICES),
)
