"""POST proxy/scep: the way to a SCEP server that a device cannot reach.  EVE API v2, section 13.

What goes through is between the device and that server, signed and encrypted for each other:
nothing of it is looked at.  The server is the one that the configuration of the device names.  A
tenant wrote that name, so it leads to public addresses only, and to the networks that whoever
runs the controller allows.
"""

import asyncio
import base64
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Final

import httpx
import structlog

from eaves.controller.domain.alerts.addresses import Network
from eaves.controller.live import LiveDevice
from eaves.controller.outgoing import ForbiddenAddress, NoAddress, public_roots, resolve
from eaves.controller.southbound.context import DOUBT, FORBIDDEN, Call, Southbound
from eaves.controller.southbound.http import Answer
from eaves.evapi.config import decode_edge_dev_config
from eaves.evapi.errors import MalformedMessage
from eaves.evapi.scep_proxy import (
    SCEP_PROXY_REQUEST,
    SCEP_PROXY_RESPONSE,
    HTTPHeaderField,
    HTTPMethod,
    SCEPOperation,
    SCEPProxyRequest,
    SCEPProxyResponse,
)

log = structlog.get_logger()

WITHIN_S: Final = 60.0  # all of it, from the name to the last byte; a device waits for 120
LARGEST_ANSWER: Final = 2 * 1024 * 1024
SETTING: Final = "EAVES_SCEP_NETWORKS"
PKI_MESSAGE: Final = "application/x-pki-message"
TOLD_HEADERS: Final = ("content-type", "retry-after")  # what a client of SCEP reads
NO_SERVER: Final = Answer(502)
NO_ANSWER: Final = (  # TimeoutError and ssl.SSLError are among those of the system
    *(NoAddress, ForbiddenAddress, ValueError, OSError),
    *(httpx.InvalidURL, httpx.HTTPError),
)
FAILED: Final = 400  # from this status on the body says why

OPERATIONS: Final[Mapping[SCEPOperation, str]] = {
    SCEPOperation.SCEP_OPERATION_GET_CA_CAPS: "GetCACaps",
    SCEPOperation.SCEP_OPERATION_GET_CA_CERT: "GetCACert",
    SCEPOperation.SCEP_OPERATION_GET_NEXT_CA_CERT: "GetNextCACert",
    SCEPOperation.SCEP_OPERATION_PKI_MESSAGE: "PKIOperation",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What the server is asked: by POST the message is the body, by GET it stands in the query."""

    operation: str
    message: bytes = field(repr=False)
    post: bool


@dataclass(frozen=True, slots=True)
class Told:
    status: int
    headers: tuple[HTTPHeaderField, ...]
    body: bytes = field(repr=False)


async def answer(context: Southbound, call: Call) -> Answer:
    asked = SCEP_PROXY_REQUEST.decode(call.payload)
    question, device = question_of(asked), call.device
    if device.has_to_attest:
        return FORBIDDEN  # it has no configuration, so no profile either
    with context.passing.turn(device.device_id, device.enterprise_id):
        return await _passed_on(context, device, asked, question)


async def _passed_on(
    context: Southbound, device: LiveDevice, asked: SCEPProxyRequest, question: Question
) -> Answer:
    rendered = await context.configs.find(
        device.device_id, device.config_hash, device.config_timestamp
    )
    if rendered is None:
        return DOUBT
    config = await context.decoding.run(device.device_id, decode_edge_dev_config, rendered.config)
    names = {profile.profile_name: profile.scep_url for profile in config.scep_profiles}
    noted = log.bind(device_id=device.device_id, profile=asked.scep_profile_name)
    url = names.get(asked.scep_profile_name)
    if url is None:
        noted.warning("scep_profile_refused", why="it is not in the configuration of the device")
        return FORBIDDEN
    try:
        told = await asking(url, question, context.settings.scep_networks, context.passing.threads)
    except NO_ANSWER as error:
        noted.warning("scep_server_silent", why=str(error) or type(error).__name__)
        return NO_SERVER
    noted.info("scep_passed_on", operation=question.operation, status=told.status)
    return context.sealed(SCEP_PROXY_RESPONSE.encode(response_of(asked, told)))


def question_of(asked: SCEPProxyRequest) -> Question:
    """Raises MalformedMessage."""
    operation = OPERATIONS.get(asked.operation)
    if operation is None:
        raise MalformedMessage(
            "SCEPProxyRequest", f"operation {int(asked.operation)} is not defined"
        )
    post = asked.http_method == HTTPMethod.HTTP_METHOD_POST
    if asked.http_method == HTTPMethod.HTTP_METHOD_UNSPECIFIED:
        post = asked.operation == SCEPOperation.SCEP_OPERATION_PKI_MESSAGE
    return Question(operation, asked.message, post)


def response_of(asked: SCEPProxyRequest, told: Told) -> SCEPProxyResponse:
    """A body is the message, or says why there is none."""
    failed = told.status >= FAILED
    return SCEPProxyResponse(
        scep_profile_name=asked.scep_profile_name,
        operation=asked.operation,
        message=b"" if failed else told.body,
        http_status_code=told.status,
        http_header_fields=told.headers,
        error_body=told.body if failed else b"",
    )


async def asking(
    url: str, question: Question, allowed: Sequence[Network], threads: Executor
) -> Told:
    """Raises MalformedMessage, NoAddress, ForbiddenAddress, ValueError, OSError and, of httpx,
    InvalidURL, HTTPError.
    """
    parts = target_of(httpx.URL(url), question)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    async with asyncio.timeout(WITHIN_S):
        address = await resolve(parts.host, port, threads, allowed=allowed, setting=SETTING)
        return await _exchange(parts, address, question)


def target_of(url: httpx.URL, question: Question) -> httpx.URL:
    """With the question in its query.  Raises MalformedMessage."""
    query = {"operation": question.operation}
    if question.message and not question.post:
        query["message"] = base64.b64encode(question.message).decode("ascii")
    try:
        return url.copy_merge_params(query)
    except httpx.InvalidURL as error:
        raise MalformedMessage(
            "SCEPProxyRequest",
            f"a message of {len(question.message)} bytes is too long for HTTP_METHOD_GET",
        ) from error


async def _exchange(url: httpx.URL, address: str, question: Question) -> Told:
    headers = {
        "Host": url.netloc.decode("ascii"),
        "User-Agent": "eaves",
        "Accept-Encoding": "identity",
        **({"Content-Type": PKI_MESSAGE} if question.post else {}),
    }
    # no proxy of the environment: it would resolve the name again, to wherever it leads then
    client = httpx.AsyncClient(
        verify=_roots_of(url), trust_env=False, follow_redirects=False, timeout=WITHIN_S
    )
    async with (
        client,
        client.stream(
            "POST" if question.post else "GET",
            url.copy_with(host=address),
            content=question.message if question.post else None,
            headers=headers,
            extensions={"sni_hostname": url.raw_host.decode("ascii").strip("[]")},
        ) as reply,
    ):
        body = bytearray()
        async for part in reply.aiter_raw():
            body += part
            if len(body) > LARGEST_ANSWER:
                raise ValueError(f"its answer has more than {LARGEST_ANSWER} bytes")
        fields = tuple(
            HTTPHeaderField(name=name, value=reply.headers[name])
            for name in TOLD_HEADERS
            if name in reply.headers
        )
        return Told(reply.status_code, fields, bytes(body))


def _roots_of(url: httpx.URL) -> ssl.SSLContext:
    """Those of the system are not read for a server without TLS."""
    return public_roots() if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
