"""Certificate enrolment profiles, debug access that ends, machines that were exchanged, texts that
users are held to.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

EMPTY = sa.text("''")


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False, server_default=EMPTY)


def _id(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "ceps",
        sa.Column("id", sa.Text(), sa.ForeignKey("object_ids.id"), nullable=False),
        *(_text(name) for name in ("enterprise_id", "project_id", "name", "title")),
        *(_text(name) for name in ("device_id", "state")),
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
    op.create_index("ix_ceps_id", "ceps", ["id"])
    op.create_index("ix_ceps_device_id", "ceps", ["device_id"])
    op.create_table(
        "debug_windows",
        _id("enterprise_id"),
        _id("device_id"),
        _moment("closes_at"),
        sa.PrimaryKeyConstraint("enterprise_id", "device_id"),
    )
    op.create_index("ix_debug_windows_closes_at", "debug_windows", ["closes_at"])
    op.create_table(
        "machines_before",
        _id("enterprise_id"),
        _id("device_id"),
        _moment("left_at"),
        _moment("bound_at", nullable=True),
        _text("onboarding_key"),
        _text("serial"),
        sa.Column("certificate_hash", sa.LargeBinary(), nullable=False),
        _text("user_name"),
        _text("why"),
        sa.PrimaryKeyConstraint("enterprise_id", "device_id", "left_at"),
    )
    op.create_table(
        "policy_documents",
        _id("enterprise_id"),
        _id("version"),
        *(_text(name) for name in ("in_force", "file_url", "policy")),
        _moment("created_at"),
        _text("created_by"),
        sa.PrimaryKeyConstraint("enterprise_id", "version"),
    )


def downgrade() -> None:
    for name in ("policy_documents", "machines_before", "debug_windows"):
        op.drop_table(name)
    connection = op.get_bind()
    object_ids = sa.table("object_ids", sa.column("id"), sa.column("kind"))
    references = sa.table("object_references", sa.column("from_id"), sa.column("to_id"))
    ours = sa.select(object_ids.c.id).where(object_ids.c.kind == "ceps")
    connection.execute(sa.delete(references).where(references.c.to_id.in_(ours)))
    op.drop_table("ceps")
    connection.execute(sa.delete(object_ids).where(object_ids.c.kind == "ceps"))
