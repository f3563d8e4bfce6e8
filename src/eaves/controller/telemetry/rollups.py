"""Roll-ups: samples become means of five minutes, those become means of an hour.

Which spans are to be made is written with the samples (`metric_due`), so nothing is forgotten by a
restart, and a late sample makes its span due again.  Numbers of a roll-up: for each number of the
layout the mean (a counter: what it grew), then all lowest, then all highest (counters: zero);
little-endian floats of four bytes, packed.

Spans of many devices are made at once: one statement reads them, and devices that have the same
kinds of objects and as many samples are computed as one table.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy import Connection

from eaves.controller.store import series_store
from eaves.controller.store.packed import pack, unpack_numbers
from eaves.controller.store.series_store import FIVE_MINUTES, HOUR, SECOND, Due, Rollup
from eaves.controller.store.sync import lock_devices
from eaves.evapi.metrics_fold import KINDS

if TYPE_CHECKING:
    from numpy import bool_, float32, float64
    from numpy.typing import NDArray

log = structlog.get_logger()

GRACE: Final = 60 * SECOND  # after a span, for reports that are under way
SPANS_AT_ONCE: Final = 200  # in one transaction: reports wait meanwhile
REMEMBERED: Final = 50_000  # layouts
REMEMBERED_MASKS: Final = 1000


class Shapes:
    """Which numbers of each layout are counters.  Few shapes: devices differ in names only.

    A layout never changes, so what is known of it stays right.
    """

    def __init__(self) -> None:
        self._by_kinds: dict[str, NDArray[bool_]] = {}
        self._kinds: dict[bytes, str] = {}  # of the objects of a layout, in order

    def note(self, layout: bytes, objects: str) -> None:
        """Know the layout with these lines."""
        self._make_room(1)
        self._kinds[layout] = sys.intern(_kinds(objects))

    def learn(self, connection: Connection, layouts: Iterable[bytes]) -> None:
        """Read what is not known of these; all of them are known then, until the next call."""
        wanted = {*layouts}
        self._make_room(len(wanted - self._kinds.keys()))
        missing = wanted - self._kinds.keys()
        if not missing:
            return
        stored = series_store.layouts(connection, missing)
        for layout in missing:
            if layout not in stored:  # its numbers mean nothing, to charts either
                log.error("metric_layout_lost", layout=layout.hex())
            self._kinds[layout] = sys.intern(_kinds(stored.get(layout, "")))

    def _make_room(self, count: int) -> None:
        """For layouts that come together: none of them makes another one go."""
        if len(self._kinds) + count > REMEMBERED:
            self._kinds.clear()

    def kinds(self, layout: bytes) -> str:
        """What `layout` has in common with others; for `mask`.

        Raises KeyError where it was not learned: a span without its numbers would be lost.
        """
        return self._kinds[layout]

    def mask(self, kinds: str) -> "NDArray[bool_]":
        import numpy as np  # noqa: PLC0415 - a start need not wait for it

        mask = self._by_kinds.get(kinds)
        if mask is None:
            if len(self._by_kinds) >= REMEMBERED_MASKS:
                self._by_kinds.clear()
            of = [(KINDS[letter], name) for letter in kinds for name in KINDS[letter].fields]
            mask = np.array([name in kind.counters for kind, name in of], bool)
            self._by_kinds[kinds] = mask
        return mask


_KNOWN: Final = frozenset(KINDS)


def _kinds(objects: str) -> str:
    """The letters of the objects, up to the first that this release does not know."""
    letters = "".join([line[:1] for line in objects.split("\n")])
    if _KNOWN.issuperset(letters):
        return letters
    return letters[: next(at for at, letter in enumerate(letters) if letter not in _KNOWN)]


def roll_up(connection: Connection, now: int, shapes: Shapes) -> tuple[Due, ...]:
    """Make some of the roll-ups that are due; those spans.  `now`: microseconds since 1970."""
    for level in (FIVE_MINUTES, HOUR):
        before = now - GRACE - level * SECOND + 1
        spans = series_store.due_before(connection, level, before, SPANS_AT_ONCE)
        if not spans:
            continue
        # a late sample of theirs is read here, or makes its span due again
        lock_devices(connection, (due.device_id for due in spans))
        make = _from_samples if level == FIVE_MINUTES else _from_rollups
        series_store.put_rollups(connection, list(make(connection, spans, shapes)))
        series_store.delete_due(connection, spans)
        if level == FIVE_MINUTES:
            span = HOUR * SECOND
            hours = {
                Due(due.enterprise_id, due.device_id, HOUR, due.start - due.start % span)
                for due in spans
            }
            series_store.put_due(connection, list(hours))
        return spans
    return ()


def _from_samples(connection: Connection, spans: Sequence[Due], shapes: Shapes) -> Iterator[Rollup]:
    import numpy as np  # noqa: PLC0415 - a start need not wait for it

    rows: dict[tuple[int, bytes], list[series_store.Sample]] = defaultdict(list)
    for number, sample in series_store.samples_due(connection, spans):
        rows[number, sample.layout].append(sample)
    shapes.learn(connection, (layout for _, layout in rows))
    # kinds of objects, samples, those of them inside the span -> what has so many
    alike: dict[tuple[str, int, int], list[tuple[int, bytes]]] = defaultdict(list)
    for key, samples in rows.items():
        start = spans[key[0]].start
        inside = sum(sample.time >= start for sample in samples)
        alike[shapes.kinds(key[1]), len(samples), inside].append(key)
    for (kinds, count, inside), keys in alike.items():
        mask = shapes.mask(kinds)
        width = len(mask)
        whole = [k for k in keys if all(len(s.numbers) == 8 * width for s in rows[k])]
        if not inside or not width or not whole:
            continue
        joined = b"".join(sample.numbers for key in whole for sample in rows[key])
        table: NDArray[float64] = np.frombuffer(joined, "<f8").reshape(-1, count, width)
        steps = np.diff(table, axis=1)
        # a counter that fell started again: it grew by what it shows
        growth = np.where(steps >= 0, steps, table[:, 1:]).sum(axis=1)
        table = table[:, -inside:]
        means: NDArray[float64] = table.mean(axis=1)
        first: NDArray[float64] = np.where(mask, growth, means)
        lowest: NDArray[float64] = np.where(mask, 0.0, table.min(axis=1))
        highest: NDArray[float64] = np.where(mask, 0.0, table.max(axis=1))
        made = np.concatenate((first, lowest, highest), axis=1).astype("<f4")
        for (number, layout), numbers in zip(whole, made, strict=True):
            yield _rollup(spans[number], layout, inside, numbers)


def _rollup(due: Due, layout: bytes, samples: int, numbers: "NDArray[float32]") -> Rollup:
    return Rollup(
        *(due.enterprise_id, due.device_id, due.level, due.start, layout),
        samples=samples,
        numbers=pack(numbers.tobytes()),
    )


def _from_rollups(connection: Connection, spans: Sequence[Due], shapes: Shapes) -> Iterator[Rollup]:
    import numpy as np  # noqa: PLC0415 - as above

    parts: dict[tuple[int, bytes], list[Rollup]] = defaultdict(list)
    for number, part in series_store.rollups_due(connection, spans, FIVE_MINUTES):
        parts[number, part.layout].append(part)
    shapes.learn(connection, (layout for _, layout in parts))
    alike: dict[tuple[str, int], list[tuple[int, bytes]]] = defaultdict(list)
    for key, rows in parts.items():
        alike[shapes.kinds(key[1]), len(rows)].append(key)
    for (kinds, count), keys in alike.items():
        mask = shapes.mask(kinds)
        width = len(mask)
        unpacked = [b"".join(unpack_numbers(part.numbers) for part in parts[k]) for k in keys]
        whole = [k for k, one in zip(keys, unpacked, strict=True) if len(one) == 12 * width * count]
        if not width or not whole:
            continue
        joined = b"".join(one for one in unpacked if len(one) == 12 * width * count)
        table = np.frombuffer(joined, "<f4").reshape(-1, count, 3, width).astype("f8")
        weights = np.array([[part.samples for part in parts[k]] for k in whole], "f8")
        grown: NDArray[float64] = table[:, :, 0].sum(axis=1)
        weighed: NDArray[float64] = (table[:, :, 0] * weights[:, :, None]).sum(axis=1)
        mean = weighed / weights.sum(axis=1)[:, None]
        first: NDArray[float64] = np.where(mask, grown, mean)
        lowest, highest = table[:, :, 1].min(axis=1), table[:, :, 2].max(axis=1)
        made = np.concatenate((first, lowest, highest), axis=1).astype("<f4")
        for key, numbers in zip(whole, made, strict=True):
            number, layout = key
            samples = sum(part.samples for part in parts[key])
            yield _rollup(spans[number], layout, samples, numbers)
