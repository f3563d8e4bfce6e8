"""What is still read of a body whose request was answered before it had come."""

from collections.abc import AsyncIterator
from typing import Any

from eaves.controller.southbound.http import DRAIN_BYTES, LEAST_PART, AsgiRequest, RsgiRequest


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
    await RsgiRequest(Scope(), sender).drain()  # type: ignore[arg-type]  # the rest of the server is not asked
    assert sender.parts <= DRAIN_BYTES // LEAST_PART + 1


async def test_nor_on_a_port_that_devices_and_users_share() -> None:
    sender = Dribbling()
    scope: dict[str, Any] = {"method": "POST", "path": "/", "headers": []}
    await AsgiRequest(
        scope,
        sender.receive,
    ).drain()
    assert sender.parts <= DRAIN_BYTES // LEAST_PART + 1
