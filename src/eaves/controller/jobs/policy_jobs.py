"""Make devices as their policies want them: every process takes its share, a crash loses nothing.

What is to be done stands in the database until the transaction that did it.  A device where
something was refused is looked at again after longer and longer rests; so is one that failed, which
is done on its own then: it must not hold up the others, of whatever enterprise they are.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.domain.secrets import SecretName
from eaves.controller.jobs.large_writes import large_write
from eaves.controller.jobs.wanted import RenderWanted, retry_after_s
from eaves.controller.keys import KeyStore
from eaves.controller.store.policies import (
    WantedDevice,
    go_on,
    hold_devices,
    is_due,
    note_faults,
    note_settled,
    put_off,
    sweeps,
    take_again,
    take_wanted,
)
from eaves.controller.store.unit import Db, looking_ahead, snapshot, unit_of_work
from eaves.controller.store.wanted import want_renders
from eaves.ids import DeviceId, OrderedUuids

if TYPE_CHECKING:
    # loaded when a device is to be looked at: the types of the contract take long to load
    from eaves.controller.store.policy_reconcile import Means, Reconciled

log = structlog.get_logger()

LOOK_EVERY_S: Final = 0.25
RETRY_S: Final = 5.0
BATCH: Final = 50
"""Devices in one transaction, at most, where they are read in it."""
AHEAD: Final = 500
"""As many at most on SQLite, where they are read and decided before."""
SETTLED: Final = 200
"""As many after a batch that wrote little, which tells nothing of what writing takes."""
LEAST: Final = 10
BATCH_S: Final = 0.2
"""How long a transaction is to take on SQLite, where everybody else waits for it."""
REST_S: Final = 0.03
"""Behind each of them: SQLite has no queue; who waits looks again every 25 ms at first."""
PASSING: Final = (OperationalError, InterfaceError, NoFreeConnection)
"""The database cannot do it now: the fault of no device."""


@dataclass
class PolicyJobs:
    """Lives on the loop of `engine`; `wanted` renders what changed."""

    engine: AsyncEngine
    keys: KeyStore
    clock: Callable[[], datetime]
    wanted: RenderWanted
    told: Callable[[Iterable[DeviceId]], None]
    _at_once: int = field(default=BATCH, init=False)  # the next ones, on SQLite
    _few: int = field(default=LEAST, init=False)  # where another writer came between
    _behind: str = field(default="", init=False)  # the enterprise that had the last turn

    async def run_forever(self) -> None:
        while True:
            try:
                worked = await self.round()
            except Exception:
                log.exception("policies_failed", again_in_s=RETRY_S)
                await asyncio.sleep(RETRY_S)
            else:
                await asyncio.sleep(0 if worked else LOOK_EVERY_S)

    async def round(self) -> bool:
        """One step of each sweep, one batch of devices; False when there was nothing to do."""
        now = self.clock()
        async with snapshot(self.engine) as db:
            found = await sweeps(db)
            due = await is_due(db, now)
        for sweep in found:
            async with self._writing() as db:
                noted = await go_on(db, sweep, now)
            log.info("policy_sweep", project_id=sweep.project_id, devices=noted)
        worked = await self._some(now) if found or due else False
        return worked or bool(found)

    @asynccontextmanager
    async def _writing(self) -> AsyncGenerator[Db]:
        async with unit_of_work(self.engine, in_place=True) as db:
            begun = perf_counter()
            yield db
        await self._rest(perf_counter() - begun)

    async def _rest(self, held_s: float) -> None:
        """On SQLite a rest follows a transaction, in which others begin theirs."""
        if self.engine.dialect.name == "sqlite":
            await asyncio.sleep(max(REST_S, held_s / 4))

    async def _some(self, now: datetime) -> bool:
        taken: list[WantedDevice] = []
        batch = self._ahead if self.engine.dialect.name == "sqlite" else self._batch
        try:
            return await batch(now, taken)
        except PASSING:
            raise
        except Exception:
            if not taken:
                raise
            log.exception("policy_batch_failed", devices=len(taken))
        if self.engine.dialect.name == "sqlite":  # it may be hundreds; the next ones are few
            self._at_once, taken = LEAST, taken[:LEAST]
        for one in taken:
            await self._alone(one, now)
        return True

    async def _batch(self, now: datetime, taken: list[WantedDevice]) -> bool:
        """False when nothing could be taken.  `taken` tells of what, also where it fails."""
        async with self._writing() as db:
            taken += await take_wanted(db, now, BATCH, behind=self._behind)
            if not taken:
                return False
            self._behind = taken[-1].enterprise_id
            held = await hold_devices(db, taken)
            done = await self._look_at(db, held, now)
        self._tell(done)
        return bool(held)

    async def _ahead(self, now: datetime, taken: list[WantedDevice]) -> bool:
        """As `_batch`: devices are read and decided on before the one lock of SQLite is taken.

        Where another writer comes between, a few of them are looked at anew while it is held: so
        there is an end to it however many write.
        """
        from eaves.controller.store.policy_reconcile import carry_out, decide_all  # noqa: PLC0415 - see the imports
        from eaves.controller.store.policy_sites import load_sites  # noqa: PLC0415 - as that one

        means = self._means(now)
        async with large_write(self.engine), looking_ahead(self.engine) as ahead:
            async with ahead.reading() as db:
                taken += await take_wanted(db, now, self._at_once, behind=self._behind)
                sites = await load_sites(db, [one.device_id for one in taken])
            if not taken:
                return False
            self._behind = taken[-1].enterprise_id
            decided = await asyncio.to_thread(decide_all, sites, means)
            async with ahead.writing() as db:
                begun, as_read = perf_counter(), await ahead.unchanged()
                if as_read:
                    done = await carry_out(db, decided, means)
                    await self._note(db, taken, done, now)
                else:
                    taken[:] = await take_wanted(db, now, self._few, behind=self._behind)
                    done = await self._look_at(db, taken, now)
            held_s = perf_counter() - begun  # to the end of the commit
        self._fit(int(len(taken) * BATCH_S / held_s), len(taken), done, as_read=as_read)
        await self._rest(held_s)
        self._tell(done)
        return True

    def _fit(self, fitting: int, taken: int, done: "Reconciled", *, as_read: bool) -> None:
        """How many the next batches take, by how many would have fitted into this one."""
        if as_read:
            most = AHEAD if 2 * len(done.changed) >= taken else SETTLED
            self._at_once = max(LEAST, min(fitting, 2 * self._at_once, most))
        else:
            self._at_once = max(LEAST, self._at_once // 2)
            self._few = max(LEAST, min(fitting, BATCH))

    async def _alone(self, one: WantedDevice, now: datetime) -> None:
        try:
            async with self._writing() as db:
                held = await hold_devices(db, await take_again(db, one))
                done = await self._look_at(db, held, now)
        except PASSING:
            raise
        except Exception as error:
            log.exception("policy_device_failed", device_id=one.device_id)
            await self._put_off(one, now, type(error).__name__)
        else:
            self._tell(done)

    def _means(self, now: datetime) -> "Means":
        from eaves.controller.store.policy_reconcile import Means  # noqa: PLC0415 - see the imports

        return Means(now, OrderedUuids(now, os.urandom), self._reseal)

    async def _look_at(self, db: Db, held: Collection[WantedDevice], now: datetime) -> "Reconciled":
        from eaves.controller.store.policy_reconcile import reconcile  # noqa: PLC0415 - see the imports

        done = await reconcile(db, sorted(one.device_id for one in held), self._means(now))
        await self._note(db, held, done, now)
        return done

    def _tell(self, done: "Reconciled") -> None:
        self.wanted.add(done.changed)
        self.told(done.told)

    async def _put_off(self, one: WantedDevice, now: datetime, error: str) -> None:
        from eaves.controller.store.policy_reconcile import failure_as_text  # noqa: PLC0415 - see the imports

        due_at = now + timedelta(seconds=retry_after_s(one.attempts + 1))
        async with self._writing() as db:
            await put_off(db, one, due_at, failure_as_text(error))

    async def _note(
        self, db: Db, taken: Collection[WantedDevice], done: "Reconciled", now: datetime
    ) -> None:
        from eaves.controller.store.policy_reconcile import faults_as_text  # noqa: PLC0415 - see the imports

        by_id = {one.device_id: one for one in taken}
        await note_settled(db, [id_ for id_ in by_id if id_ not in done.faults])
        rows: list[dict[str, object]] = []
        for id_, faults in done.faults.items():
            attempts = by_id[id_].attempts + 1
            rows.append(
                {
                    "enterprise_id": done.projects[id_][0],
                    "device_id": id_,
                    "project_id": done.projects[id_][1],
                    "attempts": attempts,
                    "due_at": now + timedelta(seconds=retry_after_s(attempts)),
                    "faults": faults_as_text(faults),
                }
            )
        await note_faults(db, rows)
        await want_renders(db, dict.fromkeys(done.changed, str(uuid.uuid4())), now)

    def _reseal(self, old: SecretName, new: SecretName, sealed: bytes) -> bytes:
        return self.keys.seal(new.purpose, self.keys.open(old.purpose, sealed))
