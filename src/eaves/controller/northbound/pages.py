"""`/metrics`, `/healthz`, `/readyz` on the REST listener, and the meter of its answers."""

import asyncio
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eaves.controller.northbound.strict import strict
from eaves.controller.observe.meters import Requests
from eaves.controller.observe.surface import PATHS, Surface


class Pages:
    """Answers the pages for those who run the controller; everything else passes through."""

    def __init__(self, app: ASGIApp, surface: Surface) -> None:
        self._app, self._surface = app, surface

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in PATHS or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        page = await asyncio.to_thread(self._surface.page, scope["path"], authorization)
        if page is None:
            await self._app(scope, receive, send)
            return
        await send(
            {
                "type": "http.response.start",
                "status": page.status,
                "headers": strict(
                    [
                        (b"content-type", page.content_type.encode()),
                        (b"content-length", str(len(page.body)).encode()),
                    ]
                ),
            }
        )
        await send({"type": "http.response.body", "body": page.body})


class Metered:
    """Counts answers by operation: the method and the path as the contract writes it."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app, self._requests = app, requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = perf_counter(), 500
        took: float | None = None

        async def noted(message: Message) -> None:
            nonlocal status, took
            if message["type"] == "http.response.start":
                status = message["status"]
                if _is_stream(message):  # how long it stays open says nothing
                    took = perf_counter() - began
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            spent = perf_counter() - began if took is None else took
            self._requests.note(_operation(scope), status, spent)


def _is_stream(start: Message) -> bool:
    headers: dict[bytes, bytes] = dict(start["headers"])
    return headers.get(b"content-type", b"").startswith(b"text/event-stream")


def _operation(scope: Scope) -> str:
    """Of a small set: what no route took, a stranger may have made up."""
    route = scope.get("route")
    path = getattr(route, "path", "")
    return f"{scope['method']} {path}" if path else "other"
