"""Deployments, app profiles, asset groups, profile deployments; and what policies made on nodes."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

EMPTY = sa.text("''")
ZERO = sa.text("0")
KINDS = ("deployments", "app_profiles", "asset_groups", "profile_deployments")


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False, server_default=EMPTY)


def _objects(kind: str) -> None:
    op.create_table(
        kind,
        sa.Column("id", sa.Text(), sa.ForeignKey("object_ids.id"), nullable=False),
        *(_text(name) for name in ("enterprise_id", "project_id", "name", "title")),
        *(_text(name) for name in ("device_id", "state")),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_before", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        _text("created_by"),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        _text("updated_by"),
        _text("body"),
        sa.PrimaryKeyConstraint("enterprise_id", "id"),
        sa.UniqueConstraint("enterprise_id", "name"),
    )
    op.create_index(f"ix_{kind}_id", kind, ["id"])
    op.create_index(f"ix_{kind}_device_id", kind, ["device_id"])


def upgrade() -> None:
    for kind in KINDS:
        _objects(kind)
    op.create_table(
        "app_profile_versions",
        _text("enterprise_id"),
        sa.Column(
            "profile_id",
            sa.Text(),
            sa.ForeignKey("object_ids.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        _text("body"),
        sa.PrimaryKeyConstraint("enterprise_id", "profile_id", "version"),
    )
    op.create_table(
        "policy_objects",
        _text("enterprise_id"),
        sa.Column(
            "object_id",
            sa.Text(),
            sa.ForeignKey("object_ids.id", ondelete="CASCADE"),
            nullable=False,
        ),
        *(_text(name) for name in ("device_id", "source_id", "entry", "kind", "template")),
        sa.PrimaryKeyConstraint("enterprise_id", "object_id"),
        sa.UniqueConstraint("enterprise_id", "device_id", "entry"),
    )
    op.create_index("ix_policy_objects_object_id", "policy_objects", ["object_id"])
    op.create_index("ix_policy_objects_device_id", "policy_objects", ["device_id"])
    op.create_index(
        "ix_policy_objects_enterprise_id_source_id",
        "policy_objects",
        ["enterprise_id", "source_id"],
    )
    op.create_table(
        "policy_wanted",
        _text("enterprise_id"),
        sa.Column("device_id", sa.Text(), nullable=False),
        _text("project_id"),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=ZERO),
        sa.Column("due_at", sa.BigInteger(), nullable=False, server_default=ZERO),
        _text("faults"),
        sa.PrimaryKeyConstraint("enterprise_id", "device_id"),
    )
    op.create_index("ix_policy_wanted_due_at", "policy_wanted", ["due_at"])
    op.create_index(
        "ix_policy_wanted_enterprise_id_project_id",
        "policy_wanted",
        ["enterprise_id", "project_id"],
    )
    op.create_table(
        "policy_sweeps",
        _text("enterprise_id"),
        _text("project_id"),
        _text("request"),
        _text("found_to"),
        sa.PrimaryKeyConstraint("enterprise_id", "project_id"),
    )


def downgrade() -> None:
    tables = ("policy_sweeps", "policy_wanted", "policy_objects", "app_profile_versions")
    for name in tables:
        op.drop_table(name)
    ids = sa.table("object_ids", sa.column("id"), sa.column("kind"))
    references = sa.table("object_references", sa.column("from_id"), sa.column("to_id"))
    connection = op.get_bind()
    ours = sa.select(ids.c.id).where(ids.c.kind.in_(KINDS))
    connection.execute(sa.delete(references).where(references.c.from_id.in_(ours)))
    for kind in reversed(KINDS):
        op.drop_table(kind)
    connection.execute(sa.delete(ids).where(ids.c.kind.in_(KINDS)))
