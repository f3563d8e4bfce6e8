"""What alert rules watch, the incidents that came of it, and what is told of them.

Rules and channels themselves are objects (`tables.objects`).
"""

from sqlalchemy import Column, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from eaves.controller.store.tables import Moment, metadata

_EMPTY = text("''")
_ZERO = text("0")


def _text(name: str) -> "Column[str]":
    return Column(name, Text, nullable=False, server_default=_EMPTY)


alert_states = Table(  # only of what is not plainly in order
    "alert_states",
    metadata,
    _text("enterprise_id"),
    _text("rule_id"),
    _text("object_id"),
    _text("device_id"),
    _text("phase"),
    Column("since", Moment, nullable=False),
    _text("mark"),
    _text("incident_id"),
    PrimaryKeyConstraint("enterprise_id", "rule_id", "object_id"),
)

incidents = Table(
    "incidents",
    metadata,
    _text("enterprise_id"),
    _text("id"),
    _text("rule_id"),
    _text("rule_name"),
    _text("condition"),
    _text("severity"),
    _text("project_id"),
    _text("device_id"),
    _text("device_name"),
    _text("object_kind"),
    _text("object_id"),
    _text("object_name"),
    _text("text"),
    Column("opened_at", Moment, nullable=False),
    Column("closed_at", Moment, nullable=True),
    _text("closed_why"),
    Column("acknowledged_at", Moment, nullable=True),
    _text("acknowledged_by"),  # the name of the user
    PrimaryKeyConstraint("enterprise_id", "id"),
    Index(None, "enterprise_id", "opened_at", "id"),
    Index(
        "ix_incidents_open",
        *("enterprise_id", "opened_at", "id"),
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
    Index(None, "enterprise_id", "device_id", "opened_at"),
    Index(None, "closed_at"),
)

notifications = Table(
    "notifications",
    metadata,
    _text("enterprise_id"),
    _text("id"),
    _text("channel_id"),  # empty: a mail of the controller itself
    _text("incident_id"),  # of a test or a mail: its own id
    _text("what"),
    _text("recipients"),  # JSON: of a mail of the controller
    _text("subject"),
    _text("message"),
    _text("payload"),  # JSON: the body of a webhook
    _text("state"),
    Column("tries", Integer, nullable=False, server_default=_ZERO),
    _text("outcome"),  # of the last try
    Column("created_at", Moment, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("settled_at", Moment, nullable=True),
    PrimaryKeyConstraint("enterprise_id", "id"),
    # one of each for an incident, whoever looks at it
    Index(
        "uq_notifications_once",
        *("enterprise_id", "incident_id", "channel_id", "what"),
        unique=True,
    ),
    Index(None, "state", "next_at"),
    Index(None, "settled_at"),
    Index(None, "enterprise_id", "channel_id", "created_at"),
)
