"""One form for all bytes of a message that say the same.

Protobuf lets a sender order fields as it likes and give a single one twice.  A report that is
counted once by its digest must not count again in other bytes, so the digest is that of this form.
"""

from google.protobuf.message import DecodeError, Message

from eaves.evapi.errors import MalformedMessage
from eaves.evapi.pb.flowlog import flowlog_pb2
from eaves.evapi.pb.hardwarehealth import hardware_health_pb2


def canonical_flow_message(data: bytes) -> bytes:
    """Raises MalformedMessage."""
    return _canonical(flowlog_pb2.FlowMessage, data)


def canonical_hardware_health(data: bytes) -> bytes:
    """Raises MalformedMessage."""
    return _canonical(hardware_health_pb2.ZHardwareHealth, data)


def _canonical(of: type[Message], data: bytes) -> bytes:
    try:
        message = of.FromString(data)
    except DecodeError as error:
        raise MalformedMessage(of.DESCRIPTOR.name, f"{len(data)} bytes, {error}") from error
    return message.SerializeToString(deterministic=True)
