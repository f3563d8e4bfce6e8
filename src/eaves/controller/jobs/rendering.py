"""Rendering outside of a request: after a device registered or sent another ECDH certificate,
after the controller's certificates changed, after a change that touches many devices.

Devices are rendered in small batches, each stored in one transaction.  On SQLite the inputs are
read before the write transaction begins, so that the one lock there is held for some
milliseconds; whoever changed a device in between is noticed, and that device is read again.  On
PostgreSQL the rows of the devices are locked, and nothing else waits.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.jobs.large_writes import large_write
from eaves.controller.keys import KeyStore
from eaves.controller.store.rendered import Outcome, put_failure, put_outcomes
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.controller.store.wanted import render_requests, renders_served
from eaves.ids import DeviceId

if TYPE_CHECKING:
    # loaded when a device is to be rendered: the types of the contract take long to load
    from eaves.controller.domain.inputs import ControllerFacts
    from eaves.controller.store.inputs import ToRender

log = structlog.get_logger()

BATCH: Final = 500
"""Devices in one transaction: the write lock is held for some ten milliseconds.

What a batch costs whatever its size (its statements, what its devices have in common) is as much
as ten devices of it.
"""


@dataclass(frozen=True, slots=True)
class Round:
    """What came of some devices; `failed` are to come again."""

    changed: tuple[DeviceId, ...]
    failed: tuple[DeviceId, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """What came of one batch; who is in neither must be read and rendered again."""

    settled: frozenset[DeviceId]  # rendered and stored, or no more there
    changed: frozenset[DeviceId]  # of those: their configuration is another one
    failed: frozenset[DeviceId]


class Renderer:
    """Renders with the keys of the controller; keeps what it agreed on with devices."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys
        self._certificates = ""
        self._facts: ControllerFacts | None = None

    def facts(self) -> "ControllerFacts":
        from eaves.controller.keys.facts import controller_facts  # noqa: PLC0415 - see the imports

        if self._facts is None or self._certificates != self._keys.controllercert_confighash:
            self._certificates = self._keys.controllercert_confighash
            self._facts = controller_facts(self._keys)
        return self._facts

    def made(
        self, found: "ToRender", now: datetime
    ) -> tuple[list[Outcome], dict[DeviceId, Exception]]:
        """Pure work of some milliseconds; for a thread of its own."""
        from eaves.controller.domain.render import render_device  # noqa: PLC0415 - see the imports
        from eaves.controller.store.inputs import outcome_of  # noqa: PLC0415 - see the imports

        facts = self.facts()
        outcomes: list[Outcome] = []
        faults: dict[DeviceId, Exception] = {}
        for inputs in found.inputs:
            device_id = DeviceId(inputs.device.id)
            try:
                outcomes.append(
                    outcome_of(
                        lambda one: render_device(one, facts),
                        inputs,
                        found.in_force.get(device_id),
                        now,
                    )
                )
            except Exception as error:
                log.exception("device_not_rendered", device_id=device_id)
                faults[device_id] = error
        return outcomes, faults


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncGenerator[Db]:
    """The transaction in which a batch is read; on PostgreSQL it is also the one that stores."""
    begin = snapshot if engine.dialect.name == "sqlite" else unit_of_work
    async with begin(engine) as db:
        yield db


async def render_batch(
    engine: AsyncEngine,
    renderer: Renderer,
    pick: Callable[[Db], Awaitable[Sequence[DeviceId]]],
    finish: Callable[[Db, Stored], Awaitable[None]],
    now: datetime,
) -> Stored:
    """Render the devices that `pick` chooses; `finish` notes the result where it is stored.

    Raises what the database raises; then nothing of this batch is stored.
    """
    from eaves.controller.store.inputs import load_to_render, lock_devices  # noqa: PLC0415 - see the imports

    async with reading(engine) as db:
        ids = tuple(await pick(db))
        await lock_devices(db, ids)
        found = await load_to_render(db, ids)
        if engine.dialect.name != "sqlite":
            outcomes, faults = await asyncio.to_thread(renderer.made, found, now)
            return await _store(db, ids, outcomes, faults, finish, now)
    if not ids:
        return Stored(frozenset(), frozenset(), frozenset())
    outcomes, faults = await asyncio.to_thread(renderer.made, found, now)
    async with large_write(engine), unit_of_work(engine) as db:
        return await _store(db, ids, outcomes, faults, finish, now)


async def _store(
    db: Db,
    ids: Sequence[DeviceId],
    outcomes: Sequence[Outcome],
    faults: Mapping[DeviceId, Exception],
    finish: Callable[[Db, Stored], Awaitable[None]],
    now: datetime,
) -> Stored:
    there = {one.device_id for one in outcomes} | faults.keys()
    kept = await put_outcomes(db, outcomes, now)
    for device_id, error in faults.items():
        await put_failure(db, device_id, str(error), now)
    stored = Stored(
        settled=kept | (frozenset(ids) - there),
        changed=frozenset(o.device_id for o in outcomes if o.rendered and o.device_id in kept),
        failed=frozenset(faults),
    )
    await finish(db, stored)
    return stored


async def render_devices(
    engine: AsyncEngine,
    keys: KeyStore,
    device_ids: Sequence[DeviceId],
    now: datetime,
    renderer: Renderer | None = None,
) -> Round:
    """Render these devices again.

    A device that cannot be rendered keeps the configuration it has, does not stop the others, and
    its cause is stored where people look.  Raises what the database raises.
    """
    renderer = renderer or Renderer(keys)
    async with snapshot(engine) as db:
        requests = await render_requests(db, device_ids)

    async def served(db: Db, stored: Stored) -> None:
        await renders_served(db, {one: requests[one] for one in stored.settled & requests.keys()})

    changed: list[DeviceId] = []
    failed: list[DeviceId] = []
    waiting = sorted(device_ids)
    while waiting:
        some, waiting = waiting[:BATCH], waiting[BATCH:]

        async def pick(_db: Db, some: Sequence[DeviceId] = some) -> Sequence[DeviceId]:
            return some

        stored = await render_batch(engine, renderer, pick, served, now)
        changed += sorted(stored.changed)
        failed += sorted(stored.failed)
        waiting += sorted({*some} - stored.settled - stored.failed)
    return Round(tuple(changed), tuple(failed))
