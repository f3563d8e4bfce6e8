"""Status of devices."""

from pydantic import Field

from eaves.controller.domain.contract.base import (
    Contract,
    Int64Text,
    JsonObject,
    OpenEnum,
    Timestamp,
    wire,
)
from eaves.controller.domain.contract.devices import AdminState, SysInterface, TagType
from eaves.controller.domain.contract.envelope import Cursor, Summary
from eaves.controller.domain.contract.statuses import (
    CpuSummary,
    DeviceError,
    DNSInfo,
    IoBundleStatus,
    MemorySummary,
    NetworkCounters,
    NetworkStatus,
    RunState,
    StorageSummary,
    SWState,
)


class AttestState(OpenEnum):
    UNSPECIFIED = "ATTEST_STATE_UNSPECIFIED"
    NONE = "ATTEST_STATE_NONE"
    FAIL = "ATTEST_STATE_FAIL"
    PASS = "ATTEST_STATE_PASS"  # noqa: S105 - a word of the contract
    PASS_NO_PCR = "ATTEST_STATE_PASS_NO_PCR"  # noqa: S105 - a word of the contract
    FAIL_NO_PCR = "ATTEST_STATE_FAIL_NO_PCR"


class BlobStatus(Contract):
    hash: str = ""
    ref_count: Int64Text = 0
    size_mb: Int64Text = wire("sizeMB", 0)
    sw_state: SWState = SWState.UNSPECIFIED


class Capabilities(Contract):
    hw_assisted_virtualization: bool = wire("HWAssistedVirtualization", False)
    io_virtualization: bool = wire("IOVirtualization", False)


class DeviceDataSecurityAtRestStatus(OpenEnum):
    UNKNOWN = "DEVICE_DATA_SECURITY_AT_REST_UNKNOWN"
    DISABLED = "DEVICE_DATA_SECURITY_AT_REST_DISABLED"
    ENABLED = "DEVICE_DATA_SECURITY_AT_REST_ENABLED"
    ERROR = "DEVICE_DATA_SECURITY_AT_REST_ERROR"


class DevDataSecAtRest(Contract):
    err_info: DeviceError | None = None
    name: str = ""
    status: DeviceDataSecurityAtRestStatus = DeviceDataSecurityAtRestStatus.UNKNOWN


class DeviceBootReason(OpenEnum):
    UNSPECIFIED = "DEVICE_BOOT_REASON_UNSPECIFIED"
    FIRST = "DEVICE_BOOT_REASON_FIRST"
    REBOOT_CMD = "DEVICE_BOOT_REASON_REBOOT_CMD"
    UPDATE = "DEVICE_BOOT_REASON_UPDATE"
    FALLBACK = "DEVICE_BOOT_REASON_FALLBACK"
    DISCONNECT = "DEVICE_BOOT_REASON_DISCONNECT"
    FATAL = "DEVICE_BOOT_REASON_FATAL"
    OOM = "DEVICE_BOOT_REASON_OOM"
    WATCHDOG_HUNG = "DEVICE_BOOT_REASON_WATCHDOG_HUNG"
    WATCHDOG_PID = "DEVICE_BOOT_REASON_WATCHDOG_PID"
    KERNEL = "DEVICE_BOOT_REASON_KERNEL"
    POWER_FAIL = "DEVICE_BOOT_REASON_POWER_FAIL"
    UNKNOWN = "DEVICE_BOOT_REASON_UNKNOWN"
    VAULT_FAILED = "DEVICE_BOOT_REASON_VAULT_FAILED"
    POWEROFF_CMD = "DEVICE_BOOT_REASON_POWEROFF_CMD"
    PARSE_FAIL = "DEVICE_BOOT_REASON_PARSE_FAIL"


class HardwareSummary(Contract):
    cpu_arch: str = ""
    machine_arch: str = ""
    mem_mb: Int64Text = wire("memMB", 0)
    n_cpu: int = 0
    platform: str = ""
    storage_mb: Int64Text = wire("storageMB", 0)


