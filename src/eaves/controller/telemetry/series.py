"""Charts of metrics: which numbers of which object over a span of time, at a fitting fineness.

Samples of the last day are read as they came, older ones from roll-ups of five minutes and of an
hour.  What is not rolled up yet is read from the samples, so a chart always reaches to the newest
report.  Counters are shown as how much they grew: a counter that starts again at zero grew by what
it shows since, never by less than nothing.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from eaves.controller.store import series_store
from eaves.controller.store.series_store import FIVE_MINUTES, HOUR, RAW, SECOND, Sample
from eaves.evapi.metrics_fold import KINDS, Place, numbers, places

RAW_KEPT_S: Final = 24 * 3600
FIVE_MINUTES_KEPT_S: Final = 30 * 24 * 3600
CPU: Final = "cpu_ns"


@dataclass(frozen=True, slots=True)
class Series:
    """`times`: seconds since 1970, the starts of steps; `values[field][i]` belongs to `times[i]`.

    A gauge is the mean of the step, a counter what it grew in the step; None: nothing known.
    `step` is the step that was used: never finer than what is kept.
    """

    step: int
    times: tuple[int, ...]
    values: Mapping[str, tuple[float | None, ...]]


def level_for(start: int, step: int, now: int) -> int:
    """Seconds of the roll-up that serves a chart; RAW: samples as they came."""
    if step >= HOUR or now - start > FIVE_MINUTES_KEPT_S:
        return HOUR
    if step >= FIVE_MINUTES or now - start > RAW_KEPT_S:
        return FIVE_MINUTES
    return RAW


def objects_of(
    connection: Connection, device_id: str, object_kind: str, start: int, end: int
) -> tuple[str, ...]:
    """Ids of the objects of a kind (`device`, `port`, `disk`, `app`, ...) that were measured.

    Times in seconds since 1970.
    """
    samples = series_store.newest_samples(connection, device_id, 1)
    digests = {sample.layout for sample in samples}
    digests |= {
        rollup.layout
        for rollup in series_store.rollups_between(
            connection, device_id, HOUR, start * SECOND, end * SECOND
        )
    }
    found: dict[str, None] = {}
    for lines in series_store.layouts(connection, digests).values():
        for place in places(lines):
            if place.kind.name == object_kind:
                found.setdefault(place.object_id)
    return tuple(found)


def read_series(
    connection: Connection,
    device_id: str,
    object_kind: str,
    object_id: str,
    fields: Sequence[str],
    *,
    start: int,
    end: int,
    step: int,
    now: int,
) -> Series:
    """Fields of one object from `start` to `end`, a value for each step that has any.

    `object_kind` and `fields`: names of `evapi.metrics_fold.KINDS`; `object_id` is empty for the
    device itself.  Times and `step` in seconds; `now` tells what is still kept how finely.
    Raises KeyError for a kind or field that is not measured.
    """
    kind = next(kind for kind in KINDS.values() if kind.name == object_kind)
    counters = {field for field in fields if field in kind.counters}
    unknown = [field for field in fields if field not in kind.fields]
    if unknown:
        raise KeyError(f"{object_kind} has no {unknown[0]}; it has {', '.join(kind.fields)}")
    level = level_for(start, step, now)
    step = max(step, level, 1)
    chart = _Chart(object_kind, object_id, fields, counters, step)
    reached = start * SECOND
    if level:
        rollups = series_store.rollups_between(
            connection, device_id, level, start * SECOND, end * SECOND
        )
        layouts = _places(connection, (rollup.layout for rollup in rollups))
        for rollup in rollups:
            chart.add_rollup(rollup.start, rollup.numbers, rollup.samples, layouts[rollup.layout])
            reached = rollup.start + level * SECOND
    # the rest of a long chart is not older than the roll-ups that are still to be made
    reached = max(reached, (now - RAW_KEPT_S) * SECOND)
    samples = series_store.samples_between(
        connection, device_id, reached, end * SECOND, before=True
    )
    layouts = _places(connection, (sample.layout for sample in samples))
    for sample in samples:
        chart.add_sample(sample, layouts[sample.layout], counts=sample.time >= reached)
    return chart.series()


class _Chart:
    def __init__(
        self, kind: str, object_id: str, fields: Sequence[str], counters: set[str], step: int
    ) -> None:
        self._kind, self._id, self._step = kind, object_id, step
        self._fields, self._counters = tuple(fields), counters
        self._sums: dict[int, dict[str, list[float]]] = {}  # step -> field -> sum, weight
        self._last: dict[str, float] = {}

    def add_rollup(self, start: int, packed: bytes, weight: int, at: Sequence[Place]) -> None:
        place = self._place(at)
        if place is None:
            return
        values = unpack(packed)
        for field in self._fields:
            value = values[place.start + place.kind.fields.index(field)]
            self._add(start, field, value, weight)

    def add_sample(self, sample: Sample, at: Sequence[Place], *, counts: bool) -> None:
        place = self._place(at)
        if place is None:
            return
        values = numbers(sample.numbers)
        for field in self._fields:
            value = values[place.start + place.kind.fields.index(field)]
            if field in self._counters:
                before = self._last.get(field)
                self._last[field] = value
                if before is None:
                    continue
                value = grown(before, value)
            if counts:
                self._add(sample.time, field, value, 1)

    def series(self) -> Series:
        times = tuple(sorted(self._sums))
        return Series(
            step=self._step,
            times=times,
            values={
                field: tuple(self._value(self._sums[time].get(field), field) for time in times)
                for field in self._fields
            },
        )

    def _place(self, at: Sequence[Place]) -> Place | None:
        wanted = (self._kind, self._id)
        return next((place for place in at if (place.kind.name, place.object_id) == wanted), None)

    def _add(self, time: int, field: str, value: float, weight: int) -> None:
        second = time // SECOND
        cell = self._sums.setdefault(second - second % self._step, {}).setdefault(field, [0.0, 0.0])
        cell[0] += value if field in self._counters else value * weight
        cell[1] += weight

    def _value(self, cell: list[float] | None, field: str) -> float | None:
        if cell is None:
            return None
        return cell[0] if field in self._counters else cell[0] / cell[1]


def grown(before: float, after: float) -> float:
    """What a counter grew by; it may have started again at zero."""
    return after - before if after >= before else after


def pack(values: bytes) -> bytes:
    """Little-endian floats of four bytes: means (or growth), then lowest, then highest."""
    return zlib.compress(values, 1)


def unpack(packed: bytes) -> "memoryview[float]":
    """Means of gauges and growth of counters come first, in the order of the fields."""
    return memoryview(zlib.decompress(packed)).cast("f")


def _places(connection: Connection, digests: Iterable[bytes]) -> Mapping[bytes, tuple[Place, ...]]:
    wanted = frozenset(digests)
    lines = series_store.layouts(connection, wanted)
    return {digest: places(lines.get(digest, "")) for digest in wanted}


def cpu_shares(newest: Sequence[Sample], layouts: Mapping[bytes, str]) -> Mapping[str, float]:
    """Percent of one processor between the two newest samples, by app id; "" for the device."""
    if len(newest) < 2:
        return {}
    new, old = (_processor_times(sample, layouts.get(sample.layout, "")) for sample in newest[:2])
    nanoseconds = (newest[0].time - newest[1].time) * 1000
    if nanoseconds <= 0:
        return {}
    return {
        name: 100 * max(value - old[name], 0.0) / nanoseconds
        for name, value in new.items()
        if name in old
    }


def _processor_times(sample: Sample, lines: str) -> Mapping[str, float]:
    values = numbers(sample.numbers)
    return {
        place.object_id: values[place.start + place.kind.fields.index(CPU)]
        for place in places(lines)
        if CPU in place.kind.fields
    }
