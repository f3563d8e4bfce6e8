"""Status parts which more than one kind of object reports."""

from eaves.controller.domain.contract.base import Contract, JsonObject, OpenEnum, Timestamp, wire
from eaves.controller.domain.contract.catalogue import IoType
from eaves.controller.domain.contract.devices import GeoLocation
from eaves.controller.domain.contract.networks import NetProxyServer


class RunState(OpenEnum):
    UNSPECIFIED = "RUN_STATE_UNSPECIFIED"
    ONLINE = "RUN_STATE_ONLINE"
    HALTED = "RUN_STATE_HALTED"
    INIT = "RUN_STATE_INIT"
    REBOOTING = "RUN_STATE_REBOOTING"
    OFFLINE = "RUN_STATE_OFFLINE"
    UNKNOWN = "RUN_STATE_UNKNOWN"
    UNPROVISIONED = "RUN_STATE_UNPROVISIONED"
    PROVISIONED = "RUN_STATE_PROVISIONED"
    SUSPECT = "RUN_STATE_SUSPECT"
    DOWNLOADING = "RUN_STATE_DOWNLOADING"
    RESTARTING = "RUN_STATE_RESTARTING"
    PURGING = "RUN_STATE_PURGING"
    HALTING = "RUN_STATE_HALTING"
    ERROR = "RUN_STATE_ERROR"
    VERIFYING = "RUN_STATE_VERIFYING"
    LOADING = "RUN_STATE_LOADING"
    CREATING_VOLUME = "RUN_STATE_CREATING_VOLUME"
    BOOTING = "RUN_STATE_BOOTING"
    MAINTENANCE_MODE = "RUN_STATE_MAINTENANCE_MODE"
    START_DELAYED = "RUN_STATE_START_DELAYED"
    BASEOS_UPDATING = "RUN_STATE_BASEOS_UPDATING"
    PREPARING_POWEROFF = "RUN_STATE_PREPARING_POWEROFF"
    POWERING_OFF = "RUN_STATE_POWERING_OFF"
    PREPARED_POWEROFF = "RUN_STATE_PREPARED_POWEROFF"


class SWState(OpenEnum):
    UNSPECIFIED = "SW_STATE_UNSPECIFIED"
    INITIAL = "SW_STATE_INITIAL"
    DOWNLOAD_IN_PROGRESS = "SW_STATE_DOWNLOAD_IN_PROGRESS"
    DOWNLOADED = "SW_STATE_DOWNLOADED"
    VERIFIED = "SW_STATE_VERIFIED"
    INSTALLED = "SW_STATE_INSTALLED"
    BOOTING = "SW_STATE_BOOTING"
    RUNNING = "SW_STATE_RUNNING"
    HALTING = "SW_STATE_HALTING"
    HALTED = "SW_STATE_HALTED"
    REFRESHING = "SW_STATE_REFRESHING"
    PURGING = "SW_STATE_PURGING"
    RESOLVING_TAG = "SW_STATE_RESOLVING_TAG"
    RESOLVED_TAG = "SW_STATE_RESOLVED_TAG"
    CREATING_VOLUME = "SW_STATE_CREATING_VOLUME"
    CREATED_VOLUME = "SW_STATE_CREATED_VOLUME"
    VERIFYING = "SW_STATE_VERIFYING"
    LOADING = "SW_STATE_LOADING"
    LOADED = "SW_STATE_LOADED"
    AWAITNETWORKINSTANCE = "SW_STATE_AWAITNETWORKINSTANCE"


class Entity(OpenEnum):
    UNSPECIFIED = "ENTITY_UNSPECIFIED"
    BASE_OS = "ENTITY_BASE_OS"
    SYSTEM_ADAPTER = "ENTITY_SYSTEM_ADAPTER"
    VAULT = "ENTITY_VAULT"
    ATTESTATION = "ENTITY_ATTESTATION"
    APP_INSTANCE = "ENTITY_APP_INSTANCE"
    PORT = "ENTITY_PORT"
    NETWORK = "ENTITY_NETWORK"
    NETWORK_INSTANCE = "ENTITY_NETWORK_INSTANCE"
    CONTENT_TREE = "ENTITY_CONTENT_TREE"
    CONTENT_BLOB = "ENTITY_CONTENT_BLOB"
    VOLUME = "ENTITY_VOLUME"


