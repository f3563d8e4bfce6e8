"""Periodic counters of a device, its apps, networks and volumes.  metrics/metrics.proto."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.codec import Codec, OpenEnum
from eaves.evapi.pb.metrics import metrics_pb2


class ZmetricTypes(OpenEnum):
    ZmNop = 0
    ZmDevice = 1
    ZmApp = 3


class CipherError(OpenEnum):
    CIPHER_ERROR_INVALID = 0
    CIPHER_ERROR_NOT_READY = 1
    CIPHER_ERROR_DECRYPT_FAILED = 2
    CIPHER_ERROR_UNMARSHAL_FAILED = 3
    CIPHER_ERROR_CLEARTEXT_FALLBACK = 4
    CIPHER_ERROR_MISSING_FALLBACK = 5
    CIPHER_ERROR_NO_CIPHER = 6
    CIPHER_ERROR_NO_DATA = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryMetric:
    used_mem: int = 0  # MB
    avail_mem: int = 0  # MB
    used_percentage: float = 0.0
    avail_percentage: float = 0.0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppMemoryMetric:
    allocated_mb: int = 0
    used_mb: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMemoryMetric:
    memory_mb: int = 0
    allocated_apps_mb: int = 0
    allocated_eve_mb: int = 0
    used_eve_mb: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkMetric:
    i_name: str = ""  # logical label
    alias: str = ""
    tx_bytes: int = 0
    rx_bytes: int = 0
    tx_drops: int = 0
    rx_drops: int = 0
    tx_pkts: int = 0
    rx_pkts: int = 0
    tx_errors: int = 0
    rx_errors: int = 0
    tx_acl_drops: int = 0
    rx_acl_drops: int = 0
    tx_acl_rate_limit_drops: int = 0
    rx_acl_rate_limit_drops: int = 0
    local_name: str = ""  # interface on the host
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellularSignalStrength:
    rssi: int = 0
    rsrq: int = 0
    rsrp: int = 0
    snr: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkStats:
    total_packets: int = 0
    errors: int = 0
    drops: int = 0
    total_bytes: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellularPacketStats:
    rx: NetworkStats | None = None
    tx: NetworkStats | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellularMetric:
    logicallabel: str = ""
    signal_strength: CellularSignalStrength | None = None
    packet_stats: CellularPacketStats | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlcloudMetric:
    url: str = ""
    try_msg_count: int = 0
    try_byte_count: int = 0
    sent_msg_count: int = 0
    sent_byte_count: int = 0
    recv_msg_count: int = 0
    recv_byte_count: int = 0
    total_time_spent: int = 0
    sess_resume_count: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZedcloudMetric:
    if_name: str = ""
    failures: int = 0
    success: int = 0
    last_failure: datetime | None = None
    last_success: datetime | None = None
    url_metrics: tuple[UrlcloudMetric, ...] = ()
    auth_verify_failure: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeCounter:
    error_code: CipherError = CipherError.CIPHER_ERROR_INVALID
    count: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CipherMetric:
    agent_name: str = ""
    failure_count: int = 0
    success_count: int = 0
    last_failure: datetime | None = None
    last_success: datetime | None = None
    tc: tuple[TypeCounter, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCpuMetric:
    up_time: datetime | None = None  # seconds since boot, counted from 1970-01-01
    total: int = 0  # seconds
    system_total: int = 0
    total_ns: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskMetric:
    disk: str = ""
    mount_path: str = ""
    read_bytes: int = 0  # MB, whatever the name says
    write_bytes: int = 0  # MB
    read_count: int = 0
    write_count: int = 0
    total: int = 0  # MB
    used: int = 0  # MB
    free: int = 0  # MB
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AclMetric:
    total_rule_count: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogfileMetrics:
    num_gzip_file_sent: int = 0
    num_gzip_bytes_write: int = 0
    num_bytes_write: int = 0
    num_gzip_file_in_dir: int = 0
    num_input_event: int = 0
    num_gzip_file_retry: int = 0
    num_gzip_file_kept_local: int = 0
    recent_gzip_file_time: datetime | None = None
    last_gzip_file_send_time: datetime | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewlogMetric:
    failed_to_send: bool = False
    fail_sent_start_time: datetime | None = None
    total_bytes_upload: int = 0
    num4xx_responses: int = 0
    current_upload_intv: int = 0
    logfile_timeout: int = 0
    max_gzip_file_size: int = 0
    avg_gzip_file_size: int = 0
    mim_upload_msec: int = 0
    max_upload_msec: int = 0
    avg_upload_msec: int = 0
    last_upload_msec: int = 0
    current_cpu_load_pct: float = 0.0
    average_cpu_load_pct: float = 0.0
    current_process_delay: int = 0
    average_process_delay: int = 0
    device_metrics: LogfileMetrics | None = None
    app_metrics: LogfileMetrics | None = None
    top10_input_sources: Mapping[str, int] = field(default_factory=dict[str, int])
    gzip_files_removed: int = 0
    too_many_request: int = 0
    skip_upload_app_file: int = 0
    total_size_logs: int = 0
    oldest_saved_device_log: datetime | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZedboxStats:
    num_go_routines: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowlogCounters:
    success: int = 0
    drops: int = 0
    failed_attempts: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowlogMetric:
    messages: FlowlogCounters | None = None
    flows: FlowlogCounters | None = None
    dns_requests: FlowlogCounters | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMetric:
    memory: MemoryMetric | None = None
    network: tuple[NetworkMetric, ...] = ()
    zedcloud: tuple[ZedcloudMetric, ...] = ()
    disk: tuple[DiskMetric, ...] = ()
    cpu_metric: AppCpuMetric | None = None
    runtime_storage_overhead_mb: int = 0
    app_run_time_storage_mb: int = 0
    system_services_memory_mb: MemoryMetric | None = None
    cipher: tuple[CipherMetric, ...] = ()
    acl: AclMetric | None = None
    newlog: NewlogMetric | None = None
    zedbox: ZedboxStats | None = None
    device_memory: DeviceMemoryMetric | None = None
    last_received_config: datetime | None = None
    last_processed_config: datetime | None = None  # acknowledges config_timestamp
    cellular: tuple[CellularMetric, ...] = ()
    flowlog: FlowlogMetric | None = None
    dormant_time_in_seconds: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppContainerMetric:
    app_container_name: str = ""
    status: str = ""
    pids: int = 0
    cpu: AppCpuMetric | None = None
    memory: MemoryMetric | None = None
    network: NetworkMetric | None = None
    disk: DiskMetric | None = None
    app_container_memory: AppMemoryMetric | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppDiskMetric:
    disk: str = ""
    provisioned: int = 0  # MB
    used: int = 0  # MB
    disk_type: str = ""
    dirty: bool = False
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPatchEnvelopeMetric:
    uuid: str = ""
    version: str = ""
    patch_api_call_count: int = 0
    download_count: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppMetric:
    app_id: str = ""
    app_version: str = ""
    app_name: str = ""
    cpu: AppCpuMetric | None = None
    memory: MemoryMetric | None = None
    network: tuple[NetworkMetric, ...] = ()
    disk: tuple[AppDiskMetric, ...] = ()
    container: tuple[AppContainerMetric, ...] = ()
    app_memory: AppMemoryMetric | None = None
    patch_envelope: tuple[AppPatchEnvelopeMetric, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZMetricNetworkStats:
    rx: NetworkStats | None = None
    tx: NetworkStats | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZProbeIntfMetric:
    intf_name: str = ""
    gateway_nexhtop: str = ""
    gateway_up: bool = False
    remote_host_up: bool = False
    nexthop_up_count: int = 0
    nexthop_down_count: int = 0
    remote_up_count: int = 0
    remote_down_count: int = 0
    remote_probe_latency: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VlanInfo:
    num_trunk_ports: int = 0
    vlan_counts: Mapping[int, int] = field(default_factory=dict[int, int])
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZMetricNetworkInstance:
    network_id: str = ""
    network_version: str = ""
    inst_type: int = 0
    displayname: str = ""
    activated: bool = False
    network: tuple[NetworkMetric, ...] = ()
    network_stats: ZMetricNetworkStats | None = None
    vlan_info: VlanInfo | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZMetricVolume:
    uuid: str = ""
    display_name: str = ""
    read_bytes: int = 0
    write_bytes: int = 0
    read_count: int = 0
    write_count: int = 0
    total_bytes: int = 0
    used_bytes: int = 0
    free_bytes: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZMetricProcess:
    pid: int = 0
    name: str = ""
    user_process: bool = False
    watched: bool = False
    num_fds: int = 0
    num_threads: int = 0
    user_time: float = 0.0
    system_time: float = 0.0
    cpu_percent: float = 0.0
    create_time: datetime | None = None
    vm_bytes: int = 0
    rss_bytes: int = 0
    memory_percent: float = 0.0
    stack: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZMetricMsg:
    dev_id: str = ""
    at_time_stamp: datetime | None = None
    dm: DeviceMetric | None = None
    am: tuple[AppMetric, ...] = ()
    nm: tuple[ZMetricNetworkInstance, ...] = ()
    vm: tuple[ZMetricVolume, ...] = ()
    pr: tuple[ZMetricProcess, ...] = ()
    rest: bytes = field(default=b"", repr=False)


Z_METRIC_MSG = Codec(ZMetricMsg, metrics_pb2.ZMetricMsg)


def decode_z_metric_msg(data: bytes) -> ZMetricMsg:
    return Z_METRIC_MSG.decode(data)


def encode_z_metric_msg(message: ZMetricMsg) -> bytes:
    return Z_METRIC_MSG.encode(message)
