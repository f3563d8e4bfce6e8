"""What a policy says of the objects that it makes on nodes: apps, networks, volumes."""

from pydantic import Field

from eaves.controller.domain.contract.apps import AppInstanceLogs, AppInterface, VmInfo
from eaves.controller.domain.contract.base import Contract, Int64Text, JsonObject, OpenEnum, wire
from eaves.controller.domain.contract.envelope import (
    ObjectParentDetail,
    ObjectRevision,
    OpsCounter,
    Origin,
)
from eaves.controller.domain.contract.manifests import VMManifest
from eaves.controller.domain.contract.netinsts import (
    DhcpServerConfig,
    NetInstConfig,
    NetworkInstanceDhcpType,
    NetworkInstanceKind,
    StaticIPRoute,
)
from eaves.controller.domain.contract.networks import StaticDNSList
from eaves.controller.domain.contract.volumes import VolumeInstanceAccessMode, VolumeInstanceType


class AppNamingScheme(OpenEnum):
    UNSPECIFIED = "APP_NAMING_SCHEME_UNSPECIFIED"
    DEVICE = "APP_NAMING_SCHEME_DEVICE"
    APP_DEVICE = "APP_NAMING_SCHEME_APP_DEVICE"
    PROJECT_DEVICE = "APP_NAMING_SCHEME_PROJECT_DEVICE"
    PROJECT_APP_DEVICE = "APP_NAMING_SCHEME_PROJECT_APP_DEVICE"


class AppNamingSchemeV2(OpenEnum):
    UNSPECIFIED = "APP_NAMING_SCHEMEV2_UNSPECIFIED"
    DEVICE = "APP_NAMING_SCHEMEV2_DEVICE"
    APP_DEVICE = "APP_NAMING_SCHEMEV2_APP_DEVICE"
    PROJECT_DEVICE = "APP_NAMING_SCHEMEV2_PROJECT_DEVICE"
    PROJECT_APP_DEVICE = "APP_NAMING_SCHEMEV2_PROJECT_APP_DEVICE"


class AppConfig(Contract):
    """One app of a project's app policy."""

    app_id: str = ""
    app_version: str = ""
    cpus: int = 0
    description: str = ""
    drives: int = 0
    id: str = ""
    interfaces: tuple[AppInterface, ...] = ()
    manifest_json: VMManifest | None = wire("manifestJSON", None)
    memory: int = 0
    name: str = ""
    name_app_part: str = ""
    name_project_part: str = ""
    naming_scheme: AppNamingScheme = AppNamingScheme.UNSPECIFIED
    networks: int = 0
    origin_type: Origin = Origin.UNSPECIFIED
    parent_detail: ObjectParentDetail | None = None
    start_delay_in_seconds: int = 0
    storage: int = 0
    tags: dict[str, str] = Field(default_factory=dict)
    title: str = ""


class AppPolicy(Contract):
    apps: tuple[AppConfig, ...] = ()


class NetworkPolicy(Contract):
    net_instance_config: tuple[NetInstConfig, ...] = ()


class PolicyCommon(Contract):
    """`policy_target_condition`: pairs that the tags of a node must all contain."""

    id: str = ""
    name: str = ""
    policy_target_condition: dict[str, str] = Field(default_factory=dict)
    revision: ObjectRevision | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    title: str = ""


class AppInstConfig(Contract):
    bundle_id: str = ""
    bundle_version: int = 0
    cpus: int = 0
    drives: int = 0
    interfaces: tuple[AppInterface, ...] = ()
    logs: AppInstanceLogs | None = None
    manifest_json: VMManifest | None = wire("manifestJSON", None)
    memory: int = 0
    name_app_part: str = ""
    name_project_part: str = ""
    naming_scheme: AppNamingSchemeV2 = AppNamingSchemeV2.UNSPECIFIED
    networks: int = 0
    new_bundle_version_available: bool = False
    origin_type: Origin = Origin.UNSPECIFIED
    parent_detail: ObjectParentDetail | None = None
    remote_console: bool = False
    start_delay_in_seconds: int = 0
    storage: int = 0
    tags: dict[str, str] = Field(default_factory=dict)
    vminfo: VmInfo | None = None


class AppInstPolicy(Contract):
    app_inst_config: AppInstConfig | None = None
    meta_data: PolicyCommon | None = None


class NetworkInstConfig(Contract):
    device_default: bool = False
    dns_list: tuple[StaticDNSList, ...] = ()
    forward_lldp: bool = False
    ip: DhcpServerConfig | None = None
    kind: NetworkInstanceKind = NetworkInstanceKind.UNSPECIFIED
    opaque: JsonObject | None = None
    port: str = ""
    port_tags: dict[str, str] = Field(default_factory=dict)
    propagate_connected_routes: bool = False
    static_routes: tuple[StaticIPRoute, ...] = ()
    tags: dict[str, str] = Field(default_factory=dict)
    type: NetworkInstanceDhcpType = NetworkInstanceDhcpType.UNSPECIFIED


class NetworkInstPolicy(Contract):
    meta_data: PolicyCommon | None = None
    net_inst_config: NetworkInstConfig | None = None


class VolumeInstConfig(Contract):
    accessmode: VolumeInstanceAccessMode = VolumeInstanceAccessMode.INVALID
    block_storage_tags: dict[str, str] = Field(default_factory=dict)
    cleartext: bool = False
    content_tree_id: str = ""
    content_tree_target_condition: dict[str, str] = Field(default_factory=dict)
    image: str = ""
    label: str = ""
    multiattach: bool = False
    purge: OpsCounter | None = None
    size_bytes: Int64Text = 0
    type: VolumeInstanceType = VolumeInstanceType.UNSPECIFIED


class VolumeInstPolicy(Contract):
    meta_data: PolicyCommon | None = None
    vol_inst_config: VolumeInstConfig | None = None