class DeviceEntity(Contract):
    entity: Entity = Entity.UNSPECIFIED
    entity_id: str = ""
    entity_name: str = ""


class Severity(OpenEnum):
    UNSPECIFIED = "SEVERITY_UNSPECIFIED"
    NOTICE = "SEVERITY_NOTICE"
    WARNING = "SEVERITY_WARNING"
    ERROR = "SEVERITY_ERROR"


class DeviceError(Contract):
    description: str = ""
    entities: tuple[DeviceEntity, ...] = ()
    retry_condition: str = ""
    severity: Severity = Severity.UNSPECIFIED
    timestamp: Timestamp = ""


class NetworkCounters(Contract):
    if_name: str = ""
    rx_acl_drops: int = 0
    rx_acl_rate_limit_drops: int = 0
    rx_bytes: int = 0
    rx_drops: int = 0
    rx_errors: int = 0
    rx_pkts: int = 0
    tx_acl_drops: int = 0
    tx_acl_rate_limit_drops: int = 0
    tx_bytes: int = 0
    tx_drops: int = 0
    tx_errors: int = 0
    tx_pkts: int = 0


class NetworkConfigOrigin(OpenEnum):
    UNSPECIFIED = "NETWORK_CONFIG_ORIGIN_UNSPECIFIED"
    CONTROLLER = "NETWORK_CONFIG_ORIGIN_CONTROLLER"
    BOOTSTRAP = "NETWORK_CONFIG_ORIGIN_BOOTSTRAP"
    OVERRIDE = "NETWORK_CONFIG_ORIGIN_OVERRIDE"
    LASTRESORT = "NETWORK_CONFIG_ORIGIN_LASTRESORT"
    TUI = "NETWORK_CONFIG_ORIGIN_TUI"
    LOC = "NETWORK_CONFIG_ORIGIN_LOC"
    LPS = "NETWORK_CONFIG_ORIGIN_LPS"


class PortConfigSource(Contract):
    origin: NetworkConfigOrigin = NetworkConfigOrigin.UNSPECIFIED
    submitted_at: Timestamp = ""


class DNSInfo(Contract):
    domain: str = ""
    search: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()


class GPSLocation(Contract):
    altitude: float = 0.0
    horizontal_reliability: int = 0
    horizontal_uncertainty: float = 0.0
    latitude: float = 0.0
    logical_label: str = ""
    longitude: float = 0.0
    timestamp: Timestamp = ""
    vertical_reliability: int = 0
    vertical_uncertainty: float = 0.0


class NetProxyStatus(Contract):
    exceptions: str = ""
    network_proxy: bool = False
    network_proxy_url: str = wire("networkProxyURL", "")
    pacfile: str = ""
    proxies: tuple[NetProxyServer, ...] = ()
    wpad_proxy_url: str = wire("wpadProxyURL", "")


class ZCellularControlProtocol(OpenEnum):
    UNSPECIFIED = "Z_CELLULAR_CONTROL_PROTOCOL_UNSPECIFIED"
    QMI = "Z_CELLULAR_CONTROL_PROTOCOL_QMI"
    MBIM = "Z_CELLULAR_CONTROL_PROTOCOL_MBIM"


class ZCellularOperatingState(OpenEnum):
    UNSPECIFIED = "Z_CELLULAR_OPERATING_STATE_UNSPECIFIED"
    OFFLINE = "Z_CELLULAR_OPERATING_STATE_OFFLINE"
    RADIO_OFF = "Z_CELLULAR_OPERATING_STATE_RADIO_OFF"
    ONLINE = "Z_CELLULAR_OPERATING_STATE_ONLINE"
    ONLINE_AND_CONNECTED = "Z_CELLULAR_OPERATING_STATE_ONLINE_AND_CONNECTED"
    UNRECOGNIZED = "Z_CELLULAR_OPERATING_STATE_UNRECOGNIZED"


class RadioAccessTechnology(OpenEnum):
    UNSPECIFIED = "RADIO_ACCESS_TECHNOLOGY_UNSPECIFIED"
    GSM = "RADIO_ACCESS_TECHNOLOGY_GSM"
    UMTS = "RADIO_ACCESS_TECHNOLOGY_UMTS"
    LTE = "RADIO_ACCESS_TECHNOLOGY_LTE"
    NR_5G = "RADIO_ACCESS_TECHNOLOGY_5GNR"


