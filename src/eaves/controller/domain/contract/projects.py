"""Projects and their policies."""

from pydantic import Field

from eaves.controller.domain.contract.base import Contract, JsonObject, OpenEnum
from eaves.controller.domain.contract.devices import PolicyConfig, TagType
from eaves.controller.domain.contract.envelope import Cursor, ObjectRevision, Summary


class NetworkInstanceFlowLogTransmission(OpenEnum):
    UNSPECIFIED = "NETWORK_INSTANCE_FLOW_LOG_TRANSMISSION_UNSPECIFIED"
    ENABLED = "NETWORK_INSTANCE_FLOW_LOG_TRANSMISSION_ENABLED"
    DISABLED = "NETWORK_INSTANCE_FLOW_LOG_TRANSMISSION_DISABLED"


class InterfaceOrdering(OpenEnum):
    DISABLED = "INTERFACE_ORDERING_DISABLED"
    ENABLED = "INTERFACE_ORDERING_ENABLED"


class SendDeviceMetrics(OpenEnum):
    UNSPECIFIED = "SEND_DEVICE_METRICS_UNSPECIFIED"
    ENABLED = "SEND_DEVICE_METRICS_ENABLED"
    DISABLED = "SEND_DEVICE_METRICS_DISABLED"


class TagLevelSettings(Contract):
    flow_log_transmission: NetworkInstanceFlowLogTransmission = (
        NetworkInstanceFlowLogTransmission.UNSPECIFIED
    )
    interface_ordering: InterfaceOrdering = InterfaceOrdering.DISABLED
    send_device_metrics: SendDeviceMetrics = SendDeviceMetrics.UNSPECIFIED


class Tag(Contract):
    app_policy: PolicyConfig | None = None
    attestation_policy: PolicyConfig | None = None
    attr: dict[str, str] = Field(default_factory=dict)
    cloud_policy: PolicyConfig | None = None
    configuration_lock_policy: PolicyConfig | None = None
    deployment: JsonObject | None = None
    description: str = ""
    edgeview_policy: PolicyConfig | None = None
    id: str = ""
    local_operator_console_policy: PolicyConfig | None = None
    module_policy: tuple[PolicyConfig, ...] = ()
    name: str = ""
    network_policy: PolicyConfig | None = None
    numdevices: int = 0
    pcr_policy: PolicyConfig | None = None
    port_based_network_access_control_policy: PolicyConfig | None = None
    revision: ObjectRevision | None = None
    tag_level_settings: TagLevelSettings | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    title: str = ""
    type: TagType = TagType.UNSPECIFIED


class Tags(Contract):
    list: tuple[Tag, ...] = ()
    next: Cursor | None = None
    summary_by_state: Summary | None = None
    summary_by_type: Summary | None = None
