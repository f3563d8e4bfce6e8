"""The connection of a stream: who holds it, from where it goes on, when it ends."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope
from structlog.stdlib import get_logger

from eaves.controller.domain.authz import Anybody, Rights
from eaves.controller.domain.contract.base import JsonObject
from eaves.controller.domain.numerals import number_of
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.routes import Route
from eaves.controller.northbound.stream import frames
from eaves.controller.northbound.stream.places import pause
from eaves.controller.northbound.stream.sight import STANDING, Sight, sight_of
from eaves.controller.northbound.stream.tail import EVERY_S
from eaves.controller.northbound.work import Principal
from eaves.controller.store import events as rows
from eaves.controller.store.events import Event
from eaves.controller.store.unit import snapshot

log = get_logger(__name__)

PATH: Final = "/v1/ext/stream"
LAST: Final = "last-event-id"
REPLAYED: Final = 500  # events of an enterprise since the place that is named; more: `missed`
HEARTBEAT_S: Final = 15.0
LOOK_AGAIN_S: Final = 5.0  # whether session and role are what they were
SEND_WITHIN_S: Final = 60.0  # a client that takes nothing for so long is gone
OVER: Final = "this controller stops, or has a new certificate; connect again"
OTHER_RIGHTS: Final = "the role of this user changed; connect again"


@dataclass(frozen=True, slots=True)
class Since:
    """What came after a place that a client named."""

    events: tuple[Event, ...] = ()
    missed: bool = False


def wants_stream(request: Request) -> bool:
    """Whether a stream is asked for by name; `*/*` is what every program sends."""
    asked = request.headers.get("accept", "").lower()
    return any(one.partition(";")[0].strip() == frames.MEDIA for one in asked.split(","))


def named_place(request: Request) -> int | None:
    """Where the client was; None for a new one.  Raises Problem(400)."""
    text = request.headers.get(LAST, "") or request.query_params.get("after", "")
    if not text:
        return None
    place = number_of(text)
    if place is None or place >= 2**63:
        raise Problem(
            400,
            f"{text[:40]!r} is no place in the events; send the id of the last message, or nothing",
            location="Last-Event-ID",
        )
    return place


async def read_since(context: Context, sight: Sight, place: int | None) -> Since:
    """What somebody sees of the events above a place; everything of them, or `missed`."""
    if place is None:
        return Since()
    async with snapshot(context.engine) as db:
        newest, oldest = await rows.newest_row(db), await rows.oldest_row(db)
        found = await rows.events_after(db, sight.enterprise, place, limit=REPLAYED + 1)
    restored = place > newest
    cleared_away = place + 1 < oldest
    if restored or cleared_away or len(found) > REPLAYED:
        return Since(missed=True)
    return Since(tuple(event for event in found if sight.sees(event)))


async def stream(context: Context, request: Request) -> Response:
    """Events as they are written, of what the role of the caller lets it see: a stream for who asks
    for text/event-stream, else as JSON what came since `after`.

    A stream goes on from Last-Event-ID, at any controller of the database.  It is ended when the
    session ends or the role changes.  Raises Problem(400), (403), (429) and (503).
    """
    principal: Principal = request.state.principal
    async with context.reading(request):  # refuses who must change a password first
        pass
    place = named_place(request)
    sight = sight_of(principal.scope.enterprise, principal.rights)
    await context.tail.look()
    position, here = context.tail.position, context.tail.place
    since = await read_since(context, sight, place)
    if not wants_stream(request):
        told: list[JsonObject] = [frames.shown(event) for event in since.events]
        return JSONResponse({"id": str(here), "missed": since.missed, "list": told})
    ended = context.places.take(principal.user_id, principal.user_name)
    return EventStream(_Stream(context, request, principal, sight, position, here, ended), since)


@dataclass(slots=True)
class _Stream:
    """One client that stays.  `told`: rows that it was sent before it followed the tail."""

    context: Context
    request: Request
    principal: Principal
    sight: Sight
    position: int
    place: int  # of the table: what stands up to there was told, or is in `Since`
    ended: asyncio.Event  # by the process
    told: set[int] = field(default_factory=set[int])
    seen_standing: bool = False  # something came that may change what it may see

    @property
    def rights(self) -> Rights:
        return self.principal.rights

    def new(self) -> list[Event] | None:
        """What it is to be told now; None when it missed something."""
        tail = self.context.tail
        arrived = tail.since(self.position)
        self.position, self.place = tail.position, tail.place
        if arrived is None:
            self.told.clear()
            return None
        self.seen_standing = any(
            event.object_kind in STANDING and event.enterprise_id == self.sight.enterprise
            for event in arrived
        )
        return [e for e in arrived if e.row not in self.told and self.sight.sees(e)]

    async def why_ended(self) -> str:
        """Empty while session and role are what they were when it began."""
        context = self.context
        try:
            async with snapshot(context.engine) as db:
                now = await context.authenticate(db, self.request, context.clock())
        except Problem as problem:
            return str(problem)
        same = (
            now.rights == self.rights
            and now.scope.enterprise == self.sight.enterprise
            and not now.must_change_password
        )
        return "" if same else OTHER_RIGHTS


class EventStream(Response):
    """Sends until the client leaves, may not stay, or the process stops; then gives its place."""

    media_type = frames.MEDIA

    def __init__(self, stream: _Stream, since: Since) -> None:
        super().__init__(headers={"x-accel-buffering": "no"})  # of proxies that hold streams back
        del self.headers["content-length"]
        self._stream, self._since = stream, since

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        user_id = self._stream.principal.user_id
        telling = asyncio.ensure_future(self._tell(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait((telling, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._stream.context.places.leave(user_id)
            for task in (telling, leaving):
                task.cancel()
            await asyncio.gather(telling, leaving, return_exceptions=True)

    async def _tell(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        try:
            await send(start)
            await self._follow(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (OSError, TimeoutError):  # it is gone, or takes nothing any more
            return
        except Exception:  # a request boundary: the client connects again from where it was
            log.exception("stream_broken", user_name=self._stream.principal.user_name)

    async def _follow(self, send: Send) -> None:
        stream, loop = self._stream, asyncio.get_running_loop()
        await _send(send, self._greeting())
        said_s = looked_s = loop.time()
        while not stream.ended.is_set():
            await pause(stream.ended, EVERY_S)
            await stream.context.tail.look()
            new = stream.new()
            now_s = loop.time()
            if stream.seen_standing or now_s - looked_s >= LOOK_AGAIN_S:
                looked_s = now_s
                if why := await stream.why_ended():
                    await _send(send, _ended(why, stream.place))
                    return
            told = _messages(new, stream.place)
            if not told and now_s - said_s >= HEARTBEAT_S:
                told = frames.heartbeat(stream.place)
            if told:
                said_s = now_s
                await _send(send, told)
        await _send(send, _ended(OVER, stream.place))

    def _greeting(self) -> bytes:
        """Hello, and what came since the client was here last."""
        since, place = self._since, self._stream.place
        self._stream.told.update(event.row for event in since.events)
        hello = frames.frame(frames.HELLO, {"heartbeatSeconds": int(HEARTBEAT_S)}, place)
        return hello + _messages(None if since.missed else since.events, place)


def _messages(new: Sequence[Event] | None, place: int) -> bytes:
    if new is None:
        return frames.frame(frames.MISSED, {}, place)
    return b"".join(frames.frame(frames.EVENT, frames.shown(event), place) for event in new)


def _ended(why: str, place: int) -> bytes:
    return frames.frame(frames.ENDED, {"why": why}, place)


async def _send(send: Send, body: bytes) -> None:
    """Raises TimeoutError when nobody takes it."""
    async with asyncio.timeout(SEND_WITHIN_S):
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def _left(receive: Receive) -> None:
    """Wait until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        PATH,
        stream,
        Anybody.USER,
        gives=frames.MEDIA,
        headers=(("Last-Event-ID", "the id of the last message, from which to go on"),),
        query=(("after", "the same, for who asks for JSON"),),
    ),
)
