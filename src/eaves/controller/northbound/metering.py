"""The newest metrics of a device in the words of its status."""

from eaves.controller.domain.contract.app_status import AppInstStatusMsg
from eaves.controller.domain.contract.device_status import DeviceStatusMsg
from eaves.controller.domain.contract.statuses import (
    CpuSummary,
    MemorySummary,
    NetworkCounters,
    StorageSummary,
)
from eaves.controller.store.reports import Metric
from eaves.evapi.metrics import AppCpuMetric, MemoryMetric, ZMetricMsg, decode_z_metric_msg


def _cpu(new: AppCpuMetric | None, old: AppCpuMetric | None, seconds: float) -> CpuSummary | None:
    """Share of one processor in percent between two reports."""
    if new is None:
        return None
    spent = (new.total_ns - old.total_ns) / 1e9 if old is not None else 0.0
    share = 100 * spent / seconds if seconds > 0 and spent > 0 else 0.0
    return CpuSummary(utilization=round(share, 2))


def _memory(metric: MemoryMetric | None) -> MemorySummary | None:
    if metric is None:
        return None
    return MemorySummary(
        used_mb=float(metric.used_mem), total_mb=float(metric.used_mem + metric.avail_mem)
    )


def decoded(rows: tuple[Metric, ...]) -> tuple[ZMetricMsg, ...]:
    """Newest first, as stored."""
    return tuple(decode_z_metric_msg(row.message) for row in rows)


def _span(messages: tuple[ZMetricMsg, ...]) -> float:
    if len(messages) < 2:
        return 0.0
    new, old = messages[0].at_time_stamp, messages[1].at_time_stamp
    return (new - old).total_seconds() if new is not None and old is not None else 0.0


def with_device_metrics(
    status: DeviceStatusMsg, messages: tuple[ZMetricMsg, ...]
) -> DeviceStatusMsg:
    if not messages or messages[0].dm is None:
        return status
    new = messages[0].dm
    old = messages[1].dm if len(messages) > 1 else None
    disks = [disk for disk in new.disk if disk.mount_path]
    return status.model_copy(
        update={
            "cpu": _cpu(new.cpu_metric, old.cpu_metric if old else None, _span(messages)),
            "memory": _memory(new.memory),
            "storage": StorageSummary(
                used_mb=float(sum(disk.used for disk in disks)),
                total_mb=float(sum(disk.total for disk in disks)),
            ),
            "net_counter_list": tuple(
                NetworkCounters(
                    if_name=network.i_name,
                    rx_bytes=network.rx_bytes,
                    tx_bytes=network.tx_bytes,
                    rx_pkts=network.rx_pkts,
                    tx_pkts=network.tx_pkts,
                    rx_drops=network.rx_drops,
                    tx_drops=network.tx_drops,
                    rx_errors=network.rx_errors,
                    tx_errors=network.tx_errors,
                )
                for network in new.network
            ),
        }
    )


def with_app_metrics(
    status: AppInstStatusMsg, messages: tuple[ZMetricMsg, ...]
) -> AppInstStatusMsg:
    found = [
        next((app for app in message.am if app.app_id == status.id), None) for message in messages
    ]
    if not found or found[0] is None:
        return status
    new = found[0]
    old = found[1] if len(found) > 1 else None
    return status.model_copy(
        update={
            "cpu": _cpu(new.cpu, old.cpu if old is not None else None, _span(messages)),
            "memory": _memory(new.memory),
            "storage": StorageSummary(
                used_mb=float(sum(disk.used for disk in new.disk)),
                total_mb=float(sum(disk.provisioned for disk in new.disk)),
            ),
            "net_counter_list": tuple(
                NetworkCounters(
                    if_name=network.i_name,
                    rx_bytes=network.rx_bytes,
                    tx_bytes=network.tx_bytes,
                    rx_pkts=network.rx_pkts,
                    tx_pkts=network.tx_pkts,
                    rx_acl_drops=network.rx_acl_drops,
                    tx_acl_drops=network.tx_acl_drops,
                )
                for network in new.network
            ),
        }
    )
