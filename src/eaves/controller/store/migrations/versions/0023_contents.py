"""Patch envelopes, artifacts, bytes that the controller keeps, latest images, snapshots of apps."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

EMPTY = sa.text("''")
KINDS = ("patch_envelopes", "artifacts")


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False, server_default=EMPTY)


def _number(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _of(name: str) -> "sa.Column[str]":
    owner = sa.ForeignKey("object_ids.id", ondelete="CASCADE")
    return sa.Column(name, sa.Text(), owner, nullable=False)


def _objects(kind: str) -> None:
    op.create_table(
        kind,
        sa.Column("id", sa.Text(), sa.ForeignKey("object_ids.id"), nullable=False),
        *(_text(name) for name in ("enterprise_id", "project_id", "name", "title")),
        *(_text(name) for name in ("device_id", "state")),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_before", sa.Integer(), nullable=False),
        _number("created_at"),
        _text("created_by"),
        _number("updated_at"),
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
        "contents",
        _of("object_id"),
        _text("enterprise_id"),
        _text("upload"),
        _number("total_bytes"),
        _number("received_bytes"),
        _text("sha256"),
        _number("updated_at"),
        sa.PrimaryKeyConstraint("object_id"),
    )
    op.create_index("ix_contents_sha256_enterprise_id", "contents", ["sha256", "enterprise_id"])
    op.create_index("ix_contents_enterprise_id", "contents", ["enterprise_id"])
    op.create_table(
        "latest_images",
        _text("enterprise_id"),
        _text("arch"),
        _of("image_id"),
        sa.PrimaryKeyConstraint("enterprise_id", "arch"),
    )
    op.create_index("ix_latest_images_image_id", "latest_images", ["image_id"])
    op.create_table(
        "app_snapshots",
        sa.Column("id", sa.Text(), nullable=False),
        _text("enterprise_id"),
        _of("instance_id"),
        _text("name"),
        _text("config"),
        sa.Column("immediate", sa.Boolean(), nullable=False),
        sa.Column("rollback", sa.Integer(), nullable=False, server_default=sa.text("0")),
        _number("created_at"),
        _number("changed_at"),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_app_snapshots_instance_id", "app_snapshots", ["instance_id"])
    op.create_index(
        "uq_app_snapshots_name",
        "app_snapshots",
        ["instance_id", "name"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def downgrade() -> None:
    connection = op.get_bind()
    for table in ("app_snapshots", "latest_images", "contents"):
        op.drop_table(table)
    ids = sa.table("object_ids", sa.column("id"), sa.column("kind"))
    references = sa.table("object_references", sa.column("from_id"), sa.column("to_id"))
    ours = sa.select(ids.c.id).where(ids.c.kind.in_(KINDS))
    connection.execute(sa.delete(references).where(references.c.to_id.in_(ours)))
    connection.execute(sa.delete(references).where(references.c.from_id.in_(ours)))
    for kind in KINDS:
        op.drop_table(kind)
    connection.execute(sa.delete(ids).where(ids.c.kind.in_(KINDS)))
