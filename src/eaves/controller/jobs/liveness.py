"""Devices that fell silent, and those that came back: a decision on moments, then events.

Silence counts while somebody listens: after all controllers were down, every device gets its time
to be heard of again before it is called silent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from eaves.controller.domain.status.liveness import Limits
from eaves.ids import DeviceId


class Presence(StrEnum):
    ONLINE = "online"
    SUSPECT = "suspect"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Turned:
    """A device whose presence is not what it was."""

    device_id: DeviceId
    now: Presence
    last_seen: datetime


def turned(
    told: Mapping[DeviceId, Presence],
    last_seen: Mapping[DeviceId, datetime],
    devices: Iterable[DeviceId],
    now: datetime,
    *,
    limits: Limits,
    listening_since: datetime,
) -> tuple[Turned, ...]:
    """Which devices turned silent or came back; one never seen has no presence yet.

    `told`: the presence of those whose silence was told of.
    """
    found: list[Turned] = []
    for device_id in devices:
        seen = last_seen.get(device_id)
        if seen is None:
            continue
        before = told.get(device_id, Presence.ONLINE)
        current = _presence(now - seen, now - max(seen, listening_since), before, limits)
        if current is not before:
            found.append(Turned(device_id, current, seen))
    return tuple(found)


def _presence(
    since_seen: timedelta, since_heard: timedelta, before: Presence, limits: Limits
) -> Presence:
    """`since_heard`: how long it was silent while somebody listened."""
    if since_seen <= limits.suspect:
        return Presence.ONLINE
    if since_heard > limits.offline:
        return Presence.SILENT
    if before is Presence.ONLINE and since_heard > limits.suspect:
        return Presence.SUSPECT
    return before


def listening_since(
    since_before: datetime, watched_at: datetime, now: datetime, pause: timedelta
) -> datetime:
    """Since when controllers listen without a pause as long as this."""
    return now if now - watched_at > pause or watched_at > now else since_before
