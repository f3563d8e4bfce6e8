"""How much of a device is in use, read straight from a metrics message."""

from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from eaves.evapi.device_text import storable
from eaves.evapi.errors import MalformedMessage
from eaves.evapi.info.fold import time_of
from eaves.evapi.pb.metrics import metrics_pb2


@dataclass(frozen=True, slots=True)
class Usage:
    """Percent of what there is; None: it does not tell.  `cpu_ns` only grows until a restart."""

    at: int | None = None  # microseconds since 1970, clock of the device
    cpu_ns: int = 0
    memory_percent: float | None = None
    disk_percent: float | None = None  # of the fullest
    disk: str = ""  # which that is


def read_usage(data: bytes) -> Usage:
    """Of a serialized ZMetricMsg.  Raises MalformedMessage."""
    try:
        message: Any = metrics_pb2.ZMetricMsg.FromString(data)
    except DecodeError as error:
        raise MalformedMessage("ZMetricMsg", f"{len(data)} bytes, {error}") from error
    if not message.HasField("dm"):
        return Usage(time_of(message))
    device = message.dm
    disks = [disk for disk in device.disk if disk.mountPath and disk.total]
    fullest = max(disks, key=lambda disk: disk.used / disk.total, default=None)
    return Usage(
        at=time_of(message),
        cpu_ns=device.cpuMetric.total_ns,
        memory_percent=_share(device.memory.usedMem, device.memory.availMem),
        disk_percent=None if fullest is None else 100 * fullest.used / fullest.total,
        disk="" if fullest is None else storable(fullest.mountPath),
    )


def _share(used: int, left: int) -> float | None:
    return 100 * used / (used + left) if used + left else None


def processor_percent(before: Usage, now: Usage, processors: int) -> float | None:
    """Of all processors together between two messages; None: these two do not tell."""
    if before.at is None or now.at is None or processors <= 0:
        return None
    span_ns = (now.at - before.at) * 1000
    if span_ns <= 0 or now.cpu_ns < before.cpu_ns or not now.cpu_ns:
        return None  # started again between them, or the clock was set
    return 100 * (now.cpu_ns - before.cpu_ns) / (span_ns * processors)
