"""Providers of identities, asked over the network: what they tell of themselves, their tokens.

Only https, no redirects, bounded in time and size: the address comes from an administrator of one
enterprise, and the controller may stand where that administrator does not reach.
"""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, cast
from weakref import WeakValueDictionary

import structlog

from eaves.controller.northbound.oidc_protocol import (
    Client,
    Metadata,
    ProviderUnusable,
    TokenRequest,
    discovery_url,
    read_metadata,
    token_request,
)
from eaves.controller.northbound.tries import Tries
from eaves.errors import Transient

log = structlog.get_logger()

OK: Final = 200
TIMEOUT_S: Final = 10.0  # of each read
CALL_WITHIN_S: Final = 15.0  # the whole of it, however its bytes trickle
MAX_ANSWER_BYTES: Final = 1024 * 1024
KEPT_FOR: Final = timedelta(minutes=10)
FAILED_FOR: Final = timedelta(seconds=10)  # strangers call it no sooner again
KEPT: Final = 1000  # answers
TRIES_OF_ADDRESS: Final = 60  # ends of a sign-in that fail, in a minute


class ProviderAway(Transient):
    """The provider of identities did not answer."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a URL told, or why it told nothing that is of use."""

    at: datetime
    told: Mapping[str, object]
    failed: type[ProviderAway | ProviderUnusable] | None = None
    why: str = ""

    def holds(self, now: datetime) -> bool:
        return now - self.at < (KEPT_FOR if self.failed is None else FAILED_FOR)


@dataclass
class Providers:
    """What providers told lately, and who made us ask; one for a process."""

    call_within_s: float = CALL_WITHIN_S
    tries: Tries = field(default_factory=lambda: Tries(TRIES_OF_ADDRESS, timedelta(minutes=1)))
    _kept: dict[str, _Answer] = field(default_factory=dict[str, _Answer])
    _asking: WeakValueDictionary[str, asyncio.Lock] = field(
        default_factory=WeakValueDictionary[str, asyncio.Lock]
    )

    async def metadata(self, end_point: str, now: datetime, *, fresh: bool = False) -> Metadata:
        """`fresh`: as it is told now.  Raises ProviderAway, ProviderUnusable."""
        url = discovery_url(end_point)
        if fresh:
            self._kept.pop(url, None)
        return read_metadata(end_point, await self._document(url, now))

    async def keys(
        self, metadata: Metadata, now: datetime, *, fresh: bool = False
    ) -> Mapping[str, object]:
        """Its signing keys; `fresh` after a signature that none of the kept ones made."""
        if fresh:
            self._kept.pop(metadata.jwks_uri, None)
        return await self._document(metadata.jwks_uri, now)

    async def exchange(
        self, metadata: Metadata, client: Client, *, code: str, verifier: str
    ) -> Mapping[str, object]:
        """What a code is worth.  Raises ProviderAway, ProviderUnusable."""
        status, told = await self.ask_for_token(metadata, client, code=code, verifier=verifier)
        if status == OK:
            return told
        why = str(told.get("error") or f"HTTP {status}")[:100]
        raise ProviderUnusable(
            f"{metadata.issuer} gives no token for this sign-in: {why}; sign in again, and check "
            f"clientID, clientSecret and that it knows {client.redirect_uri}"
        )

    async def ask_for_token(
        self, metadata: Metadata, client: Client, *, code: str, verifier: str
    ) -> tuple[int, Mapping[str, object]]:
        """Status and answer, whichever they are.  Raises ProviderAway, ProviderUnusable."""
        asked = token_request(metadata, client, code=code, verifier=verifier)
        return await self._call(metadata.token_endpoint, asked)

    async def _document(self, url: str, now: datetime) -> Mapping[str, object]:
        """Asked for once, however many wait for it, and whatever comes of it."""
        alone = self._asking.setdefault(url, asyncio.Lock())
        async with alone:
            kept = self._kept.get(url)
            if kept is None or not kept.holds(now):
                while len(self._kept) >= KEPT:
                    self._kept.pop(next(iter(self._kept)))
                kept = self._kept[url] = await self._ask(url, now)
        if kept.failed is not None:
            raise kept.failed(kept.why)
        return kept.told

    async def _ask(self, url: str, now: datetime) -> _Answer:
        try:
            status, told = await self._call(url)
        except (ProviderAway, ProviderUnusable) as error:
            return _Answer(now, {}, type(error), str(error))
        if status != OK:
            why = f"{url} answers HTTP {status}; check OIDCEndPoint"
            return _Answer(now, {}, ProviderUnusable, why)
        return _Answer(now, told)

    async def _call(
        self, url: str, form: TokenRequest | None = None
    ) -> tuple[int, Mapping[str, object]]:
        try:
            async with asyncio.timeout(self.call_within_s):
                return await _call(url, form)
        except TimeoutError as error:
            log.info("identity_provider_away", url=url, why="timeout")
            raise ProviderAway(
                f"{url} has not answered within {self.call_within_s:g} s; try again"
            ) from error


async def _call(url: str, form: TokenRequest | None) -> tuple[int, Mapping[str, object]]:
    import httpx  # noqa: PLC0415 - only a sign-in at a provider needs it

    # the authorities of the system; SSL_CERT_FILE names others
    async with httpx.AsyncClient(
        verify=ssl.create_default_context(), timeout=TIMEOUT_S, follow_redirects=False
    ) as http:
        headers = {"Accept": "application/json"}
        method, body = "GET", None
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            method, body = "POST", form.body
        basic = form.basic if form is not None else None
        auth = httpx.BasicAuth(*basic) if basic is not None else None
        try:
            request = http.build_request(method, url, headers=headers, content=body)
            answer = await http.send(request, auth=auth, stream=True)
            content = bytearray()
            async for part in answer.aiter_bytes():
                content += part
                if len(content) > MAX_ANSWER_BYTES:
                    raise ProviderUnusable(f"{url} answers with over {MAX_ANSWER_BYTES} bytes")
            await answer.aclose()
        except httpx.HTTPError as error:
            log.info("identity_provider_away", url=url, why=str(error))
            raise ProviderAway(
                f"{url} does not answer ({type(error).__name__}: {error}); try again, and check "
                "OIDCEndPoint and that the controller trusts its certificate"
            ) from error
        except (httpx.InvalidURL, ValueError) as error:  # such as a port that is no number
            raise ProviderUnusable(
                f"{url[:200]!r} is no address that can be asked ({error}); correct OIDCEndPoint, "
                "or what the provider tells there"
            ) from error
    return answer.status_code, _object(url, bytes(content), answer.status_code)


def _object(url: str, content: bytes, status: int) -> Mapping[str, object]:
    try:
        told: object = json.loads(content)
    except ValueError:
        told = None
    if isinstance(told, dict):
        return cast("dict[str, object]", told)
    if status == OK:
        raise ProviderUnusable(f"{url} answers with something that is no JSON object")
    return {}
