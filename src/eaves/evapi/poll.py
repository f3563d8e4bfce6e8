"""The two messages of a configuration poll, with the configuration itself left as bytes.

Neither end looks inside a configuration to answer or to accept a poll: the controller serves stored
bytes, the device keeps what it received.  `eaves.evapi.config` has the typed forms.
"""

from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from eaves.evapi.codec import Codec
from eaves.evapi.direct import varint
from eaves.evapi.errors import MalformedMessage
from eaves.evapi.pb.config import devconfig_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class PollRequest:
    """config.ConfigRequest: the hash in force (empty after a start) and the attestation token."""

    config_hash: str = ""
    integrity_token: bytes = field(default=b"", repr=False)
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResponse:
    """config.ConfigResponse, where `config` is a serialized EdgeDevConfig or absent."""

    config: bytes | None = field(default=None, repr=False)
    config_hash: str = ""
    rest: bytes = field(default=b"", repr=False)


_REQUEST = Codec(PollRequest, devconfig_pb2.ConfigRequest)
decode_poll_request = _REQUEST.decode


def encode_poll_request(request: PollRequest) -> bytes:
    """Spliced from its parts, as a device makes one for every poll."""
    config_hash, token = request.config_hash.encode(), request.integrity_token
    parts = [b"\x0a", varint(len(config_hash)), config_hash] if config_hash else []
    if token:
        parts += (b"\x12", varint(len(token)), token)
    return b"".join((*parts, request.rest))


def poll_fields(data: bytes) -> tuple[str, bytes]:
    """The config hash and the integrity token of a ConfigRequest, read straight from it.

    The short form of `decode_poll_request`, with the same error.
    """
    try:
        message = devconfig_pb2.ConfigRequest.FromString(data)
    except DecodeError as error:
        raise MalformedMessage("PollRequest", f"{len(data)} bytes, {error}") from error
    return message.configHash, message.integrity_token


_RESPONSE = Codec(PollResponse, devconfig_pb2.ConfigResponse)
decode_poll_response = _RESPONSE.decode


def encode_poll_response(response: PollResponse) -> bytes:
    """Splice stored bytes into an answer: a large configuration is not parsed for each poll."""
    config_hash = response.config_hash.encode()
    parts = (
        [] if response.config is None else [b"\x0a", varint(len(response.config)), response.config]
    )
    if config_hash:
        parts += [b"\x12", varint(len(config_hash)), config_hash]
    return b"".join([*parts, response.rest])
