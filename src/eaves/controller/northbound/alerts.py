"""What was told of incidents of alert rules, below `/v1/eaves`.

Rules and channels follow the common pattern (`catalog`).
"""

from datetime import timedelta
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.alerts.messages import What, of_test, shown
from eaves.controller.domain.contract.base import JsonObject, rfc3339
from eaves.controller.domain.contract.envelope import ZcOpsType
from eaves.controller.northbound import catalog, crud, journal
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.periods import page_size
from eaves.controller.northbound.problems import Problem, not_found
from eaves.controller.northbound.routes import CHANGE_DEVICES, READ_DEVICES, Route
from eaves.controller.northbound.work import Work
from eaves.controller.store import alerts, notifications
from eaves.controller.store.notifications import Notification
from eaves.controller.store.objects import find_objects
from eaves.controller.store.tables import Kind

NOTIFICATIONS: Final = 100
TRIED_AGAIN_AFTER: Final = timedelta(seconds=10)


async def read(context: Context, request: Request) -> Response:
    """With what was told of it, and how that went."""
    id_ = request.path_params["id"]
    async with context.reading(request) as work:
        one = await alerts.find_incident(work.db, work.scope, id_)
        if one is None:
            raise not_found("incident", id_)
        told = await notifications.of_incident(work.db, one.enterprise_id, one.id)
        names = await _names(work, told)
    rows = [_row(each, names.get(each.channel_id, "")) for each in told]
    return JSONResponse({**shown(one), "notifications": rows})


async def _names(work: Work, told: tuple[Notification, ...]) -> dict[str, str]:
    ids = {one.channel_id for one in told} - {""}
    found = await find_objects(work.db, work.scope, Kind.ALERT_CHANNEL, ids)
    return {one.id: one.name for one in found.values()}


def _row(one: Notification, channel: str) -> JsonObject:
    return {
        "id": one.id,
        "channelId": one.channel_id,
        "channelName": channel,
        "incidentId": one.incident_id if one.what in (What.OPENED, What.CLOSED) else "",
        "what": one.what.value,
        "state": one.state,
        "tries": one.tries,
        "outcome": one.outcome,
        "createdAt": rfc3339(one.created_at),
        **({} if one.settled_at is None else {"settledAt": rfc3339(one.settled_at)}),
    }


async def of_channel(context: Context, request: Request) -> Response:
    """The newest that were told to a channel."""
    async with context.reading(request) as work:
        id_ = request.path_params["id"]
        channel = await crud.find(work, catalog.ALERT_CHANNELS, object_id=id_)
        told = await notifications.of_channel(
            work.db, work.scope, channel.id, limit=page_size(request, NOTIFICATIONS)
        )
    return JSONResponse({"list": [_row(one, channel.name) for one in told]})


async def try_channel(context: Context, request: Request) -> Response:
    """Tell something to a channel; how that went stands in its notifications soon."""
    async with context.writing(request) as work:
        resource = catalog.ALERT_CHANNELS
        channel = await crud.find(work, resource, object_id=request.path_params["id"])
        target, user = resource.target(channel), work.principal.user_name
        for one in await notifications.of_channel(work.db, work.scope, channel.id, limit=20):
            lately = work.now - one.created_at < TRIED_AGAIN_AFTER
            if one.what is What.TEST and (lately or one.state == notifications.WAITING):
                raise Problem(
                    409,
                    f"alert channel {channel.name!r} is being tried, or was just now; look at its "
                    "notifications",
                    target=target,
                )
        made = notifications.of_message(
            of_test(channel.name, user, work.now),
            What.TEST,
            enterprise_id=work.scope.enterprise,
            id_=work.new_id(),
            now=work.now,
            channel_id=channel.id,
        )
        await notifications.insert_notifications(work.db, (made,))
        await journal.note(
            work,
            journal.Entry(
                kind=Kind.ALERT_CHANNEL,
                noun="alert channel",
                object_id=channel.id,
                object_name=channel.name,
                project_id=channel.project_id,
                what="tried",
            ),
        )
    return context.envelopes.success(target, operation=ZcOpsType.UPDATE, user=user)


CHANNEL: Final = f"{catalog.ALERT_CHANNELS.path}/id/{{id}}"
ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/eaves/incidents/id/{id}", read, READ_DEVICES),
    Route("GET", f"{CHANNEL}/notifications", of_channel, READ_DEVICES),
    Route("PUT", f"{CHANNEL}/test", try_channel, CHANGE_DEVICES),
)
