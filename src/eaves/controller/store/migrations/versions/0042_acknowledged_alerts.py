"""Who took care of an incident, and those that are open without looking at all that there were."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

NAME = "ix_incidents_open"
OPEN = sa.text("closed_at IS NULL")


def upgrade() -> None:
    op.add_column("incidents", sa.Column("acknowledged_at", sa.BigInteger(), nullable=True))
    nobody = sa.Column("acknowledged_by", sa.Text(), nullable=False, server_default=sa.text("''"))
    op.add_column("incidents", nobody)
    op.create_index(
        NAME,
        "incidents",
        ["enterprise_id", "opened_at", "id"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )


def downgrade() -> None:
    """Who took care of what is forgotten."""
    op.drop_index(NAME, "incidents")
    op.drop_column("incidents", "acknowledged_by")
    op.drop_column("incidents", "acknowledged_at")
