"""The newest metrics of a device in the words of its status."""

from collections.abc import Mapping
from dataclasses import dataclass

from eaves.controller.domain.contract.app_status import AppInstStatusMsg
from eaves.controller.domain.contract.device_status import (
    DeviceMemorySummary,
    DeviceStatusMsg,
    ZedcloudCounters,
)
from eaves.controller.domain.contract.patches import PatchEnvelopeUsageInfo
from eaves.controller.domain.contract.statuses import (
    CpuSummary,
    MemorySummary,
    NetworkCounters,
    StorageSummary,
)
from eaves.controller.domain.status.words import timestamp
from eaves.evapi.metrics import (
    AppCpuMetric,
    DeviceMemoryMetric,
    MemoryMetric,
    NetworkMetric,
    ZedcloudMetric,
    ZMetricMsg,
)


def _cpu(
    metric: AppCpuMetric | None, cpu: Mapping[str, float] | None, of: str
) -> CpuSummary | None:
    """Share of one processor in percent between two reports; none when nobody can tell it now."""
    if metric is None or cpu is None:
        return None
    return CpuSummary(utilization=round(cpu.get(of, 0.0), 2))


def _memory(metric: MemoryMetric | None) -> MemorySummary | None:
    if metric is None:
        return None
    return MemorySummary(
        used_mb=float(metric.used_mem), total_mb=float(metric.used_mem + metric.avail_mem)
    )


def _memory_summary(metric: DeviceMemoryMetric | None) -> DeviceMemorySummary | None:
    """For new apps there is what neither apps nor the system were given."""
    if metric is None:
        return None
    free = metric.memory_mb - metric.allocated_apps_mb - metric.allocated_eve_mb
    return DeviceMemorySummary(
        allocated_apps_mb=float(metric.allocated_apps_mb),
        allocated_eve_mb=float(metric.allocated_eve_mb),
        available_for_new_apps=float(max(free, 0)),
        device_memory_mb=float(metric.memory_mb),
        used_eve_mb=float(metric.used_eve_mb),
    )


def _counters(network: NetworkMetric) -> NetworkCounters:
    return NetworkCounters(
        if_name=network.i_name,
        rx_bytes=network.rx_bytes,
        tx_bytes=network.tx_bytes,
        rx_pkts=network.rx_pkts,
        tx_pkts=network.tx_pkts,
        rx_drops=network.rx_drops,
        tx_drops=network.tx_drops,
        rx_errors=network.rx_errors,
        tx_errors=network.tx_errors,
        rx_acl_drops=network.rx_acl_drops,
        tx_acl_drops=network.tx_acl_drops,
        rx_acl_rate_limit_drops=network.rx_acl_rate_limit_drops,
        tx_acl_rate_limit_drops=network.tx_acl_rate_limit_drops,
    )


def _calls(metric: ZedcloudMetric) -> ZedcloudCounters:
    return ZedcloudCounters(
        if_name=metric.if_name,
        success=metric.success,
        failures=metric.failures,
        last_success=timestamp(metric.last_success),
        last_failure=timestamp(metric.last_failure),
    )


@dataclass(frozen=True)
class Metered:
    """The newest metrics; `cpu`: percent of one processor, by app id, "" for the device.

    `cpu` is None when the store that knows it cannot be reached.
    """

    message: ZMetricMsg
    cpu: Mapping[str, float] | None


def with_device_metrics(status: DeviceStatusMsg, now: Metered | None) -> DeviceStatusMsg:
    if now is None or now.message.dm is None:
        return status
    new = now.message.dm
    disks = [disk for disk in new.disk if disk.mount_path]
    return status.model_copy(
        update={
            "cpu": _cpu(new.cpu_metric, now.cpu, ""),
            "memory": _memory(new.memory),
            "storage": StorageSummary(
                used_mb=float(sum(disk.used for disk in disks)),
                total_mb=float(sum(disk.total for disk in disks)),
            ),
            "memory_summary": _memory_summary(new.device_memory),
            "zc_counters": tuple(_calls(metric) for metric in new.zedcloud),
            "net_counter_list": tuple(_counters(network) for network in new.network),
        }
    )


def with_app_metrics(status: AppInstStatusMsg, now: Metered | None) -> AppInstStatusMsg:
    apps = () if now is None else now.message.am
    new = next((app for app in apps if app.app_id == status.id), None)
    if now is None or new is None:
        return status
    return status.model_copy(
        update={
            "cpu": _cpu(new.cpu, now.cpu, status.id),
            "memory": _memory(new.memory),
            "storage": StorageSummary(
                used_mb=float(sum(disk.used for disk in new.disk)),
                total_mb=float(sum(disk.provisioned for disk in new.disk)),
            ),
            "net_counter_list": tuple(_counters(network) for network in new.network),
            "patch_envelope_usage_info": tuple(
                PatchEnvelopeUsageInfo(
                    uuid=patch.uuid,
                    version=patch.version,
                    patch_api_call_count=patch.patch_api_call_count,
                    download_count=patch.download_count,
                ).to_json()
                for patch in new.patch_envelope
            ),
        }
    )
