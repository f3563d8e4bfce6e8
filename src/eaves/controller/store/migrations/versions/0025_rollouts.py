"""Staged roll-outs."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

EMPTY = sa.text("''")
ZERO = sa.text("0")


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False, server_default=EMPTY)


def _number(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer(), nullable=False, server_default=ZERO)


def upgrade() -> None:
    op.create_table(
        "rollouts",
        _text("enterprise_id"),
        sa.Column("id", sa.Text(), nullable=False),
        *(_text(name) for name in ("name", "project_id", "operation", "spec", "user_id")),
        *(_text(name) for name in ("user_name", "phase", "reasons")),
        _number("wave"),
        _number("accepted"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("enterprise_id", "id", name="pk_rollouts"),
        sa.UniqueConstraint("enterprise_id", "name", name="uq_rollouts_enterprise_id_name"),
    )
    op.create_index("ix_rollouts_phase_created_at", "rollouts", ["phase", "created_at"])
    op.create_table(
        "rollout_objects",
        _text("enterprise_id"),
        sa.Column("rollout_id", sa.Text(), nullable=False),
        *(_text(name) for name in ("object_id", "object_name", "project_id", "device_id")),
        sa.Column("wave", sa.Integer(), nullable=False),
        *(_text(name) for name in ("grp", "zone", "standing", "result", "wanted", "was")),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint(
            "enterprise_id", "rollout_id", "object_id", name="pk_rollout_objects"
        ),
        sa.ForeignKeyConstraint(
            ["enterprise_id", "rollout_id"],
            ["rollouts.enterprise_id", "rollouts.id"],
            name="fk_rollout_objects_enterprise_id_rollout_id_rollouts",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_rollout_objects_standing",
        "rollout_objects",
        ["enterprise_id", "rollout_id", "standing", "wave", "object_id"],
    )


def downgrade() -> None:
    """Roll-outs that are not done stop where they are."""
    op.drop_table("rollout_objects")
    op.drop_table("rollouts")
