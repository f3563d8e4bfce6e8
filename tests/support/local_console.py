"""A local operator console: hands out what its controller signed, and has commands of its own."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from wire.peer import Controller, issue, serve

from eaves.evapi.certs import cert_hash
from eaves.evapi.cipher import cipher_context, cipher_key
from eaves.evapi.config import (
    CompoundEdgeDevConfig,
    CompoundEdgeDevConfigRequest,
    decode_compound_edge_dev_config_request,
    encode_compound_edge_dev_config,
)
from eaves.evapi.envelope import (
    controller_sender,
    device_hash,
    parse_envelope,
    seal,
    seal_encrypted,
)
from eaves.evapi.flows.steps import Received, Reply
from eaves.evapi.info import ZInfoMsg, decode_z_info_msg
from eaves.evapi.keys import KeySigner, SoftKeyAgreement
from eaves.evapi.paths import PROTOBUF, Endpoint, parse_path
from eaves.evapi.pem import certificate_key, load_certificate
from eaves.evapi.poll import PollResponse, encode_poll_response


@dataclass
class Console(Controller):
    """Of the `behind` controller's site.  `message` None: 304."""

    behind: Controller = field(default_factory=Controller)
    message: CompoundEdgeDevConfig | None = None
    asked: list[CompoundEdgeDevConfigRequest] = field(
        default_factory=list[CompoundEdgeDevConfigRequest]
    )
    told: list[ZInfoMsg] = field(default_factory=list[ZInfoMsg])

    def answer(self, path: str, body: bytes) -> Reply:
        route = parse_path(path)
        pem = self.behind.device_pem
        sealed = parse_envelope(body)
        if route is None or pem is None or not sealed.sent_by(device_hash(pem)):
            return Received(401)
        payload = sealed.verify(certificate_key(load_certificate(pem)))
        if route.endpoint is Endpoint.INFO:
            self.told.append(decode_z_info_msg(payload))
            return Received(201)
        if route.endpoint is not Endpoint.COMPOUND_CONFIG:
            return Received(404)
        self.asked.append(decode_compound_edge_dev_config_request(payload))
        if self.message is None:
            return Received(304)
        return Received(200, PROTOBUF, encode_compound_edge_dev_config(self.message))


def signed_config(controller: Controller) -> bytes:
    """The configuration that the controller would give, in an envelope of its own."""
    answer = PollResponse(config=controller.config, config_hash=controller.config_hash)
    sender = controller_sender(KeySigner(controller.signing.key), controller.signing.pem)
    return seal(encode_poll_response(answer), sender)


def encrypted_config(controller: Controller, device_ecdh_pem: bytes) -> bytes:
    """The same, for one device's eyes."""
    answer = PollResponse(config=controller.config, config_hash=controller.config_hash)
    sender = controller_sender(KeySigner(controller.signing.key), controller.signing.pem)
    context = cipher_context(cert_hash(controller.ecdh.pem), cert_hash(device_ecdh_pem))
    peer = certificate_key(load_certificate(device_ecdh_pem))
    assert isinstance(peer, ec.EllipticCurvePublicKey)
    key = cipher_key(SoftKeyAgreement(controller.ecdh.key), peer)
    return seal_encrypted(
        encode_poll_response(answer), sender, context, key, lambda size: b"\x07" * size
    )


@asynccontextmanager
async def console_of(controller: Controller, folder: Path) -> AsyncGenerator[tuple[Console, str]]:
    """The console and its URL; its certificate is one of the controller's root."""
    console = Console(behind=controller)
    async with serve(console, issue("console", controller.root), folder) as address:
        yield console, f"https://{address}"
