"""One look at a roll-out: who joins, who has succeeded or failed, what starts now.

Reading is done before, in a transaction of its own; what is written stands in one short
transaction, which holds the row of the roll-out: once somebody's abort is committed, no look starts
anything more.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Final

from pydantic import ValidationError

from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.base import JsonObject
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.jobs import BulkService
from eaves.controller.domain.contract.rollouts import RolloutSpec
from eaves.controller.domain.rollout_health import Told, app_told, base_os_told, settled_by
from eaves.controller.domain.rollouts import (
    Candidate,
    Finished,
    Phase,
    Standing,
    Start,
    Stop,
    Wait,
    decide,
    open_wave,
    wave_of,
)
from eaves.controller.domain.status.liveness import Limits
from eaves.controller.northbound import catalog, crud, records, rendering
from eaves.controller.northbound.bulk.acting import Errand, Means, acting_for, work_of
from eaves.controller.northbound.bulk.carrying import text_of
from eaves.controller.northbound.bulk.selecting import selection_of
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.reports import fleet_of
from eaves.controller.northbound.rollouts.specs import (
    config_of,
    group_of,
    local_time,
    operation_of,
    plan_of,
    zone_of,
)
from eaves.controller.northbound.verbs import store_change
from eaves.controller.northbound.work import Prepared, Principal, Work
from eaves.controller.store import rollouts
from eaves.controller.store.audit_chain import savepoint
from eaves.controller.store.bulk_jobs import JobObject, Outcome
from eaves.controller.store.bulk_selection import find_selected
from eaves.controller.store.rollouts import Rollout, RolloutObject
from eaves.controller.store.unit import Db
from eaves.errors import EavesError
from eaves.evapi.info import ZInfoTypes
from eaves.ids import DeviceId

CHUNK: Final = 1000
LOOKED_AT: Final = 500  # objects under way whose reports are read in one look
STARTED_AT_ONCE: Final = 20
JOINERS_EVERY: Final = timedelta(seconds=5)
OF_APP: Final = ("drives", "bundleversion", "user_defined_version", "manifest_info")
OF_DEVICE: Final = ("base_image",)


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
        if current.phase is Phase.UNDOING:
            return await self._undo(work, current, spec, until)
        await rollouts.add_objects(db, current, seen.joined)
        await self._settle(db, current, seen.told, now)
        if current.phase is Phase.PAUSED:
            return frozenset()
        return await self._start(work, current, spec, until)

    def forget(self, one: Rollout) -> None:
        self._looked_at.pop(one.id, None)
        self._joiners_at.pop(one.id, None)

    async def _work(self, db: Db, one: Rollout, spec: RolloutSpec, now: datetime) -> Work:
        """Raises JobCannotRun."""
        errand = Errand(one.enterprise_id, one.user_id, one.user_name, f"rollout {one.name}")
        principal: Principal = await acting_for(db, errand, operation_of(spec).rule)
        return work_of(db, principal, errand, self.means, now, later=True)

    async def _joined(
        self, work: Work, one: Rollout, spec: RolloutSpec
    ) -> tuple[RolloutObject, ...]:
        """Objects that the selection means and the roll-out does not have yet."""
        due = self._joiners_at.get(one.id)
        if one.phase is Phase.UNDOING or (due is not None and work.now < due):
            return ()
        self._joiners_at[one.id] = work.now + JOINERS_EVERY
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
        plan = plan_of(spec)
        begun = bool(await rollouts.objects(work.db, one, limit=1))
        waves: Mapping[str, int] = (
            {} if begun else wave_of(plan, one.id, [(o.object_id, d.tags) for o, d in found])
        )
        last = len(plan.waves) - 1
        return tuple(replace(o, wave=waves.get(o.object_id, last)) for o, _ in found)

    async def _with_devices(
        self, work: Work, spec: RolloutSpec, ids: Sequence[str]
    ) -> list[tuple[RolloutObject, DeviceConfig]]:
        if spec.operation_type is BulkService.BASEOS_UPDATE:
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
        some = await rollouts.objects(
            work.db, one, standings=(Standing.STARTED,), after=after, limit=LOOKED_AT
        )
        self._looked_at[one.id] = some[-1].object_id if len(some) == LOOKED_AT else ""
        ids = sorted({each.device_id for each in some})
        devices = await records.in_order(work.db, work.scope, records.DEVICE, ids)
        of_device = spec.operation_type is BulkService.BASEOS_UPDATE
        kind = ZInfoTypes.ZiDevice if of_device else ZInfoTypes.ZiApp
        fleet = await fleet_of(work, self.limits, devices, (kind,))
        told: dict[str, Told] = {}
        deadline = timedelta(seconds=spec.deadline_seconds)
        for each in some:
            begun = each.started_at or work.now
            if of_device:
                reports = fleet.device(each.device_id)
                said = base_os_told(reports.info, reports.received_at, begun, each.wanted)
            else:
                app = AppInstance(id=each.object_id, device_id=each.device_id)
                of_app = fleet.app(app, {})
                said = app_told(of_app.info, of_app.received_at, begun, each.wanted)
            told[each.object_id] = settled_by(said, begun, deadline, work.now)
        return told

    async def _settle(self, db: Db, one: Rollout, told: Mapping[str, Told], now: datetime) -> None:
        """Only what is under way still: somebody may have undone it meanwhile."""
        if not told:
            return
        under_way = await rollouts.objects(
            db, one, standings=(Standing.STARTED,), ids=tuple(told), limit=len(told)
        )
        changed = [
            replace(
                each,
                standing=said.standing,
                result=said.text,
                settled_at=None if said.standing is Standing.STARTED else now,
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
            await _put(work, one, reasons=("it looks for its objects",))
            return frozenset()
        wave = open_wave(plan, counts, one.accepted)
        waiting: tuple[RolloutObject, ...] = ()
        if isinstance(wave, int) and wave < len(counts):
            waiting = await rollouts.objects(
                db, one, standings=(Standing.WAITING,), wave=wave, limit=CHUNK
            )
        candidates = [
            Candidate(w.object_id, w.object_name, w.group, local_time(work.now, w.zone))
            for w in waiting
        ]
        busy = await rollouts.busy(db, one)
        match decide(
            plan, counts, candidates, busy, accepted=one.accepted, at_once=STARTED_AT_ONCE
        ):
            case Start(number, ids, reasons):
                chosen = [w for w in waiting if w.object_id in ids]
                changed = await self._begin(work, one, spec, chosen, until)
                await _put(work, one, wave=number, reasons=reasons)
                return changed
            case Wait(number, reasons):
                await _put(work, one, wave=number, reasons=reasons)
            case Stop(number, reasons):
                await _put(work, one, wave=number, phase=Phase.PAUSED, reasons=reasons)
            case Finished(reasons):
                await _put(
                    work,
                    one,
                    wave=len(counts) - 1,
                    phase=Phase.COMPLETED,
                    reasons=reasons,
                    ended_at=work.now,
                )
        return frozenset()

    async def _begin(
        self,
        work: Work,
        one: Rollout,
        spec: RolloutSpec,
        chosen: Sequence[RolloutObject],
        until: float,
    ) -> frozenset[DeviceId]:
        operation, config = operation_of(spec), config_of(spec)
        changed: set[DeviceId] = set()
        for each in chosen:
            of_job = JobObject(
                0, each.object_id, each.object_name, each.project_id, 0, Outcome.PENDING
            )
            own = replace(work, changed=set(), told=set())
            try:
                async with savepoint(work.db):
                    was = await _members(own, spec, each.object_id)
                    await operation.apply(own, of_job, config)
                    await rendering.render_all(
                        work.db, self.means.keys, sorted(own.changed), work.now
                    )
                    wanted = await _wanted(own, spec, each.object_id)
            except (EavesError, ValidationError) as error:
                made = replace(
                    each, standing=Standing.FAILED, result=text_of(error), settled_at=work.now
                )
            else:
                changed |= own.changed
                made = replace(
                    each,
                    standing=Standing.STARTED,
                    result="",
                    wanted=wanted,
                    was=json.dumps(was),
                    started_at=work.now,
                )
            await rollouts.put_objects(work.db, one, [made])
            if perf_counter() >= until:
                break
        return frozenset(changed)

    async def _undo(
        self, work: Work, one: Rollout, spec: RolloutSpec, until: float
    ) -> frozenset[DeviceId]:
        """Give objects back what they had, those that were begun last at the end of their order."""
        some = await rollouts.objects(
            work.db,
            one,
            standings=(Standing.STARTED, Standing.SUCCEEDED, Standing.FAILED),
            limit=STARTED_AT_ONCE,
        )
        changed: set[DeviceId] = set()
        for each in some:
            own = replace(work, changed=set(), told=set())
            text = "as it was before"
            try:
                if each.was:
                    async with savepoint(work.db):
                        await _restore(own, spec, each.object_id, json.loads(each.was))
                        await rendering.render_all(
                            work.db, self.means.keys, sorted(own.changed), work.now
                        )
            except (EavesError, ValidationError) as error:
                text = f"not undone: {text_of(error)}"
            else:
                changed |= own.changed
            made = replace(each, standing=Standing.UNDONE, result=text, settled_at=work.now)
            await rollouts.put_objects(work.db, one, [made])
            if perf_counter() >= until:
                break
        if not some:
            await _put(
                work,
                one,
                phase=Phase.UNDONE,
                reasons=("everything that was begun is as it was before",),
                ended_at=work.now,
            )
        return frozenset(changed)


async def _put(work: Work, one: Rollout, **changes: object) -> None:
    now = replace(one, **changes)  # type: ignore[arg-type]  # members of a roll-out
    if now != one:
        await rollouts.put(work.db, replace(now, updated_at=work.now))


async def _members(work: Work, spec: RolloutSpec, object_id: str) -> JsonObject:
    """What the operation changes, as it is now."""
    if spec.operation_type is BulkService.BASEOS_UPDATE:
        device = await crud.find(work, catalog.DEVICES, object_id=object_id)
        return device.model_dump(mode="json", by_alias=True, include={*OF_DEVICE})
    instance = await crud.find(work, catalog.INSTANCES, object_id=object_id)
    return instance.model_dump(mode="json", by_alias=True, include={*OF_APP})


async def _wanted(work: Work, spec: RolloutSpec, object_id: str) -> str:
    """The version that the object is to report."""
    if spec.operation_type is BulkService.BASEOS_UPDATE:
        device = await crud.find(work, catalog.DEVICES, object_id=object_id)
        return device.base_image[0].version if device.base_image else ""
    return (await crud.find(work, catalog.INSTANCES, object_id=object_id)).bundleversion


async def _restore(work: Work, spec: RolloutSpec, object_id: str, was: JsonObject) -> None:
    what = "roll-out undone"
    if spec.operation_type is BulkService.BASEOS_UPDATE:
        device = await crud.find(work, catalog.DEVICES, object_id=object_id)
        before = DeviceConfig.from_json(was)
        wanted = device.model_copy(update={name: getattr(before, name) for name in OF_DEVICE})
        await store_change(work, catalog.DEVICES, device, wanted, what)
        return
    instance = await crud.find(work, catalog.INSTANCES, object_id=object_id)
    old = AppInstance.from_json(was)
    kept = {name: getattr(old, name) for name in OF_APP}
    changed = instance.model_copy(update=kept)
    prepared = await catalog.INSTANCES.prepare(work, changed, instance)
    if prepared.refusals:
        raise Problem.of_refusals(prepared.refusals, catalog.INSTANCES.target(instance))
    await crud.store_prepared(
        work,
        catalog.INSTANCES,
        Prepared(
            prepared.wanted.model_copy(update=kept),
            (),
            references=prepared.references,
            project_id=prepared.project_id,
            device_id=prepared.device_id,
            state=prepared.state,
        ),
        instance,
        what=what,
    )