class ModemDetail(Contract):
    control_protocol: ZCellularControlProtocol = ZCellularControlProtocol.UNSPECIFIED
    firmware_version: str = ""
    imei: str = ""
    manufacturer: str = ""
    model: str = ""
    operating_state: ZCellularOperatingState = ZCellularOperatingState.UNSPECIFIED


class NetworkProvider(Contract):
    connected_at: Timestamp = ""
    name: str = ""
    plmn: str = ""
    rat: RadioAccessTechnology = RadioAccessTechnology.UNSPECIFIED
    roaming: bool = False


class SIMCard(Contract):
    iccid: str = ""
    imsi: str = ""
    slot_activated: bool = False
    slot_number: int = 0
    state: str = ""


class CellularStatus(Contract):
    modem: ModemDetail | None = None
    providers: tuple[NetworkProvider, ...] = ()
    sim_cards: tuple[SIMCard, ...] = ()


class PNACSupplicantState(OpenEnum):
    UNSPECIFIED = "PNAC_SUPPLICANT_STATE_UNSPECIFIED"
    DISCONNECTED = "PNAC_SUPPLICANT_STATE_DISCONNECTED"
    CONNECTING = "PNAC_SUPPLICANT_STATE_CONNECTING"
    AUTHENTICATING = "PNAC_SUPPLICANT_STATE_AUTHENTICATING"
    AUTHENTICATED = "PNAC_SUPPLICANT_STATE_AUTHENTICATED"
    FAILED = "PNAC_SUPPLICANT_STATE_FAILED"
    HELD = "PNAC_SUPPLICANT_STATE_HELD"


class PNACPortStatus(Contract):
    enabled: bool = False
    err: DeviceError | None = None
    last_auth_timestamp: Timestamp = ""
    supplicant_state: PNACSupplicantState = PNACSupplicantState.UNSPECIFIED


class NetworkStatus(Contract):
    cellular: CellularStatus | None = None
    config_source: PortConfigSource | None = None
    default_routers: tuple[str, ...] = ()
    dns: DNSInfo | None = None
    err_info: DeviceError | None = None
    gps_location: GPSLocation | None = None
    if_name: str = ""
    ip_addrs: tuple[str, ...] = ()
    location: GeoLocation | None = None
    mac_addr: str = ""
    mtu: int = 0
    pnac_status: PNACPortStatus | None = None
    proxy: NetProxyStatus | None = None
    up: bool = False
    uplink: bool = False


class CpuSummary(Contract):
    utilization: float = wire("Utilization", 0.0)


class MemorySummary(Contract):
    allocated_mb: float = wire("AllocatedMB", 0.0)
    total_mb: float = wire("TotalMB", 0.0)
    used_mb: float = wire("UsedMB", 0.0)


class StorageSummary(Contract):
    allocated_mb: float = wire("AllocatedMB", 0.0)
    id: str = wire("Id", "")
    name: str = wire("Name", "")
    total_mb: float = wire("TotalMB", 0.0)
    used_mb: float = wire("UsedMB", 0.0)
    shared_storage_summary: tuple[JsonObject, ...] = ()


class SimcardState(OpenEnum):
    INVALID = "SIMCARD_STATE_INVALID"
    ASSIGNED = "SIMCARD_STATE_ASSIGNED"
    PROVISIONED = "SIMCARD_STATE_PROVISIONED"
    ACTIVE = "SIMCARD_STATE_ACTIVE"
    SUSPENDED = "SIMCARD_STATE_SUSPENDED"
    CANCELLED = "SIMCARD_STATE_CANCELLED"


class LTEAdapter(Contract):
    cell_module_name: str = ""
    firmware_version: str = ""
    iccid: str = ""
    imei: str = ""
    imsi: str = ""
    sim_name: str = ""
    simcard_state: SimcardState = SimcardState.INVALID


class IoAddresses(Contract):
    mac_address: str = ""


class IoMemberStatus(Contract):
    io_address: IoAddresses | None = None
    name: str = ""


class IoBundleStatus(Contract):
    app_name: str = ""
    err: DeviceError | None = None
    lte_info: LTEAdapter | None = None
    member_list: tuple[IoMemberStatus, ...] = ()
    members: tuple[str, ...] = ()
    name: str = ""
    type: IoType = IoType.UNSPECIFIED
