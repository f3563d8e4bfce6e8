"""Requests to the HTTP ends of telemetry: who is to blame when one fails.

A sink that cannot be reached, is overloaded (5xx, 429), or does not know us (401, 403, 404) is
`Transient`: what waits for it waits on, and a person mends the address or the token.  Only an
answer that blames the content (400, 413, 422 and such) is `Rejected`.
"""

import ssl
from collections.abc import Mapping
from typing import Final

import httpx

from eaves.controller.sink_settings import HttpSink
from eaves.errors import Rejected, Transient

TIMEOUT_S: Final = 30.0
_CONTENT: Final = frozenset({400, 406, 411, 413, 415, 422})
_SHOWN: Final = 300  # characters of an answer in an error


class SinkAway(Transient):
    """Nothing of the request is known to be stored; it may be repeated."""


class SinkRefused(Rejected):
    """The sink will never take this content."""


def open_client(sink: HttpSink, timeout_s: float = TIMEOUT_S) -> httpx.AsyncClient:
    """For one event loop; the caller closes it."""
    verify: ssl.SSLContext | bool = True
    if sink.tls_root is not None:
        verify = ssl.create_default_context(cafile=sink.tls_root)
    headers = {"User-Agent": "eaves"}
    if sink.token:
        headers["Authorization"] = f"Bearer {sink.token}"
    return httpx.AsyncClient(
        timeout=timeout_s,
        verify=verify,
        headers=headers,
        auth=(sink.user, sink.password) if sink.user else None,
    )


async def post(
    client: httpx.AsyncClient, sink: HttpSink, url: str, body: bytes, headers: Mapping[str, str]
) -> bytes:
    """The body of a 2xx answer.  Raises SinkAway, SinkRefused."""
    try:
        reply = await client.post(url, content=body, headers=dict(headers))
    except httpx.HTTPError as error:
        raise SinkAway(f"{sink.shown}: {str(error) or type(error).__name__}") from error
    if reply.is_success:
        return reply.content
    said = f"{sink.shown} answered {reply.status_code}: {reply.text[:_SHOWN].strip()}"
    if reply.status_code in _CONTENT:
        raise SinkRefused(said)
    raise SinkAway(said)
