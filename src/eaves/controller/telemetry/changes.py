"""What in an info message is worth an event: a state that moved, an error that came or went.

Pure.  A device repeats its info every few minutes; only a difference to what it said before is
news.  Progress in percent is not.
"""

from dataclasses import dataclass
from enum import StrEnum

from eaves.evapi.info.states import ZInfoTypes
from eaves.evapi.info_said import Said


class Severity(StrEnum):
    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Change:
    event_type: str
    severity: Severity
    description: str


NOUNS: dict[int, str] = {
    ZInfoTypes.ZiDevice: "device",
    ZInfoTypes.ZiApp: "app instance",
    ZInfoTypes.ZiNetworkInstance: "network instance",
    ZInfoTypes.ZiVolume: "volume instance",
    ZInfoTypes.ZiContentTree: "content tree",
}
_FAILED = ("FALLBACK", "FAILED")
_EVENT_WORDS: dict[int, str] = {
    ZInfoTypes.ZiDevice: "EDGE_NODE",
    ZInfoTypes.ZiApp: "APP_INSTANCE",
    ZInfoTypes.ZiNetworkInstance: "NETWORK_INSTANCE",
    ZInfoTypes.ZiVolume: "VOLUME_INSTANCE",
    ZInfoTypes.ZiContentTree: "CONTENT_TREE",
}


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
    update_before = "" if before is None else before.update
    if now.update != update_before:
        found.append(_update(word, noun, name, now.update))
    if before is not None and before.boots != now.boots and now.kind == ZInfoTypes.ZiDevice:
        why = f": {now.boot_reason}" if now.boot_reason else ""
        found.append(
            Change(f"{word}_REBOOTED", Severity.WARNING, f"{noun} {name}: started again{why}")
        )
    return tuple(found)


def _update(word: str, noun: str, name: str, update: str) -> Change:
    if not update:
        text = f"{noun} {name}: its update is done, or was taken back"
        return Change(f"{word}_UPDATE_DONE", Severity.NOTICE, text)
    failed = update.endswith(_FAILED)
    return Change(
        f"{word}_UPDATE_FAILED" if failed else f"{word}_UPDATE",
        Severity.ERROR if failed else Severity.NOTICE,
        f"{noun} {name}: update to {update}",
    )