class DeviceMemorySummary(Contract):
    allocated_apps_mb: float = wire("allocatedAppsMB", 0.0)
    allocated_eve_mb: float = wire("allocatedEveMB", 0.0)
    available_for_new_apps: float = 0.0
    device_memory_mb: float = wire("deviceMemoryMB", 0.0)
    used_eve_mb: float = wire("usedEveMB", 0.0)


class DeviceHWSecurityModuleStatus(OpenEnum):
    UNSPECIFIED = "DEVICE_HW_SECURITY_MODULE_STATUS_UNSPECIFIED"
    NOT_FOUND = "DEVICE_HW_SECURITY_MODULE_STATUS_NOT_FOUND"
    DISABLED = "DEVICE_HW_SECURITY_MODULE_STATUS_DISABLED"
    ENABLED = "DEVICE_HW_SECURITY_MODULE_STATUS_ENABLED"


class ZManufacturerInfo(Contract):
    bios_release_date: str = ""
    bios_vendor: str = ""
    bios_version: str = ""
    compatible: str = ""
    endorsement_key: str = ""
    h_sm_info: str = wire("hSMInfo", "")
    h_sm_status: DeviceHWSecurityModuleStatus = wire(
        "hSMStatus", DeviceHWSecurityModuleStatus.UNSPECIFIED
    )
    manufacturer: str = ""
    product_name: str = ""
    serial_number: str = ""
    uuid: str = ""
    version: str = ""


class StorageStatus(Contract):
    mount_path: str = ""
    name: str = ""
    size_mb: Int64Text = wire("sizeMB", 0)


class DeviceSWStatus(OpenEnum):
    UNSPECIFIED = "DEVICE_SW_STATUS_UNSPECIFIED"
    DOWNLOADING = "DEVICE_SW_STATUS_DOWNLOADING"
    DOWNLOADDONE = "DEVICE_SW_STATUS_DOWNLOADDONE"
    UPDATING = "DEVICE_SW_STATUS_UPDATING"
    UPDATED = "DEVICE_SW_STATUS_UPDATED"
    FALLBACK = "DEVICE_SW_STATUS_FALLBACK"
    FAILED = "DEVICE_SW_STATUS_FAILED"


class DeviceSWSubStatus(OpenEnum):
    UNSPECIFIED = "DEVICE_SW_SUB_STATUS_UNSPECIFIED"
    DOWNLOAD_IN_PROGRESS = "DEVICE_SW_SUB_STATUS_DOWNLOAD_IN_PROGRESS"
    VERIFY_IN_PROGRESS = "DEVICE_SW_SUB_STATUS_VERIFY_IN_PROGRESS"
    UPDATE_INITIALIZING = "DEVICE_SW_SUB_STATUS_UPDATE_INITIALIZING"
    UPDATE_REBOOTING = "DEVICE_SW_SUB_STATUS_UPDATE_REBOOTING"
    UPDATE_TESTING = "DEVICE_SW_SUB_STATUS_UPDATE_TESTING"
    UPDATE_NEED_TEST_CONFIRM = "DEVICE_SW_SUB_STATUS_UPDATE_NEED_TEST_CONFIRM"
    UPDATE_DEFERRED = "DEVICE_SW_SUB_STATUS_UPDATE_DEFERRED"


class DeviceSWInfo(Contract):
    activated: bool = False
    download_progress: int = 0
    is_lts: bool = wire("isLTS", False)
    long_version: str = ""
    partition_device: str = ""
    partition_label: str = ""
    partition_state: str = ""
    short_version: str = ""
    status: SWState = SWState.UNSPECIFIED
    sub_status_progress: int = 0
    sw_error: DeviceError | None = None
    sw_status: DeviceSWStatus = DeviceSWStatus.UNSPECIFIED
    sw_sub_status: DeviceSWSubStatus = DeviceSWSubStatus.UNSPECIFIED
    sw_sub_status_str: str = ""


