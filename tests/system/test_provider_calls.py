"""A provider of identities that is slow or away costs little, however often it is asked for."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.identity_provider import write_certificate

from eaves.controller.northbound.oidc import ProviderAway, Providers

pytestmark = pytest.mark.system

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)

Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(answer: Answering, tls: ssl.SSLContext | None = None) -> AsyncGenerator[str]:
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"


async def test_an_answer_that_trickles_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(write_certificate(tmp_path)))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    ended = asyncio.Event()

    async def trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        try:
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)  # as slow as it likes to be
        except OSError:
            pass  # the controller has left, as it should
        finally:
            writer.close()
            ended.set()

    async with asyncio.timeout(10), serving(trickle, tls) as url:
        with pytest.raises(ProviderAway, match="within"):
            await Providers(call_within_s=0.5).metadata(url, NOW)
        await ended.wait()


async def test_one_that_is_away_is_asked_again_only_after_a_while() -> None:
    connections = 0

    async def leave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    async with asyncio.timeout(10), serving(leave) as url:
        providers = Providers()

        async def ask(after_s: int) -> None:
            with pytest.raises(ProviderAway):
                await providers.metadata(url, NOW + timedelta(seconds=after_s))

        await asyncio.gather(*(ask(0) for _ in range(5)))
        await ask(9)
        assert connections == 1
        await ask(10)
        assert connections == 2
