"""Make devices as their policies want them: every process takes its share, a crash loses nothing.

What is to be done stands in the database until the transaction that did it.  A device where
something was refused is looked at again after longer and longer rests.
"""

import asyncio
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.domain.secrets import SecretName
from eaves.controller.jobs.wanted import RenderWanted, retry_after_s
from eaves.controller.keys import KeyStore
from eaves.controller.store.policies import (
    WantedDevice,
    go_on,
    is_due,
    note_faults,
    note_settled,
    sweeps,
    take_wanted,
)
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.controller.store.wanted import want_renders
from eaves.ids import DeviceId

if TYPE_CHECKING:
    # loaded when a device is to be looked at: the types of the contract take long to load
    from eaves.controller.store.policy_reconcile import Reconciled

log = structlog.get_logger()

LOOK_EVERY_S: Final = 0.25
RETRY_S: Final = 5.0
BATCH: Final = 50
"""Devices in one transaction: the write lock is held for some hundred milliseconds at most."""


@dataclass
class PolicyJobs:
    """Lives on the loop of `engine`; `wanted` renders what changed."""

    engine: AsyncEngine
    keys: KeyStore
    clock: Callable[[], datetime]
    wanted: RenderWanted
    told: Callable[[Iterable[DeviceId]], None]
    devices_at_once: int = BATCH

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
            async with unit_of_work(self.engine) as db:
                noted = await go_on(db, sweep, now)
            log.info("policy_sweep", project_id=sweep.project_id, devices=noted)
        if found or due:
            await self._batch(now)
        return bool(found) or due

    async def _batch(self, now: datetime) -> None:
        from eaves.controller.store.policy_reconcile import Means, reconcile  # noqa: PLC0415 - see the imports

        async with unit_of_work(self.engine) as db:
            taken = await take_wanted(db, now, self.devices_at_once)
            if not taken:
                return
            ids = [one.device_id for one in taken]
            means = Means(now, lambda: str(uuid.uuid4()), self._reseal)
            done = await reconcile(db, ids, means)
            await self._note(db, taken, done, now)
            requests = {id_: str(uuid.uuid4()) for id_ in done.changed}
            await want_renders(db, requests, now)
        self.wanted.add(done.changed)
        self.told(done.told)

    async def _note(
        self, db: Db, taken: Iterable[WantedDevice], done: "Reconciled", now: datetime
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

    def _reseal(self, old: SecretName, new: SecretName, sealed: bytes) -> bytes:
        return self.keys.seal(new.purpose, self.keys.open(old.purpose, sealed))
