"""What a request and an answer are on the device-facing side, apart from any server.

The same endpoints stand behind the bare RSGI listener of their own port and behind the ASGI
listener of a shared one; each server has an adapter of a few lines here.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from granian import rsgi

from eaves.evapi.paths import PROTOBUF

_Closed: type[Exception] = rsgi.ProtocolClosed  # type: ignore[attr-defined]  # re-exported by its use

Headers = list[tuple[str, str]]


class BodyTooLarge(Exception):  # an answer (413), not a failure
    """The body exceeds the bound; the rest was not read."""


Charge = Callable[[int], None]
"""Told of each part of a body as it arrives; what it raises ends the reading."""


class Request(Protocol):
    """What a server hands over; nothing is read before it is asked for."""

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str:
        """Without query string."""
        ...

    @property
    def client(self) -> str:
        """address:port."""
        ...

    @property
    def content_length(self) -> int | None: ...

    async def read_body(self, limit: int, charge: Charge) -> bytes:
        """At most so many bytes.  Raises BodyTooLarge, and what `charge` raises."""
        ...

    async def disconnected(self) -> None:
        """Returns when the client has gone."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body; a body is always a protobuf message or empty."""

    status: int
    body: bytes = b""
    typed: bool = False  # an empty body that needs its type all the same (register)
    retry_after_s: int = 0

    def headers(self) -> Headers:
        if not self.retry_after_s:
            return _TYPE if self.body or self.typed else _NOTHING
        after = ("retry-after", str(self.retry_after_s))
        return [*_TYPE, after] if self.body or self.typed else [after]


_TYPE: Final[Headers] = [("content-type", PROTOBUF)]
_NOTHING: Final[Headers] = []

Answering = Callable[[Request], Awaitable[Answer]]

DRAIN_BYTES: Final = 4 * 1024 * 1024  # as much as a device may send with anything
LEAST_PART: Final = 1024  # a part counts as no less: each costs a turn of the loop
DRAIN_S: Final = 30.0
"""What is still read of a body whose request was answered before it had come.

A connection that is closed while bytes arrive is reset, and a reset may overtake the answer: the
device would count its uplink as broken and try the next one at once.
"""

AT_ONCE: Final = 4096
"""Bodies that say they are no larger are awaited whole: so much, times the connections, is little.
"""

MORE_AT_ONCE: Final = 16 * 1024
MORE_AWAITED: Final = 256
"""Nor are so large ones read in parts while few are awaited: each part costs two crossings between
the threads, and metrics have 10 KB.  The server holds 4 MiB for those that do not come.
"""


class RsgiHeaders(Protocol):
    def get(self, key: str, default: Any = None) -> Any: ...


class RsgiScope(Protocol):
    proto: str
    method: str
    path: str
    client: str

    @property
    def headers(self) -> RsgiHeaders: ...


class RsgiProtocol(Protocol):
    async def __call__(self) -> bytes: ...
    def __aiter__(self) -> Any: ...
    async def client_disconnect(self) -> None: ...
    def response_empty(self, status: int, headers: Headers) -> None: ...
    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...
    def close(self, status: int | None) -> Any: ...


