"""Where the addresses of ports are, as a service on the Internet says of who asks it.

It is asked only where the configuration folder names one (`geo-service`, the URL of a JSON object
in the form of ipinfo.io): that a device is there tells somebody something.  Each address asks for
itself, over its own port; again after `timer.port.georedo`, and after `timer.port.georetry` where
nothing was answered.  Source: node reference 5.9.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec
import structlog

from eaves.errors import EavesError, Rejected
from eaves.evapi.config_items import ItemValues
from eaves.evapi.info import SystemAdapterInfo
from eaves.evapi.info.adapters import DevicePort, GeoLoc
from eaves.node.refs import Way
from eaves.node.storage.authorizers import Anonymous
from eaves.node.storage.transfer import Uplink
from eaves.node.storage.transport import Transport

log = structlog.get_logger(__name__)

LARGEST_ANSWER: Final = 16 * 1024
LONGEST: Final = 128  # characters of what is told
TIMEOUT_S: Final = 15.0
LOOK_S: Final = 5.0

AskPlace = Callable[[str, Way], Awaitable[bytes]]
"""What the service at a URL answers over a way.  Raises EavesError."""


class _Answer(msgspec.Struct, frozen=True):
    ip: str = ""
    hostname: str = ""
    city: str = ""
    region: str = ""
    country: str = ""
    loc: str = ""  # latitude,longitude
    org: str = ""
    postal: str = ""


@dataclass(frozen=True, slots=True)
class Pauses:
    redo_s: float
    retry_s: float


def pauses_of(items: ItemValues) -> Pauses:
    return Pauses(items.seconds("timer.port.georedo"), items.seconds("timer.port.georetry"))


@dataclass(frozen=True, slots=True)
class Known:
    asked_at: float
    place: GeoLoc | None  # None: nothing was answered


def due(known: Known | None, now: float, pauses: Pauses) -> bool:
    if known is None:
        return True
    return now - known.asked_at >= (pauses.retry_s if known.place is None else pauses.redo_s)


def place_of(data: bytes) -> GeoLoc:
    """Raises Rejected for what says no place."""
    try:
        told = msgspec.json.decode(data, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Rejected(f"the answer cannot be read: {str(error)[:100]}") from error
    if not (told.loc or told.country or told.city):
        raise Rejected("the answer names no place")
    return GeoLoc(
        underlay_ip=told.ip[:LONGEST],
        hostname=told.hostname[:LONGEST],
        city=told.city[:LONGEST],
        region=told.region[:LONGEST],
        country=told.country[:LONGEST],
        loc=told.loc[:LONGEST],
        org=told.org[:LONGEST],
        postal=told.postal[:LONGEST],
    )


async def ask_place(url: str, way: Way) -> bytes:
    uplink = Uplink(way.source, way.proxy, way.interface, way.roots, way.dns, way.names)
    async with Transport((uplink,), (), TIMEOUT_S) as transport:
        body, _ = await transport.read(url, Anonymous(), LARGEST_ANSWER, {})
        return body


@dataclass(slots=True)
class Geolocation:
    """`addresses`: those of the ports in force; `ways`: one for each that can be asked over."""

    url: str
    addresses: Callable[[], frozenset[str]]
    ways: Callable[[str], Awaitable[tuple[Way, ...]]]
    items: Callable[[], ItemValues]
    clock: Callable[[], float]
    changed: Callable[[], None]
    ask: AskPlace = ask_place
    known: dict[str, Known] = field(default_factory=dict[str, Known])  # by address

    async def run_forever(self) -> None:
        while True:
            if self.url:
                await self.round()
            await asyncio.sleep(LOOK_S)

    async def round(self) -> None:
        addresses, before = self.addresses(), self.places()
        for gone in self.known.keys() - addresses:
            del self.known[gone]
        pauses = pauses_of(self.items())
        asking = [a for a in sorted(addresses) if due(self.known.get(a), self.clock(), pauses)]
        if asking:
            ways = {way.source: way for way in await self.ways(self.url)}
            for address in asking:
                way = ways.get(address)
                place = await self._place(way) if way is not None else None
                self.known[address] = Known(self.clock(), place)
        if self.places() != before:
            self.changed()

    async def _place(self, way: Way) -> GeoLoc | None:
        try:
            return place_of(await self.ask(self.url, way))
        except EavesError as error:
            log.info("address_not_located", port=way.label, error=str(error)[:200])
            return None

    def places(self) -> Mapping[str, GeoLoc]:
        return {address: one.place for address, one in self.known.items() if one.place}


def located(info: SystemAdapterInfo, places: Mapping[str, GeoLoc]) -> SystemAdapterInfo:
    """Each port with the place of its first address that has one."""
    if not places:
        return info
    return replace(
        info,
        status=tuple(
            replace(entry, ports=tuple(_located(port, places) for port in entry.ports))
            for entry in info.status
        ),
    )


def _located(port: DevicePort, places: Mapping[str, GeoLoc]) -> DevicePort:
    found: Iterable[GeoLoc] = (places[a] for a in port.ip_addrs if a in places)
    return replace(port, location=next(iter(found), None))
