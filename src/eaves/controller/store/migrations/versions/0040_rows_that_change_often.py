"""On PostgreSQL, rows that change often are written anew within their page, without their indexes.

That takes room in the page (`fillfactor`), and no index on what changes: the last contact of a
device leaves the index of run states, which PostgreSQL reads for groups alone.  What is packed
already is stored as it is, large messages within their row.  Events had two indexes of the same
columns: one of them was their key.

Who writes takes the latest messages first and events last, and goes on while this waits; so the
tables are taken in that order.

A database that only speaks its language and knows no such storage does without.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import NotSupportedError

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

LISTED, RUN_STATE = "listed_devices", "ix_listed_devices_run_state"
GROUPED = ["enterprise_id", "project_id", "reported_state"]
TWICE = "ix_events_enterprise_id_row"

ROOM = {"device_seen": 70, LISTED: 80, "info_latest": 60, "metrics_latest": 50}
WITHIN_THE_ROW = ("info_latest", "metrics_latest")
PACKED = {
    "info_latest": ("message",),
    "metrics_latest": ("message",),
    "log_chunks": ("grams", "heads", "texts"),
    "flow_chunks": ("flows", "names"),
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    # of each lock: those who write wait behind it meanwhile; `store.schema` tries again
    _store("SET LOCAL lock_timeout = '10s'")
    for table, columns in PACKED.items():
        for column in columns:
            _store(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL")
    for table, percent in ROOM.items():
        _store(f"ALTER TABLE {table} SET (fillfactor = {percent})")
    for table in WITHIN_THE_ROW:
        _store(f"ALTER TABLE {table} SET (toast_tuple_target = 8160)")
    op.drop_index(RUN_STATE, table_name=LISTED)
    op.create_index(RUN_STATE, LISTED, [*GROUPED, "name"])
    op.drop_index(TWICE, table_name="events")


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, columns in PACKED.items():
        for column in columns:
            _store(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTENDED")
    for table in WITHIN_THE_ROW:
        _store(f"ALTER TABLE {table} RESET (toast_tuple_target)")
    for table in ROOM:
        _store(f"ALTER TABLE {table} RESET (fillfactor)")
    op.create_index(TWICE, "events", ["enterprise_id", "row"])
    op.drop_index(RUN_STATE, table_name=LISTED)
    op.create_index(RUN_STATE, LISTED, [*GROUPED, "last_seen_at", "name"])


def _store(statement: str) -> None:
    bind = op.get_bind()
    try:
        with bind.begin_nested():
            bind.execute(sa.text(statement))
    except NotSupportedError:
        return  # what it would make quicker works as before
