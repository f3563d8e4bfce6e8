"""Charts of metrics: which numbers of which object over a span of time, at a fitting fineness.

Samples of the last day are read as they came, older ones from roll-ups of five minutes and of an
hour.  What is not rolled up yet is read from the samples, so a chart always reaches to the newest
report.  Counters are shown as how much they grew: a counter that starts again at zero grew by what
it shows since, never by less than nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from sqlalchemy import Connection

from eaves.controller.store import series_store
from eaves.controller.store.packed import unpack_numbers
from eaves.controller.store.series_store import (
    FIVE_MINUTES,
    HOUR,
    RAW,
    SECOND,
    Rollup,
    Sample,
)
from eaves.evapi.metrics_fold import KINDS, numbers, places

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

RAW_KEPT_S: Final = 24 * 3600
FIVE_MINUTES_KEPT_S: Final = 30 * 24 * 3600
CPU: Final = "cpu_ns"
_ROWS_AT_ONCE: Final = 1024  # unpacked; a row of many objects has thousands of numbers


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
    object_ids: Sequence[str],
    fields: Sequence[str],
    *,
    start: int,
    end: int,
    step: int,
    now: int,
) -> Mapping[str, Series]:
    """Fields of objects from `start` to `end`, a value for each step that has any; by object.

    `object_kind` and `fields`: names of `evapi.metrics_fold.KINDS`; the id of the device itself is
    empty.  Times and `step` in seconds; `now` tells what is still kept how finely.
    Raises KeyError for a kind or field that is not measured.
    """
    kind = next(kind for kind in KINDS.values() if kind.name == object_kind)
    unknown = [field for field in fields if field not in kind.fields]
    if unknown:
        raise KeyError(f"{object_kind} has no {unknown[0]}; it has {', '.join(kind.fields)}")
    level = level_for(start, step, now)
    step = max(step, level, 1)
    wanted = _Wanted(object_kind, frozenset(object_ids), tuple(map(kind.fields.index, fields)))
    rolled: dict[str, list[_Part]] = {}
    reached = start * SECOND
    if level:
        rollups = series_store.rollups_between(
            connection, device_id, level, start * SECOND, end * SECOND
        )
        rolled = _parts(connection, rollups, wanted, _rollup_told, _ROLLUP)
        reached = max((rollup.start + level * SECOND for rollup in rollups), default=reached)
    # the rest of a long chart is not older than the roll-ups that are still to be made
    reached = max(reached, (now - RAW_KEPT_S) * SECOND)
    samples = series_store.samples_between(
        connection, device_id, reached, end * SECOND, before=True
    )
    raw = _parts(connection, samples, wanted, _sample_told, _SAMPLE)
    counters = [field in kind.counters for field in fields]
    return {
        one: _summed(
            [*rolled.get(one, ()), *_grown(raw.get(one, ()), counters, reached)],
            counters,
            fields,
            step,
        )
        for one in object_ids
    }


@dataclass(frozen=True, slots=True)
class _Wanted:
    kind: str
    object_ids: frozenset[str]
    columns: tuple[int, ...]  # of an object, in the order of the fields asked for


@dataclass(frozen=True, slots=True)
class _Part:
    """Fields of one object at some moments; a line of `table` is of one moment."""

    times: "NDArray[int64]"  # microseconds
    weights: "NDArray[float64]"
    table: "NDArray[float64]"  # NaN: not known


Row = TypeVar("Row", Rollup, Sample)
_Told = tuple[int, int, bytes]  # when (microseconds), how many samples, numbers


@dataclass(frozen=True, slots=True)
class _Form:
    """Of the numbers of a row."""

    bytes: int  # of one
    tables: int  # one after the other, of which the first is shown


_SAMPLE: Final = _Form(8, 1)
_ROLLUP: Final = _Form(4, 3)  # means or growth, lowest, highest


def _rollup_told(rollup: Rollup) -> _Told:
    return rollup.start, rollup.samples, unpack_numbers(rollup.numbers)


def _sample_told(sample: Sample) -> _Told:
    return sample.time, 1, sample.numbers


def _parts(
    connection: Connection,
    rows: Sequence[Row],
    wanted: _Wanted,
    read: Callable[[Row], _Told],
    form: _Form,
) -> dict[str, list[_Part]]:
    """The objects' fields in rows; a row that is shorter than its layout tells nothing."""
    by_layout: dict[bytes, list[Row]] = {}
    for row in rows:
        by_layout.setdefault(row.layout, []).append(row)
    lines = series_store.layouts(connection, by_layout)
    parts: dict[str, list[_Part]] = {}
    for layout, alike in by_layout.items():
        there = [
            place
            for place in places(lines.get(layout, ""))
            if place.kind.name == wanted.kind and place.object_id in wanted.object_ids
        ]
        columns = [place.start + column for place in there for column in wanted.columns]
        for start in range(0, len(alike) if columns else 0, _ROWS_AT_ONCE):
            told = [read(row) for row in alike[start : start + _ROWS_AT_ONCE]]
            for part in _tables(told, columns, form):
                for place, own in zip(there, _split(part, len(wanted.columns)), strict=True):
                    parts.setdefault(place.object_id, []).append(own)
    return parts


