"""Log lines and flow records in chunks, partitioned by the day of their arrival.

Only PostgreSQL has them in the database; the telemetry files of SQLite make their own.  The tables
of the release before stay: their rows are moved over while the controller runs.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = (
    "CREATE SEQUENCE telemetry_chunk_ids",
    """CREATE TABLE log_chunks (
        enterprise_id TEXT NOT NULL DEFAULT '',
        device_id TEXT NOT NULL,
        id BIGINT NOT NULL DEFAULT nextval('telemetry_chunk_ids'),
        app_id TEXT NOT NULL DEFAULT '',
        received_at BIGINT NOT NULL,
        first_ns BIGINT NOT NULL,
        last_ns BIGINT NOT NULL,
        lines INTEGER NOT NULL,
        levels INTEGER NOT NULL,
        size INTEGER NOT NULL,
        grams BYTEA NOT NULL,
        heads BYTEA NOT NULL,
        texts BYTEA NOT NULL,
        PRIMARY KEY (enterprise_id, device_id, id, received_at)
    ) PARTITION BY RANGE (received_at)""",
    """CREATE INDEX ix_log_chunks_time
        ON log_chunks (enterprise_id, device_id, app_id, last_ns, first_ns)""",
    """CREATE INDEX ix_log_chunks_first
        ON log_chunks (enterprise_id, device_id, app_id, first_ns, last_ns)""",
    """CREATE TABLE flow_chunks (
        enterprise_id TEXT NOT NULL DEFAULT '',
        device_id TEXT NOT NULL,
        id BIGINT NOT NULL DEFAULT nextval('telemetry_chunk_ids'),
        app_id TEXT NOT NULL DEFAULT '',
        netinst_id TEXT NOT NULL DEFAULT '',
        interface TEXT NOT NULL DEFAULT '',
        received_at BIGINT NOT NULL,
        first_at BIGINT NOT NULL,
        last_at BIGINT NOT NULL,
        records INTEGER NOT NULL,
        denied INTEGER NOT NULL,
        size INTEGER NOT NULL,
        flows BYTEA NOT NULL,
        names BYTEA NOT NULL,
        PRIMARY KEY (enterprise_id, device_id, id, received_at)
    ) PARTITION BY RANGE (received_at)""",
    """CREATE INDEX ix_flow_chunks_time
        ON flow_chunks (enterprise_id, device_id, app_id, last_at, first_at)""",
    """CREATE TABLE telemetry_uploads (
        enterprise_id TEXT NOT NULL DEFAULT '',
        device_id TEXT NOT NULL,
        digest BYTEA NOT NULL,
        received_at BIGINT NOT NULL,
        PRIMARY KEY (enterprise_id, device_id, digest)
    )""",
    "CREATE INDEX ix_telemetry_uploads_age ON telemetry_uploads (received_at)",
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement in TABLES:
            op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in ("log_chunks", "flow_chunks", "telemetry_uploads"):
            op.execute(f"DROP TABLE {table}")
        op.execute("DROP SEQUENCE telemetry_chunk_ids")
