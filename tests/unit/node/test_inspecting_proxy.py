"""A proxy that opens TLS: its authority is trusted on the ways that lead through it only."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.identity_provider import write_certificate

from eaves.evapi.flows.steps import Cause, NoConnection, Received, Reply, Send
from eaves.evapi.paths import Endpoint
from eaves.node.comms.transport import AnyWay, Limits, Transport
from eaves.node.refs import Way

PING = Send(Endpoint.PING, "GET", "/ping")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@dataclass
class Inspector:
    """Answers in the controller's place, under a certificate of its own."""

    folder: Path
    port: int = 0
    refuses: bool = False

    @property
    def roots(self) -> tuple[str, ...]:
        return ((self.folder / "cert.pem").read_text(),)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            if self.refuses:
                writer.write(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")
                return
            writer.write(b"HTTP/1.1 200 go on\r\n\r\n")
            await writer.drain()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.folder / "cert.pem", self.folder / "key.pem")
            await writer.start_tls(context)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return  # the node does not like what it is shown
        finally:
            writer.close()


@pytest.fixture
async def inspector(tmp_path: Path) -> AsyncIterator[Inspector]:
    write_certificate(tmp_path)
    made = Inspector(tmp_path)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = int(server.sockets[0].getsockname()[1])
    yield made
    server.close()
    await server.wait_closed()


def through(inspector: Inspector, *, trusted: bool) -> Way:
    proxy = f"http://me:word@127.0.0.1:{inspector.port}"
    return Way("eth0", "lo", "127.0.0.1", proxy, inspector.roots if trusted else ())


async def ask(*ways: Way) -> list[Reply]:
    made = Transport(
        "https://localhost:8443", b"", lambda: datetime.now(UTC), Limits(30, 30), AnyWay()
    )
    try:
        return [await made.over(PING, way, 30) for way in ways]
    finally:
        await made.close()


async def test_its_authority_is_trusted_on_its_way_only(inspector: Inspector) -> None:
    trusted, other = await ask(through(inspector, trusted=True), through(inspector, trusted=False))
    assert isinstance(trusted, Received)
    assert trusted.body == b"ok"
    assert isinstance(other, NoConnection)
    assert other.cause is Cause.UNKNOWN_CA


async def test_an_authority_that_is_not_known_is_told_as_such(inspector: Inspector) -> None:
    (reply,) = await ask(through(inspector, trusted=False))
    assert isinstance(reply, NoConnection)
    assert reply.cause is Cause.UNKNOWN_CA
    assert "add its authority to the network" in reply.reason


async def test_a_proxy_that_refuses_is_named_without_its_password(inspector: Inspector) -> None:
    inspector.refuses = True
    (reply,) = await ask(through(inspector, trusted=True))
    assert isinstance(reply, NoConnection)
    assert f"127.0.0.1:{inspector.port}" in reply.reason
    assert "407" in reply.reason
    assert "word" not in reply.reason
