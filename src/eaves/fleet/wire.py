"""HTTP/1.1 over TLS connections of simulated devices, at the least cost that Python allows.

Sockets and TLS are called directly, and the loop is only asked to wait for them: that takes less
than half of the CPU of asyncio's transports.
"""

import asyncio
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from random import getrandbits
from typing import Any, Final, NamedTuple

from eaves.evapi.flows.steps import Received, Send
from eaves.fleet.tls import OtherCertificate, Session, Trusted
from eaves.fleet.waiting import Waiting

CONNECT_TIMEOUT_S = 10.0
REQUEST_TIMEOUT_S = 120.0
MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 32 * 1024 * 1024
_PART_BYTES = 64 * 1024
_STREAM: Final = socket.SOCK_STREAM | socket.SOCK_NONBLOCK


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
    waiting: Waiting | None = None  # that all connections share; else each has its own


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

    __slots__ = (
        "_buffer",
        "_line",
        "_loop",
        "_number",
        "_own",
        "_session",
        "_socket",
        "_until_s",
        "_waiting",
        "open",
    )

    def __init__(self, line: Line) -> None:
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._waiting = line.waiting or Waiting()
        self._own = line.waiting is None
        self._socket: socket.socket | None = None
        self._number = -1
        self._session: Session | None = None
        self._buffer = bytearray()
        self._until_s = 0.0
        self.open = False

    async def connect(self) -> None:
        """Raises OSError; `NotTrusted` tells why a server is not."""
        async with self._waiting.opening:
            self._until_s = self._loop.time() + CONNECT_TIMEOUT_S
            try:
                await self._connect()
            except OtherCertificate:
                self._disconnect()
                await self._connect()
        self.open = True

    async def _connect(self) -> None:
        """What is written finds out whether the server is there: most often it is already."""
        line = self._line
        family, address = line.address or await look_up(line.host, line.port)
        self._socket = bare = socket.socket(family, _STREAM)
        bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(BlockingIOError):
            bare.connect(address)
        self._number = bare.fileno()
        self._waiting.add(self._number)
        if line.tls is not None:
            self._session = line.tls.session(self._number, line.host)
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
        self._until_s = self._loop.time() + self._line.request_timeout_s
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
        await self._waiting.readable(self._number, self._until_s)

    async def _writable(self) -> None:
        await self._waiting.writable(self._number, self._until_s)

    def close(self) -> None:
        """At once: the last answer is whole or worthless, a TLS goodbye gains nothing."""
        self._disconnect()
        if self._own:
            self._waiting.close()

    def _disconnect(self) -> None:
        self.open = False
        if self._session is not None:
            self._session.free()
            self._session = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _Head(NamedTuple):
    status: int
    content_type: str | None
    length: int | None
    chunked: bool
    kept: bool


def _read_head(head: bytes) -> _Head:
    """Without the empty line at its end.  Raises ValueError for what is no HTTP/1 answer."""
    if not head.startswith(b"HTTP/1."):
        raise ValueError(f"not an HTTP/1 answer: {head[:80]!r}")
    version, _, rest = head.partition(b" ")
    lowered = head.lower() + b"\r\n"
    length = _field(lowered, b"\r\ncontent-length:")
    media = _field(lowered, b"\r\ncontent-type:")
    return _Head(
        int(rest[:3]),
        None if media is None else media.decode("latin-1"),
        None if length is None else int(length),
        b"chunked" in (_field(lowered, b"\r\ntransfer-encoding:") or b""),
        version == b"HTTP/1.1" and _field(lowered, b"\r\nconnection:") != b"close",
    )


def _field(lowered: bytes, name: bytes) -> bytes | None:
    """The value of a field; `name` with the end of the line before it."""
    at = lowered.find(name)
    if at < 0:
        return None
    begin = at + len(name)
    return lowered[begin : lowered.index(b"\r\n", begin)].strip()


def _bounded(size: int) -> None:
    if not 0 <= size <= MAX_BODY_BYTES:
        raise ValueError(f"the answer has {size} bytes, more than {MAX_BODY_BYTES}")


def request_id() -> str:
    """A UUID of version 4; that of the standard library asks the kernel for each."""
    number = getrandbits(128) & ~(0xF << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def request_head(send: Send, line: Line, named: str, *, keep: bool = False) -> bytes:
    of_body = ""
    if send.method == "POST":
        of_body = f"Content-Type: {send.content_type}\r\nContent-Length: {len(send.body)}\r\n"
    others = "".join(f"{name}: {value}\r\n" for name, value in send.headers)
    return (
        f"{send.method} {line.path_prefix}{send.path} HTTP/1.1\r\n"
        f"Host: {line.host}:{line.port}\r\n"
        f"Connection: {'keep-alive' if keep else 'close'}\r\n"
        f"X-Request-Id: {named}\r\n{others}{of_body}\r\n"
    ).encode("latin-1")
