"""A device introduces itself.  register/register.proto; EVE API v2, section 6.1.

The message is signed by the onboarding key, so it proves possession of that key only, not of the
device key: whoever accepts it binds (onboarding certificate, serial) to the first device
certificate it sees.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field

from eaves.evapi.codec import Codec
from eaves.evapi.errors import MalformedMessage
from eaves.evapi.pb.register import register_pb2
from eaves.evapi.pem import load_certificate

SOFT_SERIAL = re.compile(r"[a-zA-Z0-9_-]*")
_CERT_BYTES = range(100, 10241)
_SERIAL_LENGTH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class ZRegisterMsg:
    on_board_key: str = field(default="", repr=False)  # deprecated
    pem_cert: bytes = b""  # base64 of the device certificate's PEM file
    serial: str = ""
    soft_serial: str = ""
    rest: bytes = field(default=b"", repr=False)


_Z_REGISTER_MSG = Codec(ZRegisterMsg, register_pb2.ZRegisterMsg)
decode_z_register_msg = _Z_REGISTER_MSG.decode
encode_z_register_msg = _Z_REGISTER_MSG.encode


def registration(device_cert_pem: bytes, serial: str, soft_serial: str) -> ZRegisterMsg:
    return ZRegisterMsg(
        pem_cert=base64.b64encode(device_cert_pem),
        serial=serial.strip(),
        soft_serial=soft_serial.strip(),
    )


def device_certificate_of(message: ZRegisterMsg) -> bytes:
    """The PEM bytes of the device certificate.

    Raises MalformedMessage when the message breaks the constraints of the API, and
    UnreadableCertificate when what it carries is no certificate.
    """
    if len(message.pem_cert) not in _CERT_BYTES:
        raise MalformedMessage(
            "ZRegisterMsg.pemCert", f"{len(message.pem_cert)} bytes, it must have 100 to 10240"
        )
    for name, serial in (("serial", message.serial), ("softSerial", message.soft_serial)):
        if len(serial) > _SERIAL_LENGTH:
            raise MalformedMessage(f"ZRegisterMsg.{name}", f"longer than {_SERIAL_LENGTH}")
    if "\0" in message.serial:
        raise MalformedMessage("ZRegisterMsg.serial", "holds a zero byte, which no database keeps")
    if not SOFT_SERIAL.fullmatch(message.soft_serial):
        raise MalformedMessage("ZRegisterMsg.softSerial", "holds other signs than a-z A-Z 0-9 _ -")
    try:
        pem = base64.b64decode(message.pem_cert, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedMessage("ZRegisterMsg.pemCert", f"not base64: {error}") from error
    load_certificate(pem, "ZRegisterMsg.pemCert")
    return pem
