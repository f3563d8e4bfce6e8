"""Drive the roll-outs: one process looks at each every second, and starts what may start.

Where there are more than a tick looks at, enterprises take turns.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, Final, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.domain.rollouts import HELD, Due, take_turns
from eaves.controller.jobs.leased import Held
from eaves.controller.store import rollouts
from eaves.controller.store.bulk_jobs import JobCannotRun
from eaves.controller.store.leases import LeaseLost
from eaves.controller.store.rollouts import Rollout
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.ids import DeviceId

log = structlog.get_logger()

LOOK_EVERY: Final = timedelta(seconds=1)
PAUSED_EVERY: Final = timedelta(seconds=5)
LOOKS_AT_ONCE: Final = 100
"""Roll-outs that one tick looks at."""
STEP_S: Final = 0.06
"""For how long objects are begun in one transaction."""
REST_S: Final = 0.03
"""After one that wrote: SQLite has no queue, whoever else wants to write needs a gap."""


class Stepper(Protocol):
    """Knows what a roll-out does; what it has seen goes back to it as it is."""

    async def see(self, db: Db, one: Rollout, now: datetime) -> Any: ...

    async def step(
        self, db: Db, one: Rollout, seen: Any, now: datetime, *, until: float
    ) -> frozenset[DeviceId]: ...

    def keep_only(self, ids: Collection[str]) -> None: ...


@dataclass
class Rollouts:
    engine: AsyncEngine
    stepper: Stepper
    clock: Callable[[], datetime]
    changed: Callable[[Iterable[DeviceId]], None]

    _looked_at: dict[str, datetime] = field(default_factory=dict[str, datetime], init=False)

    async def tick(self, held: Held) -> None:
        async with snapshot(self.engine) as db:
            due = await rollouts.due(db)
        ids = frozenset(one.id for one in due)
        self._looked_at = {one: at for one, at in self._looked_at.items() if one in ids}
        self.stepper.keep_only(ids)
        noted = [replace(one, looked_at=self._looked_at.get(one.id)) for one in due]
        now = self.clock()
        for one in take_turns([one for one in noted if _is_due(one, now)], LOOKS_AT_ONCE):
            self._looked_at[one.id] = self.clock()
            begun = perf_counter()
            async with snapshot(self.engine) as db:
                current = await rollouts.read(db, one.enterprise_id, one.id)
            if current is not None and await self._look_safely(held, current):
                spent = perf_counter() - begun
                await asyncio.sleep(max(REST_S, spent / 4) if held.alone else 0)

    async def forget_old(self, _held: Held) -> None:
        async with unit_of_work(self.engine) as db:
            await rollouts.forget_old(db, self.clock())

    async def _look_safely(self, held: Held, one: Rollout) -> bool:
        """One that cannot go on must not stop the others.  True: devices changed."""
        try:
            return await self._look(held, one)
        except LeaseLost:
            raise
        except JobCannotRun as error:
            await self._hold(held, one, str(error))
        except SQLAlchemyError as error:
            log.warning("rollout_waits", rollout=one.id, why=str(error))
        except Exception:
            log.exception("rollout_failed", rollout=one.id)
        return False

    async def _look(self, held: Held, one: Rollout) -> bool:
        now = self.clock()
        async with snapshot(self.engine) as db:
            seen = await self.stepper.see(db, one, now)
        async with unit_of_work(self.engine) as db:
            await held.confirm(db)
            until = perf_counter() + STEP_S
            changed = await self.stepper.step(db, one, seen, now, until=until)
        self.changed(changed)
        return bool(changed)

    async def _hold(self, held: Held, one: Rollout, why: str) -> None:
        """Nobody has the right to go on with it; somebody who has may resume it, or ask again to
        undo it.
        """
        async with unit_of_work(self.engine) as db:
            await held.confirm(db)
            current = await rollouts.lock(db, one)
            if current is None or current.phase is not one.phase:
                return  # somebody has decided meanwhile
            phase, now = HELD.get(current.phase, current.phase), self.clock()
            stopped = replace(current, phase=phase, reasons=(why,), updated_at=now)
            if (phase, stopped.reasons) != (current.phase, current.reasons):
                await rollouts.put(db, stopped)
            if phase is not current.phase:
                await rollouts.tell(db, stopped, now)


def _is_due(one: Due, now: datetime) -> bool:
    return not one.paused or one.looked_at is None or now - one.looked_at >= PAUSED_EVERY
