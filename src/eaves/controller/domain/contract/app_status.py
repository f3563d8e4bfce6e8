"""Status of app instances."""

from pydantic import Field

from eaves.controller.domain.contract.apps import ManifestInfo, VmInfo
from eaves.controller.domain.contract.base import Contract, JsonObject, Timestamp, wire
from eaves.controller.domain.contract.devices import AdminState
from eaves.controller.domain.contract.envelope import Cursor, Summary
from eaves.controller.domain.contract.manifests import AppType, DeploymentType
from eaves.controller.domain.contract.statuses import (
    CpuSummary,
    DeviceError,
    IoBundleStatus,
    MemorySummary,
    NetworkCounters,
    NetworkStatus,
    RunState,
    StorageSummary,
    SWState,
)


class AppInfo(Contract):
    app_id: str = ""
    app_name: str = ""


class DevInfo(Contract):
    device_id: str = ""
    device_name: str = ""
    raw_status: str = ""


class AppInstMemorySummary(Contract):
    allocated_mb: float = wire("AllocatedMB", 0.0)
    available_mb: float = wire("AvailableMB", 0.0)
    used_mb: float = wire("UsedMB", 0.0)


class RuntimePlatformVersions(Contract):
    agent_version: str = ""
    compose_version: str = ""
    container_runtime_version: str = ""
    kernel_version: str = ""
    kubernetes_version: str = ""


class SWInfo(Contract):
    disk: str = ""
    download_progress: int = 0
    hash: str = ""
    image_name: str = ""
    state: SWState = SWState.UNSPECIFIED
    version: str = ""


class AppInstStatusMsg(Contract):
    cpu: CpuSummary | None = wire("Cpu", None)
    io_status_list: tuple[IoBundleStatus, ...] = wire("IoStatusList", ())
    memory: MemorySummary | None = wire("Memory", None)
    storage: StorageSummary | None = wire("Storage", None)
    admin_state: AdminState = AdminState.UNSPECIFIED
    app: AppInfo | None = None
    app_id: str = ""
    app_status_from_tp_controller: JsonObject | None = wire("appStatusFromTPController", None)
    app_type: AppType = AppType.UNSPECIFIED
    boot_time: Timestamp = ""
    cluster_id: str = ""
    container_status_list: tuple[JsonObject, ...] = ()
    deployment_type: DeploymentType = DeploymentType.UNSPECIFIED
    device: DevInfo | None = None
    device_id: str = ""
    err_info: tuple[DeviceError, ...] = ()
    id: str = ""
    last_update: Timestamp = ""
    memory_summary: AppInstMemorySummary | None = None
    name: str = ""
    net_counter_list: tuple[NetworkCounters, ...] = ()
    net_status_list: tuple[NetworkStatus, ...] = ()
    patch_envelope_usage_info: tuple[JsonObject, ...] = ()
    project_id: str = ""
    run_state: RunState = RunState.UNSPECIFIED
    runtime_platform_versions: RuntimePlatformVersions | None = None
    sw_info: tuple[SWInfo, ...] = ()
    sw_state: SWState = SWState.UNSPECIFIED
    tags: dict[str, str] = Field(default_factory=dict)
    title: str = ""
    up_time: Timestamp = ""
    volume_refs: tuple[str, ...] = ()
    zpool_metrics: JsonObject | None = None


class AppInstStatusSummaryMsg(Contract):
    cpu: CpuSummary | None = wire("Cpu", None)
    memory: MemorySummary | None = wire("Memory", None)
    storage: StorageSummary | None = wire("Storage", None)
    admin_state: AdminState = AdminState.UNSPECIFIED
    app_id: str = ""
    app_name: str = ""
    app_type: AppType = AppType.UNSPECIFIED
    cluster_id: str = wire("clusterID", "")
    deployment_type: DeploymentType = DeploymentType.UNSPECIFIED
    device_id: str = ""
    device_name: str = ""
    id: str = ""
    memory_summary: AppInstMemorySummary | None = None
    name: str = ""
    net_status_list: tuple[NetworkStatus, ...] = ()
    project_id: str = ""
    project_name: str = ""
    run_state: RunState = RunState.UNSPECIFIED
    sw_info: tuple[SWInfo, ...] = ()
    sw_state: SWState = SWState.UNSPECIFIED
    tags: dict[str, str] = Field(default_factory=dict)
    title: str = ""


class AppInstStatusListMsg(Contract):
    list: tuple[AppInstStatusSummaryMsg, ...] = ()
    next: Cursor | None = None
    summary_by_app_type: Summary | None = None
    summary_by_patch_envelope: Summary | None = None
    summary_by_state: Summary | None = None


class AppInstConfigStatus(Contract):
    storage: StorageSummary | None = wire("Storage", None)
    app_id: str = ""
    app_name: str = ""
    app_type: AppType = AppType.UNSPECIFIED
    cpu_utilization: float = 0.0
    deployment_type: DeploymentType = DeploymentType.UNSPECIFIED
    device_id: str = ""
    device_name: str = ""
    id: str = ""
    manifest_info: ManifestInfo | None = None
    memory_utilization: float = 0.0
    name: str = ""
    net_status_list: tuple[NetworkStatus, ...] = ()
    patch_envelope_id: str = ""
    patch_envelope_name: str = ""
    project_id: str = ""
    project_name: str = ""
    remote_console: bool = False
    run_state: RunState = RunState.UNSPECIFIED
    storage_utilization: float = 0.0
    sw_info: tuple[SWInfo, ...] = ()
    sw_state: SWState = SWState.UNSPECIFIED
    user_defined_version: str = ""
    vminfo: VmInfo | None = None


class AppInstConfigStatusList(Contract):
    list: tuple[AppInstConfigStatus, ...] = ()
    next: Cursor | None = None
    summary_by_app_type: Summary | None = None
    summary_by_patch_envelope: Summary | None = None
    summary_by_state: Summary | None = None
    total_count: int = 0


class OpaqueAppInstanceStatus(Contract):
    device_id: str = ""
    id: str = ""
    last_update_time: Timestamp = ""
    name: str = ""
    opaque_app_instance_status: str = ""  # base64
