"""Routes that several ports could carry: asked in rounds, and the choice kept.

A round asks the gateway of each port, and each tenth round what the configuration names.  What the
choice is now stands in `chosen`; the engine makes the routes of it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, ip_interface
from typing import Protocol

import structlog

from eaves.evapi.config import EdgeDevConfig
from eaves.ids import NetworkInstanceId
from eaves.node.host.probes import answers_ping, answers_tcp
from eaves.node.network.items import Bridge, NetworkItem
from eaves.node.network.probing import (
    GATEWAY_LIMIT_S,
    ROUND_S,
    USER_EVERY,
    USER_LIMIT_S,
    Key,
    Probes,
    after,
    choose,
    pings,
)
from eaves.node.network.refusals import network_instance_id, ports_of
from eaves.node.network.routing import Wanted, plan_routes
from eaves.node.refs import Port

log = structlog.get_logger(__name__)


class Asks(Protocol):
    """How something is asked by a port."""

    async def ping(self, address: str, ifname: str, timeout_s: float) -> bool: ...
    async def connect(self, host: str, port: int, ifname: str, timeout_s: float) -> bool: ...


class OverTheWire:
    async def ping(self, address: str, ifname: str, timeout_s: float) -> bool:
        return await answers_ping(address, ifname, timeout_s)

    async def connect(self, host: str, port: int, ifname: str, timeout_s: float) -> bool:
        return await answers_tcp(host, port, ifname, timeout_s)


@dataclass(frozen=True, slots=True)
class Probed:
    network_instance: NetworkInstanceId
    wanted: Wanted


def probed_routes(
    config: EdgeDevConfig, ports: tuple[Port, ...], items: Iterable[NetworkItem], controller: str
) -> tuple[Probed, ...]:
    """The routes of network instances that are made, and that more than one port could carry."""
    bridges = {i.network_instance: i for i in items if isinstance(i, Bridge)}
    found: list[Probed] = []
    for ni in config.network_instances:
        ni_id = network_instance_id(ni)
        bridge = bridges.get(ni_id)
        if bridge is None:
            continue
        subnet = ip_interface(bridge.address).network
        if isinstance(subnet, IPv4Network):
            plan = plan_routes(ni, ports_of(ni, ports), subnet, controller)
            found += [Probed(ni_id, w) for w in plan.wanted if len(w.ports) > 1]
    return tuple(found)


class RouteProber:
    def __init__(
        self,
        routes: Callable[[], tuple[Probed, ...]],
        changed: Callable[[], None],
        asks: Asks | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._routes = routes
        self._changed = changed
        self._asks = asks or OverTheWire()
        self._sleep = sleep
        self._probes: dict[Key, Probes] = {}
        self._round = 0
        self.chosen: Mapping[tuple[NetworkInstanceId, str], str] = {}

    async def run_forever(self) -> None:
        while True:
            await self.round()
            await self._sleep(ROUND_S)

    async def round(self) -> None:
        routes = self._routes()
        wanted = [
            (Key(r.network_instance, r.wanted.destination, p.ifname), r.wanted, p)
            for r in routes
            for p in r.wanted.ports
        ]
        self._probes = {k: self._probes[k] for k, _, _ in wanted if k in self._probes}
        asked = await asyncio.gather(*(self._ask(*one) for one in wanted))
        self._probes |= dict(asked)
        self._round += 1
        self.decide(routes)

    async def _ask(self, key: Key, wanted: Wanted, port: Port) -> tuple[Key, Probes]:
        probes = self._probes.get(key, Probes())
        gateway = wanted.gateway_of(port)
        if pings(wanted, port) and gateway:
            told = await self._asks.ping(gateway, port.ifname, GATEWAY_LIMIT_S)
            probes = replace(probes, gateway=after(probes.gateway, answered=told, hasty=True))
        user = wanted.probe
        if user is not None and self._round % USER_EVERY == 0:
            told = (
                await self._asks.connect(user.host, user.port, port.ifname, USER_LIMIT_S)
                if user.tcp
                else await self._asks.ping(user.host, port.ifname, USER_LIMIT_S)
            )
            probes = replace(probes, user=after(probes.user, answered=told))
        return key, probes

    def decide(self, routes: Iterable[Probed]) -> None:
        """The choice by what is known; told when it is another one."""
        chosen: dict[tuple[NetworkInstanceId, str], str] = {}
        for one in routes:
            place = (one.network_instance, one.wanted.destination)
            signal = {p.ifname: p.signal_dbm for p in one.wanted.ports if p.signal_dbm}
            chosen[place] = choose(
                one.wanted, self._reader(one), self.chosen.get(place, ""), signal
            )
        if chosen != self.chosen:
            for place, ifname in chosen.items():
                if self.chosen.get(place, ifname) != ifname:
                    log.info(
                        "route_moved",
                        network_instance=place[0],
                        destination=place[1],
                        before=self.chosen[place],
                        now=ifname,
                    )
            self.chosen = chosen
            self._changed()

    def _reader(self, one: Probed) -> Callable[[Port], Probes]:
        def probes(port: Port) -> Probes:
            key = Key(one.network_instance, one.wanted.destination, port.ifname)
            return self._probes.get(key, Probes())

        return probes