class ZedcloudCounters(Contract):
    failures: int = 0
    if_name: str = ""
    last_failure: Timestamp = ""
    last_success: Timestamp = ""
    success: int = 0


class DeviceStatusMsg(Contract):
    cpu: CpuSummary | None = wire("Cpu", None)
    memory: MemorySummary | None = wire("Memory", None)
    storage: StorageSummary | None = wire("Storage", None)
    admin_state: AdminState = AdminState.UNSPECIFIED
    attest_state: AttestState = AttestState.UNSPECIFIED
    attestation_stale: bool = False  # an addition of ours, as the next
    attested_at: Timestamp = ""
    blob_list: tuple[BlobStatus, ...] = ()
    boot_time: Timestamp = ""
    capabilities: Capabilities | None = None
    cluster_id: str = wire("clusterID", "")
    cluster_node_status: JsonObject | None = None
    data_sec_info: tuple[DevDataSecAtRest, ...] = ()
    dev_error: tuple[DeviceError, ...] = ()
    device_reboot_reason: DeviceBootReason = DeviceBootReason.UNSPECIFIED
    dinfo: HardwareSummary | None = None
    dns: DNSInfo | None = None
    host_name: str = ""
    id: str = ""
    io_status_list: tuple[IoBundleStatus, ...] = ()
    last_reboot_reason: str = ""
    last_reboot_time: Timestamp = ""
    last_update: Timestamp = ""
    memory_summary: DeviceMemorySummary | None = None
    minfo: ZManufacturerInfo | None = None
    name: str = ""
    net_counter_list: tuple[NetworkCounters, ...] = ()
    net_status_list: tuple[NetworkStatus, ...] = ()
    project_id: str = ""
    raw_metrics: str = ""
    raw_status: str = ""
    run_state: RunState = RunState.UNSPECIFIED
    storage_list: tuple[StorageStatus, ...] = ()
    sw_info: tuple[DeviceSWInfo, ...] = ()
    tags: dict[str, str] = Field(default_factory=dict)
    title: str = ""
    up_time: Timestamp = ""
    zc_counters: tuple[ZedcloudCounters, ...] = ()
    zpool_metrics: JsonObject | None = None


class EnrolledCertStatus(OpenEnum):
    UNSPECIFIED = "ENROLLED_CERT_STATUS_UNSPECIFIED"
    AVAILABLE = "ENROLLED_CERT_STATUS_AVAILABLE"
    PENDING = "ENROLLED_CERT_STATUS_PENDING"
    RENEWAL_PENDING = "ENROLLED_CERT_STATUS_RENEWAL_PENDING"
    EXPIRED = "ENROLLED_CERT_STATUS_EXPIRED"
    REVOKED = "ENROLLED_CERT_STATUS_REVOKED"
    ENROLLMENT_FAILED = "ENROLLED_CERT_STATUS_ENROLLMENT_FAILED"
    RENEWAL_FAILED = "ENROLLED_CERT_STATUS_RENEWAL_FAILED"
    INVALID_CONFIG = "ENROLLED_CERT_STATUS_INVALID_CONFIG"


