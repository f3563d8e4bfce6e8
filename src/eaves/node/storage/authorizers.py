"""Who proves to a server that it may have an object, and what a refusal means for a person."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import structlog

from eaves.node.storage.transfer import HttpError

log = structlog.get_logger(__name__)

T = TypeVar("T")
AUTHORIZATION = "Authorization"


@dataclass(frozen=True, slots=True)
class Credentials:
    username: str = field(repr=False)
    password: str = field(repr=False)


class Challenged(HttpError):
    """401: `www_authenticate` says what would be accepted."""

    def __init__(self, url: str, www_authenticate: str, reason: str = "", advice: str = "") -> None:
        super().__init__(url, 401, advice or "check the credentials of the datastore", reason)
        self.url = url
        self.www_authenticate = www_authenticate


@dataclass(frozen=True, slots=True)
class Refused:
    """What a server answered instead of the object."""

    status: int
    reason: str
    headers: Mapping[str, str]


class Authorizer(Protocol):
    def address(self, url: str) -> str:
        """As it is asked for; may hold a secret, so `url` is what is told and kept."""
        ...

    async def headers(self, url: str, sent: Mapping[str, str]) -> Mapping[str, str]:
        """What to send besides `sent`, which a signature may have to cover."""
        ...

    async def answer(self, challenge: Challenged) -> bool:
        """Prepare for another try with better headers; False: there is nothing better."""
        ...

    def advice(self, refused: Refused) -> str:
        """What a person should do about it; blank: nothing more than usual."""
        ...


class Anonymous:
    """No credentials; what the others begin with."""

    def address(self, url: str) -> str:
        return url

    async def headers(self, url: str, sent: Mapping[str, str]) -> Mapping[str, str]:
        return {}

    async def answer(self, challenge: Challenged) -> bool:
        return False

    def advice(self, refused: Refused) -> str:
        return ""


class Basic(Anonymous):
    """User name and password, kept to TLS unless the operator allows otherwise."""

    def __init__(self, credentials: Credentials, *, allow_insecure: bool) -> None:
        self._credentials = credentials
        self._allow_insecure = allow_insecure

    async def headers(self, url: str, sent: Mapping[str, str]) -> Mapping[str, str]:
        if not url.startswith("https://") and not self._allow_insecure:
            log.warning("credentials_withheld", url=url, reason="plain http")
            return {}
        pair = f"{self._credentials.username}:{self._credentials.password}".encode()
        return {AUTHORIZATION: f"Basic {base64.b64encode(pair).decode()}"}


async def answering(authorizer: Authorizer, attempt: Callable[[], Awaitable[T]]) -> T:
    """Try; if challenged and the authorizer knows more, try once again."""
    try:
        return await attempt()
    except Challenged as challenge:
        if not await authorizer.answer(challenge):
            raise
    return await attempt()


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: who it is that gets the credentials."""
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or usual
