"""Where a device stood when it made its last quote, as far as it told."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    nothing = sa.text("''")
    op.add_column(
        "attestations", sa.Column("place", sa.Text(), nullable=False, server_default=nothing)
    )


def downgrade() -> None:
    op.drop_column("attestations", "place")
