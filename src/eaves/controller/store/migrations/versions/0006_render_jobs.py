"""Changes that touch many devices are rendered by durable jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

EMPTY = sa.text("''")
ZERO = sa.text("0")


def upgrade() -> None:
    op.add_column(
        "rendered_configs",
        sa.Column("generation", sa.BigInteger(), nullable=False, server_default=ZERO),
    )
    op.create_table(
        "render_jobs",
        sa.Column("enterprise_id", sa.Text(), nullable=False, server_default=EMPTY),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("object_kind", sa.Text(), nullable=False, server_default=EMPTY),
        sa.Column("object_id", sa.Text(), nullable=False, server_default=EMPTY),
        sa.Column("object_name", sa.Text(), nullable=False, server_default=EMPTY),
        sa.Column("user_name", sa.Text(), nullable=False, server_default=EMPTY),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("enterprise_id", "id", name="pk_render_jobs"),
    )
    op.create_index(
        "ix_render_jobs_finished_at_created_at", "render_jobs", ["finished_at", "created_at"]
    )
    op.create_table(
        "render_job_devices",
        sa.Column("enterprise_id", sa.Text(), nullable=False, server_default=EMPTY),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=ZERO),
        sa.Column("due_at", sa.BigInteger(), nullable=False, server_default=ZERO),
        sa.PrimaryKeyConstraint(
            "enterprise_id", "job_id", "device_id", name="pk_render_job_devices"
        ),
        sa.ForeignKeyConstraint(
            ["enterprise_id", "job_id"],
            ["render_jobs.enterprise_id", "render_jobs.id"],
            name="fk_render_job_devices_enterprise_id_job_id_render_jobs",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_render_job_devices_device_id", "render_job_devices", ["device_id"])


def downgrade() -> None:
    """Devices that still wait are rendered by the next start of the release before this one."""
    op.execute(
        sa.text(
            "DELETE FROM marks WHERE name = 'published_certificates' "
            "AND EXISTS (SELECT 1 FROM render_job_devices)"
        )
    )
    op.drop_table("render_job_devices")
    op.drop_table("render_jobs")
    op.drop_column("rendered_configs", "generation")
