"""Reports of devices as the device side stores them, for tests that read them back."""

from collections.abc import Sequence

from sqlalchemy.engine import URL

from eaves.controller.store.files import open_telemetry
from eaves.controller.store.sync import open_sync_engine, writing
from eaves.controller.store.unit import attachable
from eaves.controller.telemetry.log_fold import LogFold, LogReport

INFLATED_BYTES = 16 * 1024 * 1024


def fold_logs(url: str | URL, *reports: LogReport) -> Sequence[bool]:
    """Store log files and flow messages; True for each that was new."""
    files = attachable(url)
    engine = open_telemetry(files["logs"]) if files else open_sync_engine(url)
    try:
        with writing(engine) as connection:
            return LogFold(INFLATED_BYTES).fold(connection, reports)
    finally:
        engine.dispose()
