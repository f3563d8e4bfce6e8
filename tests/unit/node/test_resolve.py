"""Names are looked up at the servers of a port, and a silent one is passed over."""

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from eaves.node.host.resolve import (
    AAAA,
    A,
    NameUnknown,
    Resolver,
    Servers,
    question,
    read_answer,
    static_addresses,
)


def answer(asked: bytes, *records: bytes, code: int = 0) -> bytes:
    """To a question with one entry."""
    header = asked[:2] + struct.pack(">5H", 0x8180 | code, 1, len(records), 0, 0)
    return header + asked[12:] + b"".join(records)


def record(kind: int, data: bytes) -> bytes:
    return b"\xc0\x0c" + struct.pack(">2HIH", kind, 1, 60, len(data)) + data


FOUR = record(A, socket.inet_aton("192.0.2.7"))
ALIAS = record(5, b"\x05other\x04test\x00")


class Server(asyncio.DatagramProtocol):
    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self.asked = 0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        if self.silent or self._transport is None:
            return
        is_a = data.endswith(struct.pack(">2H", A, 1))
        self._transport.sendto(answer(data, *([ALIAS, FOUR] if is_a else [])), addr)


@asynccontextmanager
async def serving(address: str, port: int, server: Server) -> AsyncGenerator[int]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=(address, port))
    try:
        yield int(transport.get_extra_info("sockname")[1])
    finally:
        transport.close()


def no_hosts(tmp_path: Path) -> Path:
    return tmp_path / "hosts"


async def test_a_silent_server_gives_way_to_the_next(tmp_path: Path) -> None:
    silent, good = Server(silent=True), Server()
    async with (
        serving("127.0.0.1", 0, silent) as port,
        serving("127.0.0.2", port, good),
    ):
        loop = asyncio.get_running_loop()
        servers = Servers(("127.0.0.1", "127.0.0.2"), port=port)
        resolver = Resolver(servers, loop.time, no_hosts(tmp_path))
        assert await resolver.addresses("name.test") == ("192.0.2.7",)
        assert silent.asked == 2
        await resolver.addresses("name.test")
        assert good.asked == 2  # one for each kind of address; then it is kept


async def test_a_name_that_nobody_knows_names_the_servers(tmp_path: Path) -> None:
    async with serving("127.0.0.1", 0, Server()) as port:
        servers = Servers(("127.0.0.1",), port=port)
        resolver = Resolver(servers, asyncio.get_running_loop().time, no_hosts(tmp_path))
        with pytest.raises(NameUnknown, match="is no host name"):
            await resolver.addresses("a..test")


def test_the_machines_own_list_comes_first(tmp_path: Path) -> None:
    path = no_hosts(tmp_path)
    path.write_text("# 10.0.0.9 name.test\n10.0.0.1  other Name.test\n::1 name.test # six\n")
    assert static_addresses("name.test", path) == ("10.0.0.1", "::1")


def test_an_alias_is_followed_by_what_comes_with_it() -> None:
    asked = question(7, "name.test", A)
    assert read_answer(answer(asked, ALIAS, FOUR), A) == ("192.0.2.7",)
    assert read_answer(answer(asked, ALIAS, FOUR), AAAA) == ()
    assert read_answer(answer(asked, code=3), A) == ()


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"\x00" * 11,
        b"\x00" * 12,
        answer(question(7, "a.test", A), code=2),
        answer(question(7, "a.test", A), FOUR)[:-3] + b"",
        b"\x00\x07\x81\x80\xff\xff\xff\xff\x00\x00\x00\x00",
    ],
)
def test_what_is_no_answer_is_an_error_or_nothing(hostile: bytes) -> None:
    try:
        assert read_answer(hostile, A) == ()
    except ValueError:
        return
