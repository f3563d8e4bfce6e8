"""Reports of devices as the device side stores them, for tests that read them back."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.engine import URL

from eaves.controller.store.files import open_telemetry
from eaves.controller.store.log_chunks import read_chunk
from eaves.controller.store.sync import open_sync_engine, writing
from eaves.controller.store.unit import Db, attachable
from eaves.controller.telemetry.log_fold import LogFold, LogReport
from eaves.evapi.log_lines import LogLine

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


async def stored_lines(db: Db) -> list[LogLine]:
    """Every log line of every device and app."""
    chunks = await db.execute(text("SELECT heads, texts FROM log_chunks ORDER BY first_ns, id"))
    return [line for chunk in chunks for line in read_chunk(chunk.heads, chunk.texts)]
