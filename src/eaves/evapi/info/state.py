"""The state and version that an info message reports, read straight from the message.

Lists of thousands of devices are filtered by the state, so it is kept beside the message; the
versions of a fleet are counted from all of its messages.
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
    message = _parsed(data)
    return state_of(message, message.WhichOneof("InfoContent"))


def state_of(message: Any, content: str | None) -> int:
    """As `reported_state`, of a parsed ZInfoMsg that holds this content."""
    if content == "niinfo":
        network = message.niinfo
        return int(network.state) or (NETWORK_ONLINE if network.activated else 0)
    if content in ("dinfo", "ainfo", "vinfo", "cinfo"):
        return int(getattr(message, content).state)
    return 0


def running_version(data: bytes) -> str:
    """The version of the base OS that a device says it runs; empty where it says none.

    Raises MalformedMessage.
    """
    message = _parsed(data)
    running = (slot for slot in message.dinfo.swList if slot.activated)
    return next((str(slot.shortVersion or slot.longVersion) for slot in running), "")


def _parsed(data: bytes) -> Any:
    try:
        return info_pb2.ZInfoMsg.FromString(data)
    except DecodeError as error:
        raise MalformedMessage("ZInfoMsg", f"{len(data)} bytes, {error}") from error
