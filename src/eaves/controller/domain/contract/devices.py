"""Devices and their ports."""

from pydantic import Field

from eaves.controller.domain.contract.app_policies import AppPolicy, NetworkPolicy
from eaves.controller.domain.contract.base import Contract, Int64Text, JsonObject, OpenEnum, wire
from eaves.controller.domain.contract.catalogue import AdapterUsage, ModelArchType
from eaves.controller.domain.contract.envelope import Cursor, ObjectRevision, Summary
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.networks import NetConfig, NetworkDHCPType


class AdminState(OpenEnum):
    UNSPECIFIED = "ADMIN_STATE_UNSPECIFIED"
    CREATED = "ADMIN_STATE_CREATED"
    DELETED = "ADMIN_STATE_DELETED"
    ACTIVE = "ADMIN_STATE_ACTIVE"
    INACTIVE = "ADMIN_STATE_INACTIVE"
    REGISTERED = "ADMIN_STATE_REGISTERED"
    ARCHIVED = "ADMIN_STATE_ARCHIVED"


class BaseOSImage(Contract):
    activate: bool = False
    image_name: str = ""
    imvol_id: str = ""
    uuid: str = ""
    version: str = ""


class ArpMonitor(Contract):
    interval: int = 0
    ip_targets: tuple[str, ...] = ()


class BondMode(OpenEnum):
    UNSPECIFIED = "BOND_MODE_UNSPECIFIED"
    BALANCE_RR = "BOND_MODE_BALANCE_RR"
    ACTIVE_BACKUP = "BOND_MODE_ACTIVE_BACKUP"
    BALANCE_XOR = "BOND_MODE_BALANCE_XOR"
    BROADCAST = "BOND_MODE_BROADCAST"
    BOND_MODE_802_3AD = "BOND_MODE_802_3AD"
    BALANCE_TLB = "BOND_MODE_BALANCE_TLB"
    BALANCE_ALB = "BOND_MODE_BALANCE_ALB"


class SysInterface(Contract):
    adapter_specific_net: NetConfig | None = None
    allow_local_modifications: bool = False
    cost: int = 0
    enable_port_based_network_access_control: bool = False
    intf_usage: AdapterUsage = AdapterUsage.UNSPECIFIED
    intfname: str = ""
    ipaddr: str = ""
    macaddr: str = ""
    net_dhcp: NetworkDHCPType = NetworkDHCPType.UNSPECIFIED
    netid: str = ""
    netname: str = ""
    shared_labels: tuple[str, ...] = ()
    tags: dict[str, str] = Field(default_factory=dict)
    ztype: str = ""


class LacpRate(OpenEnum):
    UNSPECIFIED = "LACP_RATE_UNSPECIFIED"
    SLOW = "LACP_RATE_SLOW"
    FAST = "LACP_RATE_FAST"


class MIIMonitor(Contract):
    downdelay: int = 0
    interval: int = 0
    updelay: int = 0


class BondAdapter(Contract):
    arp: ArpMonitor | None = None
    bond_mode: BondMode = BondMode.UNSPECIFIED
    interface: SysInterface | None = None
    interface_name: str = ""
    lacp_rate: LacpRate = LacpRate.UNSPECIFIED
    logical_label: str = ""
    lower_layer_names: tuple[str, ...] = ()
    mii: MIIMonitor | None = None


class EDConfigItem(Contract):
    bool_value: bool = False
    float_value: float = 0.0
    key: str = ""
    string_value: str = ""
    uint32_value: int = 0
    uint64_value: Int64Text = 0
    value_type: str = ""


class DeviceConfigLock(OpenEnum):
    UNSPECIFIED = "DEVICE_CONFIG_LOCK_UNSPECIFIED"
    ENABLED = "DEVICE_CONFIG_LOCK_ENABLED"
    DISABLED = "DEVICE_CONFIG_LOCK_DISABLED"


