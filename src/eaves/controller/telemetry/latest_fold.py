"""What stays in the database when a metrics store has the series: the last message of each device.

Samples that were kept here before age as they always did.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from eaves.controller.store import series_store
from eaves.controller.store.series_store import Latest
from eaves.controller.telemetry.reports import MetricsReport
from eaves.controller.telemetry.series_fold import SeriesReport


class LatestFold:
    """Folding a batch twice changes nothing: the newest wins."""

    def fold(self, connection: Connection, batch: Sequence[SeriesReport], /) -> Sequence[None]:
        latest: dict[str, Latest] = {}
        for report in batch:
            if isinstance(report, MetricsReport):
                known = latest.get(report.device_id)
                if known is not None and known.received_at > report.received_at:
                    continue  # of another process, whose batch came into the stream before
                latest[report.device_id] = Latest(
                    report.enterprise_id,
                    report.device_id,
                    report.at,
                    report.received_at,
                    report.digest,
                    report.message,
                )
            else:
                latest.pop(report.device_id, None)
                series_store.forget_device(connection, report.enterprise_id, report.device_id)
        # in one order for all: two processes that fold the same devices do not wait for each other
        rows = [latest[device_id] for device_id in sorted(latest)]
        series_store.put_latest(connection, rows)
        return [None] * len(batch)

    def forget(self) -> None:
        """Nothing is held."""
