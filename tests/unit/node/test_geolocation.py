"""Where the addresses of ports are: asked over each, as often as properties say."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from eaves.errors import Rejected, Transient
from eaves.evapi.config import ConfigItem
from eaves.evapi.config_items import ItemValues, apply_items
from eaves.evapi.info import DevicePort, DevicePortStatus, SystemAdapterInfo
from eaves.node.refs import Way
from eaves.node.runtime.geolocation import Geolocation, ask_place, located, place_of

URL = "https://where.example/json"
HERE = {"ip": "198.51.100.7", "city": "Leipzig", "country": "DE", "loc": "51.34,12.37", "newer": 1}


class Device:
    """Two ports, a clock of its own, and a service that answers or does not."""

    def __init__(self, *told: tuple[str, str]) -> None:
        self.now = 0.0
        self.items: ItemValues = apply_items([ConfigItem(key=k, value=v) for k, v in told])[0]
        self.sources = ["192.0.2.5", "192.0.2.6"]
        self.asked: list[str] = []
        self.silent: set[str] = set()
        self.changes = 0
        self.chosen = 0  # so often were ways, and with them proxies
        self.geo = Geolocation(
            URL,
            lambda: frozenset(self.sources),
            self._ways,
            lambda: self.items,
            lambda: self.now,
            self._changed,
            self._ask,
        )

    async def _ways(self, url: str) -> tuple[Way, ...]:
        assert url == URL
        self.chosen += 1
        return (*(Way("uplink", "eth0", source) for source in self.sources), Way())

    def _changed(self) -> None:
        self.changes += 1

    async def _ask(self, url: str, way: Way) -> bytes:
        self.asked.append(way.source)
        if way.source in self.silent:
            raise Transient("nobody answers")
        return json.dumps(HERE).encode()

    async def after(self, seconds: float) -> list[str]:
        """Which addresses asked then."""
        self.now += seconds
        self.asked.clear()
        await self.geo.round()
        return self.asked[:]


async def test_an_address_is_located_again_after_its_pause() -> None:
    device = Device(("timer.port.georedo", "100"))
    assert await device.after(0) == ["192.0.2.5", "192.0.2.6"]
    assert [await device.after(s) for s in (99, 1)] == [[], ["192.0.2.5", "192.0.2.6"]]
    assert device.changes == 1
    assert device.chosen == 2  # not while nothing was due


async def test_an_address_that_was_not_located_asks_again_soon() -> None:
    device = Device(("timer.port.georetry", "10"))
    device.silent = {"192.0.2.6"}
    await device.after(0)
    assert [await device.after(s) for s in (9, 1)] == [[], ["192.0.2.6"]]
    device.silent.clear()
    assert await device.after(10) == ["192.0.2.6"]
    assert await device.after(600) == []


async def test_the_controller_hears_where_a_port_is_as_long_as_it_has_the_address() -> None:
    device = Device()
    await device.after(0)
    told = SystemAdapterInfo(
        status=(DevicePortStatus(ports=(DevicePort(name="uplink", ip_addrs=("192.0.2.5",)),)),)
    )
    place = located(told, device.geo.places()).status[0].ports[0].location
    assert place is not None
    assert (place.city, place.loc, place.underlay_ip) == ("Leipzig", "51.34,12.37", "198.51.100.7")
    device.sources = ["192.0.2.9"]
    device.silent = {"192.0.2.9"}
    await device.after(1)
    assert located(told, device.geo.places()) is told


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"loc": 4}', b"\xff"])
def test_an_answer_that_names_no_place_is_none(answer: bytes) -> None:
    with pytest.raises(Rejected):
        place_of(answer)


@asynccontextmanager
async def service(body: bytes) -> AsyncGenerator[str]:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/json", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/json"
    finally:
        await runner.cleanup()


async def test_a_service_is_asked_from_the_address_of_the_port() -> None:
    async with service(json.dumps(HERE).encode()) as url:
        assert place_of(await ask_place(url, Way("uplink", "", "127.0.0.1"))).country == "DE"
