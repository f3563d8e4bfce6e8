"""Alert rules, channels, incidents, notifications."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

EMPTY = sa.text("''")
OBJECTS = ("alert_rules", "alert_channels")


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False, server_default=EMPTY)


def _moment(name: str, *, nullable: bool = False) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _objects(name: str) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.Text(), sa.ForeignKey("object_ids.id"), nullable=False),
        *(_text(one) for one in ("enterprise_id", "project_id", "name", "title")),
        *(_text(one) for one in ("device_id", "state")),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_before", sa.Integer(), nullable=False),
        _moment("created_at"),
        _text("created_by"),
        _moment("updated_at"),
        _text("updated_by"),
        _text("body"),
        sa.PrimaryKeyConstraint("enterprise_id", "id"),
        sa.UniqueConstraint("enterprise_id", "name"),
    )
    op.create_index(f"ix_{name}_id", name, ["id"])
    op.create_index(f"ix_{name}_device_id", name, ["device_id"])


def upgrade() -> None:
    for name in OBJECTS:
        _objects(name)
    op.create_table(
        "alert_states",
        *(_text(name) for name in ("enterprise_id", "rule_id", "object_id", "device_id", "phase")),
        _moment("since"),
        _text("mark"),
        _text("incident_id"),
        sa.PrimaryKeyConstraint("enterprise_id", "rule_id", "object_id", name="pk_alert_states"),
    )
    op.create_table(
        "incidents",
        *(_text(name) for name in ("enterprise_id", "id", "rule_id", "rule_name", "condition")),
        *(_text(name) for name in ("severity", "project_id", "device_id", "device_name")),
        *(_text(name) for name in ("object_kind", "object_id", "object_name", "text")),
        _moment("opened_at"),
        _moment("closed_at", nullable=True),
        _text("closed_why"),
        sa.PrimaryKeyConstraint("enterprise_id", "id", name="pk_incidents"),
    )
    for columns in (
        ("enterprise_id", "opened_at", "id"),
        ("enterprise_id", "device_id", "opened_at"),
        ("closed_at",),
    ):
        op.create_index(f"ix_incidents_{'_'.join(columns)}", "incidents", list(columns))
    _notifications()
    stage = sa.Column("stage", sa.Text(), nullable=False, server_default=sa.text("'silent'"))
    op.add_column("silent_devices", stage)


def _notifications() -> None:
    op.create_table(
        "notifications",
        *(_text(name) for name in ("enterprise_id", "id", "channel_id", "incident_id", "what")),
        *(_text(name) for name in ("recipients", "subject", "message", "payload", "state")),
        sa.Column("tries", sa.Integer(), nullable=False, server_default=sa.text("0")),
        _text("outcome"),
        _moment("created_at"),
        _moment("next_at"),
        _moment("settled_at", nullable=True),
        sa.PrimaryKeyConstraint("enterprise_id", "id", name="pk_notifications"),
    )
    op.create_index(
        "uq_notifications_once",
        "notifications",
        ["enterprise_id", "incident_id", "channel_id", "what"],
        unique=True,
    )
    for columns in (
        ("state", "next_at"),
        ("settled_at",),
        ("enterprise_id", "channel_id", "created_at"),
    ):
        op.create_index(f"ix_notifications_{'_'.join(columns)}", "notifications", list(columns))


def downgrade() -> None:
    """Incidents that are open are forgotten, and what waits to be told of them is not."""
    connection = op.get_bind()
    ids = sa.table("object_ids", sa.column("id"), sa.column("kind"))
    references = sa.table("object_references", sa.column("from_id"), sa.column("to_id"))
    op.drop_column("silent_devices", "stage")
    for name in ("notifications", "incidents", "alert_states", *OBJECTS):
        op.drop_table(name)
    ours = sa.select(ids.c.id).where(ids.c.kind.in_(OBJECTS))
    connection.execute(sa.delete(references).where(references.c.from_id.in_(ours)))
    connection.execute(sa.delete(ids).where(ids.c.kind.in_(OBJECTS)))
