"""HTTP/1.1 over TLS connections of simulated devices, at the least cost that Python allows.

Sockets and TLS are called directly, and the loop is only asked to wait for them: that takes less
than half of the CPU of asyncio's transports.
"""

import asyncio
import os
import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

from eaves.evapi.flows.steps import Received, Send
from eaves.fleet.tls import OtherCertificate, Session, Trusted

CONNECT_TIMEOUT_S = 10.0
REQUEST_TIMEOUT_S = 120.0
MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 32 * 1024 * 1024
_PART_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Slow:
    """A narrow, far uplink."""

    delay_s: float  # before each request and before reading its answer
    bytes_per_s: int  # of what is sent


@dataclass(frozen=True, slots=True)
class Line:
    """How a device reaches its controller."""

    host: str
    port: int
    tls: Trusted | None = field(repr=False)  # None: plain HTTP
    path_prefix: str = ""
    request_timeout_s: float = REQUEST_TIMEOUT_S
    address: tuple[socket.AddressFamily, Any] | None = None  # looked up before; else each time
    slow: Slow | None = None


async def look_up(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    """Family and socket address of the first answer.  Raises OSError."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise OSError(
            f"{host} has no address ({error.strerror}); check the name of the server"
        ) from error
    if not found:
        raise OSError(f"{host} has no address; check the name of the server")
    return found[0][0], found[0][4]


class Connection:
    """One connection; `exchange` may be called again as long as `open`."""

    __slots__ = ("_buffer", "_line", "_loop", "_session", "_socket", "open")

    def __init__(self, line: Line) -> None:
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = None
        self._session: Session | None = None
        self._buffer = bytearray()
        self.open = False

    async def connect(self) -> None:
        """Raises OSError; `NotTrusted` tells why a server is not."""
        try:
            await self._connect()
        except OtherCertificate:
            self.close()
            await self._connect()
        self.open = True

    async def _connect(self) -> None:
        line = self._line
        family, address = line.address or await look_up(line.host, line.port)
        self._socket = bare = socket.socket(family, socket.SOCK_STREAM)
        bare.setblocking(False)
        bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            bare.connect(address)
        except BlockingIOError:
            await self._writable()
            error = bare.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, os.strerror(error)) from None
        if line.tls is not None:
            self._session = line.tls.session(bare.fileno(), line.host)
            await self._handshake(self._session)
            line.tls.admit(self._session, line.host)

    async def _handshake(self, session: Session) -> None:
        while True:
            try:
                session.handshake()
            except ssl.SSLWantReadError:
                await self._readable()
            except ssl.SSLWantWriteError:
                await self._writable()
            else:
                return

    async def exchange(self, head: bytes, body: bytes) -> Received:
        """Raises OSError, EOFError or ValueError: then the connection is of no use any more."""
        self.open = False
        slow = self._line.slow
        if slow is None:
            await self._send(head + body)
        else:
            await asyncio.sleep(slow.delay_s)
            step = max(1, slow.bytes_per_s // 4)
            data = head + body
            for start in range(0, len(data), step):
                await self._send(data[start : start + step])
                await asyncio.sleep(len(data[start : start + step]) / slow.bytes_per_s)
        received, self.open = await self._answer()
        return received

    async def _send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                sent = self._session.send(view) if self._session else self._connected.send(view)
                view = view[sent:]
            except (ssl.SSLWantWriteError, BlockingIOError):
                await self._writable()
            except ssl.SSLWantReadError:
                await self._readable()

    async def _more(self) -> bool:
        """False at the end of the stream."""
        while True:
            try:
                part = self._session.recv() if self._session else self._connected.recv(_PART_BYTES)
            except (ssl.SSLWantReadError, BlockingIOError):
                await self._readable()
                continue
            except ssl.SSLWantWriteError:
                await self._writable()
                continue
            self._buffer += part
            return bool(part)

    async def _answer(self) -> tuple[Received, bool]:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise ValueError("the head of the answer is too long")
            if not await self._more():
                raise EOFError("the connection ended before the answer")
        head = _read_head(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        if head.status in (204, 304):
            return Received(head.status, head.content_type), head.kept
        if head.chunked:
            return Received(head.status, head.content_type, await self._chunks()), head.kept
        if head.length is None:
            while await self._more():
                _bounded(len(self._buffer))
            return Received(head.status, head.content_type, self._take(len(self._buffer))), False
        _bounded(head.length)
        body = await self._exactly(head.length)
        return Received(head.status, head.content_type, body), head.kept

    async def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            if not await self._more():
                raise EOFError(f"the answer ended {size - len(self._buffer)} bytes too early")
        return self._take(size)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    async def _line_of(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD_BYTES or not await self._more():
                raise ValueError("a chunk of the answer has no length")
        return self._take(end + 2)[:-2]

    async def _chunks(self) -> bytes:
        body = bytearray()
        while size := int((await self._line_of()).partition(b";")[0], 16):
            if size < 0:
                raise ValueError("a chunk of the answer has a negative length")
            _bounded(len(body) + size)
            body += await self._exactly(size)
            await self._line_of()
        while await self._line_of():
            pass  # trailers
        return bytes(body)

    @property
    def _connected(self) -> socket.socket:
        if self._socket is None:
            raise OSError("the connection is closed")
        return self._socket

    async def _readable(self) -> None:
        ready = self._loop.create_future()
        number = self._connected.fileno()
        self._loop.add_reader(number, _wake, ready)
        try:
            await ready
        finally:
            self._loop.remove_reader(number)

    async def _writable(self) -> None:
        ready = self._loop.create_future()
        number = self._connected.fileno()
        self._loop.add_writer(number, _wake, ready)
        try:
            await ready
        finally:
            self._loop.remove_writer(number)

    def close(self) -> None:
        """At once: the last answer is whole or worthless, a TLS goodbye gains nothing."""
        self.open = False
        if self._session is not None:
            self._session.free()
            self._session = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _wake(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


@dataclass(frozen=True, slots=True)
class _Head:
    status: int
    content_type: str | None
    length: int | None
    chunked: bool
    kept: bool


def _read_head(head: bytes) -> _Head:
    """Raises ValueError for what is no HTTP/1 answer."""
    status_line, *fields = head.decode("latin-1").split("\r\n")
    version, _, rest = status_line.partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(f"not an HTTP/1 answer: {status_line[:80]!r}")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)
    }
    length = headers.get("content-length")
    return _Head(
        int(rest[:3]),
        headers.get("content-type"),
        None if length is None else int(length),
        "chunked" in headers.get("transfer-encoding", "").lower(),
        version == "HTTP/1.1" and headers.get("connection", "").lower() != "close",
    )


def _bounded(size: int) -> None:
    if not 0 <= size <= MAX_BODY_BYTES:
        raise ValueError(f"the answer has {size} bytes, more than {MAX_BODY_BYTES}")


def request_head(send: Send, line: Line, request_id: str, *, keep: bool = False) -> bytes:
    headers = [
        ("Host", f"{line.host}:{line.port}"),
        ("Connection", "keep-alive" if keep else "close"),
        ("X-Request-Id", request_id),
        *send.headers,
    ]
    if send.method == "POST":
        headers += [
            ("Content-Type", send.content_type or ""),
            ("Content-Length", str(len(send.body))),
        ]
    lines = [f"{send.method} {line.path_prefix}{send.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
