"""A controller that passes requests of a device on to the SCEP server of its profile."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
from cryptography.hazmat.primitives.asymmetric import ec

from eaves.evapi.certs import ControllerCerts
from eaves.evapi.envelope import Sender, parse_envelope, seal
from eaves.evapi.flows.scep_proxy import Passed, pass_on
from eaves.evapi.flows.steps import Received, Reply, Send
from eaves.evapi.flows.trust import Trust
from eaves.evapi.keys import KeySigner
from eaves.evapi.paths import PROTOBUF, parse_path
from eaves.evapi.scep_proxy import (
    SCEP_PROXY_REQUEST,
    SCEP_PROXY_RESPONSE,
    HTTPMethod,
    SCEPProxyRequest,
    SCEPProxyResponse,
)
from eaves.ids import DeviceId

DEVICE = DeviceId("8a5e9a5c-0000-4000-8000-000000000001")
OPERATIONS = ("", "GetCACaps", "GetCACert", "GetNextCACert", "PKIOperation")
HASH, DEVICE_HASH = b"c" * 32, b"d" * 32


@dataclass
class PassingController:
    """`servers`: the address of each profile.  `asked`: what came over the wire."""

    servers: dict[str, str] = field(default_factory=dict[str, str])
    asked: list[SCEPProxyRequest] = field(default_factory=list[SCEPProxyRequest])
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False
    )
    device_key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False
    )

    async def pass_on(self, request: SCEPProxyRequest) -> Passed:
        """As a device of this controller asks."""
        certs = ControllerCerts(
            HASH, self.key.public_key(), datetime(2026, 1, 1, tzinfo=UTC), (), frozenset({HASH})
        )
        now: Callable[[], datetime] = lambda: datetime(2026, 1, 2, tzinfo=UTC)  # noqa: E731 - one value
        sender = Sender(KeySigner(self.device_key), DEVICE_HASH)
        flow = pass_on(sender, DEVICE, Trust(b"", certs, b""), now, request)
        reply: Reply | None = None
        try:
            while True:
                send = flow.send(reply)
                assert isinstance(send, Send)
                reply = await self._answer(send)
        except StopIteration as end:
            passed: Passed = end.value.passed
            return passed

    async def _answer(self, send: Send) -> Received:
        route = parse_path(send.path)
        assert route is not None
        assert route.device_id == DEVICE
        payload = parse_envelope(send.body).verify(self.device_key.public_key())
        request = SCEP_PROXY_REQUEST.decode(payload)
        self.asked.append(request)
        if request.scep_profile_name not in self.servers:
            return Received(403)
        status, message = await self._forward(request)
        told = SCEPProxyResponse(
            scep_profile_name=request.scep_profile_name,
            operation=request.operation,
            http_status_code=status,
            message=message,
        )
        body = seal(SCEP_PROXY_RESPONSE.encode(told), Sender(KeySigner(self.key), HASH))
        return Received(200, PROTOBUF, body)

    async def _forward(self, request: SCEPProxyRequest) -> tuple[int, bytes]:
        posted = request.http_method == HTTPMethod.HTTP_METHOD_POST
        query = {"operation": OPERATIONS[request.operation]}
        if request.message and not posted:
            query["message"] = base64.b64encode(request.message).decode()
        async with (
            asyncio.timeout(30),
            aiohttp.ClientSession() as session,
            session.request(
                "POST" if posted else "GET",
                self.servers[request.scep_profile_name],
                params=query,
                data=request.message if posted else None,
            ) as reply,
        ):
            return reply.status, await reply.read()
