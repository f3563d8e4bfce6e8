"""What the controller needs of an info message at once, read straight from the wire.

The latest message is kept as it came and decoded by whoever shows it; to store it, only the object
it is about and the state that events tell of are needed.  Reading those few fields costs a
twentieth of the dataclasses.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import DecodeError

from eaves.evapi.codec import OpenEnum
from eaves.evapi.device_text import storable, storable_key
from eaves.evapi.errors import MalformedMessage
from eaves.evapi.info.device import BootReason, ZDeviceState
from eaves.evapi.info.health import device_errors, update_of
from eaves.evapi.info.network_instances import ZNetworkInstanceState
from eaves.evapi.info.state import state_of
from eaves.evapi.info.states import ZInfoTypes, ZSwState
from eaves.evapi.info_said import Said
from eaves.evapi.pb.info import info_pb2


@dataclass(frozen=True, slots=True)
class InfoFold:
    kind: int  # ZInfoTypes
    dev_id: str
    object_id: str  # empty: the device itself; texts as `device_text` makes them
    at: int | None  # microseconds since 1970, clock of the device
    said: Said | None  # None: a kind that has no state of its own
    state: int = 0  # as `evapi.info.state` says


_OBJECT_ID_MOST: Final = 200  # characters of an id that is made of many
_MAX_SECONDS: Final = 253_402_300_799  # the end of the year 9999
_MIN_SECONDS: Final = -62_135_596_800  # the start of the year 1


def _words(of: type[OpenEnum], prefix: str = "") -> dict[int, str]:
    return {int(member): member.name.removeprefix(prefix) for member in of}


_SW_STATES: Final = _words(ZSwState)
_NETWORK_STATES: Final = _words(ZNetworkInstanceState, "ZNETINST_STATE_")
_DEVICE_STATES: Final = _words(ZDeviceState, "ZDEVICE_STATE_")
_BOOT_REASONS: Final = _words(BootReason)


def fold_info(data: bytes) -> InfoFold:
    """Raises MalformedMessage, and nothing else, for bytes that are no info message."""
    try:
        message: Any = info_pb2.ZInfoMsg.FromString(data)
    except DecodeError as error:
        raise MalformedMessage("ZInfoMsg", f"{len(data)} bytes, {error}") from error
    content = message.WhichOneof("InfoContent")
    object_id, said = _READERS.get(content, _nothing)(message)
    return InfoFold(
        kind=int(message.ztype),
        dev_id=message.devId,
        object_id=storable_key(object_id),
        at=time_of(message),
        said=said,
        state=state_of(message, content),
    )


def time_of(message: Any) -> int | None:
    """`atTimeStamp` in microseconds since 1970; None: absent, or no time of the calendar."""
    if not message.HasField("atTimeStamp"):
        return None
    stamp = message.atTimeStamp
    seconds, nanos = stamp.seconds, stamp.nanos
    if not (0 <= nanos < 10**9 and _MIN_SECONDS <= seconds <= _MAX_SECONDS):
        return None
    return int(seconds * 1_000_000 + nanos // 1000)


_Read = tuple[str, Said | None]


def _nothing(_message: Any) -> _Read:
    return "", None


def _device(message: Any) -> _Read:
    device = message.dinfo
    reason = device.last_boot_reason
    said = Said(
        kind=int(ZInfoTypes.ZiDevice),
        object_id="",
        name="",
        state=_word(_DEVICE_STATES, device.state),
        boots=device.restartCounter,
        boot_reason=storable(device.lastRebootReason)
        or (_word(_BOOT_REASONS, reason) if reason else ""),
        errors=device_errors(device),
        update=update_of(device),
    )
    return "", said


def _app(message: Any) -> _Read:
    app = message.ainfo
    return _object(ZInfoTypes.ZiApp, app.AppID, app.AppName, app.state, _SW_STATES, app.appErr)


def _network(message: Any) -> _Read:
    network = message.niinfo
    return _object(
        ZInfoTypes.ZiNetworkInstance,
        network.networkID,
        network.displayname,
        network.state,
        _NETWORK_STATES,
        network.networkErr,
    )


def _volume(message: Any) -> _Read:
    volume = message.vinfo
    errors = (volume.volumeErr,) if volume.HasField("volumeErr") else ()
    return _object(
        ZInfoTypes.ZiVolume, volume.uuid, volume.displayName, volume.state, _SW_STATES, errors
    )


def _tree(message: Any) -> _Read:
    tree = message.cinfo
    errors = (tree.err,) if tree.HasField("err") else ()
    return _object(
        ZInfoTypes.ZiContentTree, tree.uuid, tree.displayName, tree.state, _SW_STATES, errors
    )


def _blobs(message: Any) -> _Read:
    return ",".join(blob.sha256 for blob in message.binfo.blob)[:_OBJECT_ID_MOST], None


def _patch(message: Any) -> _Read:
    return storable_key(message.patchInfo.id), None


def _metadata(message: Any) -> _Read:
    return f"{message.amdinfo.uuid}/{int(message.amdinfo.type)}", None


_READERS: Final = {
    "dinfo": _device,
    "ainfo": _app,
    "niinfo": _network,
    "vinfo": _volume,
    "cinfo": _tree,
    "binfo": _blobs,
    "amdinfo": _metadata,
    "patchInfo": _patch,
}


def _object(
    kind: ZInfoTypes,
    object_id: str,
    name: str,
    state: int,
    words: dict[int, str],
    errors: Iterable[Any],
) -> _Read:
    said = Said(
        kind=int(kind),
        object_id=storable_key(object_id),
        name=storable(name),
        state=_word(words, state),
        errors=tuple(storable(error.description) for error in errors if error.description),
        # a device tells that an object is gone by a message without name and state
        gone=not name and not state,
    )
    return object_id, said


def _word(words: dict[int, str], number: int) -> str:
    return words.get(number) or f"UNNAMED_{number}"
