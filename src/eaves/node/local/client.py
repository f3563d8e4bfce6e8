"""Requests to a local profile server: plain HTTP, bare protobuf, a token in each answer.

An answer without the right token is as good as none.  Whatever goes wrong is a value: what was
decided on the spot before stays in force.
"""

import asyncio
import hmac
import re
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar
from urllib.parse import urlsplit

import aiohttp

from eaves.errors import EavesError
from eaves.evapi.codec import Codec
from eaves.evapi.paths import PROTOBUF

PORT = 8888
TIMEOUT_S = 15.0
LARGEST_ANSWER = 1 << 20


class Tokened(Protocol):
    @property
    def server_token(self) -> str: ...


T = TypeVar("T", bound=Tokened)


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    message: T


@dataclass(frozen=True, slots=True)
class NothingTold:
    """204: there is nothing to do."""


@dataclass(frozen=True, slots=True)
class NotServed:
    """404: this server does not know the request; it is asked seldom."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    why: str


Reply = Told[T] | NothingTold | NotServed | NoAnswer


@dataclass(frozen=True, slots=True)
class Server:
    address: str  # host, host:port, or a URL, as the configuration has it
    token: str = field(repr=False)

    @property
    def base_url(self) -> str:
        """Raises ValueError for what is no address."""
        text = self.address.strip().removesuffix("/")
        url = text if re.match(r"https?://", text) else f"http://{_bracketed(text)}"
        parts = urlsplit(url)
        if not parts.hostname or parts.path or parts.query or parts.username:
            raise ValueError(f"{self.address[:100]!r} is no address of a local profile server")
        return url if parts.port else f"{url}:{PORT}"


def _bracketed(text: str) -> str:
    """An IPv6 address without a port stands in brackets in a URL."""
    return f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text


async def ask(server: Server, name: str, answer: Codec[T], body: bytes | None = None) -> Reply[T]:
    """GET /api/v1/`name`, or POST `body` to it.  Never raises for what the server does."""
    try:
        status, data = await _exchange(f"{server.base_url}/api/v1/{name}", body)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        return NoAnswer(f"{name}: {str(error) or type(error).__name__}"[:300])
    match status:
        case 204:
            return NothingTold()
        case 404:
            return NotServed()
        case 200:
            return _opened(server, name, answer, data)
        case 201 | 202:
            return NothingTold()
        case _:
            return NoAnswer(f"{name}: the server answered {status}")


async def _exchange(url: str, body: bytes | None) -> tuple[int, bytes]:
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    method = "GET" if body is None else "POST"
    headers = {"Content-Type": PROTOBUF} if body is not None else None
    async with (
        asyncio.timeout(TIMEOUT_S),
        aiohttp.ClientSession(timeout=timeout) as session,
        session.request(method, url, data=body, headers=headers, allow_redirects=False) as reply,
    ):
        data = bytearray()
        async for part in reply.content.iter_chunked(65536):
            data += part
            if len(data) > LARGEST_ANSWER:
                raise ValueError(f"an answer of more than {LARGEST_ANSWER} bytes")
        return reply.status, bytes(data)


def _opened(server: Server, name: str, answer: Codec[T], data: bytes) -> Reply[T]:
    if not data:
        return NothingTold()
    try:
        message = answer.decode(data)
    except EavesError as error:
        return NoAnswer(f"{name}: {error}")
    if not hmac.compare_digest(message.server_token.encode(), server.token.encode()):
        return NoAnswer(f"{name}: the answer has not the token of the configuration; ignored")
    return Told(message)
