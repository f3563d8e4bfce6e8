"""What built images will measure, told with them."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "image_measurements",
        sa.Column("enterprise_id", sa.Text(), nullable=False),
        sa.Column(
            "image_id",
            sa.Text(),
            sa.ForeignKey("object_ids.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("enterprise_id", "image_id", name="pk_image_measurements"),
    )
    op.create_index("ix_image_measurements_image_id", "image_measurements", ["image_id"])


def downgrade() -> None:
    op.drop_table("image_measurements")
