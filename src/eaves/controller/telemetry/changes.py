"""What in an info message is worth an event: a state that moved, an error that came or went.

Pure.  A device repeats its info every few minutes; only a difference to what it said before is
news.  Progress in percent is not.
"""

from dataclasses import dataclass
from enum import StrEnum

from eaves.evapi.info import (
    BootReason,
    ErrorInfo,
    ZInfoDevice,
    ZInfoMsg,
    ZInfoTypes,
)


class Severity(StrEnum):
    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Said:
    """What one message says about one object, in the words of events."""

    kind: ZInfoTypes
    object_id: str
    name: str
    state: str
    errors: tuple[str, ...] = ()
    boots: int = 0  # devices only
    boot_reason: str = ""
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    event_type: str
    severity: Severity
    description: str


NOUNS = {
    ZInfoTypes.ZiDevice: "device",
    ZInfoTypes.ZiApp: "app instance",
    ZInfoTypes.ZiNetworkInstance: "network instance",
    ZInfoTypes.ZiVolume: "volume instance",
    ZInfoTypes.ZiContentTree: "content tree",
}
_EVENT_WORDS = {
    ZInfoTypes.ZiDevice: "EDGE_NODE",
    ZInfoTypes.ZiApp: "APP_INSTANCE",
    ZInfoTypes.ZiNetworkInstance: "NETWORK_INSTANCE",
    ZInfoTypes.ZiVolume: "VOLUME_INSTANCE",
    ZInfoTypes.ZiContentTree: "CONTENT_TREE",
}


def object_id_of(message: ZInfoMsg) -> str:
    """Which object a message is about, within its device and type."""
    match message:
        case ZInfoMsg(ainfo=app) if app is not None:
            return app.app_id
        case ZInfoMsg(niinfo=network) if network is not None:
            return network.network_id
        case ZInfoMsg(vinfo=volume) if volume is not None:
            return volume.uuid
        case ZInfoMsg(cinfo=tree) if tree is not None:
            return tree.uuid
        case ZInfoMsg(binfo=blobs) if blobs is not None:
            return ",".join(blob.sha256 for blob in blobs.blob)[:200]
        case ZInfoMsg(amdinfo=metadata) if metadata is not None:
            return f"{metadata.uuid}/{int(metadata.type)}"
        case _:
            return ""


def said(message: ZInfoMsg) -> Said | None:
    """Read a message; None for types that have no state of their own."""
    object_id = object_id_of(message)
    match message:
        case ZInfoMsg(dinfo=device) if device is not None:
            return _device(device)
        case ZInfoMsg(ainfo=app) if app is not None:
            return Said(
                ZInfoTypes.ZiApp,
                object_id,
                app.app_name,
                app.state.name,
                _texts(app.app_err),
                gone=not app.app_name and int(app.state) == 0,
            )
        case ZInfoMsg(niinfo=network) if network is not None:
            return Said(
                ZInfoTypes.ZiNetworkInstance,
                object_id,
                network.displayname,
                network.state.name.removeprefix("ZNETINST_STATE_"),
                _texts(network.network_err),
                gone=not network.displayname and int(network.state) == 0,
            )
        case ZInfoMsg(vinfo=volume) if volume is not None:
            return Said(
                ZInfoTypes.ZiVolume,
                object_id,
                volume.display_name,
                volume.state.name,
                _texts((volume.volume_err,)),
                gone=not volume.display_name and int(volume.state) == 0,
            )
        case ZInfoMsg(cinfo=tree) if tree is not None:
            return Said(
                ZInfoTypes.ZiContentTree,
                object_id,
                tree.display_name,
                tree.state.name,
                _texts((tree.err,)),
                gone=not tree.display_name and int(tree.state) == 0,
            )
        case _:
            return None


def _device(device: ZInfoDevice) -> Said:
    reason = device.last_boot_reason
    return Said(
        ZInfoTypes.ZiDevice,
        "",
        "",
        device.state.name.removeprefix("ZDEVICE_STATE_"),
        boots=device.restart_counter,
        boot_reason=device.last_reboot_reason
        or ("" if reason == BootReason.BOOT_REASON_UNSPECIFIED else reason.name),
    )


def _texts(errors: tuple[ErrorInfo | None, ...]) -> tuple[str, ...]:
    return tuple(e.description for e in errors if e is not None and e.description)


def changes(before: Said | None, now: Said, name: str) -> tuple[Change, ...]:
    """What is news in `now`.  `name` is what people call the object."""
    noun, word = NOUNS[now.kind], _EVENT_WORDS[now.kind]
    if now.gone:
        if before is None or before.gone:
            return ()
        text = f"{noun} {name}: removed from the device"
        return (Change(f"{word}_REMOVED_FROM_DEVICE", Severity.NOTICE, text),)
    found: list[Change] = []
    if before is None or before.state != now.state:
        was = "" if before is None else f" (was {before.state})"
        found.append(
            Change(f"{word}_STATE", Severity.NOTICE, f"{noun} {name}: state {now.state}{was}")
        )
    errors_before = () if before is None else before.errors
    found += [
        Change(f"{word}_ERROR", Severity.ERROR, f"{noun} {name}: {text}")
        for text in now.errors
        if text not in errors_before
    ]
    if errors_before and not now.errors:
        found.append(
            Change(f"{word}_ERROR_CLEARED", Severity.NOTICE, f"{noun} {name}: no error any more")
        )
    if before is not None and before.boots != now.boots and now.kind == ZInfoTypes.ZiDevice:
        why = f": {now.boot_reason}" if now.boot_reason else ""
        found.append(
            Change(f"{word}_REBOOTED", Severity.WARNING, f"{noun} {name}: started again{why}")
        )
    return tuple(found)
