"""From what a machine tells of the containers inside of it to what the controller is told.  Pure.

Two such machines are known: one that serves the API of Docker, and one whose helper tells of nested
apps (`runtime_type` Docker).  Source: node reference, section 17.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from eaves.evapi.metrics import (
    AppContainerMetric,
    AppCpuMetric,
    AppMemoryMetric,
    AppMetric,
    DiskMetric,
    MemoryMetric,
    NetworkMetric,
)
from eaves.evapi.nested_apps import NestedAppMetrics
from eaves.ids import AppInstanceId

MIB: Final = 1024 * 1024
NS: Final = 1_000_000_000
MOST_CONTAINERS: Final = 256
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAST_NS: Final = 2**62
MOST_32: Final = 2**32 - 1
MOST_64: Final = 2**64 - 1


class Container(msgspec.Struct, frozen=True, rename="pascal"):
    """One of `GET /containers/json`."""

    id: str
    names: tuple[str, ...] = ()
    state: str = ""
    created: int = 0  # seconds

    @property
    def name(self) -> str:
        return next(iter(self.names), self.id[:12]).lstrip("/")


class _Pids(msgspec.Struct, frozen=True):
    current: int = 0


class _CpuUsage(msgspec.Struct, frozen=True):
    total_usage: int = 0


class _Cpu(msgspec.Struct, frozen=True):
    cpu_usage: _CpuUsage = msgspec.field(default_factory=_CpuUsage)
    system_cpu_usage: int = 0


class _Memory(msgspec.Struct, frozen=True):
    usage: int = 0
    limit: int = 0


class _Traffic(msgspec.Struct, frozen=True):
    rx_bytes: int = 0
    tx_bytes: int = 0


class _Blocks(msgspec.Struct, frozen=True):
    op: str = ""
    value: int = 0


class _Disk(msgspec.Struct, frozen=True):
    io_service_bytes_recursive: tuple[_Blocks, ...] | None = None


class Stats(msgspec.Struct, frozen=True):
    """Of `GET /containers/ID/stats`."""

    pids_stats: _Pids = msgspec.field(default_factory=_Pids)
    cpu_stats: _Cpu = msgspec.field(default_factory=_Cpu)
    memory_stats: _Memory = msgspec.field(default_factory=_Memory)
    networks: dict[str, _Traffic] = msgspec.field(default_factory=dict[str, _Traffic])
    blkio_stats: _Disk = msgspec.field(default_factory=_Disk)


def containers_of(data: bytes) -> tuple[Container, ...]:
    """Raises ValueError for what is no such list."""
    try:
        return msgspec.json.decode(data, type=tuple[Container, ...])[:MOST_CONTAINERS]
    except RecursionError as error:
        raise ValueError("a list of containers is nested too deep") from error


def stats_of(data: bytes) -> Stats:
    """Raises ValueError for what are none."""
    try:
        return msgspec.json.decode(data, type=Stats)
    except RecursionError as error:
        raise ValueError("what a container uses is nested too deep") from error


def of_docker(container: Container, stats: Stats) -> AppContainerMetric:
    blocks = stats.blkio_stats.io_service_bytes_recursive or ()
    return _metric(
        container.name,
        container.state,
        stats.pids_stats.current,
        _moment(container.created * NS),
        (stats.cpu_stats.cpu_usage.total_usage, stats.cpu_stats.system_cpu_usage),
        (stats.memory_stats.usage // MIB, stats.memory_stats.limit // MIB),
        (
            sum(one.tx_bytes for one in stats.networks.values()),
            sum(one.rx_bytes for one in stats.networks.values()),
        ),
        (_moved(blocks, "read"), _moved(blocks, "write")),
    )


def of_runtime(app_name: str, told: NestedAppMetrics) -> tuple[AppContainerMetric, ...]:
    """Its containers by the name of the app that they are of; without any, the app itself."""
    inside = told.child_container_metrics
    if not inside:
        return (_of_nested(app_name or told.id, told),)
    return tuple(
        _of_nested(f"{app_name or told.id}/{one.id}", one) for one in inside[:MOST_CONTAINERS]
    )


def with_containers(
    apps: Iterable[AppMetric], found: Mapping[AppInstanceId, tuple[AppContainerMetric, ...]]
) -> tuple[AppMetric, ...]:
    return tuple(replace(a, container=found.get(AppInstanceId(a.app_id), ())) for a in apps)


def _of_nested(name: str, told: NestedAppMetrics) -> AppContainerMetric:
    return _metric(
        name,
        told.status,
        told.pids,
        _moment(told.uptime),
        (told.cpu_total, told.system_cpu_total),
        (told.used_mem, told.allocated_mem),
        (told.tx_bytes, told.rx_bytes),
        (told.read_bytes, told.write_bytes),
    )


def _metric(
    name: str,
    status: str,
    pids: int,
    started: datetime | None,
    cpu_ns: tuple[int, int],
    memory_mb: tuple[int, int],
    traffic: tuple[int, int],
    blocks: tuple[int, int],
) -> AppContainerMetric:
    """Pairs: of the container and of its machine; used and allowed; sent and received; read and
    written.  What a machine tells may be any number: each becomes one that its field holds.
    """
    own, system = (_within(MOST_64, one) for one in cpu_ns)
    used, allowed = (_within(MOST_32, one) for one in memory_mb)
    sent, received = (_within(MOST_64, one) for one in traffic)
    read, written = (_within(MOST_64, one) // MIB for one in blocks)
    share = min(100.0, 100.0 * used / allowed) if allowed else 0.0
    return AppContainerMetric(
        app_container_name=name[:256],
        status=status[:64],
        pids=_within(MOST_32, pids),
        cpu=AppCpuMetric(up_time=started, total=own // NS, system_total=system // NS, total_ns=own),
        memory=MemoryMetric(
            used_mem=used,
            avail_mem=max(0, allowed - used),
            used_percentage=share,
            avail_percentage=100.0 - share,
        ),
        app_container_memory=AppMemoryMetric(allocated_mb=allowed, used_mb=used),
        network=NetworkMetric(tx_bytes=sent, rx_bytes=received),
        disk=DiskMetric(read_bytes=read, write_bytes=written),
    )


def _within(most: int, told: int) -> int:
    return max(0, min(most, told))


def _moved(blocks: Iterable[_Blocks], what: str) -> int:
    return sum(one.value for one in blocks if one.op.lower() == what)


def _moment(since_1970_ns: int) -> datetime | None:
    if not 0 < since_1970_ns < LAST_NS:
        return None
    return EPOCH + timedelta(microseconds=since_1970_ns // 1000)
