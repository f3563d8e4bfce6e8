"""Apps inside apps: a machine that hosts containers is asked what they use, by the clock.

It is asked at `collectStatsIPAddr`, an address of the app itself, as often as
`timer.appcontainer.stats.interval` says.  Where it does not answer, nothing is told of its
containers: what they used before may be wrong by now.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote

import aiohttp
import structlog

from eaves.errors import EavesError, Transient
from eaves.evapi.config import AppInstanceConfig, AppRuntimeType
from eaves.evapi.config_items import ItemValues
from eaves.evapi.metrics import AppContainerMetric
from eaves.evapi.nested_apps import read_inventory, read_metrics
from eaves.ids import AppInstanceId
from eaves.node.runtime.nested_stats import (
    MOST_CONTAINERS,
    containers_of,
    of_docker,
    of_runtime,
    stats_of,
)
from eaves.node.runtime.paces import nested_pause_s
from eaves.node.runtime.parts import pace

log = structlog.get_logger(__name__)

DOCKER_PORT: Final = 2375
RUNTIME_PORT: Final = 57475
TIMEOUT_S: Final = 15.0
LARGEST_ANSWER: Final = 1 << 20

Found = tuple[AppContainerMetric, ...]


class NotTold(Transient):
    """A machine says nothing of its containers."""


@dataclass(frozen=True, slots=True)
class Host:
    """A machine that hosts containers, and where it tells of them."""

    app: AppInstanceId
    base_url: str
    runtime: bool  # a helper tells of nested apps; else it is the API of Docker


def host_of(app: AppInstanceId, config: AppInstanceConfig) -> Host | None:
    """None: it is not to be asked.  Raises NotTold for what is no address."""
    told = config.collect_stats_ip_addr.strip()
    if not told:
        return None
    runtime = config.runtime_type == AppRuntimeType.APP_RUNTIME_TYPE_DOCKER
    host, port = _parted(told)
    try:
        address = ip_address(host)
    except ValueError as error:
        raise NotTold(f"collectStatsIPAddr {told[:64]!r} is no IP address of the app") from error
    plain = getattr(address, "ipv4_mapped", None) or address
    if plain.is_loopback or plain.is_multicast or plain.is_unspecified:
        raise NotTold(f"collectStatsIPAddr {told[:64]!r} is no address of an app")
    name = f"[{address}]" if address.version == 6 else str(address)
    return Host(app, f"http://{name}:{port or (RUNTIME_PORT if runtime else DOCKER_PORT)}", runtime)


def _parted(told: str) -> tuple[str, int]:
    """Address and port; 0: none is given."""
    if told.startswith("["):
        host, _, port = told[1:].partition("]")
        port = port.removeprefix(":")
    elif told.count(":") == 1:
        host, _, port = told.partition(":")
    else:
        host, port = told, ""
    return host, int(port) if port.isascii() and port.isdigit() and int(port) < 1 << 16 else 0


async def ask(host: Host) -> Found:
    async with asyncio.timeout(TIMEOUT_S), _client(host) as client:
        return await (_of_runtime(client) if host.runtime else _of_docker(client))


@asynccontextmanager
async def _client(host: Host) -> AsyncGenerator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(host.base_url, timeout=timeout) as session:
        yield session


async def _of_docker(client: aiohttp.ClientSession) -> Found:
    found: list[AppContainerMetric] = []
    for container in containers_of((await _get(client, "/v1.40/containers/json"))[0]):
        path = f"/v1.40/containers/{quote(container.id, safe='')}/stats?stream=false&one-shot=true"
        found.append(of_docker(container, stats_of((await _get(client, path))[0])))
    return tuple(found)


async def _of_runtime(client: aiohttp.ClientSession) -> Found:
    data, json = await _get(client, "/api/v1/inventory/nested-app-id")
    found: list[AppContainerMetric] = []
    for app in read_inventory(data, json=json).apps[:MOST_CONTAINERS]:
        path = f"/api/v1/metrics/nested-app-id/{quote(app.app_id, safe='')}"
        data, json = await _get(client, path)
        found += of_runtime(app.app_name, read_metrics(data, json=json))
    return tuple(found)


async def _get(client: aiohttp.ClientSession, path: str) -> tuple[bytes, bool]:
    """The body, and whether it is JSON."""
    async with client.get(path, allow_redirects=False) as reply:
        if reply.status != 200:
            raise NotTold(f"{path.partition('?')[0]}: the app answered {reply.status}")
        data = bytearray()
        async for part in reply.content.iter_chunked(65536):
            data += part
            if len(data) > LARGEST_ANSWER:
                raise NotTold(f"{path.partition('?')[0]}: more than {LARGEST_ANSWER} bytes")
        return bytes(data), reply.content_type == "application/json"


@dataclass(slots=True)
class NestedApps:
    """`running`: the apps that run, with their configuration."""

    running: Callable[[], Iterable[tuple[AppInstanceId, AppInstanceConfig]]]
    items: Callable[[], ItemValues]
    asks: Callable[[Host], Awaitable[Found]] = ask
    found: Mapping[AppInstanceId, Found] = field(default_factory=dict[AppInstanceId, Found])
    _said: dict[AppInstanceId, str] = field(default_factory=dict[AppInstanceId, str])

    async def run_forever(self) -> None:
        while True:
            await self.round()
            await pace(lambda: nested_pause_s(self.items()))

    async def round(self) -> None:
        found: dict[AppInstanceId, Found] = {}
        for app, config in self.running():
            try:
                host = host_of(app, config)
                if host is not None:
                    found[app] = await self.asks(host)
                    self._note(app, "")
            except (EavesError, aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                self._note(app, str(error) or type(error).__name__)
        self.found = found

    def _note(self, app: AppInstanceId, why: str) -> None:
        """Once for each cause."""
        if self._said.get(app, "") != why:
            self._said[app] = why
            log.info("nested_containers", app=app, trouble=why[:300])
