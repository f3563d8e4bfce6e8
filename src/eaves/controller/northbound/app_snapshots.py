"""Snapshots of app instances: what there is, in which state, and away with one."""

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.base import rfc3339
from eaves.controller.domain.contract.envelope import ZcOpsType
from eaves.controller.domain.contract.snapshots import (
    AppInstanceSnapshotState,
    AppInstSnapshotsList,
)
from eaves.controller.domain.snapshots import Snapshot, active_of, state_of
from eaves.controller.northbound import catalog, crud, journal, rendering
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.problems import Problem, Target, not_found
from eaves.controller.northbound.resources.snapshots import heard_of, shown, snapshots_shown
from eaves.controller.northbound.routes import CHANGE_INSTANCES, READ_INSTANCES, Route
from eaves.controller.northbound.work import Work
from eaves.controller.store import objects, snapshots
from eaves.controller.store.tables import Kind
from eaves.ids import DeviceId

OF_INSTANCE = "/v1/apps/instances/id/{appInstanceId}/snapshot/name/{name}"
BY_ID = "/v1/apps/instances/snapshot/id/{id}"


async def _named(work: Work, request: Request) -> tuple[AppInstance, Snapshot, bool]:
    """Instance, snapshot, and whether it is what the instance went back to last."""
    params = request.path_params
    instance = await crud.find(work, catalog.INSTANCES, object_id=params["appInstanceId"])
    have = (await snapshots.snapshots_of(work.db, (instance.id,))).get(instance.id, ())
    active = active_of(have)
    for one in reversed(have):  # of one name, at most the newest is kept
        if one.name == params["name"]:
            return instance, one, active is not None and active.id == one.id
    raise not_found(f"snapshot of app instance {instance.name!r}", params["name"])


async def _by_id(work: Work, request: Request) -> tuple[AppInstance, Snapshot, bool]:
    wanted = request.path_params["id"]
    found = await snapshots.find_snapshot(work.db, work.scope, wanted)
    stored = (
        await objects.find_object(work.db, work.scope, Kind.APP_INSTANCE, found.instance_id)
        if found is not None
        else None
    )
    if found is None or stored is None:
        raise not_found("snapshot", wanted)
    have = (await snapshots.snapshots_of(work.db, (stored.id,))).get(stored.id, ())
    active = active_of(have)
    led = active is not None and active.id == found.id
    return catalog.INSTANCES.of.read(stored), found, led


async def listing(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        instance = await crud.find(work, catalog.INSTANCES, object_id=request.path_params["id"])
        found = await snapshots_shown(work, instance)
    return JSONResponse(AppInstSnapshotsList(snapshots=found).to_json())


async def one(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        find = _named if "name" in request.path_params else _by_id
        instance, snapshot, active = await find(work, request)
        app, at = await heard_of(work, instance)
    state = state_of(snapshot, app, at, active=active)
    return JSONResponse(shown(snapshot, state, active=active).to_json())


async def state(context: Context, request: Request) -> Response:
    """The moment is that of the last word about it: the wish, or the device's report."""
    async with context.reading(request) as work:
        instance, snapshot, active = await _by_id(work, request)
        app, at = await heard_of(work, instance)
    told = AppInstanceSnapshotState(
        state=state_of(snapshot, app, at, active=active),
        timestamp=rfc3339(max(at, snapshot.changed_at) if at is not None else snapshot.changed_at),
    )
    return JSONResponse(told.to_json())


async def delete(context: Context, request: Request) -> Response:
    """It leaves the configuration; it is gone when the device no longer tells of it."""
    async with context.writing(request) as work:
        instance, snapshot, _active = await _named(work, request)
        if not snapshot.kept:
            raise Problem(
                409,
                f"snapshot {snapshot.name!r} of app instance {instance.name!r} is being deleted "
                "already; wait for the device",
            )
        await snapshots.delete_snapshot(work.db, snapshot.id, work.now)
        work.changed.add(DeviceId(instance.device_id))
        await rendering.render_changed(
            work, Kind.APP_INSTANCE.value, catalog.INSTANCES.target(instance)
        )
        await journal.note(
            work,
            journal.Entry(
                kind=Kind.APP_INSTANCE,
                noun="app instance",
                object_id=instance.id,
                object_name=instance.name,
                project_id=instance.project_id,
                device_id=instance.device_id,
                what="snapshot deleted",
            ),
        )
    return context.envelopes.success(
        Target(kind="apps/instances/snapshot", id=snapshot.id, name=snapshot.name),
        operation=ZcOpsType.DELETE,
        user=work.principal.user_name,
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/apps/instances/id/{id}/snapshots", listing, READ_INSTANCES),
    Route("GET", OF_INSTANCE, one, READ_INSTANCES),
    Route("DELETE", OF_INSTANCE, delete, CHANGE_INSTANCES),
    Route("GET", BY_ID, one, READ_INSTANCES),
    Route("GET", BY_ID + "/state", state, READ_INSTANCES),
)
