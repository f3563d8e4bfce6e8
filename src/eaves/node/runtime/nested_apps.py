"""Apps inside apps: a machine that hosts containers is asked what they use, by the clock.

It is asked at `collectStatsIPAddr`, if that is an address of the app itself, as often as
`timer.appcontainer.stats.interval` says.  Where it does not answer, nothing is told of its
containers: what they used before may be wrong by now.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import islice
from typing import Final, TypeVar
from urllib.parse import quote

import aiohttp
import structlog

from eaves.errors import EavesError, Transient
from eaves.evapi.config import AppInstanceConfig, AppRuntimeType
from eaves.evapi.config_items import ItemValues
from eaves.evapi.metrics import AppContainerMetric, AppMetric, ZMetricMsg, encode_z_metric_msg
from eaves.evapi.nested_apps import NestedAppStatus, read_inventory, read_metrics
from eaves.ids import AppInstanceId
from eaves.node.runtime.nested_stats import (
    MOST_CONTAINERS,
    Container,
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

AT_ONCE: Final = 4
API_VERSION: Final = re.compile(r"1\.[0-9]{1,3}")
FAILURES: Final = (EavesError, aiohttp.ClientError, OSError, TimeoutError, ValueError)

Found = tuple[AppContainerMetric, ...]
T = TypeVar("T")


class NotTold(Transient):
    """A machine says nothing of its containers."""


@dataclass(frozen=True, slots=True)
class Host:
    """A machine that hosts containers, and where it tells of them."""

    app: AppInstanceId
    base_url: str
    runtime: bool  # a helper tells of nested apps; else it is the API of Docker


def host_of(app: AppInstanceId, config: AppInstanceConfig, own: AbstractSet[str]) -> Host | None:
    """None: it is not to be asked.  Raises NotTold for what is none of its `own` addresses."""
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
    if plain.is_loopback or str(plain) not in own:
        raise NotTold(
            f"collectStatsIPAddr {told[:64]!r} is no address that the node knows of this app "
            f"({', '.join(sorted(own)) or 'none yet'}); name one of its interfaces"
        )
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
    """What was told in time, at most MOST_CONTAINERS.  Raises TimeoutError: nothing was."""
    found: dict[int, Found] = {}
    try:
        async with asyncio.timeout(TIMEOUT_S), _client(host) as client:
            await (_of_runtime if host.runtime else _of_docker)(client, found)
    except TimeoutError:
        if not found:
            raise
    ordered = (one for number in sorted(found) for one in found[number])
    return tuple(islice(ordered, MOST_CONTAINERS))


@asynccontextmanager
async def _client(host: Host) -> AsyncGenerator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(host.base_url, timeout=timeout) as session:
        yield session


async def _of_docker(client: aiohttp.ClientSession, found: dict[int, Found]) -> None:
    version = await _docker_version(client)
    listed = containers_of((await _get(client, f"{version}/containers/json"))[0])

    async def one(number: int, container: Container) -> None:
        path = f"{version}/containers/{quote(container.id, safe='')}/stats"
        data, _ = await _get(client, f"{path}?stream=false&one-shot=true")
        found[number] = (of_docker(container, stats_of(data)),)

    await _each(one, listed)


async def _docker_version(client: aiohttp.ClientSession) -> str:
    """Before each path: the newest that it speaks, for each release drops older ones.

    Without one, Docker takes its newest itself.
    """
    async with client.get("/_ping", allow_redirects=False) as reply:
        told = reply.headers.get("Api-Version", "")
    return f"/v{told}" if API_VERSION.fullmatch(told) else ""


async def _of_runtime(client: aiohttp.ClientSession, found: dict[int, Found]) -> None:
    data, json = await _get(client, "/api/v1/inventory/nested-app-id")

    async def one(number: int, app: NestedAppStatus) -> None:
        path = f"/api/v1/metrics/nested-app-id/{quote(app.app_id, safe='')}"
        told, in_json = await _get(client, path)
        found[number] = of_runtime(app.app_name, read_metrics(told, json=in_json))

    await _each(one, read_inventory(data, json=json).apps[:MOST_CONTAINERS])


async def _each(one: Callable[[int, T], Awaitable[None]], listed: Iterable[T]) -> None:
    """A few at a time.  What does not answer, or has ended meanwhile, is left out."""
    waiting = enumerate(listed)

    async def some() -> None:
        for number, member in waiting:
            try:
                await one(number, member)
            except FAILURES as error:
                log.debug("nested_container_left_out", error=str(error)[:300])

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(some())


def _check_encodes(told: Found) -> None:
    """Raises Unencodable: one app must not silence the metrics of the whole node."""
    encode_z_metric_msg(ZMetricMsg(am=(AppMetric(container=told),)))


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
    """`running`: the apps that run, with their configuration and their own addresses."""

    running: Callable[[], Iterable[tuple[AppInstanceId, AppInstanceConfig, AbstractSet[str]]]]
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
        for app, config, own in self.running():
            try:
                host = host_of(app, config, own)
                if host is not None:
                    told = await self.asks(host)
                    _check_encodes(told)
                    found[app] = told
                    self._note(app, "")
            except FAILURES as error:
                self._note(app, str(error) or type(error).__name__)
        self.found = found

    def _note(self, app: AppInstanceId, why: str) -> None:
        """Once for each cause."""
        if self._said.get(app, "") != why:
            self._said[app] = why
            log.info("nested_containers", app=app, trouble=why[:300])
