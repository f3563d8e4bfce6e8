"""What a fleet is counted by, read straight from the info messages of its devices.

Lists of thousands of devices are filtered by the state, so it is kept beside the message; the
versions of a fleet and what its machines have are counted from all of its messages.
"""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Machine:
    """What a device says of itself: the version of the base OS that it runs (empty where it says
    none), its processors, its memory, and its disk for what is kept.
    """

    version: str = ""
    processors: int = 0
    memory_mb: int = 0
    storage_mb: int = 0


def machine(data: bytes) -> Machine:
    """Raises MalformedMessage."""
    told = _parsed(data).dinfo
    running = (slot for slot in told.swList if slot.activated)
    version = next((str(slot.shortVersion or slot.longVersion) for slot in running), "")
    return Machine(version, int(told.ncpu), int(told.memory), int(told.storage))


def _parsed(data: bytes) -> Any:
    try:
        return info_pb2.ZInfoMsg.FromString(data)
    except DecodeError as error:
        raise MalformedMessage("ZInfoMsg", f"{len(data)} bytes, {error}") from error
