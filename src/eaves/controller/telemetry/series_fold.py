"""What becomes of metrics: a row of numbers for each message, and the last message as it came."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from sqlalchemy import Connection

from eaves.controller.store import series_store
from eaves.controller.store.partitions import HOUR_US, Partitions
from eaves.controller.store.series_store import FIVE_MINUTES, SECOND, Due, Latest, Sample
from eaves.controller.store.sync import is_postgresql, lock_devices
from eaves.controller.telemetry.reports import DIGEST_BYTES, DeviceForgotten, MetricsReport
from eaves.controller.telemetry.rollups import Shapes

K = TypeVar("K")

SeriesReport = MetricsReport | DeviceForgotten

REMEMBERED: Final = 50_000  # layouts, and spans that are known to be due
FROM_PAST: Final = 3600 * SECOND  # a device clock further off is not believed
FROM_FUTURE: Final = 300 * SECOND
_DIGITS: Final = 1000  # of the time, that come from the digest


class SeriesFold:
    """Folding a batch twice changes nothing: a sample is known by device, time and digest."""

    def __init__(self, clock: Callable[[], int], shapes: Shapes) -> None:
        """`clock`: microseconds since 1970; `shapes` is told of layouts, for the roll-ups."""
        self._clock, self._shapes = clock, shapes
        self._layouts: OrderedDict[tuple[str, bytes], None] = OrderedDict()
        self._due: OrderedDict[Due, None] = OrderedDict()
        self._timeless: OrderedDict[tuple[str, bytes], None] = OrderedDict()
        self._partitions = Partitions("metric_samples", span_us=HOUR_US)

    def fold(self, connection: Connection, batch: Sequence[SeriesReport], /) -> Sequence[None]:
        reports: list[MetricsReport] = []
        for report in batch:
            if isinstance(report, MetricsReport):
                reports.append(report)
                continue
            self._fold(connection, reports)
            reports = []
            series_store.forget_device(connection, report.enterprise_id, report.device_id)
            self._due.clear()
        self._fold(connection, reports)
        return [None] * len(batch)

    def forget(self) -> None:
        self._layouts.clear()
        self._due.clear()
        self._timeless.clear()
        self._partitions.forget()

    def rolled_up(self, done: Sequence[Due]) -> None:
        """These spans are not due any more: a late sample makes them so again."""
        for due in done:
            self._due.pop(due, None)

    def _fold(self, connection: Connection, reports: Sequence[MetricsReport]) -> None:
        if not reports:
            return
        layouts: list[tuple[str, bytes, str]] = []
        samples: list[Sample] = []
        due: list[Due] = []
        overdue: set[str] = set()
        latest: dict[str, Latest] = {}
        # other processes roll up there; what waited in a stream comes long after it was received
        now = self._clock() if is_postgresql(connection) else 0
        for report in reports:
            owner = report.enterprise_id, report.device_id
            if not believed(report) and self._came_before(connection, report):
                continue
            layout = layout_of(report.objects)
            if _new(self._layouts, (report.enterprise_id, layout)):
                layouts.append((report.enterprise_id, layout, report.objects))
                self._shapes.note(layout, report.objects)
            time = time_of(report)
            samples.append(Sample(*owner, time, layout, report.values))
            span = Due(*owner, FIVE_MINUTES, time - time % (FIVE_MINUTES * SECOND))
            late = max(now, report.received_at) >= span.start + FIVE_MINUTES * SECOND
            if late:  # the span may have been rolled up: what is remembered does not count
                overdue.add(report.device_id)
            if _new(self._due, span) or late:
                due.append(span)
            latest[report.device_id] = Latest(
                *owner, report.at, report.received_at, report.digest, report.message
            )
        self._partitions.ensure(connection, (sample.time for sample in samples))
        if overdue:
            lock_devices(connection, overdue)  # a roll-up of theirs comes before or after
        series_store.put_layouts(connection, layouts)
        series_store.put_samples(connection, samples)
        series_store.put_due(connection, due)
        series_store.put_latest(connection, list(latest.values()))

    def _came_before(self, connection: Connection, report: MetricsReport) -> bool:
        """Whether a message without a usable time is the one that came last, or lately."""
        key = report.device_id, report.digest
        return not _new(self._timeless, key) or series_store.is_latest(
            connection, report.enterprise_id, report.device_id, report.digest
        )


def layout_of(objects: str) -> bytes:
    """What names a list of objects."""
    return hashlib.sha256(objects.encode()).digest()[:DIGEST_BYTES]


def believed(report: MetricsReport) -> bool:
    """Is the clock of the device about right?"""
    at, received = report.at, report.received_at
    return at is not None and received - FROM_PAST <= at <= received + FROM_FUTURE


def time_of(report: MetricsReport) -> int:
    """The time of a sample: the device's, unless its clock is far off; see `series_store`."""
    at = report.at if report.at is not None and believed(report) else report.received_at
    return at - at % _DIGITS + int.from_bytes(report.digest[:4], "big") % _DIGITS


def _new(known: "OrderedDict[K, None]", key: K) -> bool:
    if key in known:
        return False
    known[key] = None
    if len(known) > REMEMBERED:
        known.popitem(last=False)
    return True
