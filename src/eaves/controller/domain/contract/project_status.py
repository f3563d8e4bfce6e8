"""Status of projects."""

from pydantic import Field

from eaves.controller.domain.contract.base import Contract, OpenEnum
from eaves.controller.domain.contract.devices import AttestPolicyType, PolicyType, TagType
from eaves.controller.domain.contract.envelope import Cursor, Summary


class TagStatus(OpenEnum):
    UNSPECIFIED = "TAG_STATUS_UNSPECIFIED"
    ARCHIVE = "TAG_STATUS_ARCHIVE"
    ACTIVE = "TAG_STATUS_ACTIVE"
    INACTIVE = "TAG_STATUS_INACTIVE"
    INITIALIZED = "TAG_STATUS_INITIALIZED"
    FAILED = "TAG_STATUS_FAILED"


class TagStatusMsg(Contract):
    edgeview_session_count: int = 0
    id: str = ""
    name: str = ""
    status: TagStatus = TagStatus.UNSPECIFIED
    type: TagType = TagType.UNSPECIFIED


class TagStatusListMsg(Contract):
    list: tuple[TagStatusMsg, ...] = ()
    next: Cursor | None = None
    summary_by_state: Summary | None = None
    summary_by_type: Summary | None = None


class TagConfigStatus(Contract):
    app_policy_id: str = ""
    app_policy_name: str = ""
    attest_policy_type: AttestPolicyType = AttestPolicyType.UNSPECIFIED
    cloud_policy_type: PolicyType = PolicyType.UNSPECIFIED
    edgeview_allow: bool = False
    edgeview_session_count: int = 0
    id: str = ""
    name: str = ""
    network_device_default: str = ""  # a boolean in the contract; clients read a text
    network_policy_id: str = ""
    status: TagStatus = TagStatus.UNSPECIFIED
    tags: dict[str, str] = Field(default_factory=dict)
    type: TagType = TagType.UNSPECIFIED


class TagsConfigStatus(Contract):
    list: tuple[TagConfigStatus, ...] = ()
    next: Cursor | None = None
    summary_by_state: Summary | None = None
    summary_by_type: Summary | None = None
    total_count: int = 0
