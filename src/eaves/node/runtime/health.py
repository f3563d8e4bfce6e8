"""Health of the hardware, and what runs, as messages.  Pure.

Source: EVE API v2, hardwarehealth and metrics; device behaviour 3.5 and 3.6.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from eaves.evapi.hardwarehealth import (
    DimmRankInfo,
    ECCMemoryControllerInfo,
    ECCMemoryReport,
    ZHardwareHealth,
)
from eaves.evapi.info.disks import SmartAttr, StorageDiskInfo
from eaves.evapi.metrics import DiskMetric, ZMetricProcess
from eaves.node.host.machine import MIB
from eaves.node.host.processes import Process
from eaves.node.host.sensors import MemoryController, Temperature
from eaves.node.host.smart import Attribute, BlockDevice, DiskHealth

MOST_PROCESSES = 100  # the greatest by memory
LABEL = re.compile(r'[\\"\n]')


def hardware_health(
    device_id: str,
    at: datetime,
    controllers: Iterable[MemoryController],
    disks: Iterable[DiskHealth],
) -> ZHardwareHealth:
    return ZHardwareHealth(
        dev_id=device_id,
        at_time_stamp=at,
        mr=ECCMemoryReport(memory_controllers=tuple(_controller(c) for c in controllers)),
        disks=tuple(_disk(d) for d in disks),
    )


def _controller(one: MemoryController) -> ECCMemoryControllerInfo:
    return ECCMemoryControllerInfo(
        controller_name=one.name,
        ce_count=one.corrected,
        ue_count=one.uncorrected,
        ranks=tuple(
            DimmRankInfo(rank_name=r.name, ce_count=r.corrected, ue_count=r.uncorrected)
            for r in one.ranks
        ),
    )


def _disk(one: DiskHealth) -> StorageDiskInfo:
    return StorageDiskInfo(
        disk_name=one.device,
        wwn=one.wwn,
        serial_number=one.serial,
        model=one.model,
        collector_errors=one.problem,
        smart_attr=tuple(_attribute(a) for a in one.attributes),
    )


def _attribute(one: Attribute) -> SmartAttr:
    return SmartAttr(
        id=one.number,
        attribute_name=one.name,
        raw_value=one.raw,
        value=one.value,
        worst=one.worst,
        thresh=one.threshold,
        when_failed=one.when_failed,
        type=one.kind,
    )


def disk_metrics(devices: Iterable[BlockDevice]) -> tuple[DiskMetric, ...]:
    """One for each disk: without a mount path, as its file systems have their own."""
    return tuple(
        DiskMetric(
            disk=one.name,
            total=one.size_bytes // MIB,
            read_bytes=one.read_bytes // MIB,
            write_bytes=one.written_bytes // MIB,
            read_count=one.reads,
            write_count=one.writes,
        )
        for one in devices
    )


def process_metrics(
    seen: Iterable[Process],
    started: datetime,
    uptime_s: float,
    memory_bytes: int,
    watched: frozenset[int] = frozenset(),
) -> tuple[ZMetricProcess, ...]:
    """Processes of programs, the greatest first; `started` is when the machine was."""
    own = sorted(
        (p for p in seen if p.user),
        key=lambda p: (p.pid not in watched, -p.resident_bytes, p.pid),
    )
    return tuple(
        ZMetricProcess(
            pid=one.pid,
            name=one.name,
            user_process=True,
            watched=one.pid in watched,
            num_fds=one.descriptors,
            num_threads=one.threads,
            user_time=one.user_s,
            system_time=one.system_s,
            cpu_percent=100 * (one.user_s + one.system_s) / max(1.0, uptime_s - one.started_s),
            create_time=started + timedelta(seconds=one.started_s),
            vm_bytes=one.virtual_bytes,
            rss_bytes=one.resident_bytes,
            memory_percent=100 * one.resident_bytes / max(1, memory_bytes),
        )
        for one in own[:MOST_PROCESSES]
    )


def temperature_lines(seen: Iterable[Temperature]) -> Iterator[str]:
    """Prometheus text; the wire of the API has no field for temperatures beside SMART's."""
    found = tuple(seen)
    if found:
        yield "# HELP node_hwmon_temp_celsius Temperature of a sensor."
        yield "# TYPE node_hwmon_temp_celsius gauge"
    for one in found:
        chip, sensor = LABEL.sub("_", one.chip), LABEL.sub("_", one.sensor)
        yield f'node_hwmon_temp_celsius{{chip="{chip}",sensor="{sensor}"}} {one.celsius:g}'
