"""How many devices of a render job failed, without looking at all that wait."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

NAME = "ix_render_job_devices_failed"
FAILED = sa.text("attempts > 0")


def upgrade() -> None:
    op.create_index(
        NAME,
        "render_job_devices",
        ["enterprise_id", "job_id"],
        sqlite_where=FAILED,
        postgresql_where=FAILED,
    )


def downgrade() -> None:
    op.drop_index(NAME, "render_job_devices")
