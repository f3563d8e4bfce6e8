"""Counters of a metrics message as plain numbers, read straight from the wire.

A message becomes a list of objects (the device, its ports, disks, apps, ...) and the numbers of
all of them, in that order.  Which numbers belong to an object, its kind says (`KINDS`): so one line
for each object tells what every number is, and a device that has the same objects as a minute ago
sends the same lines again.

The order of fields within a kind is part of what is stored: new fields make a new kind.
"""

import struct
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from google.protobuf.message import DecodeError

from eaves.evapi.errors import MalformedMessage
from eaves.evapi.info.fold import time_of
from eaves.evapi.pb.metrics import metrics_pb2


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """What is measured of one kind of object; counters only grow until a restart."""

    name: str
    counters: tuple[str, ...]
    gauges: tuple[str, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return self.counters + self.gauges


_NETWORK: Final = (
    *("tx_bytes", "rx_bytes", "tx_pkts", "rx_pkts", "tx_drops", "rx_drops", "tx_errors"),
    *("rx_errors", "tx_acl_drops", "rx_acl_drops"),
    *("tx_acl_rate_limit_drops", "rx_acl_rate_limit_drops"),
)
_IO: Final = ("read_bytes", "write_bytes", "read_count", "write_count")
_POOL: Final = (
    *("bytes_read", "bytes_write", "ops_count_read", "ops_count_write"),
    *("read_errors", "write_errors", "checksum_errors"),
)

KINDS: Final[Mapping[str, ObjectKind]] = {
    # used_percentage is of used_mem + avail_mem; MB wherever a field does not say otherwise
    "d": ObjectKind(
        "device",
        ("cpu_ns",),
        (
            *("used_mem", "avail_mem", "used_percentage", "runtime_storage_mb", "app_storage_mb"),
            *("memory_mb", "allocated_apps_mb", "allocated_eve_mb", "used_eve_mb"),
        ),
    ),
    "n": ObjectKind("port", _NETWORK, ()),
    "k": ObjectKind("disk", _IO, ("total", "used", "free")),
    "a": ObjectKind("app", ("cpu_ns",), ("used_mem", "avail_mem", "allocated_mb", "used_mb")),
    "w": ObjectKind("app_port", _NETWORK, ()),  # id: app/interface
    "v": ObjectKind("app_disk", (), ("provisioned", "used")),  # id: app/disk
    "i": ObjectKind(
        "network_instance",
        (
            *("rx_packets", "rx_errors", "rx_drops", "rx_bytes"),
            *("tx_packets", "tx_errors", "tx_drops", "tx_bytes"),
        ),
        (),
    ),
    "o": ObjectKind("volume", _IO, ("total_bytes", "used_bytes", "free_bytes")),
    "c": ObjectKind("cellular", (), ("rssi", "rsrq", "rsrp", "snr")),
    "z": ObjectKind("zpool", _POOL, ("alloc", "total")),
    "y": ObjectKind("zvol", _POOL, ("alloc", "total")),
}


@dataclass(frozen=True, slots=True)
class MetricsFold:
    dev_id: str
    at: int | None  # microseconds since 1970, clock of the device
    objects: str  # a line for each: the letter of its kind and its id
    values: bytes  # little-endian doubles


_port: Final = attrgetter(
    *("txBytes", "rxBytes", "txPkts", "rxPkts", "txDrops", "rxDrops", "txErrors", "rxErrors"),
    *("txAclDrops", "rxAclDrops", "txAclRateLimitDrops", "rxAclRateLimitDrops"),
)
_disk: Final = attrgetter(
    *("readBytes", "writeBytes", "readCount", "writeCount", "total", "used", "free")
)
_volume: Final = attrgetter(
    *("readBytes", "writeBytes", "readCount", "writeCount"),
    *("totalBytes", "usedBytes", "freeBytes"),
)
_stats: Final = attrgetter("totalPackets", "errors", "drops", "totalBytes")
_signal: Final = attrgetter("rssi", "rsrq", "rsrp", "snr")
_pool: Final = attrgetter(
    *("bytes_read", "bytes_write", "ops_count_read", "ops_count_write"),
    *("read_errors", "write_errors", "checksum_errors", "alloc", "total"),
)
_memory: Final = attrgetter("usedMem", "availMem")


def fold_metrics(data: bytes) -> MetricsFold:
    """Raises MalformedMessage, and nothing else, for bytes that are no metrics message."""
    try:
        message: Any = metrics_pb2.ZMetricMsg.FromString(data)
    except DecodeError as error:
        raise MalformedMessage("ZMetricMsg", f"{len(data)} bytes, {error}") from error
    objects: list[str] = []
    values: list[float] = []
    if message.HasField("dm"):
        _device(message.dm, objects, values)
    for app in message.am:
        _app(app, objects, values)
    for network in message.nm:
        stats = network.networkStats
        objects.append(f"i{network.networkID}")
        values += _stats(stats.rx)
        values += _stats(stats.tx)
    for volume in message.vm:
        objects.append(f"o{volume.uuid}")
        values += _volume(volume)
    lines = "\n".join(objects)
    if "\0" in lines or lines.count("\n") != max(len(objects) - 1, 0):
        lines = "\n".join(line.replace("\n", " ").replace("\0", " ") for line in objects)
    packed = struct.pack(f"<{len(values)}d", *values)
    return MetricsFold(message.devID, time_of(message), lines, packed)


def _device(device: Any, objects: list[str], values: list[float]) -> None:
    memory, of_device = device.memory, device.deviceMemory
    objects.append("d")
    values.extend(
        (
            device.cpuMetric.total_ns,
            *_memory(memory),
            memory.usedPercentage,
            device.runtimeStorageOverheadMB,
            device.appRunTimeStorageMB,
            of_device.memoryMB,
            of_device.allocated_appsMB,
            of_device.allocated_eveMB,
            of_device.used_eveMB,
        )
    )
    for port in device.network:
        objects.append(f"n{port.iName}")
        values += _port(port)
    for disk in device.disk:
        objects.append(f"k{disk.mountPath or disk.disk}")
        values += _disk(disk)
    for modem in device.cellular:
        objects.append(f"c{modem.logicallabel}")
        values += _signal(modem.signal_strength)
    for pool in device.storage_metrics:
        objects.append(f"z{pool.pool_name}")
        values += _pool(pool.zpool_metrics)
        for volume in pool.zvols:
            objects.append(f"y{volume.volume_u_u_i_d}")
            values += _pool(volume)


def _app(app: Any, objects: list[str], values: list[float]) -> None:
    app_id, memory, more = app.AppID, app.memory, app.appMemory
    objects.append(f"a{app_id}")
    values.extend((app.cpu.total_ns, *_memory(memory), more.allocatedMB, more.usedMB))
    for port in app.network:
        objects.append(f"w{app_id}/{port.iName}")
        values += _port(port)
    for disk in app.disk:
        objects.append(f"v{app_id}/{disk.disk}")
        values.extend((disk.provisioned, disk.used))


@dataclass(frozen=True, slots=True)
class Place:
    """Where the numbers of an object stand among those of its message."""

    kind: ObjectKind
    object_id: str
    start: int


def places(objects: str) -> tuple[Place, ...]:
    """What each number of a message is; lines of kinds that this release does not know end it."""
    found: list[Place] = []
    start = 0
    for line in objects.split("\n") if objects else ():
        kind = KINDS.get(line[:1])
        if kind is None:
            break
        found.append(Place(kind, line[1:], start))
        start += len(kind.fields)
    return tuple(found)


def numbers(data: bytes) -> "array[float]":
    """The numbers of `MetricsFold.values`."""
    values = array("d")
    values.frombytes(data[: len(data) // 8 * 8])
    return values


def samples(objects: str, values: bytes) -> Iterable[tuple[str, str, str, float]]:
    """(kind, id of the object, field, value) of every number of a message."""
    of_all = numbers(values)
    for place in places(objects):
        for offset, name in enumerate(place.kind.fields, place.start):
            yield place.kind.name, place.object_id, name, of_all[offset]
