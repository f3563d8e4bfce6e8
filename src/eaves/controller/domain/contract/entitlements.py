"""What an enterprise may have, and what it has."""

from eaves.controller.domain.contract.base import (
    Contract,
    Int64Text,
    JsonObject,
    OpenEnum,
    Timestamp,
)
from eaves.controller.domain.contract.envelope import Cursor, Summary


class DeviceSize(OpenEnum):
    DEFAULT_SIZE = "DEFAULT_SIZE"
    SMALL_SIZE = "SMALL_SIZE"
    MEDIUM_SIZE = "MEDIUM_SIZE"
    LARGE_SIZE = "LARGE_SIZE"
    XLARGE_SIZE = "XLARGE_SIZE"


class DeviceEntitlement(Contract):
    limit: int = 0
    size: DeviceSize = DeviceSize.DEFAULT_SIZE
    usage: int = 0


class FeatureEntitlement(Contract):
    active: bool = False
    name: str = ""
    sub_feature_entitlement: tuple[JsonObject, ...] = ()


class PluginEntitlement(Contract):
    plugin_total_limit: int = 0
    plugin_total_usage: int = 0
    plugin_type_entitlement: tuple[JsonObject, ...] = ()


class UserEntitlement(Contract):
    limit: int = 0
    usage: int = 0


class Entitlement(Contract):
    devices: tuple[DeviceEntitlement, ...] = ()
    entp_id: str = ""
    entp_name: str = ""
    features: tuple[FeatureEntitlement, ...] = ()
    plugins: PluginEntitlement | None = None
    user_count: UserEntitlement | None = None


class AllowedEnterprise(Contract):
    id: str = ""
    name: str = ""
    role_id: str = ""


class AllowedEnterpriseList(Contract):
    enterprise_entitlements: tuple[Entitlement, ...] = ()
    enterprises: tuple[AllowedEnterprise, ...] = ()
    error: str = ""
    next: Cursor | None = None
    total: Int64Text = 0


class AppInstSummaryReport(Contract):
    total_app_insts: int = 0


class AppInstReport(Contract):
    app_inst_summary_report: AppInstSummaryReport | None = None
    entp_id: str = ""
    error: str = ""


class DeviceSummaryReport(Contract):
    summary_by_state: Summary | None = None
    total_devices: int = 0


class DeviceReport(Contract):
    device_summary_report: DeviceSummaryReport | None = None
    entp_id: str = ""
    error: str = ""


class PluginSummaryReport(Contract):
    total_plugins: int = 0


class PluginReport(Contract):
    entp_id: str = ""
    error: str = ""
    plugin_summary_report: PluginSummaryReport | None = None


class DeviceDistribution(Contract):
    device_count: int = 0
    project_name: str = ""


class ProjectSummaryReport(Contract):
    device_distribution: tuple[DeviceDistribution, ...] = ()
    total: int = 0


class ProjectReport(Contract):
    entp_id: str = ""
    error: str = ""
    next: Cursor | None = None
    project_summary_report: ProjectSummaryReport | None = None


class LastLoggedinUserInfo(Contract):
    last_login_time: Timestamp = ""
    name: str = ""


class UserSummaryReport(Contract):
    active_users_count: int = 0
    last_loggedin_user_info: LastLoggedinUserInfo | None = None
    users: int = 0


class UserReport(Contract):
    entp_id: str = ""
    error: str = ""
    user_summary_report: UserSummaryReport | None = None
