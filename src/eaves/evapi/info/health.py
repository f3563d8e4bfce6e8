"""What alerts look at in an info message, read straight from the wire, as `fold` does."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import DecodeError

from eaves.evapi.device_text import storable, storable_key
from eaves.evapi.errors import MalformedMessage
from eaves.evapi.info.device import BaseOsStatus, BootReason
from eaves.evapi.info.states import ZSwState
from eaves.evapi.pb.info import info_pb2

UNDER_WAY: Final = frozenset(
    {
        BaseOsStatus.DOWNLOADING,
        BaseOsStatus.DOWNLOAD_DONE,
        BaseOsStatus.UPDATING,
        BaseOsStatus.FALLBACK,
        BaseOsStatus.FAILED,
    }
)
UPDATE_FAILED: Final = frozenset({BaseOsStatus.FALLBACK, BaseOsStatus.FAILED})


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """`up_s`: how long it ran when it said this, by its own clock; None: it does not tell."""

    processors: int = 0  # 0: it does not tell
    boots: int = 0
    boot_reason: int = 0  # BootReason
    boot_text: str = ""
    up_s: float | None = None
    errors: tuple[str, ...] = ()
    failed_update: str = ""


@dataclass(frozen=True, slots=True)
class AppHealth:
    app_id: str
    name: str  # as the device calls it
    errors: tuple[str, ...] = ()


def read_health(data: bytes) -> DeviceHealth | AppHealth | None:
    """Of a serialized ZInfoMsg; None: it is about something else.  Raises MalformedMessage."""
    try:
        message: Any = info_pb2.ZInfoMsg.FromString(data)
    except DecodeError as error:
        raise MalformedMessage("ZInfoMsg", f"{len(data)} bytes, {error}") from error
    match message.WhichOneof("InfoContent"):
        case "dinfo":
            return _device(message)
        case "ainfo":
            return _app(message.ainfo)
        case _:
            return None


def _device(message: Any) -> DeviceHealth:
    device = message.dinfo
    failed = (slot for slot in device.swList if slot.userStatus in UPDATE_FAILED)
    return DeviceHealth(
        processors=device.ncpu,
        boots=device.restartCounter,
        boot_reason=int(device.last_boot_reason),
        boot_text=storable(device.lastRebootReason) or boot_word(int(device.last_boot_reason)),
        up_s=_up_s(message),
        errors=device_errors(device),
        failed_update="; ".join(map(_slot, failed)),
    )


def _app(app: Any) -> AppHealth:
    errors = _texts(app.appErr)
    if not errors and app.state == ZSwState.ERROR:
        errors = ("it is in the state ERROR and tells no reason",)
    return AppHealth(storable_key(app.AppID), storable(app.AppName), errors)


def _up_s(message: Any) -> float | None:
    if not (message.HasField("atTimeStamp") and message.dinfo.HasField("bootTime")):
        return None
    at, boot = message.atTimeStamp, message.dinfo.bootTime
    if not boot.seconds:
        return None
    span_ns: int = (at.seconds - boot.seconds) * 10**9 + at.nanos - boot.nanos
    return span_ns / 1e9


def boot_word(reason: int) -> str:
    names = {int(member): member.name for member in BootReason}
    return names.get(reason, f"UNNAMED_{reason}").removeprefix("BOOT_REASON_")


def device_errors(device: Any) -> tuple[str, ...]:
    """The texts of all that a ZInfoDevice (as parsed) names as wrong, each once."""
    return tuple(dict.fromkeys(_errors(device)))


def _errors(device: Any) -> Iterator[str]:
    for adapter in device.assignableAdapters:
        yield from _text_of(adapter, "err")
    for slot in device.swList:
        yield from _text_of(slot, "swErr")
    yield from _text_of(device.attestation_info, "error")
    adapters = device.systemAdapter
    if adapters.currentIndex < len(adapters.status):
        for port in adapters.status[adapters.currentIndex].ports:
            yield from _text_of(port, "err")


def _text_of(owner: Any, member: str) -> Iterator[str]:
    if owner.HasField(member):
        yield from _texts((getattr(owner, member),))


def _texts(errors: Any) -> tuple[str, ...]:
    return tuple(storable(error.description) for error in errors if error.description)


def update_of(device: Any) -> str:
    """What a ZInfoDevice (as parsed) tells of an update that is not done; empty: none is on."""
    slots = (slot for slot in device.swList if slot.userStatus in UNDER_WAY)
    return "; ".join(
        f"version {storable(slot.shortVersion) or '(none)'}: {BaseOsStatus(slot.userStatus).name}"
        for slot in slots
    )


def _slot(slot: Any) -> str:
    word = BaseOsStatus(slot.userStatus).name
    why = storable(slot.subStatusStr)
    return f"version {storable(slot.shortVersion) or '(none)'}: {word}" + (
        f", {why}" if why else ""
    )
