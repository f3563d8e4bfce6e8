"""Alert rules and the channels that tell of their incidents, additions of ours."""

from pydantic import Field

from eaves.controller.domain.contract.base import Contract, OpenEnum
from eaves.controller.domain.contract.envelope import Cursor, ObjectRevision, Summary
from eaves.controller.domain.contract.statuses import Severity


class AlertCondition(OpenEnum):
    UNSPECIFIED = "ALERT_CONDITION_UNSPECIFIED"
    NODE_SUSPECT = "ALERT_CONDITION_NODE_SUSPECT"
    NODE_OFFLINE = "ALERT_CONDITION_NODE_OFFLINE"
    NODE_REBOOT = "ALERT_CONDITION_NODE_REBOOT"
    NODE_ERROR = "ALERT_CONDITION_NODE_ERROR"
    APP_ERROR = "ALERT_CONDITION_APP_ERROR"
    CPU = "ALERT_CONDITION_CPU"
    MEMORY = "ALERT_CONDITION_MEMORY"
    DISK = "ALERT_CONDITION_DISK"
    UPDATE_FAILED = "ALERT_CONDITION_UPDATE_FAILED"
    ATTESTATION_FAILED = "ALERT_CONDITION_ATTESTATION_FAILED"
    ATTESTATION_STALE = "ALERT_CONDITION_ATTESTATION_STALE"


class AlertRule(Contract):
    """`threshold`, `clear_below`: percent, of the conditions CPU, MEMORY and DISK.

    `channels`: by name or id.  `selector`: tags that a node must carry.  Without `project_id` it
    holds for the nodes of all projects.  `clear_seconds`: how long a condition must be over before
    its incident is; after a reboot, how long the node must run.
    """

    channels: tuple[str, ...] = ()
    clear_below: float = Field(default=0.0, ge=0, le=100)
    clear_seconds: int = Field(default=60, ge=0, le=30 * 24 * 3600)
    condition: AlertCondition = AlertCondition.UNSPECIFIED
    description: str = ""
    disabled: bool = False
    hold_seconds: int = Field(default=0, ge=0, le=30 * 24 * 3600)
    id: str = ""
    name: str = ""
    project_id: str = ""
    revision: ObjectRevision | None = None
    selector: dict[str, str] = Field(default_factory=dict)
    severity: Severity = Severity.UNSPECIFIED
    threshold: float = Field(default=0.0, ge=0, le=100)
    title: str = ""


class AlertRules(Contract):
    list: tuple[AlertRule, ...] = ()
    next: Cursor | None = None
    summary_by_condition: Summary | None = None


class AlertChannelType(OpenEnum):
    UNSPECIFIED = "ALERT_CHANNEL_TYPE_UNSPECIFIED"
    MAIL = "ALERT_CHANNEL_TYPE_MAIL"
    WEBHOOK = "ALERT_CHANNEL_TYPE_WEBHOOK"


class MailSecurity(OpenEnum):
    UNSPECIFIED = "MAIL_SECURITY_UNSPECIFIED"  # as STARTTLS
    STARTTLS = "MAIL_SECURITY_STARTTLS"
    TLS = "MAIL_SECURITY_TLS"
    NONE = "MAIL_SECURITY_NONE"


class MailServerConfig(Contract):
    """A server of one's own; without one, mail goes through that of the controller."""

    ca_pem: str = ""  # of a private authority
    from_address: str = ""
    host: str = ""
    password: str = Field(default="", repr=False)
    port: int = Field(default=587, ge=1, le=65535)
    security: MailSecurity = MailSecurity.UNSPECIFIED
    username: str = ""


class MailChannel(Contract):
    server: MailServerConfig | None = None
    to: tuple[str, ...] = ()


class WebhookChannel(Contract):
    ca_pem: str = ""  # of a private authority
    secret: str = Field(default="", repr=False)  # what bodies are signed with
    url: str = ""


class AlertChannel(Contract):
    """Without `project_id` the rules of all projects may use it."""

    description: str = ""
    disabled: bool = False
    id: str = ""
    mail: MailChannel | None = None
    name: str = ""
    project_id: str = ""
    revision: ObjectRevision | None = None
    title: str = ""
    type: AlertChannelType = AlertChannelType.UNSPECIFIED
    webhook: WebhookChannel | None = None


class AlertChannels(Contract):
    list: tuple[AlertChannel, ...] = ()
    next: Cursor | None = None
    summary_by_type: Summary | None = None
