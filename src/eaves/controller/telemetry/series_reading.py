"""Who answers for charts: the database of the controller, or the metrics store that it writes to.

Both say the same of the same samples; the store at the fineness that it keeps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.settings import Settings
from eaves.controller.store import series_store
from eaves.controller.store.unit import snapshot
from eaves.controller.telemetry.series import Series, cpu_shares, objects_of, read_series


@dataclass(frozen=True, slots=True)
class Measured:
    """A device that the caller found within its scope."""

    enterprise_id: str
    device_id: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Fields of objects of one kind (words of `evapi.metrics_fold.KINDS`); times in seconds.

    `object_id` is that of one object (empty: the device itself), or with `below` what the ids of
    the objects begin with.  `now` tells what is still kept how finely.
    """

    of: Measured
    kind: str
    object_id: str
    below: bool
    fields: tuple[str, ...]
    start: int  # since 1970
    end: int
    step: int
    now: int


class SeriesReader(Protocol):
    async def series(self, asked: Asked, /) -> Mapping[str, Series]:
        """By the id of the object; what was not measured is missing.  Raises Transient."""
        ...

    async def cpu_shares(self, of: Measured, received_at: float, /) -> Mapping[str, float]:
        """Percent of one processor between the two newest samples, by app id; "" for the device.

        `received_at`: seconds since 1970, when the newest came.  Raises Transient.
        """
        ...

    async def close(self) -> None:
        """End its connections."""
        ...


class SqlSeries:
    """Reads what the pipelines stored; `engine` stays with its owner."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def series(self, asked: Asked, /) -> Mapping[str, Series]:
        async with snapshot(self._engine) as db:
            return await db.run_sync(_read, asked)

    async def cpu_shares(self, of: Measured, _received_at: float, /) -> Mapping[str, float]:
        async with snapshot(self._engine) as db:
            return await db.run_sync(_shares, of.device_id)

    async def close(self) -> None:
        """Nothing of its own is open."""


def _read(connection: Connection, asked: Asked) -> Mapping[str, Series]:
    return read_series(
        connection,
        asked.of.device_id,
        asked.kind,
        _objects(connection, asked),
        asked.fields,
        start=asked.start,
        end=asked.end,
        step=asked.step,
        now=asked.now,
    )


def _objects(connection: Connection, asked: Asked) -> Sequence[str]:
    if not asked.below:
        return (asked.object_id,)
    ids = objects_of(connection, asked.of.device_id, asked.kind, asked.start, asked.end)
    return sorted(one for one in ids if one.startswith(asked.object_id))


def _shares(connection: Connection, device_id: str) -> Mapping[str, float]:
    newest = series_store.newest_samples(connection, device_id, 2)
    return cpu_shares(newest, series_store.layouts(connection, [s.layout for s in newest]))


def open_series_reader(settings: Settings, engine: AsyncEngine) -> SeriesReader:
    """What the settings name; lives on the loop of `engine`."""
    if settings.sinks.metrics_query is None:
        return SqlSeries(engine)
    # loaded when there is a store: a start need not wait for its client
    from eaves.controller.telemetry.series_of_store import StoreSeries  # noqa: PLC0415 - see above
    from eaves.controller.telemetry.sinks.metrics_store import (  # noqa: PLC0415 - see above
        MetricsReader,
    )

    return StoreSeries(MetricsReader(settings.sinks.metrics_query))
