"""App bundles and app instances."""

from pydantic import Field

from eaves.controller.domain.contract.base import (
    Contract,
    FlagOrText,
    Int64Text,
    JsonObject,
    OpenEnum,
    Timestamp,
    wire,
)
from eaves.controller.domain.contract.catalogue import IoType
from eaves.controller.domain.contract.envelope import (
    Cursor,
    ObjectDetail,
    ObjectParentDetail,
    ObjectRevision,
    ObjectType,
    OpsCounter,
    Origin,
    Summary,
    ZsrvResponse,
)
from eaves.controller.domain.contract.manifests import (
    AppType,
    CustomConfig,
    DeploymentType,
    ManifestDetails,
    VMManifest,
)


class App(Contract):
    app_inst_count: int = 0
    cpus: int = 0
    datastore_id_list: tuple[str, ...] = ()
    description: str = ""
    drives: int = 0
    id: str = ""
    is_imported: bool = False
    manifest_json: VMManifest | None = wire("manifestJSON", None)
    memory: int = 0
    name: str = ""
    networks: int = 0
    origin_type: Origin = Origin.UNSPECIFIED
    parent_detail: ObjectParentDetail | None = None
    project_access_list: tuple[str, ...] = ()
    revision: ObjectRevision | None = None
    storage: int = 0
    title: str = ""
    user_defined_version: str = ""


class VMManifestSummary(Contract):
    ac_kind: str = ""
    ac_version: str = ""
    app_type: AppType = AppType.UNSPECIFIED
    deployment_type: DeploymentType = DeploymentType.UNSPECIFIED
    desc: ManifestDetails | None = None
    description: str = ""
    display_name: str = ""
    module: JsonObject | None = None
    name: str = ""


class AppSummary(Contract):
    app_inst_count: int = 0
    cpus: int = 0
    description: str = ""
    drives: int = 0
    id: str = ""
    is_imported: bool = False
    manifest_json: VMManifestSummary | None = wire("manifestJSON", None)
    memory: int = 0
    name: str = ""
    networks: int = 0
    origin_type: Origin = Origin.UNSPECIFIED
    parent_detail: ObjectParentDetail | None = None
    storage: int = 0
    title: str = ""
    user_defined_version: str = ""


class Apps(Contract):
    list: tuple[AppSummary, ...] = ()
    next: Cursor | None = None
    summary_by_app_instance_distribution: Summary | None = None
    summary_by_app_type: Summary | None = None
    summary_by_category: Summary | None = None
    summary_by_origin: Summary | None = None


class AppProjectList(Contract):
    next: Cursor | None = None
    project_details: tuple[ObjectDetail, ...] = ()
    total_count: int = 0


class Drive(Contract):
    cleartext: bool = False
    drvtype: str = ""
    ignorepurge: bool = False
    imagename: str = ""
    imvolname: str = ""
    maxsize: Int64Text = 0
    mountpath: str = ""
    mvolname: str = ""
    preserve: bool = False
    readonly: bool = False
    runtime_internal: bool = False
    target: str = ""
    volumelabel: str = ""


class AppInstEdgeNodeCluster(Contract):
    designated_node_id: str = wire("designatedNodeID", "")
    id: str = ""
    name: str = ""


class AppPortMap(Contract):
    port: int = 0


class AppACEAction(Contract):
    drop: bool = False
    limit: bool = False
    limitburst: int = 0
    limitrate: int = 0
    limitunit: str = ""
    mapparams: AppPortMap | None = None
    portmap: bool = False


class AppACEMatch(Contract):
    type: str = ""
    value: str = ""


class AppACE(Contract):
    actions: tuple[AppACEAction, ...] = ()
    id: int = 0
    matches: tuple[AppACEMatch, ...] = ()
    name: str = ""


class PhyAdapter(Contract):
    name: str = ""
    tags: dict[str, str] = Field(default_factory=dict)
    type: IoType = IoType.UNSPECIFIED


class AppInterface(Contract):
    access_vlan_id: int = 0
    acls: tuple[AppACE, ...] = ()
    allow_to_discover: bool = False
    default_net_instance: bool = False
    directattach: bool = False
    eidregister: JsonObject | None = None
    intfname: str = ""
    intforder: int = 0
    io: PhyAdapter | None = None
    ipaddr: str = ""
    macaddr: str = ""
    netinstid: str = ""
    netinstname: str = ""
    netinsttag: dict[str, str] = Field(default_factory=dict)
    netname: str = ""
    privateip: FlagOrText = False


class AppInstanceLogs(Contract):
    access: bool = False


class TransCause(OpenEnum):
    UNSPECIFIED = "TRANS_CAUSE_UNSPECIFIED"
    APP_DRIVE_CHANGED = "TRANS_CAUSE_APP_DRIVE_CHANGED"
    APP_NETWORK_CHANGED = "TRANS_CAUSE_APP_NETWORK_CHANGED"
    APP_CUSTOM_CONFIG_CHANGED = "TRANS_CAUSE_APP_CUSTOM_CONFIG_CHANGED"
    APP_MODULE_BUNDLE_UPDATE = "TRANS_CAUSE_APP_MODULE_BUNDLE_UPDATE"
    APP_DESC_CHANGED = "TRANS_CAUSE_APP_DESC_CHANGED"
    APP_FIXED_RESOURCES_CHANGED = "TRANS_CAUSE_APP_FIXED_RESOURCES_CHANGED"
    APP_VNC_MODE_CHANGED = "TRANS_CAUSE_APP_VNC_MODE_CHANGED"
    APP_VM_MODE_CHANGED = "TRANS_CAUSE_APP_VM_MODE_CHANGED"
    INTER_CA_EXPIRING = "TRANS_CAUSE_INTER_CA_EXPIRING"
    INTER_CA_EXPIRED = "TRANS_CAUSE_INTER_CA_EXPIRED"
    DEVICE_CA_EXPIRING = "TRANS_CAUSE_DEVICE_CA_EXPIRING"
    DEVICE_CA_EXPIRED = "TRANS_CAUSE_DEVICE_CA_EXPIRED"
    IDENTITY_CA_EXPIRING = "TRANS_CAUSE_IDENTITY_CA_EXPIRING"
    IDENTITY_CA_EXPIRED = "TRANS_CAUSE_IDENTITY_CA_EXPIRED"
    APP_COMPOSE_TAR_IMAGE_CHANGED = "TRANS_CAUSE_APP_COMPOSE_TAR_IMAGE_CHANGED"
    APP_COMPOSE_YAML_CHANGED = "TRANS_CAUSE_APP_COMPOSE_YAML_CHANGED"
    APP_COMPOSE_DATASTORE_CHANGED = "TRANS_CAUSE_APP_COMPOSE_DATASTORE_CHANGED"
    APP_ENABLE_VM_CONFIG_CHANGED = "TRANS_CAUSE_APP_ENABLE_VM_CONFIG_CHANGED"