def _length(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


class Awaited:
    """How many bodies of some size are awaited whole.  Lives on one event loop."""

    __slots__ = ("_count", "_most")

    def __init__(self, most: int = MORE_AWAITED) -> None:
        self._count, self._most = 0, most

    def begin(self) -> bool:
        """May one more be?  If so, `end` must follow."""
        if self._count >= self._most:
            return False
        self._count += 1
        return True

    def end(self) -> None:
        self._count -= 1


class RsgiRequest:
    """A request of Granian.  What the server knows is fetched over the border when it is needed."""

    __slots__ = (
        *("_awaited", "_coming", "_protocol", "_scope"),
        *("content_length", "method", "path", "whole"),
    )

    def __init__(self, scope: RsgiScope, protocol: RsgiProtocol, awaited: Awaited) -> None:
        self._scope, self._protocol, self.whole = scope, protocol, False
        self._awaited = awaited
        self._coming: Any = None  # the parts of the body, once some were asked for
        self.method, self.path = scope.method, scope.path
        self.content_length = _length(scope.headers.get("content-length"))

    @property
    def client(self) -> str:
        return self._scope.client

    async def read_body(self, limit: int, charge: Charge) -> bytes:
        try:
            return await self._body(limit, charge)
        except _Closed as error:
            self.whole = True  # nothing more comes
            raise ConnectionResetError("the client went before its request was whole") from error
        except asyncio.CancelledError:
            self.whole = True  # it was too slow: nothing more is waited for
            raise

    async def _body(self, limit: int, charge: Charge) -> bytes:
        length = self.content_length
        if length is not None and length <= min(AT_ONCE, limit):
            return await self._whole_body(charge)
        if length is not None and length <= min(MORE_AT_ONCE, limit) and self._awaited.begin():
            try:
                return await self._whole_body(charge)
            finally:
                self._awaited.end()
        parts: list[bytes] = []
        size = 0
        while (part := await self._part()) is not None:
            size += len(part)
            if size > limit:
                raise BodyTooLarge
            charge(len(part))
            parts.append(part)
        self.whole = True
        return b"".join(parts)

    async def _whole_body(self, charge: Charge) -> bytes:
        body = await self._protocol()  # the server takes no more than was announced
        self.whole = True
        charge(len(body))
        return body

    async def _part(self) -> bytes | None:
        """Some of the body; None at its end.  The server gives out one iterator for it.

        Not `anext` with a default: it wraps what the server awaits, which then ends the process.
        """
        if self._coming is None:
            self._coming = aiter(self._protocol)
        try:
            part: bytes = await self._coming.__anext__()
        except StopAsyncIteration:
            return None
        return part

    async def drain(self) -> None:
        """Read what still comes, within bounds, and keep nothing of it; after the answer."""
        if self.method == "GET":
            return
        size = 0
        with contextlib.suppress(TimeoutError, _Closed):
            async with asyncio.timeout(DRAIN_S):
                while size <= DRAIN_BYTES and (part := await self._part()) is not None:
                    size += max(len(part), LEAST_PART)

    async def disconnected(self) -> None:
        await self._protocol.client_disconnect()


def rsgi_application(answering: Answering) -> Callable[[RsgiScope, RsgiProtocol], Awaitable[None]]:
    """Serve the endpoints by RSGI."""
    awaited = Awaited()

    async def application(scope: RsgiScope, protocol: RsgiProtocol) -> None:
        if scope.proto != "http":
            protocol.close(403)
            return
        request = RsgiRequest(scope, protocol, awaited)
        answer = await answering(request)
        if answer.body:
            protocol.response_bytes(answer.status, answer.headers(), answer.body)
        else:
            protocol.response_empty(answer.status, answer.headers())
        if not request.whole:
            await request.drain()

    return application


AsgiScope = MutableMapping[str, Any]
AsgiReceive = Callable[[], Awaitable[MutableMapping[str, Any]]]
AsgiSend = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class AsgiRequest:
    """A request of the listener that devices and users share."""

    __slots__ = ("_receive", "_scope", "content_length", "method", "path", "whole")

    def __init__(self, scope: AsgiScope, receive: AsgiReceive) -> None:
        self._scope, self._receive, self.whole = scope, receive, False
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        headers: dict[bytes, bytes] = dict(scope["headers"])
        length = headers.get(b"content-length")
        self.content_length = _length(None if length is None else length.decode("latin-1"))

    @property
    def client(self) -> str:
        client = self._scope.get("client") or ("", 0)
        return f"{client[0]}:{client[1]}"

    async def read_body(self, limit: int, charge: Charge) -> bytes:
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            part, more = await self._part()
            size += len(part)
            if size > limit:
                raise BodyTooLarge
            charge(len(part))
            parts.append(part)
        return b"".join(parts)

    async def _part(self) -> tuple[bytes, bool]:
        """Some of the body, and whether there is more of it."""
        try:
            message = await self._receive()
        except asyncio.CancelledError:
            self.whole = True  # it was too slow: nothing more is waited for
            raise
        more = message["type"] == "http.request" and bool(message.get("more_body"))
        self.whole = not more
        return message.get("body", b""), more

    async def drain(self) -> None:
        """As that of RSGI, but before the answer: this server reads nothing after it."""
        if self.method == "GET":
            return
        size = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                while not self.whole and size <= DRAIN_BYTES:
                    size += max(len((await self._part())[0]), LEAST_PART)

    async def disconnected(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


def asgi_application(answering: Answering) -> Callable[..., Awaitable[None]]:
    """Serve the endpoints by ASGI; for a port that devices and users share."""

    async def application(scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        request = AsgiRequest(scope, receive)
        answer = await answering(request)
        if not request.whole:
            await request.drain()
        wire = [(k.encode(), v.encode()) for k, v in answer.headers()]
        wire.append((b"content-length", str(len(answer.body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": wire})
        await send({"type": "http.response.body", "body": answer.body})

    return application
