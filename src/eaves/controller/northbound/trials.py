"""A write tried: it happens as it would, in a transaction that is undone, and the nodes that it
reaches are read as they would be and as they are.

It holds up other writers as the write itself would, without what rendering takes: that comes when
the transaction has ended.  Nothing stays, no event and no row of the audit; but who asks for the
machine of another enterprise is told of there, as by the write: else a plan would find them out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from fastapi import Request
from sqlalchemy.exc import IntegrityError

from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.planned import Both, plan_of
from eaves.controller.domain.policies.preview import NodePlan
from eaves.controller.domain.policies.settle import Fault
from eaves.controller.domain.scope import Scope
from eaves.controller.keys import KeyStore
from eaves.controller.keys.facts import controller_facts
from eaves.controller.northbound import policies
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.problems import Problem, Target
from eaves.controller.northbound.rendering import MODELS_TRIED
from eaves.controller.northbound.routes import READ_DEVICES
from eaves.controller.northbound.work import Work
from eaves.controller.store.affected import devices_affected, models_affected
from eaves.controller.store.audit_chain import savepoint
from eaves.controller.store.inputs import load_all_inputs
from eaves.controller.store.objects import NoSuchObject, ids_in_project
from eaves.controller.store.policies import want_devices
from eaves.controller.store.policy_reconcile import Reconciled, reconcile
from eaves.controller.store.tables import Kind
from eaves.errors import EavesError, Rejected
from eaves.ids import DeviceId

Write = Callable[[Work], Awaitable[Target]]
Reason = tuple[str, str]  # the member of the object that it is about, and the sentence

MOST: Final = 100
"""Nodes that are looked at, at most; the others are counted."""
TOLD: Final = frozenset({400, 409, 412, 413})
"""Answers of a write that are part of its plan; others are those of the plan itself."""


class _UndoneError(Exception):
    """Leaves a transaction of which nothing stays."""


@dataclass(frozen=True)
class Tried:
    refused: tuple[Reason, ...] = ()
    plans: tuple[NodePlan, ...] = ()
    beyond: int = 0  # nodes that are reached and were not looked at


@dataclass(slots=True)
class _Reached:
    refused: tuple[Reason, ...] = ()
    ids: tuple[DeviceId, ...] = ()
    beyond: int = 0
    after: Mapping[str, DeviceInputs] | None = None
    faults: Mapping[DeviceId, tuple[Fault, ...]] | None = None


async def try_write(context: Context, request: Request, write: Write) -> Tried:
    """Raises what the write raises of who asks: that it may not, that there is no such object."""
    reached = _Reached()
    before: Mapping[str, DeviceInputs] = {}
    try:
        async with context.writing(request) as work:
            await _written(work, write, reached)
            before = await _inputs(work, reached.ids)
            _leave()
    except _UndoneError:
        pass
    if reached.refused:
        return Tried(reached.refused)
    each = [
        Both(
            before.get(one),
            (reached.after or {}).get(one),
            (reached.faults or {}).get(one, ()),
        )
        for one in reached.ids
    ]
    return await planned(context.keys, each, reached.beyond)


async def reasons_against(context: Context, request: Request, write: Write) -> tuple[Reason, ...]:
    """Why a write would be refused, of nothing that it reaches; raises as `try_write` does."""
    reached = _Reached()
    try:
        async with context.writing(request) as work:
            await _undone(work, reached, lambda: write(replace(work, render_later=True)))
            _leave()
    except _UndoneError:
        pass
    return reached.refused


async def planned(keys: KeyStore, each: Collection[Both], beyond: int) -> Tried:
    """Renders in a thread: some milliseconds for each node."""
    there = [one for one in each if one.before is not None or one.after is not None]
    plans, refused = await asyncio.to_thread(_plans, keys, there)
    return Tried(refused, plans, beyond)


def _plans(
    keys: KeyStore, each: Collection[Both]
) -> tuple[tuple[NodePlan, ...], tuple[Reason, ...]]:
    facts = controller_facts(keys)
    plans: list[NodePlan] = []
    refused: list[Reason] = []
    for one in each:
        try:
            plans.append(plan_of(one, facts))
        except EavesError as error:
            name = one.any_of_both.device.name
            refused.append(("", f"with this change device {name!r} cannot be rendered: {error}"))
    return tuple(sorted(plans, key=lambda plan: plan.node_name)), tuple(refused)


def _leave() -> None:
    raise _UndoneError


async def _written(work: Work, write: Write, reached: _Reached) -> None:
    """As the write leaves it behind, read into `reached`; the write is undone then."""
    trial = replace(work, render_later=True)
    visible = await _visible(work)  # as it is: what is deleted or moved is not, later

    async def written() -> None:
        target = await write(trial)
        if trial.touched:
            done = await _reconciled(trial)
            trial.changed.update(done.changed)
            reached.faults = done.faults
            trial.changed.update(done.faults)
        reached.ids, reached.beyond = await _chosen(trial, target.id, visible)
        reached.after = await _inputs(trial, reached.ids)

    await _undone(work, reached, written)


async def _undone(work: Work, reached: _Reached, done: Callable[[], Awaitable[object]]) -> None:
    """Do it, and take it back; what refuses it stands in `reached` then."""
    try:
        async with savepoint(work.db):
            await done()
            _leave()
    except _UndoneError:
        pass
    except Problem as problem:
        if problem.status not in TOLD:
            raise
        reached.refused = tuple((one.location, one.details) for one in problem.errors)
    except NoSuchObject:
        raise
    except Rejected as error:
        reached.refused = (("", str(error)),)


async def _reconciled(trial: Work) -> Reconciled:
    """What policies make of the nodes that the write left to whoever began it."""
    if trial.db.dialect.name != "sqlite":
        # first, as the job does: two who lock in another order wait for each other
        await want_devices(trial.db, trial.scope.enterprise, trial.touched, trial.now)
    ids = sorted(map(DeviceId, trial.touched))
    try:
        return await reconcile(trial.db, ids, policies.means_of(trial))
    except IntegrityError as error:
        raise Problem(
            503, "another write gave away a name of this plan just now; try again in a moment"
        ) from error


async def _inputs(work: Work, ids: Collection[DeviceId]) -> dict[str, DeviceInputs]:
    if not ids:
        return {}
    return {one.device.id: one for one in await load_all_inputs(work.db, ids)}


async def _chosen(
    work: Work, object_id: str, visible: frozenset[str] | None
) -> tuple[tuple[DeviceId, ...], int]:
    """Nodes to look at, one of each model among them, and how many more are reached.

    Of those that the caller may see, or might before the write: it hears of no other.
    """
    if visible is not None:
        now = await _visible(work) or frozenset()
        return await _chosen_of(work, object_id, visible | now)
    if len(work.changed) <= MOST:
        return tuple(sorted(work.changed)), 0
    models = await models_affected(work.db, object_id)
    total = max(sum(count for count, _ in models.values()), len(work.changed))
    first = sorted(DeviceId(one) for _, one in models.values())[:MODELS_TRIED]
    ids = tuple(dict.fromkeys([*first, *sorted(work.changed)]))[:MOST]
    return ids, max(0, total - len(ids))


async def _visible(work: Work) -> frozenset[str] | None:
    """The nodes that the caller may see; None: all."""
    projects = work.principal.rights.projects(READ_DEVICES)  # none, where it does not permit that
    if projects is None:
        return None
    seen = Scope(work.scope.enterprise, projects)
    found: set[str] = set()
    for project in sorted(projects):
        found.update(await ids_in_project(work.db, seen, Kind.DEVICE, project))
    return frozenset(found)


async def _chosen_of(
    work: Work, object_id: str, visible: frozenset[str]
) -> tuple[tuple[DeviceId, ...], int]:
    reached = set(work.changed)
    if len(reached) > MOST:  # some of those that are reached: who may see few may see others
        reached |= {DeviceId(one) for one in await devices_affected(work.db, object_id)}
    ids = sorted(one for one in reached if one in visible)
    return tuple(ids[:MOST]), max(0, len(ids) - MOST)
