"""The state that an info message reports of its object, read straight from the message.

Lists of thousands of devices are filtered by it, so it is kept beside the message.
"""

from typing import Any, Final

from google.protobuf.message import DecodeError

from eaves.evapi.errors import MalformedMessage
from eaves.evapi.pb.info import info_pb2

NETWORK_ONLINE: Final = 2  # ZNETINST_STATE_ONLINE


def reported_state(data: bytes) -> int:
    """A number of ZDeviceState, ZSwState or ZNetworkInstanceState; 0: the object has none.

    A network instance that is active without a state counts as online.  Raises MalformedMessage.
    """
    try:
        message: Any = info_pb2.ZInfoMsg.FromString(data)
    except DecodeError as error:
        raise MalformedMessage("ZInfoMsg", f"{len(data)} bytes, {error}") from error
    return state_of(message, message.WhichOneof("InfoContent"))


def state_of(message: Any, content: str | None) -> int:
    """As `reported_state`, of a parsed ZInfoMsg that holds this content."""
    if content == "niinfo":
        network = message.niinfo
        return int(network.state) or (NETWORK_ONLINE if network.activated else 0)
    if content in ("dinfo", "ainfo", "vinfo", "cinfo"):
        return int(getattr(message, content).state)
    return 0
