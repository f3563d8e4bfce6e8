"""Drive the roll-outs: one process looks at each every second, and starts what may start."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, Final, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.domain.rollouts import Phase
from eaves.controller.jobs.leased import Held
from eaves.controller.store import rollouts
from eaves.controller.store.bulk_jobs import JobCannotRun
from eaves.controller.store.leases import LeaseLost
from eaves.controller.store.rollouts import Rollout
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.ids import DeviceId

log = structlog.get_logger()

LOOK_EVERY: Final = timedelta(seconds=1)
STEP_S: Final = 0.06
"""For how long objects are begun in one transaction."""


class Stepper(Protocol):
    """Knows what a roll-out does; what it has seen goes back to it as it is."""

    async def see(self, db: Db, one: Rollout, now: datetime) -> Any: ...

    async def step(
        self, db: Db, one: Rollout, seen: Any, now: datetime, *, until: float
    ) -> frozenset[DeviceId]: ...


@dataclass
class Rollouts:
    engine: AsyncEngine
    stepper: Stepper
    clock: Callable[[], datetime]
    changed: Callable[[Iterable[DeviceId]], None]

    async def tick(self, held: Held) -> None:
        async with snapshot(self.engine) as db:
            active = await rollouts.active(db)
        for one in active:
            try:
                await self._look(held, one)
            except LeaseLost:
                raise
            except JobCannotRun as error:
                await self._pause(held, one, str(error))
            except SQLAlchemyError as error:
                log.warning("rollout_waits", rollout=one.id, why=str(error))
            except Exception:
                log.exception("rollout_failed", rollout=one.id)

    async def _look(self, held: Held, one: Rollout) -> None:
        now = self.clock()
        async with snapshot(self.engine) as db:
            seen = await self.stepper.see(db, one, now)
        async with unit_of_work(self.engine) as db:
            await held.confirm(db)
            until = perf_counter() + STEP_S
            changed = await self.stepper.step(db, one, seen, now, until=until)
        self.changed(changed)

    async def _pause(self, held: Held, one: Rollout, why: str) -> None:
        async with unit_of_work(self.engine) as db:
            await held.confirm(db)
            current = await rollouts.lock(db, one)
            if current is not None and current.phase in rollouts.ACTIVE:
                paused = replace(
                    current, phase=Phase.PAUSED, reasons=(why,), updated_at=self.clock()
                )
                if paused.reasons != current.reasons:
                    await rollouts.put(db, paused)
