"""Events of one device: how many there are, and the oldest of them."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

NAME = "ix_events_device_id_row"


def upgrade() -> None:
    op.create_index(NAME, "events", ["device_id", "row"])


def downgrade() -> None:
    op.drop_index(NAME, table_name="events")
