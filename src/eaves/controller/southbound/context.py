"""What every endpoint is given: passed in once, looked up nowhere."""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from eaves.controller.keys import KeyStore
from eaves.controller.live import Live, LiveDevice
from eaves.controller.live.feed import Feed
from eaves.controller.live.refreshes import Refreshes
from eaves.controller.observe import Meters
from eaves.controller.settings import Settings
from eaves.controller.southbound.bodies import InFlight, Readers
from eaves.controller.southbound.certs import Published
from eaves.controller.southbound.configs import Configs
from eaves.controller.southbound.database import Database
from eaves.controller.southbound.decoding import Decoding
from eaves.controller.southbound.gate import Gate
from eaves.controller.southbound.http import Answer, Request
from eaves.controller.southbound.passing import Passing
from eaves.controller.southbound.registering import Asked, Decided
from eaves.controller.southbound.turns import Turns
from eaves.controller.southbound.unproven import Unproven
from eaves.controller.telemetry.pipeline import Pipeline
from eaves.controller.telemetry.pipelines import Telemetry
from eaves.controller.telemetry.seen import Seen
from eaves.controller.telemetry.writer import Writer
from eaves.evapi.envelope import seal
from eaves.evapi.paths import Route
from eaves.ids import DeviceId

if TYPE_CHECKING:  # loaded with the endpoint, at its first use
    from eaves.controller.southbound.attesting import Done, Step

Clock = Callable[[], datetime]
Random = Callable[[int], bytes]


def host_of(client: str) -> str:
    """Whose address it is: without port; an IPv6 address by its /64, single ones cost nothing."""
    host = client.rpartition(":")[0].strip("[]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host or client
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host


class RateLimits:
    """A rate limit of each of many; who was not seen for longest is forgotten first."""

    def __init__(self, per_minute: int, remembered: int = 10_000) -> None:
        self._per_minute, self._remembered = per_minute, remembered
        self._limits: OrderedDict[tuple[str, str], RateLimit] = OrderedDict()

    def admits(self, key: tuple[str, str], now: datetime) -> bool:
        limit = self._limits.setdefault(key, RateLimit(self._per_minute))
        self._limits.move_to_end(key)
        if len(self._limits) > self._remembered:
            self._limits.popitem(last=False)
        return limit.admits(now)


class RateLimit:
    """At most so many in a minute, refilled evenly: for work that strangers may ask for."""

    def __init__(self, per_minute: int) -> None:
        self._per_s = per_minute / 60
        self._limit = float(per_minute)
        self._left = float(per_minute)
        self._last: datetime | None = None

    def admits(self, now: datetime) -> bool:
        if self._last is not None:
            passed = max((now - self._last).total_seconds(), 0.0)
            self._left = min(self._limit, self._left + passed * self._per_s)
        self._last = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass(frozen=True, slots=True)
class Southbound:
    settings: Settings
    keys: KeyStore
    live: Live
    writer: Writer
    telemetry: Telemetry
    seen: Seen
    database: Database
    feed: Feed
    registrations: RateLimits
    registering: Pipeline[Asked, Decided]
    attesting: "Pipeline[Step, Done]"
    turns: Turns
    refreshes: Refreshes
    bodies: InFlight
    readers: Readers
    configs: Configs
    certs: Published
    gate: Gate
    decoding: Decoding
    passing: Passing
    render_wanted: Callable[[DeviceId], None]  # its configuration is to be made again
    clock: Clock
    random: Random
    meters: Meters
    unproven: Unproven

    async def refresh(self, device_id: DeviceId) -> None:
        """Take into memory what was just committed, before the answer tells of it."""
        await self.refreshes.refresh(device_id)

    async def catch_up(self) -> None:
        """Know what any process committed before now; to be sure before a device is refused.

        A device that was let in by another process a moment ago comes here next.
        """
        await self.feed.catch_up()

    def sealed(self, payload: bytes, status: int = 200) -> Answer:
        """An answer in an envelope of the signing key."""
        return Answer(status, seal(payload, self.keys.sender))


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a device that proved who it is; `payload` is what it signed."""

    device: LiveDevice
    route: Route
    payload: bytes = field(repr=False)
    request: Request


CREATED = Answer(201)
NOT_MODIFIED = Answer(304)
NOT_FOUND = Answer(404)
FORBIDDEN = Answer(403)
CONFLICT = Answer(409)
DOUBT = Answer(503, retry_after_s=5)
TOO_MANY = Answer(429, retry_after_s=15)
