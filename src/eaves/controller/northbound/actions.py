"""Verbs: what is done to an object once, as counters and states in the object itself."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Request
from fastapi.responses import Response

from eaves.controller.domain.carried import bumped, refreshed
from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.base import Contract, rfc3339
from eaves.controller.domain.contract.datastores import ImageConfig
from eaves.controller.domain.contract.devices import AdminState, DeviceConfig
from eaves.controller.domain.contract.envelope import ZcOpsType
from eaves.controller.northbound import catalog, crud, records
from eaves.controller.northbound.completion import uplinked
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.crud import Resource
from eaves.controller.northbound.images import require_bytes
from eaves.controller.northbound.problems import Problem, Target
from eaves.controller.northbound.routes import (
    CHANGE_DEVICES,
    CHANGE_INSTANCES,
    CHANGE_STORAGE,
    RUN_DEVICES,
    RUN_INSTANCES,
    Endpoint,
    Route,
)
from eaves.controller.northbound.verbs import store_change
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store import objects
from eaves.controller.store.objects import Filter
from eaves.controller.store.policies import owned_on

T = TypeVar("T", bound=Contract)
Change = Callable[[Work, T], Awaitable[T]]


async def apply_verb(
    context: Context, request: Request, resource: Resource[T], change: Change[T], what: str
) -> Response:
    async with context.writing(request) as work:
        object_id = request.path_params.get("id", "")
        current = await crud.find(work, resource, object_id=object_id)
        target = await store_change(work, resource, current, await change(work, current), what)
    return context.envelopes.success(
        target, operation=ZcOpsType.UPDATE, user=work.principal.user_name
    )


def device_verb(change: Change[DeviceConfig], what: str) -> Endpoint:
    async def endpoint(context: Context, request: Request) -> Response:
        return await apply_verb(context, request, catalog.DEVICES, change, what)

    return endpoint


def instance_verb(change: Change[AppInstance], what: str) -> Endpoint:
    async def endpoint(context: Context, request: Request) -> Response:
        return await apply_verb(context, request, catalog.INSTANCES, change, what)

    return endpoint


def _admin_state(state: AdminState) -> Change[DeviceConfig]:
    async def change(_work: Work, device: DeviceConfig) -> DeviceConfig:
        return device.model_copy(update={"admin_state": state})

    return change


async def _reboot(work: Work, device: DeviceConfig) -> DeviceConfig:
    return device.model_copy(
        update={
            "reset_counter": device.reset_counter + 1,
            "reset_time": rfc3339(work.now),
        }
    )


async def _prepare_power_off(work: Work, device: DeviceConfig) -> DeviceConfig:
    return device.model_copy(
        update={
            "prepare_power_off_counter": device.prepare_power_off_counter + 1,
            "prepare_power_off_time": rfc3339(work.now),
        }
    )


async def retry_base_os(work: Work, device: DeviceConfig) -> DeviceConfig:
    return device.model_copy(
        update={
            "base_os_retry_counter": device.base_os_retry_counter + 1,
            "base_os_retry_time": rfc3339(work.now),
        }
    )


def _switch(*, activate: bool) -> Change[AppInstance]:
    async def change(_work: Work, instance: AppInstance) -> AppInstance:
        return instance.model_copy(update={"activate": activate})

    return change


async def _restart(work: Work, instance: AppInstance) -> AppInstance:
    return instance.model_copy(update={"restart": bumped(instance.restart, work.now)})


async def _newest(work: Work, instance: AppInstance) -> AppInstance:
    bundle = await records.find(work.db, work.scope, records.APP, instance.app_id)
    if bundle is None:
        raise Problem(412, f"app instance {instance.name!r}: its bundle is not there any more")
    return refreshed(instance, bundle, work.now)


async def refresh_instance(work: Work, object_id: str, *, purge: bool) -> Target:
    """Take the newest version of the bundle; it is admitted as any other write is."""
    current = await crud.find(work, catalog.INSTANCES, object_id=object_id)
    wanted = await _newest(work, current)
    if purge:
        wanted = wanted.model_copy(update={"purge": bumped(wanted.purge, work.now)})
    prepared = await catalog.INSTANCES.prepare(work, wanted, current)
    if prepared.refusals:
        raise Problem.of_refusals(prepared.refusals, catalog.INSTANCES.target(current))
    kept = prepared.wanted.model_copy(
        update={"bundleversion": wanted.bundleversion, "manifest_info": wanted.manifest_info}
    )
    return await crud.store_prepared(
        work,
        catalog.INSTANCES,
        Prepared(
            kept,
            (),
            references=prepared.references,
            project_id=prepared.project_id,
            device_id=prepared.device_id,
            state=prepared.state,
        ),
        current,
        what="refreshed and purged" if purge else "refreshed",
    )


async def refresh(context: Context, request: Request, *, purge: bool = False) -> Response:
    async with context.writing(request) as work:
        target = await refresh_instance(work, request.path_params["id"], purge=purge)
    return context.envelopes.success(
        target, operation=ZcOpsType.UPDATE, user=work.principal.user_name
    )


async def refresh_and_purge(context: Context, request: Request) -> Response:
    return await refresh(context, request, purge=True)


async def uplink(context: Context, request: Request) -> Response:
    """The file is in the datastore already: the image may be deployed."""
    body = await _body_or_none(request, ImageConfig)
    async with context.writing(request) as work:
        current = await crud.find(work, catalog.IMAGES, object_id=request.path_params["id"])
        await require_bytes(work, current)
        wanted = uplinked(current, body)
        prepared = await catalog.IMAGES.prepare(work, wanted, current)
        if prepared.refusals:
            raise Problem.of_refusals(prepared.refusals, catalog.IMAGES.target(current))
        target = await store_change(work, catalog.IMAGES, current, wanted, "uplinked")
    return context.envelopes.success(
        target,
        operation=ZcOpsType.UPDATE,
        user=work.principal.user_name,
        job=work.render_job,
    )


async def _body_or_none(request: Request, contract: type[T]) -> T | None:
    raw = await request.body()
    return contract.from_json_text(raw) if raw.strip() else None


async def _base_os(context: Context, request: Request, what: str, *, activate: bool) -> Response:
    """Publish or apply a base image.  Without an id in the path the body names the device."""
    body = await _body_or_none(request, DeviceConfig)
    async with context.writing(request) as work:
        object_id = request.path_params.get("id", "") or (body.id if body is not None else "")
        name = body.name if body is not None else ""
        if not object_id and not name:
            raise Problem(400, "neither the path nor the body says which device", location="name")
        current = await crud.find(work, catalog.DEVICES, object_id=object_id, name=name)
        images = body.base_image if body is not None else current.base_image
        wanted = current.model_copy(
            update={
                "base_image": tuple(
                    image.model_copy(update={"activate": image.activate or activate})
                    for image in images
                )
            }
        )
        target = await store_change(work, catalog.DEVICES, current, wanted, what)
    return context.envelopes.success(
        target, operation=ZcOpsType.UPDATE, user=work.principal.user_name
    )


async def publish(context: Context, request: Request) -> Response:
    return await _base_os(context, request, "base image published", activate=False)


async def apply_base_os(context: Context, request: Request) -> Response:
    return await _base_os(context, request, "base image applied", activate=True)


async def offboard(context: Context, request: Request) -> Response:
    """The device forgets the controller; its record may be claimed by another one."""
    async with context.writing(request) as work:
        current = await crud.find(work, catalog.DEVICES, object_id=request.path_params["id"])
        wanted = current.model_copy(
            update={"admin_state": AdminState.CREATED, "identity": "", "onboarding": None}
        )
        carried = await objects.list_objects(
            work.db,
            work.scope,
            records.APP_INSTANCE.kind,
            Filter(device_id=current.id),
            limit=10,
        )
        owned = {stored.id for stored in carried} & await owned_on(work.db, current.id)
        carried = tuple(stored for stored in carried if stored.id not in owned)
        if carried:
            names = ", ".join(stored.name for stored in carried)
            raise Problem(
                409,
                f"device {current.name!r} carries app instances ({names}); delete them first",
                target=catalog.DEVICES.target(current),
            )
        target = await store_change(work, catalog.DEVICES, current, wanted, "offboarded")
        await catalog.DEVICES.before_delete(work, current, current)
    return context.envelopes.success(
        target, operation=ZcOpsType.UPDATE, user=work.principal.user_name
    )


ROUTES: tuple[Route, ...] = (
    Route("PUT", "/v1/devices/id//publish", publish, CHANGE_DEVICES),
    Route("PUT", "/v1/devices/id//apply", apply_base_os, CHANGE_DEVICES),
    Route("PUT", "/v1/devices/id/{id}/publish", publish, CHANGE_DEVICES),
    Route("PUT", "/v1/devices/id/{id}/apply", apply_base_os, CHANGE_DEVICES),
    Route("PUT", "/v1/devices/id/{id}/offboard", offboard, CHANGE_DEVICES),
    Route("PUT", "/v1/devices/id/{id}/Offboard", offboard, CHANGE_DEVICES),
    Route(
        "PUT",
        "/v1/devices/id/{id}/activate",
        device_verb(_admin_state(AdminState.ACTIVE), "activated"),
        CHANGE_DEVICES,
    ),
    Route(
        "PUT",
        "/v1/devices/id/{id}/deactivate",
        device_verb(_admin_state(AdminState.INACTIVE), "deactivated"),
        CHANGE_DEVICES,
    ),
    Route("PUT", "/v1/devices/id/{id}/reboot", device_verb(_reboot, "reboot asked"), RUN_DEVICES),
    Route(
        "PUT",
        "/v1/devices/id/{id}/preparepoweroff",
        device_verb(_prepare_power_off, "power off asked"),
        RUN_DEVICES,
    ),
    Route(
        "PUT",
        "/v1/devices/id/{id}/baseos/upgrade/retry",
        device_verb(retry_base_os, "base image retry asked"),
        RUN_DEVICES,
    ),
    Route(
        "PUT",
        "/v1/apps/instances/id/{id}/activate",
        instance_verb(_switch(activate=True), "activated"),
        CHANGE_INSTANCES,
    ),
    Route(
        "PUT",
        "/v1/apps/instances/id/{id}/deactivate",
        instance_verb(_switch(activate=False), "deactivated"),
        CHANGE_INSTANCES,
    ),
    Route(
        "PUT",
        "/v1/apps/instances/id/{id}/restart",
        instance_verb(_restart, "restart asked"),
        RUN_INSTANCES,
    ),
    Route("PUT", "/v1/apps/instances/id/{id}/refresh", refresh, RUN_INSTANCES),
    Route("PUT", "/v1/apps/instances/id/{id}/refresh/purge", refresh_and_purge, RUN_INSTANCES),
    Route("PUT", "/v1/apps/images/id/{id}/uplink", uplink, CHANGE_STORAGE),
)
