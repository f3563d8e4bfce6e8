"""Staged roll-outs: each in a row, each of its objects in another."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Row, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from eaves.controller.domain.rollouts import Count, Due, Phase, Standing
from eaves.controller.domain.scope import Scope
from eaves.controller.store.dialect import insert_missing
from eaves.controller.store.events import Event, insert_event
from eaves.controller.store.tables_rollouts import rollout_objects, rollouts
from eaves.controller.store.unit import Db
from eaves.errors import Rejected

ACTIVE: Final = (Phase.RUNNING, Phase.PAUSED, Phase.UNDOING)
UNDER_WAY: Final = (*ACTIVE, Phase.UNDO_HELD)
GIVEN_BACK: Final = (Standing.UNDOING, Standing.UNDONE, Standing.NOT_UNDONE)
MOST_UNDER_WAY: Final = 100  # roll-outs of an enterprise that have not ended
MOST_DUE: Final = 10_000
KEPT: Final = timedelta(days=90)  # a roll-out that ended


class TooManyRollouts(Rejected):
    def __init__(self) -> None:
        super().__init__(
            f"{MOST_UNDER_WAY} roll-outs have not ended, which is as many as an enterprise may "
            "have; resume or abort some first"
        )


class RolloutNameTaken(Rejected):
    def __init__(self, name: str) -> None:
        super().__init__(f"a roll-out {name!r} exists already; choose another name")


@dataclass(frozen=True, slots=True)
class Rollout:
    enterprise_id: str
    id: str
    name: str
    operation: str
    spec: str
    user_id: str
    user_name: str
    created_at: datetime
    updated_at: datetime
    project_id: str = ""
    phase: Phase = Phase.RUNNING
    reasons: tuple[str, ...] = ()
    wave: int = 0
    accepted: int = 0
    ended_at: datetime | None = None
    undo_user_id: str = ""
    undo_user_name: str = ""


@dataclass(frozen=True, slots=True)
class RolloutObject:
    object_id: str
    object_name: str
    project_id: str
    device_id: str
    wave: int
    group: str = ""
    zone: str = ""
    standing: Standing = Standing.WAITING
    result: str = ""
    wanted: str = ""
    was: str = ""
    made: str = ""
    started_at: datetime | None = None
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """How many of a wave wait in a group and a time zone, and the id of one of them."""

    group: str
    zone: str
    count: int
    first: str


def _is(one: Rollout) -> ColumnElement[bool]:
    return (rollouts.c.enterprise_id == one.enterprise_id) & (rollouts.c.id == one.id)


def _of(one: Rollout) -> ColumnElement[bool]:
    c = rollout_objects.c
    return (c.enterprise_id == one.enterprise_id) & (c.rollout_id == one.id)


def _rollout(row: Row[tuple[object, ...]]) -> Rollout:
    return Rollout(
        row.enterprise_id,
        row.id,
        row.name,
        row.operation,
        row.spec,
        row.user_id,
        row.user_name,
        row.created_at,
        row.updated_at,
        row.project_id,
        Phase(row.phase),
        tuple(json.loads(row.reasons or "[]")),
        row.wave,
        row.accepted,
        row.ended_at,
        row.undo_user_id,
        row.undo_user_name,
    )


def _object(row: Row[tuple[object, ...]]) -> RolloutObject:
    return RolloutObject(
        row.object_id,
        row.object_name,
        row.project_id,
        row.device_id,
        row.wave,
        row.grp,
        row.zone,
        Standing(row.standing),
        row.result,
        row.wanted,
        row.was,
        row.made,
        row.started_at,
        row.settled_at,
    )


async def insert_rollout(db: Db, one: Rollout) -> None:
    """Raises RolloutNameTaken, TooManyRollouts."""
    c = rollouts.c
    under_way = select(func.count()).where(
        c.enterprise_id == one.enterprise_id, c.phase.in_([phase.value for phase in UNDER_WAY])
    )
    if (await db.execute(under_way)).scalar_one() >= MOST_UNDER_WAY:
        raise TooManyRollouts
    taken = select(c.id).where(c.enterprise_id == one.enterprise_id, c.name == one.name)
    if (await db.execute(taken)).first() is not None:
        raise RolloutNameTaken(one.name)
    try:
        await db.execute(
            insert(rollouts).values(
                enterprise_id=one.enterprise_id,
                id=one.id,
                name=one.name,
                project_id=one.project_id,
                operation=one.operation,
                spec=one.spec,
                user_id=one.user_id,
                user_name=one.user_name,
                phase=one.phase.value,
                reasons=json.dumps(one.reasons),
                created_at=one.created_at,
                updated_at=one.updated_at,
            )
        )
    except IntegrityError as error:
        raise RolloutNameTaken(one.name) from error


async def add_objects(db: Db, one: Rollout, objects: Sequence[RolloutObject]) -> None:
    """Those that are not in it yet."""
    rows = [
        {
            "enterprise_id": one.enterprise_id,
            "rollout_id": one.id,
            "object_id": made.object_id,
            "object_name": made.object_name,
            "project_id": made.project_id,
            "device_id": made.device_id,
            "wave": made.wave,
            "grp": made.group,
            "zone": made.zone,
            "standing": made.standing.value,
        }
        for made in objects
    ]
    await insert_missing(db, rollout_objects, rows)


async def due(db: Db) -> tuple[Due, ...]:
    """Those that something may be done for, the oldest first.

    Nothing is done for one that is paused but to note what its devices tell.
    """
    c, of = rollouts.c, rollout_objects.c
    untold = select(of.object_id).where(
        of.enterprise_id == c.enterprise_id,
        of.rollout_id == c.id,
        of.standing == Standing.STARTED.value,
    )
    query = (
        select(c.enterprise_id, c.id, c.created_at, c.phase)
        .where(
            c.phase.in_([phase.value for phase in ACTIVE]),
            or_(c.phase != Phase.PAUSED.value, untold.exists()),
        )
        .order_by(c.created_at)
        .limit(MOST_DUE)
    )
    return tuple(
        Due(row.enterprise_id, row.id, row.created_at, paused=row.phase == Phase.PAUSED.value)
        for row in await db.execute(query)
    )


async def read(db: Db, enterprise_id: str, rollout_id: str) -> Rollout | None:
    c = rollouts.c
    query = select(rollouts).where(c.enterprise_id == enterprise_id, c.id == rollout_id)
    row = (await db.execute(query)).one_or_none()
    return None if row is None else _rollout(row)


async def lock(db: Db, one: Rollout) -> Rollout | None:
    """As it is until the end of this transaction; nothing of it starts beside that."""
    row = (await db.execute(select(rollouts).where(_is(one)).with_for_update())).one_or_none()
    return None if row is None else _rollout(row)


async def put(db: Db, one: Rollout) -> None:
    await db.execute(
        update(rollouts)
        .where(_is(one))
        .values(
            phase=one.phase.value,
            reasons=json.dumps(one.reasons),
            wave=one.wave,
            accepted=one.accepted,
            updated_at=one.updated_at,
            ended_at=one.ended_at,
            undo_user_id=one.undo_user_id,
            undo_user_name=one.undo_user_name,
        )
    )


async def tell(db: Db, one: Rollout, now: datetime) -> None:
    """An event for people: it came to another phase, and nobody asked for that."""
    severity = "SEVERITY_INFO" if one.phase in (Phase.COMPLETED, Phase.UNDONE) else "SEVERITY_ERROR"
    await insert_event(
        db,
        Event(
            at=now,
            enterprise_id=one.enterprise_id,
            event_type=f"ROLLOUT_{one.phase.value}",
            description=f"roll-out {one.name}: {one.phase.value}: {'; '.join(one.reasons)}",
            severity=severity,
            project_id=one.project_id,
            user_name=one.user_name,
            object_kind="rollouts",
            object_id=one.id,
            object_name=one.name,
            data=json.dumps({"phase": one.phase.value, "wave": one.wave + 1}),
        ),
    )


async def forget_old(db: Db, now: datetime, limit: int = 10) -> None:
    """Those that ended long ago, some at a time: each has many rows."""
    c = rollouts.c
    over = c.phase.not_in([phase.value for phase in UNDER_WAY])
    old = select(c.enterprise_id, c.id).where(c.ended_at < now - KEPT, over)
    for enterprise_id, rollout_id in (await db.execute(old.limit(limit))).all():
        await db.execute(
            delete(rollouts).where(c.enterprise_id == enterprise_id, c.id == rollout_id)
        )


async def counts(db: Db, one: Rollout, waves: int) -> tuple[Count, ...]:
    """How each wave stands; those without objects too."""
    c = rollout_objects.c
    query = select(c.wave, c.standing, func.count()).where(_of(one)).group_by(c.wave, c.standing)
    found: dict[int, dict[str, int]] = {number: {} for number in range(waves)}
    for wave, standing, count in await db.execute(query):
        found.setdefault(wave, {})[standing] = count
    return tuple(
        Count(
            waiting=by.get(Standing.WAITING, 0),
            started=by.get(Standing.STARTED, 0),
            succeeded=by.get(Standing.SUCCEEDED, 0),
            failed=by.get(Standing.FAILED, 0),
            undone=sum(by.get(standing, 0) for standing in GIVEN_BACK),
        )
        for _, by in sorted(found.items())
    )


async def standings(db: Db, one: Rollout) -> Mapping[Standing, int]:
    """How many objects stand how."""
    c = rollout_objects.c
    query = select(c.standing, func.count()).where(_of(one)).group_by(c.standing)
    return {Standing(row[0]): row[1] for row in await db.execute(query)}


async def pools(db: Db, one: Rollout, wave: int) -> tuple[Pool, ...]:
    """Who waits in a wave, by group and time zone."""
    c = rollout_objects.c
    query = (
        select(c.grp, c.zone, func.count(), func.min(c.object_id))
        .where(_of(one), c.standing == Standing.WAITING.value, c.wave == wave)
        .group_by(c.grp, c.zone)
        .order_by(c.grp, c.zone)
    )
    return tuple(Pool(*row) for row in await db.execute(query))


async def names_of(db: Db, one: Rollout, ids: Collection[str]) -> Mapping[str, str]:
    c = rollout_objects.c
    query = select(c.object_id, c.object_name).where(_of(one), c.object_id.in_(ids))
    return {row[0]: row[1] for row in await db.execute(query)} if ids else {}


async def busy(db: Db, one: Rollout) -> Mapping[str, int]:
    """Objects under way, by their group."""
    c = rollout_objects.c
    query = (
        select(c.grp, func.count())
        .where(_of(one), c.standing == Standing.STARTED.value)
        .group_by(c.grp)
    )
    return {row[0]: row[1] for row in await db.execute(query)}


async def objects(
    db: Db,
    one: Rollout,
    *,
    scope: Scope | None = None,
    standings: Sequence[Standing] = (),
    wave: int | None = None,
    place: tuple[str, str] | None = None,
    ids: Collection[str] | None = None,
    after: str = "",
    limit: int,
) -> tuple[RolloutObject, ...]:
    """In the order of their ids, from behind the id `after`.  `place`: group and time zone."""
    c = rollout_objects.c
    query = select(rollout_objects).where(_of(one), c.object_id > after)
    if standings:
        query = query.where(c.standing.in_([standing.value for standing in standings]))
    if wave is not None:
        query = query.where(c.wave == wave)
    if place is not None:
        query = query.where(c.grp == place[0], c.zone == place[1])
    if ids is not None:
        query = query.where(c.object_id.in_(ids))
    if scope is not None and scope.projects is not None:
        query = query.where(or_(c.project_id == "", c.project_id.in_(scope.projects)))
    query = query.order_by(c.object_id).limit(limit)
    return tuple(_object(row) for row in await db.execute(query))


async def put_objects(db: Db, one: Rollout, changed: Sequence[RolloutObject]) -> None:
    if not changed:
        return
    c = rollout_objects.c
    await db.execute(
        update(rollout_objects)
        .where(_of(one), c.object_id == bindparam("of"))
        .values(
            standing=bindparam("is_now"),
            result=bindparam("told"),
            wanted=bindparam("asked"),
            was=bindparam("before"),
            made=bindparam("after"),
            started_at=bindparam("begun", type_=c.started_at.type),
            settled_at=bindparam("over", type_=c.settled_at.type),
        ),
        [
            {
                "of": made.object_id,
                "is_now": made.standing.value,
                "told": made.result,
                "asked": made.wanted,
                "before": made.was,
                "after": made.made,
                "begun": made.started_at,
                "over": made.settled_at,
            }
            for made in changed
        ],
    )


async def known(db: Db, one: Rollout, ids: Sequence[str]) -> frozenset[str]:
    c = rollout_objects.c
    query = select(c.object_id).where(_of(one), c.object_id.in_(ids))
    return frozenset((await db.execute(query)).scalars())


def _visible(scope: Scope, user_id: str) -> ColumnElement[bool]:
    """Of which every object may be seen; who asked for it sees it always."""
    c, of = rollouts.c, rollout_objects.c
    inside = c.enterprise_id == scope.enterprise
    if scope.projects is None:
        return inside
    found = select(of.object_id).where(of.enterprise_id == c.enterprise_id, of.rollout_id == c.id)
    hidden = found.where(of.project_id != "", of.project_id.not_in(scope.projects)).exists()
    # one of no project that has not looked for its objects yet may be about any of them
    selected = c.project_id.in_(scope.projects) | ((c.project_id == "") & found.exists())
    return inside & or_(c.user_id == user_id, ~hidden & selected)


async def all_inside(db: Db, scope: Scope, user_id: str, one: Rollout) -> bool:
    """Whether a scope has all that a roll-out is about, or may be about once it has looked.

    Its maker's rights bound what is found: until then it stands for nobody else's objects.
    """
    if scope.projects is None:
        return True
    c = rollout_objects.c
    mine = select(c.object_id).where(_of(one)).limit(1)
    outside = mine.where(c.project_id != "", c.project_id.not_in(scope.projects))
    if (await db.execute(outside)).first() is not None:
        return False
    if one.user_id == user_id:
        return True
    if one.project_id:
        return one.project_id in scope.projects
    return (await db.execute(mine)).first() is not None


async def find(db: Db, scope: Scope, user_id: str, reference: str) -> Rollout | None:
    """By name or id."""
    c = rollouts.c
    query = select(rollouts).where(
        or_(c.id == reference, c.name == reference), _visible(scope, user_id)
    )
    row = (await db.execute(query.order_by(c.id != reference).limit(1))).one_or_none()
    return None if row is None else _rollout(row)


async def listed(db: Db, scope: Scope, user_id: str, *, limit: int = 1000) -> tuple[Rollout, ...]:
    """Newest first."""
    query = select(rollouts).where(_visible(scope, user_id))
    query = query.order_by(rollouts.c.created_at.desc(), rollouts.c.id).limit(limit)
    return tuple(_rollout(row) for row in await db.execute(query))