class ActionScope(Contract):
    id: str = ""
    type: ObjectType = ObjectType.UNSPECIFIED


class TransDetails(Contract):
    cause: TransCause = TransCause.UNSPECIFIED
    scope: ActionScope | None = None
    severity: str = ""


class InstanceTransitionAction(OpenEnum):
    UNSPECIFIED = "INSTANCE_TA_UNSPECIFIED"
    NONE = "INSTANCE_TA_NONE"
    UPDATEREQUIRED = "INSTANCE_TA_UPDATEREQUIRED"
    UPDATEWITHRESTART = "INSTANCE_TA_UPDATEWITHRESTART"
    UPDATEWITHPURGE = "INSTANCE_TA_UPDATEWITHPURGE"


class ManifestInfo(Contract):
    bundle_version: str = ""
    details: TransDetails | None = None
    enablevnc: bool = False
    next_bundle_version: str = ""
    params: dict[str, str] = Field(default_factory=dict)
    transition_action: InstanceTransitionAction = InstanceTransitionAction.UNSPECIFIED


class VmBootloaderMode(OpenEnum):
    UNSPECIFIED = "VM_BOOTLOADER_MODE_UNSPECIFIED"
    LEGACY = "VM_BOOTLOADER_MODE_LEGACY"
    UEFI = "VM_BOOTLOADER_MODE_UEFI"


class HvMode(OpenEnum):
    PV = "HV_PV"
    HVM = "HV_HVM"
    FML = "HV_FML"
    NOHYPER = "HV_NOHYPER"
    LEGACY = "HV_LEGACY"


class VmInfo(Contract):
    bootloader_mode: VmBootloaderMode = VmBootloaderMode.UNSPECIFIED
    cpu_pinning_enabled: bool = False
    cpus: int = 0
    disable_vtpm: bool = wire("disableVTPM", False)
    enable_oem_win_license_key: bool = False
    memory: int = 0
    mode: HvMode = HvMode.PV
    vmm_maxmem: int = 0
    vnc: bool = False
    vnc_display: int = 0


class AppInstance(Contract):
    persistent_runtime_size_bytes: Int64Text = wire("PersistentRuntimeSizeBytes", 0)
    activate: bool = False
    allow_snapshots: bool = False
    app_id: str = ""
    app_policy_id: str = ""
    app_type: AppType = AppType.UNSPECIFIED
    available_snapshots: tuple[JsonObject, ...] = ()
    bundleversion: str = ""
    cloud_init_version: int = 0
    cluster_id: str = wire("clusterID", "")
    collect_stats_ip_addr: str = wire("collectStatsIPAddr", "")
    crypto_key: str = ""
    custom_config: CustomConfig | None = None
    datastore_id_list: tuple[str, ...] = ()
    deployment_type: DeploymentType = DeploymentType.UNSPECIFIED
    description: str = ""
    device_id: str = ""
    docker_compose_tar_image_name: str = ""
    docker_compose_yaml_text: str = ""
    drives: tuple[Drive, ...] = ()
    edge_node_cluster: AppInstEdgeNodeCluster | None = None
    encrypted_secrets: dict[str, str] = Field(default_factory=dict)
    id: str = ""
    interfaces: tuple[AppInterface, ...] = ()
    is_secret_updated: bool = False
    logs: AppInstanceLogs | None = None
    manifest_info: ManifestInfo | None = None
    max_snapshots: int = 0
    name: str = ""
    patch_envelope_id: str = ""
    patch_envelope_name: str = ""
    project_id: str = ""
    purge: OpsCounter | None = None
    refresh: OpsCounter | None = None
    remote_console: bool = False
    restart: OpsCounter | None = None
    revision: ObjectRevision | None = None
    start_delay_in_seconds: int = 0
    tags: dict[str, str] = Field(default_factory=dict)
    title: str = ""
    user_data: str = ""
    user_defined_version: str = ""
    vminfo: VmInfo | None = None


class AppInstances(Contract):
    list: tuple[AppInstance, ...] = ()
    next: Cursor | None = None
    summary_by_state: Summary | None = None


class AppInstanceLogsQueryResponseItem(Contract):
    content: str = ""
    msgid: Int64Text = 0
    timestamp: Timestamp = ""


class AppInstanceLogsQueryResponse(Contract):
    list: tuple[AppInstanceLogsQueryResponseItem, ...] = ()
    next: Cursor | None = None
    total_records: int = 0


class AppInstanceLogsResponse(Contract):
    content: AppInstanceLogsQueryResponse | None = None
    result: ZsrvResponse | None = None
