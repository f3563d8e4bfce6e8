"""App profiles, asset groups, and the deployment of one to the other."""

from pydantic import Field

from eaves.controller.domain.contract.apps import AppInstanceLogs, AppInterface, VmInfo
from eaves.controller.domain.contract.base import Contract, Int64Text, JsonObject, OpenEnum, wire
from eaves.controller.domain.contract.envelope import Cursor, ObjectType, OpsCounter, Summary
from eaves.controller.domain.contract.manifests import VMManifest
from eaves.controller.domain.contract.netinsts import (
    DhcpServerConfig,
    NetworkInstanceDhcpType,
    NetworkInstanceKind,
    StaticIPRoute,
)
from eaves.controller.domain.contract.networks import StaticDNSList
from eaves.controller.domain.contract.statuses import RunState
from eaves.controller.domain.contract.volumes import VolumeInstanceAccessMode, VolumeInstanceType


class ProfilePolicyCommon(Contract):
    id: str = ""
    name: str = ""
    tags: dict[str, str] = Field(default_factory=dict)
    title: str = ""


class ProfileAppConfig(Contract):
    bundle_version: int = 0
    cpus: int = 0
    drives: int = 0
    interfaces: tuple[AppInterface, ...] = ()
    logs: AppInstanceLogs | None = None
    manifest_json: VMManifest | None = wire("manifestJSON", None)
    memory: int = 0
    name_app_part: str = ""
    name_project_part: str = ""
    net_inst_name: str = ""
    net_inst_tags: dict[str, str] = Field(default_factory=dict)
    networks: int = 0
    new_bundle_version_available: bool = False
    remote_console: bool = False
    start_delay_in_seconds: int = 0
    storage: int = 0
    tags: dict[str, str] = Field(default_factory=dict)
    vminfo: VmInfo | None = None


class ProfileAppPolicy(Contract):
    app_config: ProfileAppConfig | None = None
    meta_data: ProfilePolicyCommon | None = None


class ProfileNetworkConfig(Contract):
    device_default: bool = False
    dns_list: tuple[StaticDNSList, ...] = ()
    ip: DhcpServerConfig | None = None
    kind: NetworkInstanceKind = NetworkInstanceKind.UNSPECIFIED
    opaque: JsonObject | None = None
    port: str = ""
    port_tags: dict[str, str] = Field(default_factory=dict)
    propagate_connected_routes: bool = False
    static_routes: tuple[StaticIPRoute, ...] = ()
    tags: dict[str, str] = Field(default_factory=dict)
    type: NetworkInstanceDhcpType = NetworkInstanceDhcpType.UNSPECIFIED


class ProfileNetworkPolicy(Contract):
    meta_data: ProfilePolicyCommon | None = None
    network_config: ProfileNetworkConfig | None = None


class ProfileVolumeConfig(Contract):
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


class ProfileVolumePolicy(Contract):
    meta_data: ProfilePolicyCommon | None = None
    volume_config: ProfileVolumeConfig | None = None


class AppProfileStatusType(OpenEnum):
    INACTIVE = "APP_PROFILE_STATUS_TYPE_INACTIVE"
    ACTIVE = "APP_PROFILE_STATUS_TYPE_ACTIVE"


class AppProfileRead(Contract):
    """Also what is written: the server fills `latest_version` and `status`."""

    app_policies: tuple[ProfileAppPolicy, ...] = ()
    id: str = ""
    latest_version: int = 0
    name: str = ""
    network_policies: tuple[ProfileNetworkPolicy, ...] = ()
    status: AppProfileStatusType = AppProfileStatusType.INACTIVE
    title: str = ""
    volume_policies: tuple[ProfileVolumePolicy, ...] = ()


class AppProfileConfigSummary(Contract):
    app_policies: tuple[ProfileAppPolicy, ...] = ()
    description: str = ""
    id: str = ""
    name: str = ""
    network_policies: tuple[ProfileNetworkPolicy, ...] = ()
    title: str = ""
    volume_policies: tuple[ProfileVolumePolicy, ...] = ()


class AppProfiles(Contract):
    list: tuple[AppProfileConfigSummary, ...] = ()
    next: Cursor | None = None
    summary_by_state: Summary | None = None


class AppProfileVersion(Contract):
    app_policies: tuple[ProfileAppPolicy, ...] = ()
    id: str = ""
    name: str = ""
    network_policies: tuple[ProfileNetworkPolicy, ...] = ()
    title: str = ""
    version: int = 0
    volume_policies: tuple[ProfileVolumePolicy, ...] = ()


class AppProfileVersionListResp(Contract):
    next: Cursor | None = None
    version_list: tuple[AppProfileVersion, ...] = ()


class AssetIDs(Contract):
    ids: tuple[str, ...] = ()


class AssetTag(Contract):
    """A node matches when its tags contain all pairs."""

    tag: dict[str, str] = Field(default_factory=dict)


class AssetTags(Contract):
    asset_tag: tuple[AssetTag, ...] = ()


class AssetGroupRead(Contract):
    """Also what is written: the server fills `asset_count`."""

    asset_count: int = 0
    asset_ids: AssetIDs | None = None
    asset_tags: AssetTags | None = None
    description: str = ""
    id: str = ""
    name: str = ""
    project_id: str = ""
    title: str = ""


class AssetGroup(Contract):
    asset_ids: AssetIDs | None = None
    asset_tags: AssetTags | None = None
    description: str = ""
    id: str = ""
    name: str = ""
    project_id: str = ""
    title: str = ""


class AssetGroupList(Contract):
    list: tuple[AssetGroup, ...] = ()
    next: Cursor | None = None
    total_count: int = 0


class AppProfileInfo(Contract):
    """`version` 0: always the latest."""

    app_profile_id: str = ""
    version: int = 0


class TargetAssetGroup(Contract):
    group_id: str = ""


class ProfileDeployment(Contract):
    app_profile_info: AppProfileInfo | None = None
    description: str = ""
    id: str = ""
    name: str = ""
    project_id: str = ""
    status: str = ""
    target_asset_group: TargetAssetGroup | None = None
    title: str = ""


class ProfileDeploymentList(Contract):
    list: tuple[ProfileDeployment, ...] = ()
    next: Cursor | None = None


class ProfileDeploymentResourceObjectStatus(Contract):
    id: str = ""
    object_run_state: RunState = RunState.UNSPECIFIED
    object_type: ObjectType = ObjectType.UNSPECIFIED


class ProfileDeploymentPerDeviceStatus(Contract):
    asset_id: str = ""
    object_status: tuple[ProfileDeploymentResourceObjectStatus, ...] = ()


class ProfileDeploymentResourceDetailedStatus(Contract):
    app_profile_info: AppProfileInfo | None = None
    asset_resource_status: tuple[ProfileDeploymentPerDeviceStatus, ...] = ()
    description: str = ""
    id: str = ""
    name: str = ""
    project_id: str = ""
    target_asset_group: TargetAssetGroup | None = None
    title: str = ""


class ProfileDeploymentResourceDetailedStatusResp(Contract):
    next: Cursor | None = None
    resource_status: ProfileDeploymentResourceDetailedStatus | None = None