class DeviceStatusSummaryMsg(Contract):
    cpu: CpuSummary | None = wire("Cpu", None)
    memory: MemorySummary | None = wire("Memory", None)
    storage: StorageSummary | None = wire("Storage", None)
    admin_state: AdminState = AdminState.UNSPECIFIED
    app_inst_count: int = 0
    cluster_id: str = wire("clusterID", "")
    cluster_node_status: JsonObject | None = None
    debug_knob: bool = False
    debug_knob_expiry_time: Timestamp = ""
    dev_error: tuple[DeviceError, ...] = ()
    dinfo: HardwareSummary | None = None
    edgeview_active: bool = False
    enrolled_certs_status: EnrolledCertStatus = EnrolledCertStatus.UNSPECIFIED
    id: str = ""
    location: str = ""
    memory_summary: DeviceMemorySummary | None = None
    minfo: ZManufacturerInfo | None = None
    name: str = ""
    net_status_list: tuple[NetworkStatus, ...] = ()
    project_id: str = ""
    project_name: str = ""
    project_type: TagType = TagType.UNSPECIFIED
    run_state: RunState = RunState.UNSPECIFIED
    sw_info: tuple[DeviceSWInfo, ...] = ()
    tags: dict[str, str] = Field(default_factory=dict)
    title: str = ""


class DeviceStatusListMsg(Contract):
    list: tuple[DeviceStatusSummaryMsg, ...] = ()
    next: Cursor | None = None
    summary_by_app_instance_count: Summary | None = None
    summary_by_eve_distribution: Summary | None = wire("summaryByEVEDistribution", None)
    summary_by_state: Summary | None = None
    total_count: int = 0
    total_edgeview_active: int = 0


class ApiCapability(OpenEnum):
    UNSPECIFIED = "API_CAPABILITY_UNSPECIFIED"
    RETRY_UPDATE = "API_CAPABILITY_RETRY_UPDATE"
    SHUTDOWN = "API_CAPABILITY_SHUTDOWN"
    START_DELAY_IN_SECONDS = "API_CAPABILITY_START_DELAY_IN_SECONDS"
    EDGEVIEW = "API_CAPABILITY_EDGEVIEW"
    VOLUME_SNAPSHOTS = "API_CAPABILITY_VOLUME_SNAPSHOTS"
    NETWORK_INSTANCE_ROUTING = "API_CAPABILITY_NETWORK_INSTANCE_ROUTING"
    BOOT_MODE = "API_CAPABILITY_BOOT_MODE"
    MTU = "API_CAPABILITY_MTU"
    ADAPTER_USER_LABELS = "API_CAPABILITY_ADAPTER_USER_LABELS"
    ENFORCED_NET_INTERFACE_ORDER = "API_CAPABILITY_ENFORCED_NET_INTERFACE_ORDER"
    NTPS_FQDN = "API_CAPABILITY_NTPS_FQDN"
    WIN_LIC_PASSTHROUGH = "API_CAPABILITY_WIN_LIC_PASSTHROUGH"
    VOLUME_SNAPSHOTS_IMMEDIATE = "API_CAPABILITY_VOLUME_SNAPSHOTS_IMMEDIATE"
    ENCRYPTED_PATCH_ENVELOPE = "API_CAPABILITY_ENCRYPTED_PATCH_ENVELOPE"
    SINGLE_STACK_IP_NETWORK = "API_CAPABILITY_SINGLE_STACK_IP_NETWORK"
    CELLULAR_ATTACH_CONFIG = "API_CAPABILITY_CELLULAR_ATTACH_CONFIG"
    EDGEVIEW_AUTHENTICATION = "API_CAPABILITY_EDGEVIEW_AUTHENTICATION"
    DISABLE_VTPM = "API_CAPABILITY_DISABLE_VTPM"
    LOC_REBOOT_COLLECT_INFO = "API_CAPABILITY_LOC_REBOOT_COLLECT_INFO"
    SMART_REPORT = "API_CAPABILITY_SMART_REPORT"
    REPORT_TPM_EVENTLOG = "API_CAPABILITY_REPORT_TPM_EVENTLOG"


class ECCMemoryReportStatus(OpenEnum):
    NOT_APPLICABLE = "ECC_MEMORY_REPORT_STATUS_NOT_APPLICABLE"
    PASS = "ECC_MEMORY_REPORT_STATUS_PASS"  # noqa: S105 - a word of the contract
    DEGRADED = "ECC_MEMORY_REPORT_STATUS_DEGRADED"
    FAILED = "ECC_MEMORY_REPORT_STATUS_FAILED"


