"""Indexes that filters of states by name and pages by project and model are read from alone."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TABLE = "listed_devices"
RUN_STATE = "ix_listed_devices_run_state"
BEFORE = ["enterprise_id", "project_id", "reported_state", "last_seen_at"]
MODEL = "ix_listed_devices_model"


def upgrade() -> None:
    op.drop_index(RUN_STATE, table_name=TABLE)
    op.create_index(RUN_STATE, TABLE, [*BEFORE, "name"])
    op.create_index(MODEL, TABLE, ["enterprise_id", "project_id", "modelId"])


def downgrade() -> None:
    op.drop_index(MODEL, table_name=TABLE)
    op.drop_index(RUN_STATE, table_name=TABLE)
    op.create_index(RUN_STATE, TABLE, BEFORE)
