"""Containers inside of apps: asked over HTTP, told in the metrics of the app."""

import json
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from aiohttp import web

from eaves.evapi.config import (
    AppInstanceConfig,
    AppRuntimeType,
    ConfigItem,
    EdgeDevConfig,
    UUIDandVersion,
    decode_edge_dev_config,
    encode_edge_dev_config,
)
from eaves.evapi.config_items import ItemValues, apply_items
from eaves.evapi.metrics import AppContainerMetric, AppMetric
from eaves.evapi.nested_apps import (
    NESTED_APP_INVENTORY,
    NESTED_APP_METRICS,
    NestedAppInventory,
    NestedAppMetrics,
    NestedAppStatus,
)
from eaves.ids import AppInstanceId
from eaves.node.runtime.nested_apps import Found, Host, NestedApps, NotTold, ask, host_of
from eaves.node.runtime.nested_stats import with_containers
from eaves.node.runtime.paces import nested_pause_s

APP = AppInstanceId("00000000-0000-4000-8000-00000000000a")
MIB = 1 << 20
STATS = {
    "pids_stats": {"current": 5},
    "cpu_stats": {"cpu_usage": {"total_usage": 7_500_000_000}, "system_cpu_usage": 90_000_000_000},
    "memory_stats": {"usage": 64 * MIB, "limit": 256 * MIB},
    "networks": {"eth0": {"rx_bytes": 10, "tx_bytes": 20}, "eth1": {"rx_bytes": 1, "tx_bytes": 2}},
    "blkio_stats": {
        "io_service_bytes_recursive": [
            {"op": "Read", "value": 8 * MIB},
            {"op": "write", "value": 4 * MIB},
        ]
    },
}
NESTED = NestedAppMetrics(
    id="inner",
    child_container_metrics=(
        NestedAppMetrics(id="web", status="running", used_mem=3, allocated_mem=4),
        NestedAppMetrics(id="db", status="exited"),
    ),
)


@dataclass
class Machine:
    """What an app serves: path -> body, and how it calls that."""

    answers: dict[str, tuple[str, bytes]] = field(default_factory=dict[str, tuple[str, bytes]])
    asked: list[str] = field(default_factory=list[str])
    hosts: list[str] = field(default_factory=list[str])
    address: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        kind, body = self.answers.get(request.path, ("", b""))
        if not kind:
            return web.Response(status=404)
        return web.Response(body=body, content_type=kind)


