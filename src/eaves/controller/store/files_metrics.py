"""`metrics.db`: series of counters and gauges, their roll-ups, and the last full message."""

from typing import Final

STEPS: Final = (
    (
        """CREATE TABLE metrics_latest (
            enterprise_id TEXT NOT NULL DEFAULT '',
            device_id TEXT NOT NULL,
            at BIGINT,
            received_at BIGINT NOT NULL,
            digest BLOB NOT NULL,
            message BLOB NOT NULL,
            PRIMARY KEY (enterprise_id, device_id)
        )""",
        "CREATE INDEX ix_metrics_latest_device_id ON metrics_latest (device_id)",
        """CREATE TABLE metric_layouts (
            enterprise_id TEXT NOT NULL DEFAULT '',
            digest BLOB NOT NULL,
            objects TEXT NOT NULL,
            PRIMARY KEY (enterprise_id, digest)
        ) WITHOUT ROWID""",
        """CREATE TABLE metric_samples (
            row INTEGER PRIMARY KEY,
            enterprise_id TEXT NOT NULL DEFAULT '',
            device_id TEXT NOT NULL,
            time BIGINT NOT NULL,
            layout BLOB NOT NULL,
            numbers BLOB NOT NULL
        )""",
        "CREATE UNIQUE INDEX uq_metric_samples ON metric_samples (device_id, time)",
        """CREATE TABLE metric_rollups (
            row INTEGER PRIMARY KEY,
            enterprise_id TEXT NOT NULL DEFAULT '',
            device_id TEXT NOT NULL,
            level INTEGER NOT NULL,
            start BIGINT NOT NULL,
            layout BLOB NOT NULL,
            samples INTEGER NOT NULL,
            numbers BLOB NOT NULL
        )""",
        """CREATE UNIQUE INDEX uq_metric_rollups
            ON metric_rollups (enterprise_id, device_id, level, start, layout)""",
        "CREATE INDEX ix_metric_rollups_age ON metric_rollups (level, start)",
        """CREATE TABLE metric_due (
            enterprise_id TEXT NOT NULL DEFAULT '',
            device_id TEXT NOT NULL,
            level INTEGER NOT NULL,
            start BIGINT NOT NULL,
            PRIMARY KEY (level, start, enterprise_id, device_id)
        ) WITHOUT ROWID""",
    ),
)
