"""What several controller processes on one database share."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LINES = 16
EMPTY = sa.text("''")


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False, server_default=EMPTY),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    heads = op.create_table(
        "change_heads",
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kept_from", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("line", name="pk_change_heads"),
    )
    op.bulk_insert(heads, [{"line": n, "number": 0, "kept_from": 1} for n in range(LINES)])
    op.create_table(
        "changes",
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False, server_default=EMPTY),
        sa.Column("ids", sa.Text(), nullable=False, server_default=EMPTY),
        sa.PrimaryKeyConstraint("line", "number", name="pk_changes"),
    )
    op.create_index("ix_changes_at", "changes", ["at"])
    op.create_table(
        "controller_keys",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_controller_keys"),
    )
    op.create_table(
        "render_wanted",
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("wanted_at", sa.BigInteger(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", name="pk_render_wanted"),
    )
    op.create_index("ix_render_wanted_wanted_at", "render_wanted", ["wanted_at"])
    op.create_table(
        "silent_devices",
        sa.Column("enterprise_id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("enterprise_id", "device_id", name="pk_silent_devices"),
    )


def downgrade() -> None:
    for name in (
        "silent_devices",
        "render_wanted",
        "controller_keys",
        "changes",
        "change_heads",
        "leases",
    ):
        op.drop_table(name)
