"""No app keeps more connections to the metadata service than its share."""

import asyncio

from aiohttp import web

from eaves.node.runtime.metadata_server import MOST_CONNECTIONS, Bounded

ASK = b"GET / HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n"


async def told(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="told")


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(ASK)
    try:
        return (await reader.readline()).startswith(b"HTTP/1.1 200")
    except ConnectionError:
        return False


async def test_who_opens_too_many_connections_loses_the_new_ones() -> None:
    bounded = Bounded(told)
    server = await asyncio.get_running_loop().create_server(bounded, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    open_ones = [
        await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST_CONNECTIONS + 1)
    ]
    try:
        async with asyncio.timeout(30):
            assert [await answered(*one) for one in open_ones] == [
                *[True] * MOST_CONNECTIONS,
                False,
            ]
            other = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
            open_ones.append(other)
            assert await answered(*other), "another caller has a share of its own"
    finally:
        for _, writer in open_ones:
            writer.close()
        server.close()
        await bounded.shutdown(1)
        await server.wait_closed()