class DeviceInfoMsg(Contract):
    cpu: CpuSummary | None = wire("Cpu", None)
    memory: MemorySummary | None = wire("Memory", None)
    storage: StorageSummary | None = wire("Storage", None)
    admin_state: AdminState = AdminState.UNSPECIFIED
    api_capability: ApiCapability = ApiCapability.UNSPECIFIED
    attest_state: AttestState = AttestState.UNSPECIFIED
    blob_list: tuple[BlobStatus, ...] = ()
    boot_time: Timestamp = ""
    capabilities: Capabilities | None = None
    cellular_metrics: tuple[JsonObject, ...] = ()
    cluster_id: str = wire("clusterID", "")
    cluster_node_status: JsonObject | None = None
    data_sec_info: tuple[DevDataSecAtRest, ...] = ()
    debug_knob: bool = False
    debug_knob_expiry_time: Timestamp = ""
    dev_error: tuple[DeviceError, ...] = ()
    device_reboot_reason: DeviceBootReason = DeviceBootReason.UNSPECIFIED
    dinfo: HardwareSummary | None = None
    dns: DNSInfo | None = None
    enrolled_certs: tuple[JsonObject, ...] = ()
    hardware_info: JsonObject | None = None
    host_name: str = ""
    id: str = ""
    io_status_list: tuple[IoBundleStatus, ...] = ()
    last_reboot_reason: str = ""
    last_reboot_time: Timestamp = ""
    last_update: Timestamp = ""
    memory_report: JsonObject | None = None
    memory_report_status: ECCMemoryReportStatus = ECCMemoryReportStatus.NOT_APPLICABLE
    memory_summary: DeviceMemorySummary | None = None
    minfo: ZManufacturerInfo | None = None
    name: str = ""
    net_counter_list: tuple[NetworkCounters, ...] = ()
    net_status_list: tuple[NetworkStatus, ...] = ()
    ntp_sources: JsonObject | None = None
    optional_capabilities: JsonObject | None = None
    physical_storage: tuple[JsonObject, ...] = ()
    pnac_metrics: tuple[JsonObject, ...] = ()
    project_id: str = ""
    raw_status: str = ""
    run_state: RunState = RunState.UNSPECIFIED
    storage_list: tuple[StorageStatus, ...] = ()
    sw_info: tuple[DeviceSWInfo, ...] = ()
    tags: dict[str, str] = Field(default_factory=dict)
    title: str = ""
    up_time: Timestamp = ""
    zc_counters: tuple[ZedcloudCounters, ...] = ()
    zpool_metrics: JsonObject | None = None


class DeviceStatusConfig(Contract):
    admin_state: AdminState = AdminState.UNSPECIFIED
    app_inst_count: Int64Text = 0
    cluster_node_status: JsonObject | None = None
    dinfo: HardwareSummary | None = None
    enrolled_certs_status: EnrolledCertStatus = EnrolledCertStatus.UNSPECIFIED
    eve_image_name: str = ""
    id: str = ""
    interfaces: tuple[SysInterface, ...] = ()
    is_eve_latest: str = ""
    location: str = ""
    model_id: str = ""
    name: str = ""
    project_id: str = ""
    project_name: str = ""
    project_type: TagType = TagType.UNSPECIFIED
    run_state: RunState = RunState.UNSPECIFIED
    serial_no: str = ""
    sw_info: tuple[DeviceSWInfo, ...] = ()
    title: str = ""


class DeviceStatusConfigList(Contract):
    list: tuple[DeviceStatusConfig, ...] = ()
    next: Cursor | None = None
    summary_by_app_instance_count: Summary | None = None
    summary_by_eve_distribution: Summary | None = wire("summaryByEVEDistribution", None)
    summary_by_state: Summary | None = None
    total_count: int = 0
    total_ev_active_count: int = 0
