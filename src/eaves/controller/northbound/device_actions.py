"""Verbs of devices that need more than a counter: debug access, withdrawn base images."""

import re
from datetime import timedelta
from typing import Final, TypeVar

from fastapi import Request
from fastapi.responses import Response

from eaves.controller.domain.admission.refusal import Refusal, invalid
from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.devices import BaseOSImage, DebugKnobDetail, DeviceConfig
from eaves.controller.domain.contract.envelope import ZcOpsType
from eaves.controller.northbound import catalog, crud
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.routes import CHANGE_DEVICES, RUN_DEVICES, Route
from eaves.controller.northbound.verbs import store_change
from eaves.controller.store.debug_windows import Window, close_window, open_window
from eaves.ids import DeviceId

T = TypeVar("T", bound=Contract)

USUAL_MINUTES: Final = 60
MOST_MINUTES: Final = 7 * 24 * 60
SSH_KEY: Final = re.compile(
    r"(ssh-|ecdsa-|sk-)[a-zA-Z0-9@.-]+ [A-Za-z0-9+/=]{16,8192}( [ -~]{0,256})?"
)


def refuse_debug(asked: DebugKnobDetail) -> tuple[Refusal, ...]:
    found: list[Refusal] = []
    if not 0 <= asked.expiry <= MOST_MINUTES:
        found.append(
            invalid(
                "expiry",
                f"expiry is {asked.expiry}; give minutes, 1 to {MOST_MINUTES:,} (7 days), or "
                f"nothing for {USUAL_MINUTES}",
            )
        )
    if asked.ssh_key and not SSH_KEY.fullmatch(asked.ssh_key):
        found.append(
            invalid("sshKey", "sshKey is no public key of SSH; send the line of an id_*.pub file")
        )
    return tuple(found)


async def start_debug(context: Context, request: Request) -> Response:
    """Open console, screen and keyboards, and SSH where a key is given, for some minutes."""
    asked = await _body(request, DebugKnobDetail)
    async with context.writing(request) as work:
        current = await crud.find(work, catalog.DEVICES, object_id=request.path_params["id"])
        refusals = refuse_debug(asked)
        if refusals:
            raise Problem.of_refusals(refusals, catalog.DEVICES.target(current))
        closes = work.now.replace(microsecond=0)
        closes += timedelta(minutes=asked.expiry or USUAL_MINUTES)
        knob = DebugKnobDetail.from_json(
            {
                "debugKnob": True,
                "expired": False,
                "expiry": str(int(closes.timestamp())),
                **({"sshKey": asked.ssh_key} if asked.ssh_key else {}),
            }
        )
        await open_window(work.db, Window(work.scope.enterprise, DeviceId(current.id), closes))
        wanted = current.model_copy(update={"debug_knob": knob})
        target = await store_change(work, catalog.DEVICES, current, wanted, "debug access opened")
    return context.envelopes.success(
        target, operation=ZcOpsType.UPDATE, user=work.principal.user_name
    )


async def stop_debug(context: Context, request: Request) -> Response:
    async with context.writing(request) as work:
        current = await crud.find(work, catalog.DEVICES, object_id=request.path_params["id"])
        await close_window(work.db, work.scope.enterprise, current.id)
        wanted = current.model_copy(update={"debug_knob": closed(current.debug_knob)})
        target = await store_change(work, catalog.DEVICES, current, wanted, "debug access closed")
    return context.envelopes.success(
        target, operation=ZcOpsType.UPDATE, user=work.principal.user_name
    )


def closed(knob: DebugKnobDetail | None) -> DebugKnobDetail:
    """Who opens it again gives the key again."""
    return DebugKnobDetail(debug_knob=False, expired=False, expiry=knob.expiry if knob else 0)


async def unpublish(context: Context, request: Request) -> Response:
    """Withdraw base images that were offered and not activated: those that the body names, or all.

    Raises Problem(412) where one of them is activated, or none is there.
    """
    asked = await _body(request, DeviceConfig)
    async with context.writing(request) as work:
        current = await crud.find(work, catalog.DEVICES, object_id=request.path_params["id"])
        named = {_key(image) for image in asked.base_image}
        meant = tuple(i for i in current.base_image if not named or _key(i) in named)
        running = [i for i in meant if i.activate] if named else []
        withdrawn = {_key(image) for image in meant if not image.activate}
        if running or not withdrawn:
            raise Problem(
                412,
                _why_kept(current, running),
                target=catalog.DEVICES.target(current),
                location="baseImage",
            )
        kept = tuple(image for image in current.base_image if _key(image) not in withdrawn)
        wanted = current.model_copy(update={"base_image": kept})
        target = await store_change(work, catalog.DEVICES, current, wanted, "base image withdrawn")
    return context.envelopes.success(
        target, operation=ZcOpsType.UPDATE, user=work.principal.user_name
    )


def _why_kept(device: DeviceConfig, running: list[BaseOSImage]) -> str:
    if running:
        names = ", ".join(image.image_name for image in running)
        return (
            f"device {device.name!r}: base image {names} is activated and cannot be withdrawn; "
            "apply another one instead"
        )
    return (
        f"device {device.name!r} has no such base image that is offered and not activated; "
        "read the device for those that it has"
    )


def _key(image: BaseOSImage) -> tuple[str, str]:
    return image.image_name, image.version


async def _body(request: Request, contract: type[T]) -> T:
    raw = await request.body()
    return contract.from_json_text(raw) if raw.strip() else contract()


ROUTES: tuple[Route, ...] = (
    Route("PUT", "/v1/devices/id/{id}/debug/enable", start_debug, RUN_DEVICES),
    Route("PUT", "/v1/devices/id/{id}/debug/disable", stop_debug, RUN_DEVICES),
    Route("PUT", "/v1/devices/id/{id}/unpublish", unpublish, CHANGE_DEVICES),
)
