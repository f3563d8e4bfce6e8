"""Devices that fell silent, and those that came back: a decision on two moments, then events."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from eaves.ids import DeviceId


class Presence(StrEnum):
    ONLINE = "online"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Turned:
    """A device whose presence is not what it was."""

    device_id: DeviceId
    now: Presence
    last_seen: datetime


def turned(
    before: Mapping[DeviceId, Presence],
    last_seen: Mapping[DeviceId, datetime],
    devices: Iterable[DeviceId],
    now: datetime,
    offline_after: timedelta,
) -> tuple[Turned, ...]:
    """Which devices turned silent or came back; one never seen has no presence yet."""
    found: list[Turned] = []
    for device_id in devices:
        seen = last_seen.get(device_id)
        if seen is None:
            continue
        presence = Presence.ONLINE if now - seen <= offline_after else Presence.SILENT
        # a device first judged silent (after a restart of the controller) was told of before
        if before.get(device_id, presence) != presence:
            found.append(Turned(device_id, presence, seen))
    return tuple(found)
