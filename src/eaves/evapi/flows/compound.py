"""One question to a local operator console, which stands in for a controller.  Section 8.

Its answer is bare.  The configuration in it is one that the controller signed: a console can
withhold it or hand out another of the same controller's, and make none of its own.
"""

from dataclasses import dataclass, field

from eaves.errors import EavesError
from eaves.evapi.certs import ControllerCerts
from eaves.evapi.cipher import cipher_key
from eaves.evapi.config import (
    CompoundEdgeDevConfig,
    CompoundEdgeDevConfigRequest,
    ConfigRequest,
    decode_compound_edge_dev_config,
    encode_compound_edge_dev_config_request,
)
from eaves.evapi.envelope import Sealed, Sender, encode_sealed, parse_envelope, seal
from eaves.evapi.flows.poll import NewConfig
from eaves.evapi.flows.steps import NoConnection, Reply, Send, explain
from eaves.evapi.flows.trust import Trust
from eaves.evapi.keys import KeyAgreement
from eaves.evapi.paths import Endpoint, endpoint_path
from eaves.evapi.poll import decode_poll_response
from eaves.ids import DeviceId


@dataclass(frozen=True, slots=True)
class Compound:
    message: CompoundEdgeDevConfig


@dataclass(frozen=True, slots=True)
class SameAsBefore:
    """304."""


@dataclass(frozen=True, slots=True)
class NoConsole:
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What the console is told: where the device stands."""

    config_hash: str = ""
    integrity_token: bytes = field(default=b"", repr=False)
    last_timestamp: int = 0  # of the last answer that was worked in


def compound_request(device: Sender, device_id: DeviceId, standing: Standing) -> Send:
    request = CompoundEdgeDevConfigRequest(
        last_cmd_timestamp=standing.last_timestamp,
        cfg_req=ConfigRequest(
            config_hash=standing.config_hash, integrity_token=standing.integrity_token
        ),
    )
    body = seal(encode_compound_edge_dev_config_request(request), device)
    endpoint = Endpoint.COMPOUND_CONFIG
    return Send(endpoint, "POST", endpoint_path(endpoint, device_id), body)


def read_compound(reply: Reply) -> Compound | SameAsBefore | NoConsole:
    if isinstance(reply, NoConnection) or reply.status not in {200, 304}:
        return NoConsole(explain(Endpoint.COMPOUND_CONFIG, reply))
    if reply.status == 304:
        return SameAsBefore()
    try:
        return Compound(decode_compound_edge_dev_config(reply.body))
    except EavesError as error:
        return NoConsole(f"compound-config: {error}")


class NotOfTheController(EavesError):
    def __init__(self) -> None:
        super().__init__(
            "the configuration of the local operator console is signed by none of the"
            " controller's certificates"
        )


def open_protected(container: bytes, trust: Trust, own: KeyAgreement) -> NewConfig:
    """The configuration, and its envelope with the payload in the clear, for the checkpoint.

    Raises EavesError for one that the controller did not sign, or that cannot be opened.
    """
    sealed = parse_envelope(container)
    known = [certs for certs in (trust.current, trust.previous) if certs is not None]
    signer = next((certs for certs in known if sealed.sent_by(certs.signing_hash)), None)
    if signer is None:
        raise NotOfTheController
    opened = _decrypted(sealed, known, own)
    response = decode_poll_response(opened.verify(signer.signing_key))
    if response.config is None:
        raise NotOfTheController
    return NewConfig(response.config, response.config_hash, encode_sealed(opened))


def _decrypted(sealed: Sealed, known: list[ControllerCerts], own: KeyAgreement) -> Sealed:
    context = sealed.cipher_context
    if not sealed.encrypted or context is None:
        return sealed
    for certs in known:
        peer = certs.ecdh_by_hash(context.controller_cert_hash)
        if peer is not None:
            return sealed.decrypted(cipher_key(own, peer.key))
    raise NotOfTheController
