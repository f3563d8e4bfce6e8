"""`state.db`: what devices last said, what became of it, and which uploads are known."""

from typing import Final

STEPS: Final = (
    (
        """CREATE TABLE info_latest (
            enterprise_id TEXT NOT NULL DEFAULT '',
            device_id TEXT NOT NULL,
            kind INTEGER NOT NULL,
            object_id TEXT NOT NULL DEFAULT '',
            at BIGINT,
            received_at BIGINT NOT NULL,
            message BLOB NOT NULL,
            PRIMARY KEY (enterprise_id, device_id, kind, object_id)
        )""",
        "CREATE INDEX ix_info_latest_device_id ON info_latest (device_id, kind, object_id)",
        """CREATE TABLE device_events (
            row INTEGER PRIMARY KEY AUTOINCREMENT,
            enterprise_id TEXT NOT NULL,
            device_id TEXT NOT NULL,
            origin BLOB NOT NULL,
            at BIGINT NOT NULL,
            kind INTEGER NOT NULL,
            object_id TEXT NOT NULL,
            name TEXT NOT NULL,
            event_type TEXT NOT NULL,
            severity TEXT NOT NULL,
            state INTEGER NOT NULL,
            text TEXT NOT NULL
        )""",
        """CREATE TABLE health_reports (
            enterprise_id TEXT NOT NULL DEFAULT '',
            device_id TEXT NOT NULL,
            received_at BIGINT NOT NULL,
            digest BLOB NOT NULL,
            message BLOB NOT NULL,
            PRIMARY KEY (enterprise_id, device_id, received_at, digest)
        )""",
        "CREATE INDEX ix_health_reports_digest ON health_reports (device_id, digest)",
    ),
)
