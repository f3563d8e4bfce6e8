"""Roll-ups: samples become means of five minutes, those become means of an hour.

Which spans are to be made is written with the samples (`metric_due`), so nothing is forgotten by a
restart, and a late sample makes its span due again.  Numbers of a roll-up: for each number of the
layout the mean (a counter: what it grew), then all lowest, then all highest (counters: zero).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection

from eaves.controller.store import series_store
from eaves.controller.store.series_store import FIVE_MINUTES, HOUR, SECOND, Due, Rollup
from eaves.controller.store.sync import lock_devices
from eaves.controller.telemetry.series import pack
from eaves.evapi.metrics_fold import places

if TYPE_CHECKING:
    from numpy import bool_, float64
    from numpy.typing import NDArray

GRACE: Final = 60 * SECOND  # after a span, for reports that are under way
SPANS_AT_ONCE: Final = 50  # in one transaction: reports wait meanwhile


def roll_up(connection: Connection, now: int) -> tuple[Due, ...]:
    """Make some of the roll-ups that are due; those spans.  `now`: microseconds since 1970."""
    for level in (FIVE_MINUTES, HOUR):
        before = now - GRACE - level * SECOND + 1
        spans = series_store.due_before(connection, level, before, SPANS_AT_ONCE)
        if not spans:
            continue
        # a late sample of theirs is read here, or makes its span due again
        lock_devices(connection, (due.device_id for due in spans))
        made: list[Rollup] = []
        masks: dict[bytes, NDArray[bool_]] = {}
        for due in spans:
            end = due.start + level * SECOND
            if level == FIVE_MINUTES:
                made += _from_samples(connection, due, end, masks)
            else:
                made += _from_rollups(connection, due, end, masks)
            series_store.delete_due(connection, due)
        series_store.put_rollups(connection, made)
        if level == FIVE_MINUTES:
            span = HOUR * SECOND
            hours = {
                Due(due.enterprise_id, due.device_id, HOUR, due.start - due.start % span)
                for due in spans
            }
            series_store.put_due(connection, list(hours))
        return spans
    return ()


def _from_samples(
    connection: Connection, due: Due, end: int, masks: dict[bytes, "NDArray[bool_]"]
) -> list[Rollup]:
    import numpy as np  # noqa: PLC0415 - a start need not wait for it

    samples = series_store.samples_between(connection, due.device_id, due.start, end, before=True)
    by_layout: dict[bytes, list[series_store.Sample]] = {}
    for sample in samples:
        by_layout.setdefault(sample.layout, []).append(sample)
    _read_masks(connection, by_layout, masks)
    made: list[Rollup] = []
    for layout, rows in by_layout.items():
        inside = sum(row.time >= due.start for row in rows)
        width = len(masks[layout])
        whole = [row.numbers for row in rows if len(row.numbers) == 8 * width]
        if not inside or len(whole) < len(rows) or not width:
            continue
        table: NDArray[float64] = np.frombuffer(b"".join(whole), "<f8").reshape(-1, width)
        steps = np.diff(table, axis=0)
        # a counter that fell started again: it grew by what it shows
        growth = np.where(steps >= 0, steps, table[1:]).sum(axis=0)
        made.append(_rollup(due, layout, inside, masks[layout], growth, table[-inside:]))
    return made


def _rollup(
    due: Due,
    layout: bytes,
    inside: int,
    is_counter: "NDArray[bool_]",
    growth: "NDArray[float64]",
    table: "NDArray[float64]",
) -> Rollup:
    import numpy as np  # noqa: PLC0415 - as above

    first: NDArray[float64] = np.where(is_counter, growth, table.mean(axis=0))
    lowest: NDArray[float64] = np.where(is_counter, 0.0, table.min(axis=0))
    highest: NDArray[float64] = np.where(is_counter, 0.0, table.max(axis=0))
    packed = pack(np.concatenate((first, lowest, highest)).astype("<f4").tobytes())
    return Rollup(due.enterprise_id, due.device_id, due.level, due.start, layout, inside, packed)


def _from_rollups(
    connection: Connection, due: Due, end: int, masks: dict[bytes, "NDArray[bool_]"]
) -> list[Rollup]:
    import zlib  # noqa: PLC0415 - as above

    import numpy as np  # noqa: PLC0415 - as above

    by_layout: dict[bytes, list[Rollup]] = {}
    for part in series_store.rollups_between(
        connection, due.device_id, FIVE_MINUTES, due.start, end
    ):
        by_layout.setdefault(part.layout, []).append(part)
    _read_masks(connection, by_layout, masks)
    made: list[Rollup] = []
    for layout, parts in by_layout.items():
        width = len(masks[layout])
        if not width:
            continue
        table: NDArray[float64] = np.stack(
            [np.frombuffer(zlib.decompress(p.numbers), "<f4").reshape(3, width) for p in parts]
        ).astype("f8")
        weights = np.array([part.samples for part in parts], "f8")
        grown: NDArray[float64] = table[:, 0].sum(axis=0)
        mean: NDArray[float64] = (table[:, 0] * weights[:, None]).sum(axis=0) / weights.sum()
        first: NDArray[float64] = np.where(masks[layout], grown, mean)
        whole = np.concatenate((first, table[:, 1].min(axis=0), table[:, 2].max(axis=0)))
        made.append(
            Rollup(
                *(due.enterprise_id, due.device_id, HOUR, due.start, layout),
                samples=sum(part.samples for part in parts),
                numbers=pack(whole.astype("<f4").tobytes()),
            )
        )
    return made


def _read_masks(
    connection: Connection,
    wanted: Mapping[bytes, Sequence[object]],
    masks: dict[bytes, "NDArray[bool_]"],
) -> None:
    """Which numbers of each layout are counters."""
    import numpy as np  # noqa: PLC0415 - as above

    missing = wanted.keys() - masks.keys()
    lines = series_store.layouts(connection, missing)
    for digest in missing:
        mask = [
            field in place.kind.counters
            for place in places(lines.get(digest, ""))
            for field in place.kind.fields
        ]
        masks[digest] = np.array(mask, bool)
