"""How bodies are read, and what is still read of one whose request was answered before."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from eaves.controller.southbound.http import (
    AT_ONCE,
    DRAIN_BYTES,
    LEAST_PART,
    MORE_AT_ONCE,
    AsgiRequest,
    Awaited,
    RsgiRequest,
)


class Headers:
    def get(self, _name: str) -> str | None:
        return None


class Scope:
    proto, method, path, client, headers = "http", "POST", "/", "127.0.0.1:1", Headers()


class Dribbling:
    """A sender without an end, one byte after the other, as the server gives it out."""

    def __init__(self) -> None:
        self.parts = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self.parts += 1
        return b"x"

    async def receive(self) -> dict[str, Any]:
        self.parts += 1
        return {"type": "http.request", "body": b"x", "more_body": True}


async def test_a_sender_of_single_bytes_is_not_read_for_long() -> None:
    sender = Dribbling()
    await RsgiRequest(Scope(), sender, Awaited()).drain()  # type: ignore[arg-type]  # the rest of the server is not asked
    assert sender.parts <= DRAIN_BYTES // LEAST_PART + 1


async def test_nor_on_a_port_that_devices_and_users_share() -> None:
    sender = Dribbling()
    scope: dict[str, Any] = {"method": "POST", "path": "/", "headers": []}
    await AsgiRequest(
        scope,
        sender.receive,
    ).drain()
    assert sender.parts <= DRAIN_BYTES // LEAST_PART + 1


class OfLength:
    """Headers and body of a sender that keeps its word."""

    proto, method, path, client = "http", "POST", "/", "127.0.0.1:1"

    def __init__(self, size: int) -> None:
        self.headers, self.body, self.parts = self, b"x" * size, 0

    def get(self, _name: str) -> str:
        return str(len(self.body))

    async def __call__(self) -> bytes:
        return self.body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in (self.body[:1], self.body[1:]):
            self.parts += 1
            yield part


async def _read(size: int, awaited: Awaited) -> int:
    """In how many parts; 0: whole."""
    sender, charged = OfLength(size), list[int]()
    request = RsgiRequest(sender, sender, awaited)  # type: ignore[arg-type]  # the rest of the server is not asked
    assert await request.read_body(MORE_AT_ONCE * 2, charged.append) == sender.body
    assert request.whole
    assert sum(charged) == size
    return sender.parts


async def test_a_body_of_some_size_is_awaited_whole_while_few_are() -> None:
    awaited = Awaited(most=1)
    assert [await _read(size, awaited) for size in (AT_ONCE, MORE_AT_ONCE, MORE_AT_ONCE)] == [0] * 3
    assert await _read(MORE_AT_ONCE + 1, awaited) == 2
    assert awaited.begin()
    assert await _read(MORE_AT_ONCE, awaited) == 2
    assert await _read(AT_ONCE, awaited) == 0
    awaited.end()
    assert await _read(MORE_AT_ONCE, awaited) == 0


async def test_one_that_does_not_come_gives_its_place_back() -> None:
    class Silent(OfLength):
        async def __call__(self) -> bytes:
            await asyncio.Event().wait()
            return b""

    awaited, silent = Awaited(most=1), Silent(MORE_AT_ONCE)
    request = RsgiRequest(silent, silent, awaited)  # type: ignore[arg-type]  # as above
    reading = asyncio.create_task(request.read_body(MORE_AT_ONCE, lambda _size: None))
    await asyncio.sleep(0)
    assert not awaited.begin()
    reading.cancel()
    await asyncio.wait([reading])
    assert awaited.begin()
