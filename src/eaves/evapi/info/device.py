"""The device as a whole.  info/info.proto."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.codec import OpenEnum
from eaves.evapi.info.adapters import (
    SystemAdapterInfo,
    ZCellularModuleInfo,
    ZInfoDNS,
    ZInfoNetwork,
    ZioBundle,
    ZSimcardInfo,
)
from eaves.evapi.info.cert import CertInfo
from eaves.evapi.info.common import ErrorInfo
from eaves.evapi.info.disks import StorageInfo, ZInfoStorage
from eaves.evapi.info.states import ZSwState


class HwSecurityModuleStatus(OpenEnum):
    UNKNOWN = 0
    NOTFOUND = 1
    DISABLED = 2
    ENABLED = 3


class DataSecAtRestStatus(OpenEnum):
    DATASEC_AT_REST_UNKNOWN = 0
    DATASEC_AT_REST_DISABLED = 1
    DATASEC_AT_REST_ENABLED = 2
    DATASEC_AT_REST_ERROR = 4


class PCRStatus(OpenEnum):
    PCR_UNKNOWN = 0
    PCR_ENABLED = 1
    PCR_DISABLED = 2


class ZDeviceState(OpenEnum):
    ZDEVICE_STATE_UNSPECIFIED = 0
    ZDEVICE_STATE_ONLINE = 1
    ZDEVICE_STATE_REBOOTING = 2
    ZDEVICE_STATE_MAINTENANCE_MODE = 3
    ZDEVICE_STATE_BASEOS_UPDATING = 4
    ZDEVICE_STATE_BOOTING = 5
    ZDEVICE_STATE_PREPARING_POWEROFF = 6
    ZDEVICE_STATE_POWERING_OFF = 7
    ZDEVICE_STATE_PREPARED_POWEROFF = 8


class APICapability(OpenEnum):
    API_CAPABILITY_UNSPECIFIED = 0
    API_CAPABILITY_RETRY_UPDATE = 1
    API_CAPABILITY_SHUTDOWN = 2
    API_CAPABILITY_START_DELAY_IN_SECONDS = 3
    API_CAPABILITY_EDGEVIEW = 4
    API_CAPABILITY_VOLUME_SNAPSHOTS = 5
    API_CAPABILITY_NETWORK_INSTANCE_ROUTING = 6
    API_CAPABILITY_BOOT_MODE = 7
    API_CAPABILITY_MTU = 8
    API_CAPABILITY_ADAPTER_USER_LABELS = 9
    API_CAPABILITY_ENFORCED_NET_INTERFACE_ORDER = 10
    API_CAPABILITY_NTPS_FQDN = 11
    API_CAPABILITY_WIN_LIC_PASSTHROUGH = 12
    API_CAPABILITY_VOLUME_SNAPSHOTS_IMMEDIATE = 13
    API_CAPABILITY_ENCRYPTED_PATCH_ENVELOPE = 14
    API_CAPABILITY_SINGLE_STACK_IP_NETWORK = 15
    API_CAPABILITY_CELLULAR_ATTACH_CONFIG = 16
    API_CAPABILITY_EDGEVIEW_AUTHENTICATION = 17
    API_CAPABILITY_DISABLE_VTPM = 18
    API_CAPABILITY_LOC_REBOOT_COLLECT_INFO = 19
    API_CAPABILITY_SMART_REPORT = 20
    API_CAPABILITY_REPORT_TPM_EVENTLOG = 21
    API_CAPABILITY_APP_INSTANCE_NET_INTERFACE_CHANGE = 22


class BootReason(OpenEnum):
    BOOT_REASON_UNSPECIFIED = 0
    BOOT_REASON_FIRST = 1
    BOOT_REASON_REBOOT_CMD = 2
    BOOT_REASON_UPDATE = 3
    BOOT_REASON_FALLBACK = 4
    BOOT_REASON_DISCONNECT = 5
    BOOT_REASON_FATAL = 6
    BOOT_REASON_OOM = 7
    BOOT_REASON_WATCHDOG_HUNG = 8
    BOOT_REASON_WATCHDOG_PID = 9
    BOOT_REASON_KERNEL = 10
    BOOT_REASON_POWER_FAIL = 11
    BOOT_REASON_UNKNOWN = 12
    BOOT_REASON_VAULT_FAILED = 13
    BOOT_REASON_POWEROFF_CMD = 14
    BOOT_REASON_PARSE_FAIL = 255


class MaintenanceModeReason(OpenEnum):
    MAINTENANCE_MODE_REASON_NONE = 0
    MAINTENANCE_MODE_REASON_USER_REQUESTED = 1
    MAINTENANCE_MODE_REASON_VAULT_LOCKED_UP = 2
    MAINTENANCE_MODE_REASON_LOW_DISK_SPACE = 3
    MAINTENANCE_MODE_REASON_TPM_ENCRYPTION_FAILURE = 4
    MAINTENANCE_MODE_REASON_TPM_QUOTE_FAILURE = 5
    MAINTENANCE_MODE_REASON_EDGE_NODE_CERTS_REFUSED = 6


class AttestationState(OpenEnum):
    ATTESTATION_STATE_UNSPECIFIED = 0
    ATTESTATION_STATE_NONCE_WAIT = 1
    ATTESTATION_STATE_TPM_QUOTE_WAIT = 2
    ATTESTATION_STATE_TPM_ESCROW_WAIT = 3
    ATTESTATION_STATE_ATTEST_WAIT = 4
    ATTESTATION_STATE_ATTEST_ESCROW_WAIT = 5
    ATTESTATION_STATE_RESTART_WAIT = 6
    ATTESTATION_STATE_COMPLETE = 7


class BaseOsStatus(OpenEnum):
    NONE = 0
    DOWNLOADING = 1
    DOWNLOAD_DONE = 2
    UPDATING = 3
    UPDATED = 4
    FALLBACK = 5
    FAILED = 6


class BaseOsSubStatus(OpenEnum):
    NONE_SUBSTATUS = 0
    DOWNLOAD_INPROGRESS = 1
    VERIFY_INPROGRESS = 2
    UPDATE_INITIALIZING = 3
    UPDATE_REBOOTING = 4
    UPDATE_TESTING = 5
    UPDATE_NEED_TEST_CONFIRM = 6
    UPDATE_DEFERRED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoManufacturer:
    manufacturer: str = ""
    product_name: str = ""
    version: str = ""
    serial_number: str = ""
    uuid: str = ""
    compatible: str = ""
    bios_vendor: str = ""
    bios_version: str = ""
    bios_release_date: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultInfo:
    name: str = ""
    status: DataSecAtRestStatus = DataSecAtRestStatus.DATASEC_AT_REST_UNKNOWN
    vault_err: ErrorInfo | None = None
    pcr_status: PCRStatus = PCRStatus.PCR_UNKNOWN
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSecAtRest:
    status: DataSecAtRestStatus = DataSecAtRestStatus.DATASEC_AT_REST_UNKNOWN
    info: str = ""
    vault_list: tuple[VaultInfo, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityInfo:
    sha_root_ca: bytes = b""
    sha_tls_root_ca: bytes = b""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoConfigItem:
    value: str = ""
    error: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoConfigItemStatus:
    config_items: Mapping[str, ZInfoConfigItem] = field(default_factory=dict[str, ZInfoConfigItem])
    unknown_config_items: Mapping[str, ZInfoConfigItem] = field(
        default_factory=dict[str, ZInfoConfigItem]
    )
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoAppInstance:
    uuid: str = ""
    name: str = ""
    domain_name: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoDevSW:
    activated: bool = False
    partition_label: str = ""  # IMGA or IMGB
    partition_device: str = ""
    partition_state: str = ""  # active, inprogress, updating or unused
    status: ZSwState = ZSwState.INVALID
    short_version: str = ""
    long_version: str = ""
    sw_err: ErrorInfo | None = None
    download_progress: int = 0
    user_status: BaseOsStatus = BaseOsStatus.NONE
    sub_status_str: str = ""
    sub_status: BaseOsSubStatus = BaseOsSubStatus.NONE_SUBSTATUS
    sub_status_progress: int = 0  # seconds left while testing
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    hw_assisted_virtualization: bool = False
    io_virtualization: bool = False
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionalCapabilities:
    hv_type_kubevirt: bool = False
    hw_inventory_support: bool = False
    etcd_snapshot: bool = False
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationInfo:
    state: AttestationState = AttestationState.ATTESTATION_STATE_UNSPECIFIED
    error: ErrorInfo | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoDevice:
    """`sw_list`: current slot, other slot, then what no slot holds.

    `api_capability` implies all lower numbers.
    """

    machine_arch: str = ""
    cpu_arch: str = ""
    platform: str = ""
    ncpu: int = 0
    memory: int = 0  # MB
    storage: int = 0  # MB of the persistent partition
    power_cycle_counter: int = 0
    minfo: ZInfoManufacturer | None = None
    network: tuple[ZInfoNetwork, ...] = ()
    assignable_adapters: tuple[ZioBundle, ...] = ()
    dns: ZInfoDNS | None = None
    storage_list: tuple[ZInfoStorage, ...] = ()
    boot_time: datetime | None = None
    sw_list: tuple[ZInfoDevSW, ...] = ()
    host_name: str = ""  # the UUID once onboarded
    last_reboot_reason: str = ""
    last_reboot_time: datetime | None = None
    system_adapter: SystemAdapterInfo | None = None
    restart_counter: int = 0
    hsm_status: HwSecurityModuleStatus = HwSecurityModuleStatus.UNKNOWN
    hsm_info: str = ""
    last_reboot_stack: str = ""
    data_sec_at_rest_info: DataSecAtRest | None = None
    sec_info: SecurityInfo | None = None
    config_item_status: ZInfoConfigItemStatus | None = None
    app_instances: tuple[ZInfoAppInstance, ...] = ()
    reboot_config_counter: int = 0  # acknowledges EdgeDevConfig.reboot
    last_boot_reason: BootReason = BootReason.BOOT_REASON_UNSPECIFIED
    cell_radios: tuple[ZCellularModuleInfo, ...] = ()
    sims: tuple[ZSimcardInfo, ...] = ()
    maintenance_mode: bool = False
    maintenance_mode_reason: MaintenanceModeReason = (
        MaintenanceModeReason.MAINTENANCE_MODE_REASON_NONE
    )
    hardware_watchdog_present: bool = False
    reboot_inprogress: bool = False
    capabilities: Capabilities | None = None
    baseos_update_counter: int = 0
    state: ZDeviceState = ZDeviceState.ZDEVICE_STATE_UNSPECIFIED
    local_profile: str = ""
    maintenance_mode_reasons: tuple[MaintenanceModeReason, ...] = ()
    dormant_time: str = ""  # deprecated
    storage_info: tuple[StorageInfo, ...] = ()
    shutdown_config_counter: int = 0
    attestation_info: AttestationInfo | None = None
    api_capability: APICapability = APICapability.API_CAPABILITY_UNSPECIFIED
    remote_access_disabled: bool = False
    optional_capabilities: OptionalCapabilities | None = None
    device_name: str = ""
    enterprise_name: str = ""
    enterprise_id: str = ""
    project_name: str = ""
    project_id: str = ""
    enrolled_certs: tuple[CertInfo, ...] = ()
    rest: bytes = field(default=b"", repr=False)
