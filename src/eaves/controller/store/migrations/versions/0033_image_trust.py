"""Signatures of images, and policies that ask for them."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "image_trust",
        sa.Column("enterprise_id", sa.Text(), nullable=False),
        sa.Column(
            "object_id",
            sa.Text(),
            sa.ForeignKey("object_ids.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("body", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.PrimaryKeyConstraint("enterprise_id", "object_id", name="pk_image_trust"),
    )
    op.create_index("ix_image_trust_object_id", "image_trust", ["object_id"])


def downgrade() -> None:
    op.drop_table("image_trust")
