"""One look at a roll-out: who joins, who has succeeded or failed, what starts now.

Reading is done before, in a transaction of its own; what is written stands in one short
transaction, which holds the row of the roll-out: once somebody's abort is committed, no look starts
anything more.  A roll-out goes on with the rights of who made it, an undo with the rights of who
asked for the undo.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Final

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.rollouts import RolloutSpec
from eaves.controller.domain.rollout_health import (
    Told,
    app_told,
    base_os_told,
    settled_by,
    undone_by,
)
from eaves.controller.domain.rollouts import (
    Finished,
    Phase,
    Plan,
    Reason,
    Standing,
    Start,
    Stop,
    Take,
    Wait,
    Waiting,
    decide,
    open_wave,
    wave_of,
)
from eaves.controller.domain.status.liveness import Limits
from eaves.controller.northbound import records
from eaves.controller.northbound.bulk.acting import Errand, Means, acting_for, work_of
from eaves.controller.northbound.bulk.carrying import text_of
from eaves.controller.northbound.bulk.selecting import selection_of
from eaves.controller.northbound.reports import fleet_of
from eaves.controller.northbound.rollouts import changing
from eaves.controller.northbound.rollouts.specs import (
    config_of,
    group_of,
    local_time,
    of_devices,
    operation_of,
    plan_of,
    zone_of,
)
from eaves.controller.northbound.work import Principal, Work
from eaves.controller.store import rollouts
from eaves.controller.store.audit_chain import savepoint
from eaves.controller.store.bulk_selection import find_selected
from eaves.controller.store.objects import VersionConflict
from eaves.controller.store.rollouts import Rollout, RolloutObject
from eaves.controller.store.unit import Db
from eaves.errors import EavesError, Transient
from eaves.evapi.info import ZInfoTypes
from eaves.ids import DeviceId

log = structlog.get_logger()

CHUNK: Final = 1000
LOOKED_AT: Final = 500  # objects under way whose reports are read in one look
STARTED_AT_ONCE: Final = 20
JOINERS_EVERY: Final = timedelta(seconds=5)
JOINERS_SHARE: Final = 20
"""Looking for joiners takes a twentieth of the time at most: a selector is held against devices."""
TRIES: Final = 30
"""Looks at which an object may fail for a moment: one that never gets over it holds up others."""
BEGUN: Final = (Standing.STARTED, Standing.SUCCEEDED, Standing.FAILED)
LOOKS: Final = (Reason("it looks for its objects"),)
Change = Callable[[Work, RolloutSpec, RolloutObject], Awaitable[RolloutObject]]
Fail = Callable[[RolloutObject, str, datetime], RolloutObject]


@dataclass(frozen=True)
class Seen:
    """What was read of a roll-out before its transaction."""

    joined: tuple[RolloutObject, ...] = ()
    told: Mapping[str, Told] = field(default_factory=dict[str, Told])


@dataclass
class Stepper:
    means: Means
    limits: Limits
    _looked_at: dict[str, str] = field(default_factory=dict[str, str], init=False)
    _joiners_at: dict[str, datetime] = field(default_factory=dict[str, datetime], init=False)
    _tries: dict[tuple[str, str], int] = field(
        default_factory=dict[tuple[str, str], int], init=False
    )

    async def see(self, db: Db, one: Rollout, now: datetime) -> Seen:
        spec = RolloutSpec.from_json_text(one.spec)
        work = await self._work(db, one, spec, now)
        return Seen(await self._joined(work, one, spec), await self._told(work, one, spec))

    async def step(
        self, db: Db, one: Rollout, seen: Seen, now: datetime, *, until: float
    ) -> frozenset[DeviceId]:
        """Devices that changed.  `until`: of `perf_counter`; nothing more starts after it."""
        current = await rollouts.lock(db, one)
        if current is None or current.phase not in rollouts.ACTIVE:
            return frozenset()
        spec = RolloutSpec.from_json_text(current.spec)
        work = await self._work(db, current, spec, now)
        await self._settle(db, current, seen.told, now)
        if current.phase is Phase.UNDOING:
            return await self._undo(work, current, spec, until)
        if current.phase is Phase.PAUSED:
            return frozenset()
        await rollouts.add_objects(db, current, seen.joined)
        return await self._start(work, current, spec, until)

    def keep_only(self, ids: Collection[str]) -> None:
        """Forget what was noted of roll-outs that are over."""
        self._looked_at = {one: at for one, at in self._looked_at.items() if one in ids}
        self._joiners_at = {one: at for one, at in self._joiners_at.items() if one in ids}
        self._tries = {key: tries for key, tries in self._tries.items() if key[0] in ids}

    async def _work(self, db: Db, one: Rollout, spec: RolloutSpec, now: datetime) -> Work:
        """Raises JobCannotRun."""
        user = (one.user_id, one.user_name)
        if one.phase is Phase.UNDOING and one.undo_user_id:
            user = (one.undo_user_id, one.undo_user_name)
        errand = Errand(one.enterprise_id, *user, f"rollout {one.name}")
        principal: Principal = await acting_for(db, errand, operation_of(spec).rule)
        return work_of(db, principal, errand, self.means, now, later=True)

    async def _joined(
        self, work: Work, one: Rollout, spec: RolloutSpec
    ) -> tuple[RolloutObject, ...]:
        """Objects that the selection means and the roll-out does not have yet."""
        due = self._joiners_at.get(one.id)
        if one.phase is not Phase.RUNNING or (due is not None and work.now < due):
            return ()
        begun_at = perf_counter()
        found = await self._found(work, one, spec)
        spent = timedelta(seconds=perf_counter() - begun_at)
        self._joiners_at[one.id] = work.now + max(JOINERS_EVERY, JOINERS_SHARE * spent)
        plan = plan_of(spec)
        begun = bool(await rollouts.objects(work.db, one, limit=1))
        waves: Mapping[str, int] = (
            {} if begun else wave_of(plan, one.id, [(o.object_id, d.tags) for o, d in found])
        )
        last = len(plan.waves) - 1
        return tuple(replace(o, wave=waves.get(o.object_id, last)) for o, _ in found)

    async def _found(
        self, work: Work, one: Rollout, spec: RolloutSpec
    ) -> list[tuple[RolloutObject, DeviceConfig]]:
        selection = selection_of(operation_of(spec), config_of(spec))
        found: list[tuple[RolloutObject, DeviceConfig]] = []
        after = ""
        while True:
            some = await find_selected(work.db, work.scope, selection, after=after, limit=CHUNK)
            there = await rollouts.known(work.db, one, [each.object_id for each in some])
            new = [each.object_id for each in some if each.object_id not in there]
            found += await self._with_devices(work, spec, new)
            if len(some) < CHUNK:
                break
            after = some[-1].object_id
        return found

    async def _with_devices(
        self, work: Work, spec: RolloutSpec, ids: Sequence[str]
    ) -> list[tuple[RolloutObject, DeviceConfig]]:
        if of_devices(spec):
            devices = await records.in_order(work.db, work.scope, records.DEVICE, ids)
            pairs = [(device.id, device.name, device) for device in devices]
        else:
            instances = await records.in_order(work.db, work.scope, records.APP_INSTANCE, ids)
            wanted = sorted({instance.device_id for instance in instances})
            by_id = {
                device.id: device
                for device in await records.in_order(work.db, work.scope, records.DEVICE, wanted)
            }
            pairs = [
                (instance.id, instance.name, by_id[instance.device_id])
                for instance in instances
                if instance.device_id in by_id
            ]
        return [
            (
                RolloutObject(
                    object_id,
                    name,
                    device.project_id,
                    device.id,
                    wave=0,
                    group=group_of(spec, device),
                    zone=zone_of(spec, device),
                ),
                device,
            )
            for object_id, name, device in pairs
            if spec.selector.items() <= device.tags.items()
        ]

    async def _told(self, work: Work, one: Rollout, spec: RolloutSpec) -> Mapping[str, Told]:
        """What came of some that are under way; the next look reads of the next."""
        after = self._looked_at.get(one.id, "")
        undoing = one.phase is Phase.UNDOING
        some = await rollouts.objects(
            work.db, one, standings=(_untold(one.phase),), after=after, limit=LOOKED_AT
        )
        self._looked_at[one.id] = some[-1].object_id if len(some) == LOOKED_AT else ""
        ids = sorted({each.device_id for each in some})
        devices = await records.in_order(work.db, work.scope, records.DEVICE, ids)
        kind = ZInfoTypes.ZiDevice if of_devices(spec) else ZInfoTypes.ZiApp
        fleet = await fleet_of(work, self.limits, devices, (kind,))
        told: dict[str, Told] = {}
        deadline = timedelta(seconds=spec.deadline_seconds)
        for each in some:
            begun = each.started_at or work.now
            if of_devices(spec):
                reports = fleet.device(each.device_id)
                said = base_os_told(reports.info, reports.received_at, begun, each.wanted)
            else:
                app = AppInstance(id=each.object_id, device_id=each.device_id)
                of_app = fleet.app(app, {})
                wanted = changing.wanted_app(each)
                said = app_told(of_app.info, of_app.received_at, begun, wanted)
            said = settled_by(said, begun, deadline, work.now)
            told[each.object_id] = undone_by(said) if undoing else said
        return told

    async def _settle(self, db: Db, one: Rollout, told: Mapping[str, Told], now: datetime) -> None:
        """Only what is under way still: somebody may have asked to undo it meanwhile."""
        untold = _untold(one.phase)
        told = {id_: said for id_, said in told.items() if said.standing in SETTLES[untold]}
        if not told:
            return
        under_way = await rollouts.objects(
            db, one, standings=(untold,), ids=tuple(told), limit=len(told)
        )
        changed = [
            replace(
                each,
                standing=said.standing,
                result=said.text,
                settled_at=None if said.standing is untold else now,
            )
            for each in under_way
            if (said := told.get(each.object_id)) is not None
            and (said.standing, said.text) != (each.standing, each.result)
        ]
        await rollouts.put_objects(db, one, changed)

    async def _start(
        self, work: Work, one: Rollout, spec: RolloutSpec, until: float
    ) -> frozenset[DeviceId]:
        plan, db = plan_of(spec), work.db
        counts = await rollouts.counts(db, one, len(plan.waves))
        if not sum(count.total for count in counts):
            await _put(work, one, LOOKS)
            return frozenset()
        wave = open_wave(plan, counts, one.accepted)
        waiting: tuple[Waiting, ...] = ()
        if isinstance(wave, int) and wave < len(counts):
            waiting = await _waiting(work, one, wave)
        busy = await rollouts.busy(db, one)
        match decide(plan, counts, waiting, busy, accepted=one.accepted, at_once=STARTED_AT_ONCE):
            case Start(number, takes, reasons):
                chosen = await _chosen(work, one, number, takes)
                changed = await self._change(
                    work, one, spec, chosen, until, changing.begin, _not_begun
                )
                await _put(work, one, reasons, wave=number)
                return changed
            case Wait(number, reasons):
                await _put(work, one, reasons, wave=number)
            case Stop(number, reasons):
                await _put(work, one, reasons, wave=number, phase=Phase.PAUSED)
            case Finished(reasons):
                await _put(
                    work,
                    one,
                    reasons,
                    wave=_last(plan),
                    phase=Phase.COMPLETED,
                    ended_at=work.now,
                )
        return frozenset()

    async def _change(
        self,
        work: Work,
        one: Rollout,
        spec: RolloutSpec,
        chosen: Sequence[RolloutObject],
        until: float,
        change: Change,
        fail: Fail,
    ) -> frozenset[DeviceId]:
        """Change these objects until the moment `until`, each for itself.

        What somebody else writes at the same moment is left for the next look.
        """
        changed: set[DeviceId] = set()
        for each in chosen:
            key = (one.id, each.object_id)
            tries = self._tries.pop(key, 0) + 1
            own = replace(work, changed=set(), told=set())
            try:
                async with savepoint(work.db):
                    made = await change(own, spec, each)
            except (VersionConflict, Transient) as error:
                made = fail(each, text_of(error), work.now)
                if tries < TRIES:
                    self._tries[key] = tries
                    made = replace(each, result=f"tried again: {text_of(error)}")
            except (EavesError, ValidationError) as error:
                made = fail(each, text_of(error), work.now)
            except SQLAlchemyError:
                raise
            except Exception:
                log.exception("rollout_object_failed", rollout=one.id, object=each.object_id)
                made = fail(each, "the controller failed on it; its log has the cause", work.now)
            else:
                changed |= own.changed
            if made != each:
                await rollouts.put_objects(work.db, one, [made])
            if perf_counter() >= until:
                break
        return frozenset(changed)

    async def _undo(
        self, work: Work, one: Rollout, spec: RolloutSpec, until: float
    ) -> frozenset[DeviceId]:
        """Give some objects back what they had; it is over when their devices told so."""
        some = await rollouts.objects(work.db, one, standings=BEGUN, limit=STARTED_AT_ONCE)
        changed = await self._change(
            work, one, spec, _by_device(some), until, changing.undo, changing.not_undone
        )
        count = await rollouts.standings(work.db, one)
        left = sum(count.get(standing, 0) for standing in BEGUN)
        untold, kept = count.get(Standing.UNDOING, 0), count.get(Standing.NOT_UNDONE, 0)
        reasons: list[Reason] = []
        if left:
            reasons.append(Reason(f"{left:,} are to be given back what they had"))
        if untold:
            reasons.append(
                Reason(f"{untold:,} have back what they had, and have not told yet that it runs")
            )
        if kept:
            reasons.append(
                Reason(f"{kept:,} are not as they were before; the result of each says why")
            )
        if left or untold:
            await _put(work, one, reasons)
            return changed
        if not kept:
            reasons = [Reason("everything that was begun is as it was before")]
        await _put(work, one, reasons, phase=Phase.UNDONE, ended_at=work.now)
        return changed


SETTLES: Final = {
    Standing.STARTED: frozenset({Standing.STARTED, Standing.SUCCEEDED, Standing.FAILED}),
    Standing.UNDOING: frozenset({Standing.UNDOING, Standing.UNDONE, Standing.NOT_UNDONE}),
}
"""What the reports of those that have not told yet may come to."""


def _untold(phase: Phase) -> Standing:
    return Standing.UNDOING if phase is Phase.UNDOING else Standing.STARTED


def _last(plan: Plan) -> int:
    return len(plan.waves) - 1


def _not_begun(each: RolloutObject, why: str, now: datetime) -> RolloutObject:
    return replace(each, standing=Standing.FAILED, result=why, settled_at=now)


def _by_device(some: Sequence[RolloutObject]) -> list[RolloutObject]:
    """Devices are locked in the order of their ids, as everybody else does."""
    return sorted(some, key=lambda each: (each.device_id, each.object_id))


async def _waiting(work: Work, one: Rollout, wave: int) -> tuple[Waiting, ...]:
    return tuple(
        Waiting(pool.group, pool.zone, local_time(work.now, pool.zone), pool.count, pool.first)
        for pool in await rollouts.pools(work.db, one, wave)
    )


async def _chosen(
    work: Work, one: Rollout, wave: int, takes: Sequence[Take]
) -> list[RolloutObject]:
    chosen: list[RolloutObject] = []
    for take in takes:
        chosen += await rollouts.objects(
            work.db,
            one,
            standings=(Standing.WAITING,),
            wave=wave,
            place=(take.group, take.zone),
            limit=take.count,
        )
    return _by_device(chosen)


async def _put(work: Work, one: Rollout, reasons: Collection[Reason], **changes: object) -> None:
    names = await rollouts.names_of(work.db, one, [r.first for r in reasons if r.first])
    told = tuple(reason.told(names) for reason in reasons)
    now = replace(one, reasons=told, **changes)  # type: ignore[arg-type]  # members of a roll-out
    if now == one:
        return
    await rollouts.put(work.db, replace(now, updated_at=work.now))
    if now.phase is not one.phase:
        await rollouts.tell(work.db, now, work.now)
