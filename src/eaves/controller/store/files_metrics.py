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
            cpu BLOB NOT NULL,
            cpu_before BLOB NOT NULL,
            PRIMARY KEY (enterprise_id, device_id)
        )""",
        "CREATE INDEX ix_metrics_latest_device_id ON metrics_latest (device_id)",
        """CREATE TABLE metric_layouts (
            digest BLOB NOT NULL PRIMARY KEY,
            objects TEXT NOT NULL
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
    ),
)