class DebugKnobDetail(Contract):
    debug_knob: bool = False
    expired: bool = False
    expiry: Int64Text = 0  # asked: minutes; stored: when it ends, in seconds since 1970
    id: str = ""

    @property
    def ssh_key(self) -> str:
        """Ours, beside the contract: the public key that may log in meanwhile."""
        return str((self.model_extra or {}).get("sshKey", ""))


class GeoLocation(Contract):
    city: str = ""
    country: str = ""
    freeloc: str = ""
    hostname: str = ""
    latlong: str = ""
    loc: str = ""
    org: str = ""
    postal: str = ""
    region: str = ""
    underlay_ip: str = wire("underlayIP", "")


class ModelInfo(Contract):
    brand_id: str = ""
    brand_name: str = ""
    model_id: str = ""
    model_name: str = ""


class DeviceCerts(Contract):
    pem_cert: str = ""
    pem_key: str = ""


class AttestPolicyType(OpenEnum):
    UNSPECIFIED = "ATTEST_POLICY_TYPE_UNSPECIFIED"
    ACCEPT = "ATTEST_POLICY_TYPE_ACCEPT"
    ENFORCE = "ATTEST_POLICY_TYPE_ENFORCE"


class AttestationPolicy(Contract):
    id: str = ""
    type: AttestPolicyType = AttestPolicyType.UNSPECIFIED


class ConfigurationLock(OpenEnum):
    UNSPECIFIED = "CONFIGURATION_LOCK_UNSPECIFIED"
    ENABLED = "CONFIGURATION_LOCK_ENABLED"
    DISABLED = "CONFIGURATION_LOCK_DISABLED"


class ConfigurationLockPolicy(Contract):
    config_lock: ConfigurationLock = ConfigurationLock.UNSPECIFIED
    id: str = ""


class PolicyStatus(OpenEnum):
    UNSPECIFIED = "POLICY_STATUS_UNSPECIFIED"
    INITIALIZED = "POLICY_STATUS_INITIALIZED"
    INPROGRESS = "POLICY_STATUS_INPROGRESS"
    READY = "POLICY_STATUS_READY"
    FAILED = "POLICY_STATUS_FAILED"


class PolicyType(OpenEnum):
    UNSPECIFIED = "POLICY_TYPE_UNSPECIFIED"
    APP = "POLICY_TYPE_APP"
    AZURE = "POLICY_TYPE_AZURE"
    AWS = "POLICY_TYPE_AWS"
    GCP = "POLICY_TYPE_GCP"
    MODULE = "POLICY_TYPE_MODULE"
    ATTESTATION = "POLICY_TYPE_ATTESTATION"
    NETWORK = "POLICY_TYPE_NETWORK"
    CLUSTER = "POLICY_TYPE_CLUSTER"
    EDGEVIEW = "POLICY_TYPE_EDGEVIEW"
    LOC = "POLICY_TYPE_LOC"
    CONFIGURATION_LOCK = "POLICY_TYPE_CONFIGURATION_LOCK"
    PCR = "POLICY_TYPE_PCR"
    PORT_BASED_NETWORK_ACCESS_CONTROL = "POLICY_TYPE_PORT_BASED_NETWORK_ACCESS_CONTROL"


class PolicyConfig(Contract):
    app_policy: AppPolicy | None = None
    attestation_policy: AttestationPolicy | None = None
    attr: dict[str, str] = Field(default_factory=dict)
    azure_policy: JsonObject | None = None
    cluster_policy: JsonObject | None = None
    configuration_lock_policy: ConfigurationLockPolicy | None = None
    description: str = ""
    edgeview_policy: JsonObject | None = None
    id: str = ""
    local_operator_console_policy: JsonObject | None = None
    module_policy: JsonObject | None = None
    name: str = ""
    network_policy: NetworkPolicy | None = None
    pcr_policy: JsonObject | None = None
    port_based_network_access_control_policy: JsonObject | None = None
    revision: ObjectRevision | None = None
    status: PolicyStatus = PolicyStatus.UNSPECIFIED
    status_message: str = ""
    title: str = ""
    type: PolicyType = PolicyType.UNSPECIFIED


