"""A render job finds its devices by itself: how far it has come."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("render_jobs", sa.Column("found_to", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("render_jobs", "found_to")
