"""How a device learns the UUID its controller gave it.  eveuuid/eveuuid.proto; section 6.2."""

import uuid
from dataclasses import dataclass, field

from eaves.evapi.codec import Codec
from eaves.evapi.errors import MalformedMessage
from eaves.evapi.pb.eveuuid import eveuuid_pb2
from eaves.ids import DeviceId

UUID_REQUEST = b""
"""The payload of a UUID request: the message has no fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UuidResponse:
    uuid: str = ""
    manufacturer: str = ""
    product_name: str = ""
    rest: bytes = field(default=b"", repr=False)


_UUID_RESPONSE = Codec(UuidResponse, eveuuid_pb2.UuidResponse)
decode_uuid_response = _UUID_RESPONSE.decode
encode_uuid_response = _UUID_RESPONSE.encode


def device_id_of(response: UuidResponse) -> DeviceId:
    """Raises MalformedMessage when the text is not a UUID."""
    try:
        return DeviceId(str(uuid.UUID(response.uuid)))
    except ValueError as error:
        raise MalformedMessage("UuidResponse.uuid", f"{response.uuid!r} is not a UUID") from error


def hardware_model(response: UuidResponse) -> str | None:
    """What replaces the model from SMBIOS, when the controller names both parts."""
    if response.manufacturer and response.product_name:
        return f"{response.manufacturer}.{response.product_name}".replace("/", "_")
    return None
