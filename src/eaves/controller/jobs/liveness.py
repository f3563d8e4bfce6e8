"""Devices that fell silent, and those that came back: a decision on moments, then events.

Silence counts while somebody listens: after all controllers were down, every device gets its time
to be heard of again before it is called silent.
"""

from collections.abc import Collection, Iterable, Mapping
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
    silent: Collection[DeviceId],
    last_seen: Mapping[DeviceId, datetime],
    devices: Iterable[DeviceId],
    now: datetime,
    *,
    offline_after: timedelta,
    listening_since: datetime,
) -> tuple[Turned, ...]:
    """Which devices turned silent or came back; one never seen has no presence yet.

    `silent` are those whose silence was told of.
    """
    found: list[Turned] = []
    for device_id in devices:
        seen = last_seen.get(device_id)
        if seen is None:
            continue
        if device_id in silent:
            if now - seen <= offline_after:
                found.append(Turned(device_id, Presence.ONLINE, seen))
        elif now - max(seen, listening_since) > offline_after:
            found.append(Turned(device_id, Presence.SILENT, seen))
    return tuple(found)


def listening_since(
    since_before: datetime, watched_at: datetime, now: datetime, pause: timedelta
) -> datetime:
    """Since when controllers listen without a pause as long as this."""
    return now if now - watched_at > pause or watched_at > now else since_before
