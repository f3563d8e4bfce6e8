"""Sides of a connection that go in the middle of it, with asyncio and with uvloop."""

import asyncio
import socket
import struct
from collections.abc import Callable, Coroutine

import pytest
import uvloop

from eaves.controller.settings import Endpoint
from eaves.controller.southbound.door import Door
from eaves.controller.southbound.streams import closed, copied, peer_of

Work = Callable[[], Coroutine[None, None, None]]


async def connected() -> tuple[asyncio.StreamWriter, socket.socket]:
    """Our side of a connection, and the other one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        _reader, writer = await asyncio.open_connection(*server.getsockname())
        other, _address = server.accept()
    return writer, other


async def writes_to_one_that_is_gone() -> None:
    writer, other = await connected()
    with other:
        assert peer_of(writer) == "127.0.0.1"
        writer.transport.abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # uvloop closes its handle by now
        reader = asyncio.StreamReader()
        reader.feed_data(b"more")
        reader.feed_eof()
        with pytest.raises(OSError, match="closed meanwhile"):
            await copied(reader, writer)


async def closes_one_that_fetches_nothing() -> None:
    writer, other = await connected()
    with other:
        writer.write(bytes(32 * 1024 * 1024))  # more than the buffers of both sides hold
        async with asyncio.timeout(60):
            await closed(writer, within_s=0.05)
        assert writer.is_closing()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("work", [writes_to_one_that_is_gone, closes_one_that_fetches_nothing])
def test_a_side_that_goes_ends_it(
    work: Work, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(work())


async def test_who_went_before_it_was_looked_at_has_no_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        scan = socket.create_connection(server.getsockname())
        scan.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        scan.close()  # which resets it
        ours, _address = server.accept()
    _reader, writer = await asyncio.open_connection(sock=ours)
    with pytest.raises(ConnectionResetError):
        peer_of(writer)
    await closed(writer)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="IPv6 sockets take no IPv4 here")
async def test_the_door_at_all_addresses_takes_both_families() -> None:
    door = Door(Endpoint("::", 0), ())
    port = door.bind().port
    serving = asyncio.create_task(door.serve(Endpoint("127.0.0.1", 1)))
    for host in ("127.0.0.1", "::1"):
        reader, writer = await asyncio.open_connection(host, port)
        assert await reader.read() == b""  # hung up on: nobody is named
        await closed(writer)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