class TagType(OpenEnum):
    UNSPECIFIED = "TAG_TYPE_UNSPECIFIED"
    GENERIC = "TAG_TYPE_GENERIC"
    PROJECT = "TAG_TYPE_PROJECT"
    AZURE = "TAG_TYPE_AZURE"
    DEPLOYMENT = "TAG_TYPE_DEPLOYMENT"


class ProjectInfo(Contract):
    project_id: str = ""
    project_name: str = ""
    type: TagType = TagType.UNSPECIFIED


class VlanAdapter(Contract):
    interface: SysInterface | None = None
    interface_name: str = ""
    logical_label: str = ""
    lower_layer_name: str = ""
    vlan_id: int = 0


class DeviceConfig(Contract):
    admin_state: AdminState = AdminState.UNSPECIFIED
    asset_id: str = ""
    base_image: tuple[BaseOSImage, ...] = ()
    base_os_force_upgrade: bool = False
    base_os_retry_counter: int = 0
    base_os_retry_time: str = ""
    bond_adapter: tuple[BondAdapter, ...] = ()
    client_ip: str = ""
    cluster_id: str = wire("clusterID", "")
    cluster_interface: str = ""
    config_item: tuple[EDConfigItem, ...] = ()
    config_lock: DeviceConfigLock = DeviceConfigLock.UNSPECIFIED
    cpu: int = 0
    debug_knob: DebugKnobDetail | None = None
    default_net_inst: NetInstConfig | None = None
    deployment_tag: str = ""
    deprecated: str = ""
    description: str = ""
    dev_location: GeoLocation | None = None
    dlisp: JsonObject | None = None
    edge_node_cluster: JsonObject | None = None
    edge_sync_config: JsonObject | None = None
    edgeview_allow: bool = False
    edgeviewconfig: JsonObject | None = None
    generate_soft_serial: bool = False
    id: str = ""
    identity: str = ""
    interfaces: tuple[SysInterface, ...] = ()
    local_operator_console_url: str = wire("localOperatorConsoleURL", "")
    location: str = ""
    memory: int = 0
    model: ModelInfo | None = None
    model_id: str = ""
    name: str = ""
    obkey: str = ""
    onboarding: DeviceCerts | None = None
    pcr_policy: PolicyConfig | None = None
    prepare_power_off_counter: int = 0
    prepare_power_off_time: str = ""
    project: ProjectInfo | None = None
    project_id: str = ""
    reset_counter: int = 0
    reset_time: str = ""
    revision: ObjectRevision | None = None
    serialno: str = ""
    site_pictures: tuple[str, ...] = ()
    storage: int = 0
    tags: dict[str, str] = Field(default_factory=dict)
    thread: int = 0
    title: str = ""
    token: str = ""
    utype: ModelArchType = ModelArchType.UNSPECIFIED
    vlan_adapters: tuple[VlanAdapter, ...] = ()


class DeviceConfigSummary(Contract):
    admin_state: AdminState = AdminState.UNSPECIFIED
    base_image: tuple[BaseOSImage, ...] = ()
    bond_adapter: tuple[BondAdapter, ...] = ()
    cluster_id: str = wire("clusterID", "")
    debug_knob: DebugKnobDetail | None = None
    deployment_tag: str = ""
    description: str = ""
    id: str = ""
    interfaces: tuple[SysInterface, ...] = ()
    model_id: str = ""
    name: str = ""
    project_id: str = ""
    revision: ObjectRevision | None = None
    serialno: str = ""
    tags: dict[str, str] = Field(default_factory=dict)
    title: str = ""
    utype: ModelArchType = ModelArchType.UNSPECIFIED
    vlan_adapters: tuple[VlanAdapter, ...] = ()


class DeviceConfigList(Contract):
    list: tuple[DeviceConfigSummary, ...] = ()
    next: Cursor | None = None
    summary_by_state: Summary | None = None
    summary_by_tag_distribution: Summary | None = None
