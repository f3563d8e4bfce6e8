"""Charts out of a metrics store: what is asked of it, and what its answers mean.

Only functions that every store of this kind has are used, over windows that meet without a gap.  A
counter is asked for its last value in windows finer than a step of the chart, and what it grew by
is counted here as with the embedded series: one that starts again at zero grew by what it shows
since.  (`increase` guesses beyond the samples in some stores, and not in others.)
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog

from eaves.controller.store.series_store import HOUR
from eaves.controller.telemetry.series import CPU, Series
from eaves.controller.telemetry.series_reading import Asked, Measured
from eaves.controller.telemetry.sinks.http import SinkAway, SinkRefused
from eaves.controller.telemetry.sinks.metrics_store import Found, MetricsReader
from eaves.controller.telemetry.sinks.promql import Owner, selector
from eaves.errors import Transient
from eaves.evapi.metrics_fold import KINDS

log = structlog.get_logger()

FINE_S: Final = (60, 300, 900, 3600)
MOST_WINDOWS: Final = 3000  # of one series
MILLISECOND: Final = 0.001
NEWEST_WITHIN_S: Final = 70 * 60  # a device that reports more seldom has no share of now
AHEAD_S: Final = 300  # how far the clock of a device may be ahead

Cells = dict[str, dict[str, dict[int, float]]]  # object -> field -> start of the step -> value


class MetricsStoreAway(Transient):
    """The store gives no answer that could be shown."""


class StoreSeries:
    """Lives on the loop of `reader`, which it closes."""

    def __init__(self, reader: MetricsReader) -> None:
        self._reader = reader

    async def series(self, asked: Asked, /) -> Mapping[str, Series]:
        kind = next(kind for kind in KINDS.values() if kind.name == asked.kind)
        step = max(asked.step, 1)
        first, last = asked.start - asked.start % step, asked.end - asked.end % step
        counters = [field for field in asked.fields if field in kind.counters]
        gauges = [field for field in asked.fields if field in kind.gauges]
        fine = finest(step, last + step - first)
        before = -(-HOUR // fine) * fine
        grew, means = await asyncio.gather(
            self._windows("last_over_time", asked, counters, first - before, last + step, fine),
            self._windows("avg_over_time", asked, gauges, first, last + step, step),
        )
        cells: Cells = {}
        for found in grew:
            cell = _cell(cells, found)
            cell.update(growth(starts_of(found, fine), first, step))
        for found in means:
            _cell(cells, found).update(starts_of(found, step))
        return {
            object_id: _series(step, asked.fields, cells[object_id]) for object_id in sorted(cells)
        }

    async def cpu_shares(self, of: Measured, received_at: float, /) -> Mapping[str, float]:
        owner = Owner(of.enterprise_id, of.device_id)
        every = selector(owner, ("device", "app"), (CPU,), below=True)
        query = f"{every}[{NEWEST_WITHIN_S + AHEAD_S}s]"
        try:
            answers = await self._reader.at(query, received_at + AHEAD_S)
        except (SinkAway, SinkRefused) as error:
            raise _away(error) from error
        return newest_shares(answers)

    async def close(self) -> None:
        await self._reader.close()

    async def _windows(
        self,
        function: str,
        asked: Asked,
        fields: Sequence[str],
        start: int,
        end: int,
        width: int,
    ) -> Sequence[Found]:
        """`function` over each window [start, start + width), told at its last millisecond."""
        if not fields:
            return ()
        chosen = selector(
            Owner(asked.of.enterprise_id, asked.of.device_id),
            (asked.kind,),
            fields,
            object_id=asked.object_id,
            below=asked.below,
        )
        query = f"{function}({chosen}[{width}s])"
        try:
            return await self._reader.over_time(
                query, start + width - MILLISECOND, end - MILLISECOND, width
            )
        except (SinkAway, SinkRefused) as error:
            raise _away(error) from error


def _away(error: SinkAway | SinkRefused) -> MetricsStoreAway:
    log.warning("metrics_store_away", why=str(error))
    return MetricsStoreAway(
        f"the metrics store does not answer ({error}); what devices send is kept meanwhile, and "
        "charts are whole again once it is back"
    )


def finest(step: int, span: int) -> int:
    """Seconds of the windows that counters are asked in; they fill a step exactly."""
    fitting = (fine for fine in FINE_S if step % fine == 0 and span <= fine * MOST_WINDOWS)
    return min(next(fitting, step), step)


def starts_of(found: Found, width: int) -> dict[int, float]:
    """The value of each window by its start, oldest first."""
    return {round(at + MILLISECOND) - width: float(value) for at, value in found.values}


def growth(windows: Mapping[int, float], first: int, step: int) -> dict[int, float]:
    """What a counter grew by in each step from `first` on; `windows`: its values, oldest first."""
    found: dict[int, float] = {}
    before: float | None = None
    for start, value in windows.items():
        if before is not None and start >= first:
            cell = start - start % step
            found[cell] = found.get(cell, 0.0) + (value - before if value >= before else value)
        before = value
    return found


def newest_shares(answers: Iterable[Found]) -> Mapping[str, float]:
    """See `SeriesReader.cpu_shares`; what has no sample of the newest moment is not shown."""
    samples = {
        found.metric.get("object", ""): sorted({at: float(v) for at, v in found.values}.items())
        for found in answers
    }
    of_device = samples.get("", [])
    newest = of_device[-1][0] if of_device else 0.0
    shares: dict[str, float] = {}
    for name, known in samples.items():
        if len(known) < 2 or known[-1][0] != newest:
            continue
        (earlier, old), (later, new) = known[-2:]
        shares[name] = 100 * max(new - old, 0.0) / ((later - earlier) * 1e9)
    return shares


def _cell(cells: Cells, found: Found) -> dict[int, float]:
    of_object = cells.setdefault(found.metric.get("object", ""), {})
    return of_object.setdefault(found.metric.get("field", ""), {})


def _series(step: int, fields: Sequence[str], of: Mapping[str, Mapping[int, float]]) -> Series:
    times = sorted({time for by_time in of.values() for time in by_time})
    return Series(
        step=step,
        times=tuple(times),
        values={field: tuple(of.get(field, {}).get(time) for time in times) for field in fields},
    )
