"""Messages as JSON values, for people who look at what is on the wire.

The names are those of proto-JSON (`deviceIoList`), whole numbers of 64 bits are texts, bytes are
base64, an enum is its word.
"""

from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message

from eaves.evapi.errors import MalformedMessage
from eaves.evapi.pb.config import devconfig_pb2
from eaves.evapi.pb.info import info_pb2
from eaves.evapi.pb.metrics import metrics_pb2

Plain = dict[str, Any]  # JSON


def plain_config(data: bytes) -> Plain:
    """A serialized EdgeDevConfig.  Raises MalformedMessage."""
    return _plain(devconfig_pb2.EdgeDevConfig, "EdgeDevConfig", data)


def plain_info(data: bytes) -> Plain:
    """A serialized ZInfoMsg.  Raises MalformedMessage."""
    return _plain(info_pb2.ZInfoMsg, "ZInfoMsg", data)


def plain_metrics(data: bytes) -> Plain:
    """A serialized ZMetricMsg.  Raises MalformedMessage."""
    return _plain(metrics_pb2.ZMetricMsg, "ZMetricMsg", data)


def _plain(of: type[Message], name: str, data: bytes) -> Plain:
    try:
        message = of.FromString(data)
    except DecodeError as error:
        raise MalformedMessage(name, f"{len(data)} bytes, {error}") from error
    return MessageToDict(message)
