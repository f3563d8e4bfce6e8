"""The controller as the way to a SCEP server, over real TLS.  EVE API v2, section 13."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from support.controller import InProcess, Reply, WireDevice, in_process, until

from eaves.controller.store.devices import set_attestation_required
from eaves.controller.store.rendered import RenderedConfig, put_rendered
from eaves.controller.store.unit import Db
from eaves.evapi.config import EdgeDevConfig, SCEPProfile, UUIDandVersion, encode_edge_dev_config
from eaves.evapi.paths import Endpoint
from eaves.evapi.scep_proxy import (
    SCEP_PROXY_REQUEST,
    SCEP_PROXY_RESPONSE,
    HTTPHeaderField,
    HTTPMethod,
    SCEPOperation,
    SCEPProxyRequest,
    SCEPProxyResponse,
)
from eaves.ids import ConfigHash

pytestmark = pytest.mark.system

LOOPBACK = (ip_network("127.0.0.0/8"),)
POST, GET = HTTPMethod.HTTP_METHOD_POST, HTTPMethod.HTTP_METHOD_GET
UNSAID = HTTPMethod.HTTP_METHOD_UNSPECIFIED
CA_CERT = SCEPOperation.SCEP_OPERATION_GET_CA_CERT
MESSAGE = SCEPOperation.SCEP_OPERATION_PKI_MESSAGE
HIDDEN = b"\xff\xfe between device and server \x00"


@dataclass
class Server:
    """`asked`: method, query, body and its type, of each request."""

    url: str = ""
    status: int = 200
    body: bytes = b"an answer"
    asked: list[tuple[str, dict[str, str], bytes, str]] = field(
        default_factory=list[tuple[str, dict[str, str], bytes, str]]
    )

    async def serve(self, request: web.Request) -> web.Response:
        body, kind = await request.read(), request.headers.get("Content-Type", "")
        self.asked.append((request.method, dict(request.query), body, kind))
        if not self.status:
            assert request.transport is not None
            request.transport.abort()
        headers = {"Location": "/elsewhere", "Set-Cookie": "a=b"}
        return web.Response(
            status=self.status or 200,
            body=self.body,
            headers={**headers, "Content-Type": "application/x-x509-ca-ra-cert"},
        )


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.serve)
    async with TestServer(app, host="127.0.0.1") as listening:
        made.url = f"{listening.make_url('/scep')}?ca=one"
        yield made


def allowing(state: Path) -> AbstractAsyncContextManager[InProcess]:
    return in_process(state, scep_networks=LOOPBACK)


@pytest.fixture
async def controller(tmp_path: Path) -> AsyncIterator[InProcess]:
    async with allowing(tmp_path / "state") as running:
        yield running


async def with_profile(controller: InProcess, url: str) -> WireDevice:
    """A device whose configuration names that server."""
    device = await controller.registered()
    profile = SCEPProfile(profile_name="office", scep_url=url, use_controller_proxy=True)
    config = encode_edge_dev_config(
        EdgeDevConfig(id=UUIDandVersion(uuid=device.device_id), scep_profiles=(profile,))
    )
    digest = ConfigHash(hashlib.sha256(config).hexdigest())
    rendered = RenderedConfig(digest, datetime.now(UTC), config)

    async def put(db: Db) -> None:
        await put_rendered(db, device.device_id, rendered)

    await controller.change(device.device_id, put)
    return device


async def ask(
    controller: InProcess,
    device: WireDevice,
    operation: SCEPOperation = CA_CERT,
    message: bytes = b"",
    method: HTTPMethod = UNSAID,
    profile: str = "office",
) -> Reply:
    request = SCEPProxyRequest(
        scep_profile_name=profile, operation=operation, message=message, http_method=method
    )
    body = device.sealed(SCEP_PROXY_REQUEST.encode(request))
    return await controller.post(device.path(Endpoint.SCEP), body)


def told(controller: InProcess, reply: Reply) -> SCEPProxyResponse:
    assert reply.status == 200
    return SCEP_PROXY_RESPONSE.decode(controller.controller_key.open(reply.body))


QUERY = {"ca": "one", "operation": "PKIOperation"}


@pytest.mark.parametrize(
    ("operation", "message", "method", "seen"),
    [
        (CA_CERT, b"", UNSAID, ("GET", {**QUERY, "operation": "GetCACert"}, b"", "")),
        (MESSAGE, HIDDEN, UNSAID, ("POST", QUERY, HIDDEN, "application/x-pki-message")),
        (MESSAGE, HIDDEN, POST, ("POST", QUERY, HIDDEN, "application/x-pki-message")),
        (
            *(MESSAGE, b"\xfb\xff?", GET),
            ("GET", {**QUERY, "message": "+/8/"}, b"", ""),  # of RFC 8894: base64, then escaped
        ),
    ],
    ids=["certificates", "message", "posted", "in the query"],
)
async def test_a_request_is_passed_on_and_its_answer_given_back(
    controller: InProcess,
    server: Server,
    operation: SCEPOperation,
    message: bytes,
    method: HTTPMethod,
    seen: tuple[str, dict[str, str], bytes, str],
) -> None:
    device = await with_profile(controller, server.url)
    answer = told(controller, await ask(controller, device, operation, message, method))
    assert server.asked == [seen]
    assert (answer.scep_profile_name, answer.operation) == ("office", operation)
    assert (answer.http_status_code, answer.message, answer.error_body) == (200, server.body, b"")
    kind = HTTPHeaderField(name="content-type", value="application/x-x509-ca-ra-cert")
    assert answer.http_header_fields == (kind,)


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_what_the_server_says_of_a_failure_is_told(
    controller: InProcess, server: Server, status: int
) -> None:
    server.status = status
    device = await with_profile(controller, server.url)
    answer = told(controller, await ask(controller, device))
    assert answer.http_status_code == status
    failed = status >= 400
    assert (answer.message, answer.error_body) == (
        (b"", server.body) if failed else (server.body, b"")
    )
    assert len(server.asked) == 1  # where it points to is not asked


async def test_a_profile_that_is_not_of_the_device_is_forbidden(
    controller: InProcess, server: Server
) -> None:
    device = await with_profile(controller, server.url)
    assert (await ask(controller, device, profile="another")).status == 403
    assert server.asked == []


def has_to_attest(controller: InProcess, device: WireDevice) -> bool:
    known = controller.live.find(device.device_id)
    return known is not None and known.has_to_attest


async def test_a_device_that_has_to_attest_first_gets_nothing(
    controller: InProcess, server: Server
) -> None:
    device = await with_profile(controller, server.url)
    await controller.change(
        device.device_id,
        lambda db: set_attestation_required(db, (device.device_id,), required=True),
    )
    await until(lambda: has_to_attest(controller, device), "the memory knows of it")
    assert (await ask(controller, device)).status == 403
    assert server.asked == []


async def test_a_server_that_does_not_answer_is_a_bad_gateway(
    controller: InProcess, server: Server
) -> None:
    server.status = 0
    device = await with_profile(controller, server.url)
    assert (await ask(controller, device)).status == 502
    server.status, server.body = 200, b"x" * (2 * 1024 * 1024 + 1)
    assert (await ask(controller, device)).status == 502
    assert len(server.asked) == 2


async def test_a_server_in_a_network_that_is_not_public_is_asked_only_where_that_is_allowed(
    tmp_path: Path, server: Server
) -> None:
    async with in_process(tmp_path / "state") as controller:
        device = await with_profile(controller, server.url)
        assert (await ask(controller, device)).status == 502
        assert server.asked == []


async def test_an_operation_that_is_not_defined_is_refused(
    controller: InProcess, server: Server
) -> None:
    device = await with_profile(controller, server.url)
    assert (await ask(controller, device, SCEPOperation(9))).status == 422
    assert server.asked == []