@asynccontextmanager
async def serving(machine: Machine) -> AsyncGenerator[None]:
    app = web.Application()
    app.router.add_get("/{tail:.*}", machine.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        machine.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield
    finally:
        await runner.cleanup()


def configured(address: str, runtime: AppRuntimeType | None = None) -> AppInstanceConfig:
    """As it came over the wire."""
    app = AppInstanceConfig(
        uuidandversion=UUIDandVersion(uuid=APP),
        collect_stats_ip_addr=address,
        runtime_type=runtime or AppRuntimeType.APP_RUNTIME_TYPE_UNSPECIFIED,
    )
    config = decode_edge_dev_config(encode_edge_dev_config(EdgeDevConfig(apps=(app,))))
    return config.apps[0]


async def told_of(machine: Machine, config: AppInstanceConfig) -> tuple[AppContainerMetric, ...]:
    """A loopback is the address of no app: the machine is reached there in place of its own."""

    def there(host: Host) -> Awaitable[Found]:
        machine.hosts.append(host.base_url)
        return ask(replace(host, base_url=machine.address))

    nested = NestedApps(lambda: [(APP, config)], ItemValues.before_any_config, there)
    await nested.round()
    (metric,) = with_containers([AppMetric(app_id=APP)], nested.found)
    return metric.container


async def test_a_machine_with_docker_tells_what_its_containers_use() -> None:
    listed = [{"Id": "4f" * 32, "Names": ["/web"], "State": "running", "Created": 1_790_000_000}]
    machine = Machine()
    machine.answers = {
        "/v1.40/containers/json": ("application/json", json.dumps(listed).encode()),
        f"/v1.40/containers/{'4f' * 32}/stats": ("application/json", json.dumps(STATS).encode()),
    }
    async with serving(machine):
        (told,) = await told_of(machine, configured("192.0.2.7"))
    assert machine.hosts == ["http://192.0.2.7:2375"]
    assert (told.app_container_name, told.status, told.pids) == ("web", "running", 5)
    assert told.cpu is not None
    assert told.cpu.up_time == datetime.fromtimestamp(1_790_000_000, UTC)
    assert (told.cpu.total, told.cpu.system_total, told.cpu.total_ns) == (7, 90, 7_500_000_000)
    assert told.memory is not None
    assert (told.memory.used_mem, told.memory.avail_mem) == (64, 192)
    assert told.memory.used_percentage == 25.0
    assert told.network is not None
    assert (told.network.rx_bytes, told.network.tx_bytes) == (11, 22)
    assert told.disk is not None
    assert (told.disk.read_bytes, told.disk.write_bytes) == (8, 4)


@pytest.mark.parametrize("kind", ["application/json", "application/x-proto-binary"])
async def test_a_runtime_tells_of_the_apps_nested_in_it(kind: str) -> None:
    machine, bare = Machine(), kind != "application/json"
    listed = NestedAppInventory(apps=(NestedAppStatus(app_id="inner", app_name="shop"),))
    inside = {
        "id": "inner",
        "childContainerMetrics": [
            {"id": "web", "status": "running", "UsedMem": 3, "AllocatedMem": 4, "newer": 1},
            {"id": "db", "status": "exited"},
        ],
    }
    machine.answers = {
        "/api/v1/inventory/nested-app-id": (
            kind,
            NESTED_APP_INVENTORY.encode(listed)
            if bare
            else b'{"apps": [{"appId": "inner", "appName": "shop"}]}',
        ),
        "/api/v1/metrics/nested-app-id/inner": (
            kind,
            NESTED_APP_METRICS.encode(NESTED) if bare else json.dumps(inside).encode(),
        ),
    }
    docker = AppRuntimeType.APP_RUNTIME_TYPE_DOCKER
    async with serving(machine):
        web_app, db = await told_of(machine, configured("192.0.2.7:8080", docker))
    assert machine.hosts == ["http://192.0.2.7:8080"]
    assert (web_app.app_container_name, web_app.status) == ("shop/web", "running")
    assert web_app.memory is not None
    assert web_app.memory.used_percentage == 75.0
    assert (db.app_container_name, db.status) == ("shop/db", "exited")


@pytest.mark.parametrize(
    "answer",
    [
        ("", b""),
        ("application/json", b"{"),
        ("application/json", b'[{"Names": 4}]'),
        ("application/json", b"[" + 2_000_000 * b" " + b"]"),
    ],
    ids=["not there", "cut off", "of another kind", "too long"],
)
async def test_a_machine_that_does_not_tell_has_no_containers(answer: tuple[str, bytes]) -> None:
    machine = Machine({"/v1.40/containers/json": answer})
    async with serving(machine):
        assert await told_of(machine, configured("192.0.2.7")) == ()
        assert len(machine.asked) == 1


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "[::1]:80", "::ffff:127.0.0.1", "0.0.0.0", "224.0.0.1", "web.test"]
)
async def test_only_an_address_of_an_app_is_asked(address: str) -> None:
    config = configured(address)
    with pytest.raises(NotTold):
        host_of(APP, config)
    machine = Machine()
    assert await told_of(machine, config) == ()
    assert not machine.hosts


async def test_an_app_without_an_address_is_not_asked() -> None:
    machine = Machine()
    assert await told_of(machine, configured("")) == ()
    assert not machine.hosts


def test_machines_are_asked_as_often_as_a_property_says() -> None:
    item = ConfigItem(key="timer.appcontainer.stats.interval", value="77")
    assert nested_pause_s(apply_items((item,))[0]) == 77
