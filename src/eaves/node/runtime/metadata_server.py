"""The metadata service on the wire: one socket for each network instance, bound to its bridge.

A rule leads port 80 of 169.254.169.254 to the socket of the bridge that the question came by, so
the socket says through which network instance somebody asks.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_interface
from pathlib import Path

import structlog
from aiohttp import web

from eaves.errors import Transient
from eaves.evapi.info import ZInfoAppInstMetaData, ZInfoMsg, ZInfoTypes
from eaves.ids import AppInstanceId, NetworkInstanceId, VolumeId
from eaves.node.network.items import AppFirewall, Bridge, NetworkItem, Routes
from eaves.node.network.metadata import (
    BLOBS,
    MOST_STATUS_BYTES,
    Allowance,
    Answer,
    Caller,
    Neighbour,
    NodeFacts,
    Question,
    answer,
    blobs_of,
)
from eaves.node.network.routing import EVERYWHERE
from eaves.node.network.rules import METADATA_PORT
from eaves.node.refs import Port
from eaves.node.runtime.patch_shelf import PATCHES, PatchShelf
from eaves.node.runtime.wish import Wish
from eaves.node.runtime.workloads import network_items

log = structlog.get_logger(__name__)

SYNC_S = 2.0
BACKLOG = 64
BODY_S = 10.0
MOST_CONNECTIONS = 32  # of one caller; the node's own requests need descriptors too
RATE, BURST = 10.0, 50  # questions of one caller: in a second, at once


@dataclass(frozen=True, slots=True)
class Surface:
    """What the service asks of the node."""

    wish: Callable[[], Wish | None]
    ports: Callable[[], tuple[Port, ...]]
    facts: Callable[[tuple[Neighbour, ...]], NodeFacts]
    say: Callable[[str, ZInfoMsg], None]  # an info message under its key
    patches: PatchShelf | None = None  # None: it hands out none
    metrics_limits: Callable[[], tuple[float, int, float]] = lambda: (1.0, 10, 240.0)
    find_file: Callable[[VolumeId, int], Path] | None = None  # of a volume; Transient: not yet


def bridges_of(items: Iterable[NetworkItem]) -> Mapping[str, tuple[str, NetworkInstanceId]]:
    """Gateway address -> (bridge, network instance)."""
    return {
        str(ip_interface(i.address).ip): (i.name, i.network_instance)
        for i in items
        if isinstance(i, Bridge)
    }


def caller_of(
    wish: Wish, ports: tuple[Port, ...], gateway: str, peer: tuple[str, int]
) -> Caller | None:
    """The app whose interface has this address in the network instance of that gateway."""
    items = network_items(wish)
    found = bridges_of(items).get(gateway)
    if found is None:
        return None
    for item in items:
        if not isinstance(item, AppFirewall) or item.network_instance != found[1]:
            continue
        app = next((a for a in wish.apps if a.app == item.app), None)
        if item.address == peer[0] and app is not None:
            adapter = app.config.interfaces[item.index]
            return Caller(
                item.app,
                app.config,
                item.network_instance,
                *peer,
                egress_of(items, item.network_instance, ports),
                adapter.allow_to_discover,
                blobs_of(wish.config, app.config),
            )
    return None


def egress_of(
    items: list[NetworkItem], network_instance: NetworkInstanceId, ports: tuple[Port, ...]
) -> str:
    """Address of the port that the default route leads to now."""
    for item in items:
        if isinstance(item, Routes) and item.network_instance == network_instance:
            for route in item.routes:
                if route.destination == EVERYWHERE:
                    return _ipv4_of(next((p for p in ports if p.ifname == route.ifname), None))
    return ""


def _ipv4_of(port: Port | None) -> str:
    texts = (a.partition("/")[0] for a in (port.addresses if port else ()))
    return next((t for t in texts if ":" not in t), "")


def neighbours_of(wish: Wish, network_instance: NetworkInstanceId) -> tuple[Neighbour, ...]:
    names = {a.app: a.config for a in wish.apps}
    return tuple(
        Neighbour(
            item.app,
            names[item.app].displayname,
            names[item.app].interfaces[item.index].name or f"eth{item.index}",
            item.address,
        )
        for item in network_items(wish)
        if isinstance(item, AppFirewall)
        and item.network_instance == network_instance
        and item.app in names
    )


class Bounded(web.Server):
    """Who opens too many connections loses the new ones; those of others stay."""

    def __init__(self, handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(handle, access_log=None)
        self._callers: dict[web.RequestHandler, tuple[object, object]] = {}

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        ours, theirs = (transport.get_extra_info(key) for key in ("sockname", "peername"))
        caller = (ours, theirs[0] if theirs else None)
        self._callers[handler] = caller
        if sum(1 for other in self._callers.values() if other == caller) > MOST_CONNECTIONS:
            transport.abort()

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        super().connection_lost(handler, exc)
        self._callers.pop(handler, None)


class MetadataServer:
    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._allowance = Allowance(RATE, BURST)
        self._metrics_allowance = Allowance(RATE, BURST)
        self._sites: dict[tuple[str, str], web.SockSite] = {}
        self._failed: dict[tuple[str, str], str] = {}

    async def run_forever(self) -> None:
        runner = web.ServerRunner(Bounded(self.handle))
        await runner.setup()
        try:
            while True:
                await self.sync(runner)
                await asyncio.sleep(SYNC_S)
        finally:
            self._sites.clear()
            await runner.cleanup()

    async def sync(self, runner: web.ServerRunner) -> None:
        """A socket for each bridge that is there; one that went with its bridge is closed."""
        wish = self._surface.wish()
        found = bridges_of(network_items(wish) if wish else ())
        wanted = {(name, gateway) for gateway, (name, _) in found.items()}
        for place in [place for place in self._sites if place not in wanted]:
            await self._sites.pop(place).stop()
        for place in sorted(wanted - self._sites.keys()):
            try:
                site = web.SockSite(runner, listener(*place), backlog=BACKLOG)
                await site.start()
            except OSError as error:
                self._note(place, str(error))
                continue
            self._failed.pop(place, None)
            self._sites[place] = site

    def _note(self, place: tuple[str, str], why: str) -> None:
        """Once for each cause: the bridge may only not be there yet."""
        if self._failed.get(place) != why:
            self._failed[place] = why
            log.info("metadata_not_served", bridge=place[0], address=place[1], why=why)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        if transport is None:
            return web.Response(status=503)
        gateway = str(transport.get_extra_info("sockname")[0])
        peer = transport.get_extra_info("peername")
        address, port = str(peer[0]), int(peer[1])
        if not self._allows(f"{gateway}/{address}", request.path):
            return web.Response(status=429, text="too many questions; ask again in a second\n")
        wish = self._surface.wish()
        caller = caller_of(wish, self._surface.ports(), gateway, (address, port)) if wish else None
        if self._surface.patches is not None and request.path.startswith(PATCHES):
            if caller is None:
                return web.Response(status=204)
            return await self._surface.patches.reply(request, caller.app)
        if caller is not None and request.path.startswith(BLOBS):
            return self._blob(request, caller)
        try:
            body = await read_body(request)
        except TimeoutError:
            return web.Response(status=408, text="the rest of the body did not come\n")
        neighbours = neighbours_of(wish, caller.network_instance) if wish and caller else ()
        question = Question(
            request.method, request.path, request.headers.get("Content-Type", ""), body
        )
        told = answer(question, caller, self._surface.facts(neighbours))
        if told.status_of is not None and caller is not None:
            self._say(caller.app, told, body)
        return web.Response(
            status=told.status,
            body=told.body.encode() if told.status != 204 else None,
            headers={"Content-Type": told.content_type} if told.body else None,
        )

    def _blob(self, request: web.BaseRequest, caller: Caller) -> web.StreamResponse:
        if request.method not in {"GET", "HEAD"}:
            return web.Response(status=405, text=f"{request.path} is read with GET\n")
        name = request.path.removeprefix(BLOBS)
        blob = next((one for one in caller.blobs if one.name == name), None)
        if blob is None or self._surface.find_file is None:
            return web.Response(status=404, text="no volume of this app for it has that name\n")
        try:
            return web.FileResponse(self._surface.find_file(blob.volume, blob.generation))
        except Transient as error:
            return web.Response(status=503, text=f"{error}\n")

    def _allows(self, caller: str, path: str) -> bool:
        now_s = time.monotonic()
        if not self._allowance.takes(caller, now_s):
            return False
        if path != "/metrics":
            return True
        self._metrics_allowance.limit(*self._surface.metrics_limits())
        return self._metrics_allowance.takes(caller, now_s)

    def _say(self, app: AppInstanceId, told: Answer, body: bytes) -> None:
        if told.status_of is None:
            return
        data = ZInfoAppInstMetaData(uuid=app, type=told.status_of, data=body)
        message = ZInfoMsg(ztype=ZInfoTypes.ZiAppInstMetaData, amdinfo=data)
        self._surface.say(f"app-metadata/{app}/{int(told.status_of)}", message)


async def read_body(request: web.BaseRequest) -> bytes:
    """Up to one byte more than is allowed.  Raises TimeoutError for one that comes too slowly."""
    body = bytearray()
    async with asyncio.timeout(BODY_S):
        while request.can_read_body and len(body) <= MOST_STATUS_BYTES:
            part = await request.content.read(MOST_STATUS_BYTES + 1 - len(body))
            if not part:
                break
            body += part
    return bytes(body)


def listener(bridge: str, gateway: str) -> socket.socket:
    """Only what arrives by the bridge comes here.  Raises OSError while the bridge is not there."""
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, bridge.encode())
        one.bind((gateway, METADATA_PORT))
        one.setblocking(False)
    except OSError:
        one.close()
        raise
    return one
