"""Soft devices on a real network: every request on a TLS connection of its own, as EVE-OS does."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlsplit

from eaves.evapi.flows.steps import Cause, Flow, NoConnection, Received, Reply, Send, Wait
from eaves.evapi.paths import server_url
from eaves.fleet.tls import NotTrusted, Trusted
from eaves.fleet.waiting import Waiting
from eaves.fleet.wire import Connection, Line, look_up, request_head, request_id

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]
Perform = Callable[[Send], Awaitable[Reply]]


def line_to(server: str, root_certificate_pem: bytes) -> Line:
    """From the contents of a `server` file."""
    url = urlsplit(server_url(server))
    if url.hostname is None:
        raise ValueError(f"server {server!r} names no host; write host or host:port")
    if url.scheme == "http":
        return Line(url.hostname, url.port or 80, None, url.path)
    return Line(url.hostname, url.port or 443, Trusted(root_certificate_pem), url.path)


async def looked_up(line: Line) -> Line:
    """The same line for many requests in this loop: its address is known, and waiting is shared.

    Raises OSError.
    """
    return replace(line, address=await look_up(line.host, line.port), waiting=Waiting())


async def drive(flow: Flow[T], line: Line, sleep: Sleep = asyncio.sleep) -> T:
    """Run a flow to its end over `line`.  Cancel it, or put it under a timeout, to give up."""

    async def perform(send: Send) -> Reply:
        return await request(send, line)

    return await drive_by(flow, perform, sleep)


async def drive_by(flow: Flow[T], perform: Perform, sleep: Sleep = asyncio.sleep) -> T:
    """As `drive`, with whatever carries a request."""
    reply: Reply | None = None
    try:
        while True:
            step = flow.send(reply)
            match step:
                case Send():
                    reply = await perform(step)
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
    connection = Connection(line)
    try:
        return await _exchange(connection, send, line, keep=False)
    except (OSError, EOFError, ValueError) as error:
        return _no_connection(error, line)
    finally:
        connection.close()


async def _exchange(connection: Connection, send: Send, line: Line, *, keep: bool) -> Received:
    if not connection.open:
        await connection.connect()
    head = request_head(send, line, request_id(), keep=keep)
    return await connection.exchange(head, send.body)


class Kept:
    """Requests of one device one after the other on a connection that is kept."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._connection: Connection | None = None

    async def request(self, send: Send) -> Reply:
        """A connection that the server closed while it idled is opened anew, once."""
        try:
            if self._connection is not None:
                try:
                    return await self._on(self._connection, send)
                except TimeoutError:
                    raise
                except (OSError, EOFError):
                    self.close()
            self._connection = Connection(self._line)
            return await self._on(self._connection, send)
        except (OSError, EOFError, ValueError) as error:
            self.close()
            return _no_connection(error, self._line)
        except asyncio.CancelledError:
            self.close()
            raise

    async def _on(self, connection: Connection, send: Send) -> Reply:
        reply = await _exchange(connection, send, self._line, keep=True)
        if not connection.open:
            self.close()
        return reply

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _no_connection(error: Exception, line: Line) -> NoConnection:
    match error:
        case TimeoutError():
            return NoConnection(f"no answer from {line.host}:{line.port} in time")
        case NotTrusted(code=code):
            return NoConnection(str(error), _cause(code))
        case ConnectionRefusedError():
            return NoConnection(str(error), Cause.REFUSED)
        case _:
            return NoConnection(f"{line.host}:{line.port}: {error}")


# of OpenSSL: not yet valid, expired; unable to get the issuer, self-signed
_TIME_CODES = frozenset({9, 10})
_CA_CODES = frozenset({2, 18, 19, 20, 21})


def _cause(verify_code: int) -> Cause:
    if verify_code in _TIME_CODES:
        return Cause.TIME_INVALID
    return Cause.UNKNOWN_CA if verify_code in _CA_CODES else Cause.OTHER
