"""Metrics of simulated devices.  Pure: facts in, serialized messages out.

What all devices of one size share is encoded once, and what moves is appended: protobuf defines the
concatenation of two messages as their merge.  What moves has the same shape for most devices of a
fleet, so its message is made once for each shape, and then only filled in.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Final, NamedTuple

from eaves.evapi.forms import Form, Forms
from eaves.evapi.metrics import (
    Z_METRIC_MSG,
    AppCpuMetric,
    AppMemoryMetric,
    AppMetric,
    DeviceMemoryMetric,
    DeviceMetric,
    DiskMetric,
    MemoryMetric,
    NetworkMetric,
    ZedcloudMetric,
    ZMetricMsg,
    ZMetricNetworkInstance,
    ZMetricProcess,
    ZMetricVolume,
    encode_z_metric_msg,
)
from eaves.fleet.apps import App
from eaves.fleet.facts import DISK_MIB, MEMORY_MIB, Facts, stamp_of
from eaves.fleet.plan import Plan

_SIZES: Final = (5, 10, 16, 22, 30, 38, 46, 56)  # processes listed: messages of about 1 to 10 KB
_LINK: Final = ("tx_bytes", "rx_bytes", "tx_pkts", "rx_pkts")
_CPU: Final = ("up_time.seconds", "up_time.nanos", "total", "total_ns")
_DEVICE: Final = (
    "dev_id",
    "at_time_stamp.seconds",
    "at_time_stamp.nanos",
    "dm.memory.used_mem",
    "dm.memory.avail_mem",
    "dm.memory.used_percentage",
    "dm.memory.avail_percentage",
    "dm.zedcloud.0.success",
    "dm.zedcloud.0.last_success.seconds",
    "dm.zedcloud.0.last_success.nanos",
    "dm.disk.0.read_bytes",
    "dm.disk.0.write_bytes",
    "dm.disk.0.read_count",
    "dm.disk.0.write_count",
    "dm.disk.0.used",
    "dm.disk.0.free",
    "dm.device_memory.used_eve_mb",
    *(f"dm.cpu_metric.{name}" for name in _CPU),
)
_RECEIVED: Final = tuple(
    f"dm.{name}.{part}"
    for name in ("last_received_config", "last_processed_config")
    for part in ("seconds", "nanos")
)
_APP: Final = (
    "app_id",
    "app_version",
    "app_name",
    "memory.used_mem",
    "memory.avail_mem",
    "memory.used_percentage",
    "app_memory.allocated_mb",
    "app_memory.used_mb",
    *(f"cpu.{name}" for name in _CPU),
)
_NETWORK: Final = (
    "network_id",
    "network_version",
    "inst_type",
    "displayname",
    "network.0.i_name",
    "network.0.alias",
    *(f"network.0.{name}" for name in _LINK),
)
_VOLUME: Final = (
    "uuid",
    "display_name",
    "read_bytes",
    "write_bytes",
    "read_count",
    "write_count",
    "total_bytes",
)


class _Shape(NamedTuple):
    """What a form holds that does not move."""

    configured: bool
    ports: tuple[tuple[str, str], ...]  # of management: label and name of the interface
    apps: tuple[tuple[str, ...], ...]  # the names of their interfaces
    networks: int
    volumes: int


class MetricsTemplates:
    """What devices of one size and one shape share."""

    def __init__(self, random: Random, now: datetime) -> None:
        self._fixed = tuple(
            encode_z_metric_msg(ZMetricMsg(pr=_processes(random, now, n))) for n in _SIZES
        )
        self._forms = Forms[_Shape, ZMetricMsg]()

    def metrics(
        self, facts: Facts, plan: Plan, apps: Mapping[str, App], count: int, now: datetime
    ) -> bytes:
        """`count`: of the messages of this device; its counters grow with it."""
        shape = _shape(plan, apps)
        moving = self._forms.of(shape, _form).encode(_values(facts, plan, apps, count, now))
        return self._fixed[facts.number % len(self._fixed)] + moving


def _shape(plan: Plan, apps: Mapping[str, App]) -> _Shape:
    return _Shape(
        plan.timestamp is not None,
        tuple([(p.label, p.ifname or p.label) for p in plan.ports if p.label in plan.management]),
        tuple([tuple([name for name, _ in app.wish.vifs]) for app in apps.values()]),
        len(plan.networks),
        len(plan.volumes),
    )


def _form(shape: _Shape) -> Form[ZMetricMsg]:
    return Form(Z_METRIC_MSG, _resting(shape), tuple(_places(shape)))


def _resting(shape: _Shape) -> ZMetricMsg:
    """With nothing of what moves, and room for it."""
    return ZMetricMsg(
        dm=DeviceMetric(
            memory=MemoryMetric(),
            network=tuple(_link(label, ifname) for label, ifname in shape.ports),
            zedcloud=(ZedcloudMetric(if_name="eth0"),),
            disk=(DiskMetric(disk="/dev/sda9", mount_path="/persist", total=DISK_MIB),),
            cpu_metric=AppCpuMetric(),
            device_memory=DeviceMemoryMetric(memory_mb=MEMORY_MIB, allocated_eve_mb=800),
        ),
        am=tuple(
            AppMetric(
                cpu=AppCpuMetric(),
                memory=MemoryMetric(),
                network=tuple(_link(name, f"nbu{n}") for n, name in enumerate(names)),
                app_memory=AppMemoryMetric(),
            )
            for names in shape.apps
        ),
        nm=(ZMetricNetworkInstance(activated=True, network=(_link("", "bn1"),)),) * shape.networks,
        vm=(ZMetricVolume(),) * shape.volumes,
    )


def _link(label: str, ifname: str) -> NetworkMetric:
    return NetworkMetric(i_name=label, alias=label, local_name=ifname)


def _places(shape: _Shape) -> list[str]:
    places = list(_DEVICE)
    if shape.configured:
        places += _RECEIVED
    places += [f"dm.network.{n}.{name}" for n in range(len(shape.ports)) for name in _LINK]
    for n, names in enumerate(shape.apps):
        places += [f"am.{n}.{name}" for name in _APP]
        places += [f"am.{n}.network.{m}.{name}" for m in range(len(names)) for name in _LINK]
    places += [f"nm.{n}.{name}" for n in range(shape.networks) for name in _NETWORK]
    places += [f"vm.{n}.{name}" for n in range(shape.volumes) for name in _VOLUME]
    return places


def _values(
    facts: Facts, plan: Plan, apps: Mapping[str, App], count: int, now: datetime
) -> list[object]:
    """In the order of `_places`."""
    up_s = max(1.0, (now - facts.booted_at).total_seconds())
    values = _device_values(facts, count, up_s, now)
    if plan.timestamp is not None:
        values += 2 * stamp_of(plan.timestamp)
    ports = sum([p.label in plan.management for p in plan.ports])
    for n in range(ports):
        values += _traffic(count + n)
    for app in apps.values():
        values += _app_values(app, count, up_s)
    for one in plan.networks:
        values += (one.id, one.version, one.number, one.name, one.name, one.name)
        values += _traffic(count + 3)
    for one in plan.volumes:
        values += (one.id, one.name, count * 4096, count * 8192, count, count, one.size_bytes)
    return values


def _device_values(facts: Facts, count: int, up_s: float, now: datetime) -> list[object]:
    used = 1500 + (count * 37 + facts.number * 11) % 4000
    stamp = stamp_of(now)
    return [
        facts.device_id,
        *stamp,
        used,
        MEMORY_MIB - used,
        100 * used / MEMORY_MIB,
        100 - 100 * used / MEMORY_MIB,
        2 * count,
        *stamp,
        count,
        2 * count,
        9 * count,
        17 * count,
        DISK_MIB // 3 + count % 500,
        DISK_MIB - DISK_MIB // 3 - count % 500,
        600 + count % 50,
        *_cpu(up_s, up_s * (0.1 + facts.number % 7 / 10)),
    ]


def _app_values(app: App, count: int, up_s: float) -> list[object]:
    wish = app.wish
    memory = wish.memory_mib or 64
    used = memory // 2 + count % max(1, memory // 2)
    values: list[object] = [
        wish.app_id,
        wish.version,
        wish.name,
        used,
        memory - used,
        100 * used / memory,
        memory,
        used,
        *_cpu(up_s, up_s / 5),
    ]
    for _ in wish.vifs:
        values += _traffic(count)
    return values


def _traffic(count: int) -> tuple[int, ...]:
    return count * 12_345, count * 23_456, count * 41, count * 67


def _cpu(up_s: float, busy_s: float) -> tuple[int, ...]:
    """An uptime is a duration in the clothes of a time: since the start."""
    seconds = int(up_s)
    return seconds, int((up_s - seconds) * 1e6) * 1000, int(busy_s), int(busy_s * 1e9)


def _processes(random: Random, now: datetime, number: int) -> tuple[ZMetricProcess, ...]:
    return tuple(
        ZMetricProcess(
            pid=random.randrange(100, 30_000),
            name=f"service-{n}-{random.randrange(1 << 60):x}",
            user_process=n % 3 == 0,
            watched=n % 2 == 0,
            num_fds=random.randrange(4, 200),
            num_threads=random.randrange(1, 40),
            user_time=random.random() * 1000,
            system_time=random.random() * 1000,
            cpu_percent=random.random() * 5,
            create_time=now - timedelta(hours=n),
            vm_bytes=random.randrange(1 << 33),
            rss_bytes=random.randrange(1 << 28),
            memory_percent=random.random(),
            stack="main.run+0x1c; main.main+0x40; runtime.main+0x9a " * (n % 4),
        )
        for n in range(number)
    )
