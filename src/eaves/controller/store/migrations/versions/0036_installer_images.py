"""Installer images of single devices."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "installer_images",
        sa.Column("enterprise_id", sa.Text(), nullable=False),
        sa.Column(
            "device_id",
            sa.Text(),
            sa.ForeignKey("object_ids.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("image_tag", sa.Text(), nullable=False),
        sa.Column("image_type", sa.Text(), nullable=False),
        sa.Column("install_disk", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("link_digest", sa.LargeBinary()),
        sa.Column("link_until", sa.BigInteger()),
        sa.PrimaryKeyConstraint("enterprise_id", "device_id", name="pk_installer_images"),
    )
    op.create_index("ix_installer_images_device_id", "installer_images", ["device_id"])
    op.create_index("ix_installer_images_link_digest", "installer_images", ["link_digest"])


def downgrade() -> None:
    op.drop_table("installer_images")
