"""Device twins, places, raw views, health: what support looks at."""

from pydantic import Field

from eaves.controller.domain.contract.base import (
    Contract,
    JsonObject,
    OpenEnum,
    Timestamp,
    wire,
)
from eaves.controller.domain.contract.envelope import (
    Cursor,
    ObjectRevision,
    Summary,
    ZsrvResponse,
)


class LastKnownStatus(Contract):
    last_attempt_state: int = 0
    last_attempted_at: Timestamp = ""
    last_known_status_line: str = ""


class LocalOperatorConsoleBlob(Contract):
    config: str = ""  # base64 of an AuthContainer
    dev_id: str = ""
    encrypted_config: str = ""  # the same, readable by the device alone


class LocalOperatorConsoleBlobList(Contract):
    controller_certs: str = ""  # base64 of what devices get from `certs`
    local_operator_console_blob_list: tuple[LocalOperatorConsoleBlob, ...] = ()


class ConfigServiceResp(Contract):
    config: JsonObject | None = None  # an EdgeDevConfig, as proto-JSON
    created_at: Timestamp = ""
    last_known_status: LastKnownStatus | None = None
    latest_config: JsonObject | None = None
    latest_config_hash: str = ""
    local_operator_console_blob_list: LocalOperatorConsoleBlobList | None = None
    next_config: JsonObject | None = None
    next_config_hash: str = ""
    pconfig: str = ""  # base64
    read_at: Timestamp = ""
    result: ZsrvResponse | None = None
    updated_at: Timestamp = ""


class DeviceRawMetrics(Contract):
    id: str = ""
    name: str = ""
    raw_metrics: str = ""  # JSON


class DeviceLocation(Contract):
    count: int = 0
    location: str = ""


class DeviceLocations(Contract):
    device_locations: tuple[DeviceLocation, ...] = ()
    next: Cursor | None = None


class HelloName(Contract):
    crypto_key: str = ""
    encrypted_secrets: dict[str, str] = Field(default_factory=dict)
    first_name: str = ""
    last_name: str = ""


class HelloResp(Contract):
    response: str = ""


class PingMsgSendResp(Contract):
    ping_id: str = ""


class BriefHealth(Contract):
    service_health_status: str = ""


class HealthDesc(Contract):
    brief_health: BriefHealth | None = None
    env_name: str = ""
    host_name: str = ""
    service_instance: str = ""
    service_name: str = ""


class HealthServiceSubType(OpenEnum):
    PUBLISHER = "Publisher"
    SUBSCRIBER = "Subscriber"


class HealthServiceResp(Contract):
    health_desc: tuple[HealthDesc, ...] = ()
    health_service: HealthServiceSubType = HealthServiceSubType.PUBLISHER
    hresult: ZsrvResponse | None = None


class PolicyDocVersion(Contract):
    file_url: str = wire("fileURL", "")
    policy: str = ""
    revision: ObjectRevision | None = None
    version: str = ""


class PolicyDocVersionList(Contract):
    list: tuple[PolicyDocVersion, ...] = ()
    next: Cursor | None = None
    summary: Summary | None = None


class PolicyDocVersionResp(Contract):
    pinfo: PolicyDocVersion | None = None
    plist: PolicyDocVersionList | None = None
    result: ZsrvResponse | None = None
