"""What a request and an answer are on the device-facing side, apart from any server.

The same endpoints stand behind the bare RSGI listener of their own port and behind the ASGI
listener of a shared one; each server has an adapter of a few lines here.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from eaves.evapi.paths import PROTOBUF

Headers = list[tuple[str, str]]


class BodyTooLarge(Exception):  # an answer (413), not a failure
    """The body exceeds the bound; the rest was not read."""


Charge = Callable[[int], None]
"""Told of each part of a body as it arrives; what it raises ends the reading."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str  # without query string
    client: str  # address:port
    content_length: int | None
    read_body: Callable[[int, Charge], Awaitable[bytes]]  # at most so many bytes: BodyTooLarge
    disconnected: Callable[[], Awaitable[None]]  # returns when the client has gone


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body; a body is always a protobuf message or empty."""

    status: int
    body: bytes = b""
    typed: bool = False  # an empty body that needs its type all the same (register)
    retry_after_s: int = 0

    def headers(self) -> Headers:
        made: Headers = []
        if self.body or self.typed:
            made.append(("content-type", PROTOBUF))
        if self.retry_after_s:
            made.append(("retry-after", str(self.retry_after_s)))
        return made


Answering = Callable[[Request], Awaitable[Answer]]


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
    def __aiter__(self) -> Any: ...
    async def client_disconnect(self) -> None: ...
    def response_empty(self, status: int, headers: Headers) -> None: ...
    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...
    def close(self, status: int | None) -> Any: ...


def _length(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def rsgi_application(answering: Answering) -> Callable[[RsgiScope, RsgiProtocol], Awaitable[None]]:
    """Serve the endpoints by RSGI."""

    async def application(scope: RsgiScope, protocol: RsgiProtocol) -> None:
        if scope.proto != "http":
            protocol.close(403)
            return

        async def read_body(limit: int, charge: Charge) -> bytes:
            parts: list[bytes] = []
            size = 0
            async for part in protocol:
                size += len(part)
                if size > limit:
                    raise BodyTooLarge
                charge(len(part))
                parts.append(part)
            return b"".join(parts)

        answer = await answering(
            Request(
                scope.method,
                scope.path,
                scope.client,
                _length(scope.headers.get("content-length")),
                read_body,
                protocol.client_disconnect,
            )
        )
        if answer.body:
            protocol.response_bytes(answer.status, answer.headers(), answer.body)
        else:
            protocol.response_empty(answer.status, answer.headers())

    return application


AsgiScope = MutableMapping[str, Any]
AsgiReceive = Callable[[], Awaitable[MutableMapping[str, Any]]]
AsgiSend = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def asgi_application(answering: Answering) -> Callable[..., Awaitable[None]]:
    """Serve the endpoints by ASGI; for a port that devices and users share."""

    async def application(scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        async def read_body(limit: int, charge: Charge) -> bytes:
            parts: list[bytes] = []
            size, more = 0, True
            while more:
                message = await receive()
                part: bytes = message.get("body", b"")
                size += len(part)
                if size > limit:
                    raise BodyTooLarge
                charge(len(part))
                parts.append(part)
                more = message["type"] == "http.request" and bool(message.get("more_body"))
            return b"".join(parts)

        async def disconnected() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        headers: dict[bytes, bytes] = dict(scope["headers"])
        length = headers.get(b"content-length")
        client = scope.get("client") or ("", 0)
        answer = await answering(
            Request(
                scope["method"],
                scope["path"],
                f"{client[0]}:{client[1]}",
                _length(None if length is None else length.decode("latin-1")),
                read_body,
                disconnected,
            )
        )
        wire = [(k.encode(), v.encode()) for k, v in answer.headers()]
        wire.append((b"content-length", str(len(answer.body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": wire})
        await send({"type": "http.response.body", "body": answer.body})

    return application
