"""A log line that tells which it is (instance and number of its log) is kept once."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NUMBERED = sa.text("iid <> ''")


def upgrade() -> None:
    op.execute(
        sa.text(
            "DELETE FROM logs WHERE iid <> '' AND row NOT IN (SELECT min(row) FROM logs "
            "WHERE iid <> '' GROUP BY device_id, app_id, iid, msgid, time_ns)"
        )
    )
    op.create_index(
        "uq_logs_line",
        "logs",
        ["device_id", "app_id", "iid", "msgid", "time_ns"],
        unique=True,
        sqlite_where=NUMBERED,
        postgresql_where=NUMBERED,
    )


def downgrade() -> None:
    op.drop_index("uq_logs_line", table_name="logs")