def _tables(told: Sequence[_Told], columns: Sequence[int], form: _Form) -> Iterator[_Part]:
    """Some columns of rows that are equally long; mostly all are."""
    import numpy as np  # noqa: PLC0415 - a start need not wait for it

    by_size: dict[int, list[_Told]] = {}
    for row in told:
        by_size.setdefault(len(row[2]), []).append(row)
    for size, alike in by_size.items():
        width, rest = divmod(size, form.bytes)
        if rest or width // form.tables <= max(columns):
            continue
        values = np.frombuffer(b"".join(data for _, _, data in alike), f"<f{form.bytes}")
        yield _Part(
            np.array([time for time, _, _ in alike], np.int64),
            np.array([count for _, count, _ in alike], np.float64),
            values.reshape(-1, width)[:, columns].astype("f8"),
        )


def _split(part: _Part, width: int) -> Iterator[_Part]:
    """The columns of each object."""
    for start in range(0, part.table.shape[1], width):
        yield _Part(part.times, part.weights, part.table[:, start : start + width])


def _grown(parts: Sequence[_Part], counters: Sequence[bool], reached: int) -> Sequence[_Part]:
    """Samples with what counters grew since the one before; from `reached` on."""
    import numpy as np  # noqa: PLC0415 - as above

    if not parts:
        return ()
    times = np.concatenate([part.times for part in parts])
    order = np.argsort(times, kind="stable")
    times = times[order]
    table: NDArray[float64] = np.concatenate([part.table for part in parts])[order]
    for column, counts in enumerate(counters):
        if counts:
            values = table[:, column].copy()
            steps = np.diff(values)
            table[1:, column] = np.where(steps >= 0, steps, values[1:])  # it may start again at 0
            table[0, column] = np.nan
    shown = times >= reached
    return (_Part(times[shown], np.ones(int(shown.sum())), table[shown]),)


def _summed(
    parts: Sequence[_Part], counters: Sequence[bool], fields: Sequence[str], step: int
) -> Series:
    import numpy as np  # noqa: PLC0415 - as above

    if not parts:
        return Series(step=step, times=(), values=dict.fromkeys(fields, ()))
    seconds = np.concatenate([part.times for part in parts]) // SECOND
    weights = np.concatenate([part.weights for part in parts])
    table: NDArray[float64] = np.concatenate([part.table for part in parts])
    times, at = np.unique(seconds - seconds % step, return_inverse=True)
    values: dict[str, tuple[float | None, ...]] = {}
    for column, (field, counts) in enumerate(zip(fields, counters, strict=True)):
        there = ~np.isnan(table[:, column])
        where, found, weight = at[there], table[there, column], weights[there]
        known = np.bincount(where, weight, len(times))
        sums = np.bincount(where, found if counts else found * weight, len(times))
        with np.errstate(invalid="ignore"):
            means = sums if counts else sums / known
        values[field] = tuple(
            value if weight else None
            for value, weight in zip(means.tolist(), known.tolist(), strict=True)
        )
    return Series(step=step, times=tuple(times.tolist()), values=values)


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
