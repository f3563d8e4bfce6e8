"""`logs.db`: log lines and flow records, in chunks, and which uploads are known."""

from typing import Final

STEPS: Final = (
    (
        """CREATE TABLE log_chunks (
            id INTEGER PRIMARY KEY,
            enterprise_id TEXT NOT NULL DEFAULT '',
            device_id TEXT NOT NULL,
            app_id TEXT NOT NULL DEFAULT '',
            received_at BIGINT NOT NULL,
            first_ns BIGINT NOT NULL,
            last_ns BIGINT NOT NULL,
            lines INTEGER NOT NULL,
            levels INTEGER NOT NULL,
            size INTEGER NOT NULL,
            grams BLOB NOT NULL,
            heads BLOB NOT NULL,
            texts BLOB NOT NULL
        )""",
        """CREATE INDEX ix_log_chunks_time
            ON log_chunks (enterprise_id, device_id, app_id, last_ns, first_ns)""",
        """CREATE INDEX ix_log_chunks_first
            ON log_chunks (enterprise_id, device_id, app_id, first_ns, last_ns)""",
        """CREATE INDEX ix_log_chunks_age
            ON log_chunks (enterprise_id, device_id, received_at, size, lines)""",
        """CREATE TABLE flow_chunks (
            id INTEGER PRIMARY KEY,
            enterprise_id TEXT NOT NULL DEFAULT '',
            device_id TEXT NOT NULL,
            app_id TEXT NOT NULL DEFAULT '',
            netinst_id TEXT NOT NULL DEFAULT '',
            interface TEXT NOT NULL DEFAULT '',
            received_at BIGINT NOT NULL,
            first_at BIGINT NOT NULL,
            last_at BIGINT NOT NULL,
            records INTEGER NOT NULL,
            denied INTEGER NOT NULL,
            size INTEGER NOT NULL,
            flows BLOB NOT NULL,
            names BLOB NOT NULL
        )""",
        """CREATE INDEX ix_flow_chunks_time
            ON flow_chunks (enterprise_id, device_id, app_id, last_at, first_at)""",
        """CREATE INDEX ix_flow_chunks_age
            ON flow_chunks (enterprise_id, device_id, received_at, size, records)""",
        """CREATE TABLE telemetry_uploads (
            enterprise_id TEXT NOT NULL DEFAULT '',
            device_id TEXT NOT NULL,
            digest BLOB NOT NULL,
            received_at BIGINT NOT NULL,
            PRIMARY KEY (enterprise_id, device_id, digest)
        ) WITHOUT ROWID""",
        "CREATE INDEX ix_telemetry_uploads_age ON telemetry_uploads (received_at)",
    ),
)
