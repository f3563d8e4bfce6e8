"""Soft devices on a real network: every request on a TLS connection of its own, as EVE-OS does.

HTTP/1.1 is written by hand: one request, one answer, close.  That is all a device needs, and
thousands of devices fit into one process.
"""

import asyncio
import ssl
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from eaves.evapi.flows.steps import Cause, Flow, NoConnection, Received, Reply, Send, Wait
from eaves.evapi.paths import server_url

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]

CONNECT_TIMEOUT_S = 10.0
REQUEST_TIMEOUT_S = 120.0
_MAX_HEAD_BYTES = 64 * 1024
_MAX_BODY_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """How a device reaches its controller."""

    host: str
    port: int
    tls: ssl.SSLContext | None = field(repr=False)  # None: plain HTTP
    path_prefix: str = ""
    request_timeout_s: float = REQUEST_TIMEOUT_S


def tls_context(root_certificate_pem: bytes) -> ssl.SSLContext:
    """Trusts the given roots only.  Share one among devices: loading is slow."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=root_certificate_pem.decode("ascii"))
    return context


def line_to(server: str, root_certificate_pem: bytes) -> Line:
    """From the contents of a `server` file."""
    url = urlsplit(server_url(server))
    if url.hostname is None:
        raise ValueError(f"server {server!r} names no host; write host or host:port")
    if url.scheme == "http":
        return Line(url.hostname, url.port or 80, None, url.path)
    return Line(url.hostname, url.port or 443, tls_context(root_certificate_pem), url.path)


async def drive(flow: Flow[T], line: Line, sleep: Sleep = asyncio.sleep) -> T:
    """Run a flow to its end over `line`.  Cancel it, or put it under a timeout, to give up."""
    reply: Reply | None = None
    try:
        while True:
            step = flow.send(reply)
            match step:
                case Send():
                    reply = await request(step, line)
                case Wait(seconds=seconds):
                    await sleep(seconds)
                    reply = None
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        flow.close()


async def request(send: Send, line: Line) -> Reply:
    """One request on a connection of its own."""
    try:
        async with asyncio.timeout(line.request_timeout_s):
            return await _request(send, line)
    except TimeoutError:
        return NoConnection(f"no answer from {line.host}:{line.port} in time")
    except ssl.SSLCertVerificationError as error:
        return NoConnection(error.verify_message, _cause(error.verify_code))
    except ConnectionRefusedError as error:
        return NoConnection(str(error), Cause.REFUSED)
    except (OSError, EOFError, ValueError) as error:
        return NoConnection(f"{line.host}:{line.port}: {error}")


# of OpenSSL: not yet valid, expired; unable to get the issuer, self-signed
_TIME_CODES = frozenset({9, 10})
_CA_CODES = frozenset({2, 18, 19, 20, 21})


def _cause(verify_code: int) -> Cause:
    if verify_code in _TIME_CODES:
        return Cause.TIME_INVALID
    return Cause.UNKNOWN_CA if verify_code in _CA_CODES else Cause.OTHER


async def _request(send: Send, line: Line) -> Received:
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        reader, writer = await asyncio.open_connection(
            line.host, line.port, ssl=line.tls, limit=_MAX_HEAD_BYTES
        )
    try:
        writer.write(_head(send, line) + send.body)
        await writer.drain()
        return await _answer(reader)
    finally:
        # The answer is whole or worthless: waiting for the peer's TLS goodbye gains nothing.
        writer.transport.abort()


def _head(send: Send, line: Line) -> bytes:
    headers = [
        ("Host", f"{line.host}:{line.port}"),
        ("Connection", "close"),
        ("X-Request-Id", str(uuid.uuid4())),
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


async def _answer(reader: asyncio.StreamReader) -> Received:
    """Raises ValueError or EOFError for what is no HTTP/1.1 answer."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.LimitOverrunError as error:
        raise ValueError("the head of the answer is too long") from error
    status_line, *fields = head.rstrip("\r\n").split("\r\n")
    version, _, rest = status_line.partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(f"not an HTTP/1 answer: {status_line[:80]!r}")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)
    }
    status = int(rest[:3])
    content_type = headers.get("content-type")
    if status in (204, 304):
        return Received(status, content_type)
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return Received(status, content_type, await _chunks(reader))
    length = int(headers["content-length"]) if "content-length" in headers else None
    if length is None:
        return Received(status, content_type, await _to_end(reader))
    if not 0 <= length <= _MAX_BODY_BYTES:
        raise ValueError(f"the answer announces {length} bytes")
    return Received(status, content_type, await reader.readexactly(length))


async def _to_end(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while part := await reader.read(64 * 1024):
        body += part
        if len(body) > _MAX_BODY_BYTES:
            raise ValueError(f"the answer has more than {_MAX_BODY_BYTES} bytes")
    return bytes(body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readline()).partition(b";")[0], 16):
        if size < 0 or len(body) + size > _MAX_BODY_BYTES:
            raise ValueError(f"the answer has more than {_MAX_BODY_BYTES} bytes")
        body += await reader.readexactly(size)
        await reader.readline()
    return bytes(body)
