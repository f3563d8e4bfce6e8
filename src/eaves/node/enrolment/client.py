"""One request to a SCEP server, over the node's uplinks or by way of the controller.

Source: RFC 8894, section 4.1; EVE API v2, section 13.
"""

import asyncio
import base64
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, cast
from urllib.parse import urlencode

import aiohttp
from aiohttp.abc import AbstractResolver

from eaves.errors import Transient
from eaves.evapi.flows.scep_proxy import Passed
from eaves.evapi.scep_proxy import HTTPMethod, SCEPOperation, SCEPProxyRequest
from eaves.node.enrolment.scep import Ask
from eaves.node.host.resolve import port_resolver
from eaves.node.host.sockets import bound
from eaves.node.host.tls import trusting
from eaves.node.refs import Way

TIMEOUT_S = 60.0
LARGEST_ANSWER = 2 * 1024**2  # bytes, as of the controller's way to such servers
MESSAGE = "application/x-pki-message"


class ServerSilent(Transient):
    def __init__(self, url: str, seen: str) -> None:
        super().__init__(f"SCEP server {url}: {seen}; check its address and the way to it")


async def exchange(url: str, ask: Ask, ways: Sequence[Way]) -> bytes:
    """The body of the answer, over the first way that brings one.  Raises ServerSilent."""
    seen = "there is no way to it"
    for way in ways:
        try:
            status, body = await _once(url, ask, way)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            seen = str(error) or type(error).__name__
            continue
        if status == 200:
            return body
        seen = f"HTTP status {status} to {ask.operation}"
        break
    raise ServerSilent(url, seen[:300])


OPERATIONS: Final[Mapping[str, SCEPOperation]] = {
    "GetCACaps": SCEPOperation.SCEP_OPERATION_GET_CA_CAPS,
    "GetCACert": SCEPOperation.SCEP_OPERATION_GET_CA_CERT,
    "GetNextCACert": SCEPOperation.SCEP_OPERATION_GET_NEXT_CA_CERT,
    "PKIOperation": SCEPOperation.SCEP_OPERATION_PKI_MESSAGE,
}


async def by_controller(
    profile: str, ask: Ask, pass_on: Callable[[SCEPProxyRequest], Awaitable[Passed]]
) -> bytes:
    """The controller knows the server by the name of the profile.  Raises ServerSilent."""
    request = SCEPProxyRequest(
        scep_profile_name=profile,
        operation=OPERATIONS[ask.operation],
        message=ask.message,
        http_method=HTTPMethod.HTTP_METHOD_POST if ask.post else HTTPMethod.HTTP_METHOD_GET,
    )
    passed = await pass_on(request)
    if passed.problem:
        raise ServerSilent(f"of profile {profile!r}, by the controller", passed.problem[:300])
    return passed.message


async def _once(url: str, ask: Ask, way: Way) -> tuple[int, bytes]:
    query = {"operation": ask.operation}
    if ask.message and not ask.post:
        query["message"] = base64.b64encode(ask.message).decode()

    def make(info: tuple[object, ...]) -> socket.socket:
        return bound(info, way.interface, way.source)

    connector = aiohttp.TCPConnector(
        ssl=trusting("\n".join(way.roots)),
        resolver=cast(
            "AbstractResolver | None",  # the host knows no HTTP
            port_resolver(way.dns, way.interface, way.source, way.names),
        ),
        socket_factory=make,
    )
    async with (
        asyncio.timeout(TIMEOUT_S),
        aiohttp.ClientSession(connector=connector) as session,
        session.request(
            "POST" if ask.post else "GET",
            f"{url}{'&' if '?' in url else '?'}{urlencode(query)}",
            data=ask.message if ask.post else None,
            headers={"Content-Type": MESSAGE} if ask.post else None,
            proxy=way.proxy or None,
            allow_redirects=False,
        ) as reply,
    ):
        body = bytearray()
        async for part in reply.content.iter_chunked(65536):
            body += part
            if len(body) > LARGEST_ANSWER:
                raise ValueError(f"an answer of more than {LARGEST_ANSWER} bytes")
        return reply.status, bytes(body)
