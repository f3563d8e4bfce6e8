"""A plain HTTP listener for `Surface`, meant for the machine's own loopback address.

It is not the REST side: it goes on answering while that is busy, and needs no certificate.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import structlog

from eaves.controller.observe.surface import Page, Surface
from eaves.controller.settings import Endpoint
from eaves.errors import Rejected

log = structlog.get_logger()

HEAD_WITHIN_S = 10.0
MAX_HEAD_BYTES = 16 * 1024
_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}


class CannotServeMetrics(Rejected):
    """The address of `--metrics-listen` is taken or is not ours."""


@asynccontextmanager
async def serve_surface(
    surface: Surface, listen: Endpoint, *, trusted: bool
) -> AsyncGenerator[Endpoint]:
    """Answer until left; tells the address in force.  `trusted`: callers need no token."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # whoever hangs up or talks nonsense gets nothing: there is nobody to tell
        with contextlib.suppress(OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            async with asyncio.timeout(HEAD_WITHIN_S):
                head = await reader.readuntil(b"\r\n\r\n")
            page = await _page(surface, head.decode("latin-1"), trusted=trusted)
            writer.write(_wire(page))
            await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(answer, listen.host, listen.port, limit=MAX_HEAD_BYTES)
    except OSError as error:
        raise CannotServeMetrics(
            f"--metrics-listen {listen}: {error}; stop what holds the port, or choose another"
        ) from error
    async with server:
        port = int(server.sockets[0].getsockname()[1])
        log.info("metrics_served", listen=str(Endpoint(listen.host, port)))
        yield Endpoint(listen.host, port)


async def _page(surface: Surface, head: str, *, trusted: bool) -> Page:
    line, *fields = head.split("\r\n")
    method, _, rest = line.partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    if method != "GET":
        return Page(400, "text/plain", b"only GET is answered here\n")
    headers = {n.strip().lower(): v.strip() for n, _, v in (f.partition(":") for f in fields)}
    authorization = headers.get("authorization", "")
    page = await asyncio.to_thread(surface.page, path, authorization, trusted=trusted)
    return page or Page(404, "text/plain", b"there are /metrics, /healthz and /readyz\n")


def _wire(page: Page) -> bytes:
    head = (
        f"HTTP/1.1 {page.status} {_REASONS.get(page.status, 'Service Unavailable')}\r\n"
        f"Content-Type: {page.content_type}\r\nContent-Length: {len(page.body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + page.body
