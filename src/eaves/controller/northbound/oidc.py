"""Providers of identities, asked over the network: what they tell of themselves, their tokens.

Only https, no redirects, bounded in time and size: the address comes from an administrator of one
enterprise, and the controller may stand where that administrator does not reach.
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, cast

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
from eaves.errors import Transient

log = structlog.get_logger()

OK: Final = 200
TIMEOUT_S: Final = 10.0
MAX_ANSWER_BYTES: Final = 1024 * 1024
KEPT_FOR: Final = timedelta(minutes=10)
KEPT: Final = 1000  # answers


class ProviderAway(Transient):
    """The provider of identities did not answer."""


@dataclass
class Providers:
    """What providers told lately; one for a process."""

    _kept: dict[str, tuple[datetime, Mapping[str, object]]] = field(
        default_factory=dict[str, tuple[datetime, Mapping[str, object]]]
    )

    async def metadata(self, end_point: str, now: datetime) -> Metadata:
        """Raises ProviderAway, ProviderUnusable."""
        return read_metadata(end_point, await self._document(discovery_url(end_point), now))

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
        asked = token_request(metadata, client, code=code, verifier=verifier)
        status, told = await _call(metadata.token_endpoint, asked)
        if status == OK:
            return told
        why = str(told.get("error") or f"HTTP {status}")[:100]
        raise ProviderUnusable(
            f"{metadata.issuer} gives no token for this sign-in: {why}; sign in again, and check "
            f"clientID, clientSecret and that it knows {client.redirect_uri}"
        )

    async def _document(self, url: str, now: datetime) -> Mapping[str, object]:
        kept = self._kept.get(url)
        if kept is not None and now - kept[0] < KEPT_FOR:
            return kept[1]
        status, told = await _call(url)
        if status != OK:
            raise ProviderUnusable(f"{url} answers HTTP {status}; check OIDCEndPoint")
        while len(self._kept) >= KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[url] = (now, told)
        return told


async def _call(url: str, form: TokenRequest | None = None) -> tuple[int, Mapping[str, object]]:
    import httpx  # noqa: PLC0415 - only a sign-in at a provider needs it

    # the authorities of the system; SSL_CERT_FILE names others
    async with httpx.AsyncClient(
        verify=ssl.create_default_context(), timeout=TIMEOUT_S, follow_redirects=False
    ) as http:
        headers = {"Accept": "application/json"}
        if form is None:
            request = http.build_request("GET", url, headers=headers)
        else:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            request = http.build_request("POST", url, headers=headers, content=form.body)
        basic = form.basic if form is not None else None
        auth = httpx.BasicAuth(*basic) if basic is not None else None
        try:
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
