"""Containers inside of apps: asked over HTTP, told in the metrics of the app."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
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
from eaves.evapi.metrics import AppContainerMetric, AppMetric, ZMetricMsg, encode_z_metric_msg
from eaves.evapi.nested_apps import (
    NESTED_APP_INVENTORY,
    NESTED_APP_METRICS,
    NestedAppInventory,
    NestedAppMetrics,
    NestedAppStatus,
)
from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node.network.items import Vif, VifKind
from eaves.node.network.status import addresses_of
from eaves.node.runtime.nested_apps import Found, Host, NestedApps, NotTold, ask, host_of
from eaves.node.runtime.nested_stats import (
    MOST_CONTAINERS,
    Container,
    containers_of,
    of_docker,
    stats_of,
    with_containers,
)
from eaves.node.runtime.paces import nested_pause_s

APP = AppInstanceId("00000000-0000-4000-8000-00000000000a")
ADDRESS = "192.0.2.7"
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
    headers: dict[str, str] = field(default_factory=dict[str, str])

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        kind, body = self.answers.get(request.path, ("", b""))
        if not kind:
            return web.Response(status=404)
        return web.Response(body=body, content_type=kind, headers=self.headers)


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

    nested = NestedApps(
        lambda: [(APP, config, frozenset({ADDRESS}))], ItemValues.before_any_config, there
    )
    await nested.round()
    (metric,) = with_containers([AppMetric(app_id=APP)], nested.found)
    return metric.container


async def test_a_machine_with_docker_tells_what_its_containers_use() -> None:
    listed = [{"Id": "4f" * 32, "Names": ["/web"], "State": "running", "Created": 1_790_000_000}]
    machine = Machine()
    machine.headers = {"Api-Version": "1.52"}
    machine.answers = {
        "/_ping": ("text/plain", b"OK"),
        "/v1.52/containers/json": ("application/json", json.dumps(listed).encode()),
        f"/v1.52/containers/{'4f' * 32}/stats": ("application/json", json.dumps(STATS).encode()),
    }
    async with serving(machine):
        (told,) = await told_of(machine, configured(ADDRESS))
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
    machine = Machine({"/containers/json": answer})
    async with serving(machine):
        assert await told_of(machine, configured(ADDRESS)) == ()
        assert machine.asked == ["/_ping", "/containers/json"]


def docker(*stats: tuple[str, bytes]) -> Machine:
    """One that tells of as many containers, each with what it uses."""
    listed = [{"Id": f"c{number}", "Names": [f"/n{number}"]} for number in range(len(stats))]
    machine = Machine({"/containers/json": ("application/json", json.dumps(listed).encode())})
    machine.answers |= {f"/containers/c{n}/stats": one for n, one in enumerate(stats)}
    return machine


async def test_what_does_not_answer_is_left_out_and_the_rest_is_told() -> None:
    good = ("application/json", json.dumps(STATS).encode())
    machine = docker(good, ("", b""), ("application/json", b"{"), good)
    async with serving(machine):
        told = await told_of(machine, configured(ADDRESS))
    assert [one.app_container_name for one in told] == ["n0", "n3"]


@pytest.mark.parametrize("number", [-1, 2**32, 2**33, 2**64, 2**70, -(10**400), 10**400])
@pytest.mark.parametrize("limit", [0, 1, 10**400])
def test_no_number_that_a_machine_tells_silences_the_node(number: int, limit: int) -> None:
    told = {
        "pids_stats": {"current": number},
        "cpu_stats": {"cpu_usage": {"total_usage": number}, "system_cpu_usage": number},
        "memory_stats": {"usage": number, "limit": limit},
        "networks": {"eth0": {"rx_bytes": number, "tx_bytes": number}},
        "blkio_stats": {
            "io_service_bytes_recursive": [
                {"op": "read", "value": number},
                {"op": "write", "value": number},
            ]
        },
    }
    made = of_docker(Container("id", created=number), stats_of(json.dumps(told).encode()))
    encode_z_metric_msg(ZMetricMsg(am=(AppMetric(container=(made,)),)))
    assert made.pids == max(0, min(2**32 - 1, number))


async def test_what_no_message_can_hold_is_told_of_no_app() -> None:
    async def unencodable(_: Host) -> Found:
        return (AppContainerMetric(pids=-1),)

    one = (APP, configured(ADDRESS), frozenset({ADDRESS}))
    nested = NestedApps(lambda: [one], ItemValues.before_any_config, unencodable)
    await nested.round()
    assert nested.found == {}


async def test_no_more_containers_are_told_than_the_most_of_one_machine() -> None:
    apps = tuple(NestedAppStatus(app_id=f"a{number}", app_name=f"a{number}") for number in range(3))
    inside = tuple(NestedAppMetrics(id=f"c{number}") for number in range(MOST_CONTAINERS // 2))
    body = NESTED_APP_METRICS.encode(NestedAppMetrics(child_container_metrics=inside))
    listed = NESTED_APP_INVENTORY.encode(NestedAppInventory(apps=apps))
    machine = Machine({"/api/v1/inventory/nested-app-id": ("application/x-proto-binary", listed)})
    for one in apps:
        path = f"/api/v1/metrics/nested-app-id/{one.app_id}"
        machine.answers[path] = ("application/x-proto-binary", body)
    runtime = AppRuntimeType.APP_RUNTIME_TYPE_DOCKER
    async with serving(machine):
        told = await told_of(machine, configured(ADDRESS, runtime))
    assert len(told) == MOST_CONTAINERS
    assert {one.app_container_name[:2] for one in told} == {"a0", "a1"}


@pytest.mark.parametrize("read", [containers_of, stats_of])
def test_what_is_nested_without_end_is_no_answer(read: Callable[[bytes], object]) -> None:
    with pytest.raises(ValueError, match="nested too deep"):
        read(b'[{"x": ' + 9000 * b"[" if read is containers_of else b'{"x": ' + 9000 * b"[")


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "[::1]:80", "::ffff:127.0.0.1", "0.0.0.0", "224.0.0.1", "web.test"),
        *("192.0.2.1", "192.0.2.8:2375", "169.254.169.254", "[2001:db8::1]:2375"),
    ],
)
async def test_only_an_address_of_an_app_is_asked(address: str) -> None:
    config = configured(address)
    with pytest.raises(NotTold):
        host_of(APP, config, frozenset({ADDRESS, "not an address"}))
    machine = Machine()
    assert await told_of(machine, config) == ()
    assert not machine.hosts


def vif(app: AppInstanceId, number: int, *, mac: str, address: str) -> Vif:
    ni = NetworkInstanceId("ni")
    return Vif(app, number, ni, f"v{number}", VifKind.TAP, "br", mac, address, "", 1500, "")


def test_the_addresses_of_an_app_are_those_of_its_own_interfaces() -> None:
    vifs = [
        vif(APP, 0, mac="02:00:00:00:00:01", address="192.0.2.7/24"),
        vif(APP, 1, mac="02:00:00:00:00:02", address=""),
        vif(AppInstanceId("other"), 0, mac="02:00:00:00:00:03", address="192.0.2.8/24"),
    ]
    leases = {"02:00:00:00:00:02": ("10.1.0.4", "2001:db8::4"), "02:00:00:00:00:03": ("10.1.0.5",)}
    assert addresses_of(APP, vifs, leases) == {"192.0.2.7", "10.1.0.4", "2001:db8::4"}


async def test_an_app_without_an_address_is_not_asked() -> None:
    machine = Machine()
    assert await told_of(machine, configured("")) == ()
    assert not machine.hosts


def test_machines_are_asked_as_often_as_a_property_says() -> None:
    item = ConfigItem(key="timer.appcontainer.stats.interval", value="77")
    assert nested_pause_s(apply_items((item,))[0]) == 77
