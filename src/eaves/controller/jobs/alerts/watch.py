"""The job that looks at every node by the rules of its enterprise, and opens and closes incidents.

What a look comes to is decided on values (`domain.alerts`) and written in short transactions: the
incident, its event, what is told of it and what is tracked of it stand or fall together.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.domain.alerts.messages import Incident, What, of_incident
from eaves.controller.domain.alerts.moves import CLEAR, OPEN, Seen, Step, Told, Verdict, ended, step
from eaves.controller.domain.alerts.observe import Around, Node, observe
from eaves.controller.domain.alerts.rules import Rule, rule_of
from eaves.controller.domain.contract.alerts import AlertRule
from eaves.controller.domain.contract.stored import read_stored
from eaves.controller.domain.status.liveness import Limits
from eaves.controller.jobs.alerts.fleet import FleetMemory
from eaves.controller.jobs.leased import Held
from eaves.controller.store import alerts
from eaves.controller.store.alerts import State, StateKey, StoredRule
from eaves.controller.store.events import Event, insert_events
from eaves.controller.store.leases import LeaseLost
from eaves.controller.store.notifications import (
    NO_TIME,
    Notification,
    channels_told,
    forget_old,
    insert_notifications,
    of_message,
)
from eaves.controller.store.presence import find_watched
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import Db, snapshot, unit_of_work

log = structlog.get_logger()

AT_ONCE: Final = 100  # objects in one transaction
FORGOTTEN_AT_ONCE: Final = 500
GATHER: Final = timedelta(seconds=3)
"""How long several of one rule wait for the others of a look, to go in one mail."""


@dataclass(frozen=True, slots=True)
class Move:
    """One step of one object under one rule; `node` is None where it is not there any more."""

    key: StateKey
    device_id: str
    step: Step
    before: State | None
    text: str = ""
    rule: Rule | None = None
    node: Node | None = None


@dataclass
class AlertWatch:
    engine: AsyncEngine
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]
    limits: Limits
    _memory: FleetMemory = field(init=False)

    def __post_init__(self) -> None:
        self._memory = FleetMemory(self.engine)

    async def tick(self, held: Held) -> None:
        """One look at the nodes of every enterprise that has rules, or had some."""
        async with snapshot(self.engine) as db:
            stored = await alerts.rules_in_force(db)
            tracked = await alerts.enterprises_with_states(db)
            watched = await find_watched(db)
        now = self.clock()
        around = Around(now, self.limits, now if watched is None else watched.since)
        rules: dict[str, list[Rule]] = {}
        for one in stored:
            rule = _rule(one)
            if rule is not None:
                rules.setdefault(rule.enterprise_id, []).append(rule)
        known: set[str] = set()
        for enterprise_id in sorted(tracked | rules.keys()):
            try:
                known |= await self._look(held, enterprise_id, rules.get(enterprise_id, []), around)
            except LeaseLost:
                raise
            except Exception:
                log.exception("alerts_not_looked_at", enterprise_id=enterprise_id)
        self._memory.forget_others(frozenset(known))

    async def forget_old(self, held: Held, oldest: datetime) -> int:
        """Drop incidents, and what was told, that were over by then; how many."""
        gone = 0
        while True:
            async with unit_of_work(self.engine) as db:
                await held.confirm(db)
                some = await forget_old(db, oldest, FORGOTTEN_AT_ONCE)
                some += await alerts.forget_old_incidents(db, oldest, FORGOTTEN_AT_ONCE)
            gone += some
            if not some:
                return gone

    async def _look(
        self, held: Held, enterprise_id: str, rules: Sequence[Rule], around: Around
    ) -> set[str]:
        async with snapshot(self.engine) as db:
            tracked = _by_owner(await alerts.states_of(db, enterprise_id))
        known: set[str] = set()
        if rules:
            async for nodes in self._memory.nodes(enterprise_id, rules):
                known.update(node.id for node in nodes)
                await self._apply(held, look(rules, nodes, tracked, around), around.now)
        # what no look came by: its node, or its rule, is no more
        left = [_ended(state) for states in tracked.values() for state in states.values()]
        await self._apply(held, left, around.now)
        return known

    async def _apply(self, held: Held, moves: Sequence[Move], now: datetime) -> None:
        for start in range(0, len(moves), AT_ONCE):
            some = moves[start : start + AT_ONCE]
            async with unit_of_work(self.engine) as db:
                await held.confirm(db)
                await self._write(db, some, now)
            opened = sum(move.step.told is Told.OPENED for move in some)
            closed = sum(move.step.told is Told.CLOSED for move in some)
            if opened or closed:
                log.info("incidents_turned", opened=opened, closed=closed)

    async def _write(self, db: Db, moves: Sequence[Move], now: datetime) -> None:
        opened: list[Incident] = []
        events: list[Event] = []
        told: list[Notification] = []
        states: list[State] = []
        together = Counter((move.key.rule_id, move.step.told) for move in moves)
        for move in moves:
            keep = move.step.keep
            several = together[move.key.rule_id, move.step.told] > 1
            wait = GATHER if several else NO_TIME
            if move.step.told is Told.OPENED and keep is not None:
                incident = _incident(move, self._new_id(), now)
                keep = replace(keep, incident_id=incident.id)
                opened.append(incident)
                events.append(_event(incident, What.OPENED, now))
                channels = move.rule.channels if move.rule is not None else ()
                told += self._notifications(incident, What.OPENED, channels, now, wait)
            elif move.step.told is Told.CLOSED and move.before is not None:
                key, id_ = move.key, move.before.tracked.incident_id
                why = move.text or "it is over"
                over = await alerts.close_incident(db, key.enterprise_id, id_, at=now, why=why)
                if over is not None:
                    events.append(_event(over, What.CLOSED, now))
                    channels = await channels_told(db, key.enterprise_id, id_)
                    told += self._notifications(over, What.CLOSED, channels, now, wait)
            if keep is not None:
                states.append(State(move.key, move.device_id, keep))
        await alerts.insert_incidents(db, opened)
        await alerts.put_states(db, states)
        gone = [move.key for move in moves if move.step.keep is None and move.before is not None]
        await alerts.delete_states(db, gone)
        await insert_events(db, events)
        await insert_notifications(db, told)

    def _notifications(
        self,
        incident: Incident,
        what: What,
        channels: Sequence[str],
        now: datetime,
        wait: timedelta,
    ) -> list[Notification]:
        message = of_incident(incident, what)
        return [
            of_message(
                message,
                what,
                enterprise_id=incident.enterprise_id,
                id_=self._new_id(),
                now=now,
                channel_id=channel,
                incident_id=incident.id,
                wait=wait,
            )
            for channel in channels
        ]

    def _new_id(self) -> str:
        return str(uuid.UUID(bytes=self.random(16), version=4))


def _rule(one: StoredRule) -> Rule | None:
    stored = one.stored
    changes = {"id": stored.id, "name": stored.name}
    try:
        contract = read_stored(AlertRule, stored.body, changes)
    except ValidationError:
        log.exception("alert_rule_not_read", rule_id=stored.id)
        return None
    channels = [id_ for id_, project in one.channels if project in ("", stored.project_id)]
    return rule_of(contract, stored.enterprise_id, stored.revision.updated_at, tuple(channels))


_Owner = tuple[str, str]
"""Rule and device."""
ByOwner = dict[_Owner, dict[str, State]]


def _by_owner(states: Sequence[State]) -> ByOwner:
    found: ByOwner = {}
    for state in states:
        found.setdefault((state.key.rule_id, state.device_id), {})[state.key.object_id] = state
    return found


def look(
    rules: Sequence[Rule], nodes: Sequence[Node], tracked: ByOwner, around: Around
) -> list[Move]:
    """What changes by a look at these nodes; what is tracked of them is taken out of `tracked`.

    What stays there is of a node that is gone, or that its rule is not about any more.
    """
    moves: list[Move] = []
    for node in nodes:
        for rule in rules:
            if not rule.is_about(node.project_id, node.tags):
                continue
            mine = tracked.pop((rule.id, node.id), {})
            seen = dict(observe(rule, node, around, partial(_is_open, mine)))
            for object_id in {**dict.fromkeys(mine), **seen}:
                before, current = mine.get(object_id), seen.get(object_id, CLEAR)
                if before is None and current.verdict is not Verdict.MET:
                    continue  # as nearly always
                key = StateKey(rule.enterprise_id, rule.id, object_id)
                moves += _move(rule, node, key, before, current, around.now)
    return moves


def _is_open(states: Mapping[str, State], object_id: str) -> bool:
    state = states.get(object_id)
    return state is not None and state.tracked.phase in OPEN


def _move(
    rule: Rule, node: Node, key: StateKey, before: State | None, seen: Seen, now: datetime
) -> list[Move]:
    tracked = None if before is None else before.tracked
    taken = step(tracked, seen, now, hold=rule.hold, clear=rule.clear)
    keep = taken.keep
    if keep is not None and tracked is not None and taken.told is not Told.OPENED:
        keep = replace(keep, incident_id="" if taken.told is Told.CLOSED else tracked.incident_id)
        taken = Step(keep, taken.told)
    if taken.told is Told.NOTHING and keep == tracked:
        return []
    return [Move(key, node.id, taken, before, seen.text, rule, node)]


def _ended(state: State) -> Move:
    why = "its rule is not in force any more, or the node is not what the rule is about"
    return Move(state.key, state.device_id, ended(state.tracked), state, why)


def _incident(move: Move, id_: str, now: datetime) -> Incident:
    rule, node = move.rule, move.node
    assert rule is not None and node is not None  # noqa: S101, PT018 - only a look opens one
    object_id = move.key.object_id
    of_node = object_id == node.id
    name = next((app.name for app in node.apps if app.app_id == object_id), object_id)
    return Incident(
        id=id_,
        enterprise_id=rule.enterprise_id,
        rule_id=rule.id,
        rule_name=rule.name,
        condition=rule.condition.value,
        severity=rule.severity,
        project_id=node.project_id,
        device_id=node.id,
        device_name=node.name,
        object_kind=(Kind.DEVICE if of_node else Kind.APP_INSTANCE).value,
        object_id=object_id,
        object_name=node.name if of_node else name,
        text=move.text,
        opened_at=now,
    )


def _event(incident: Incident, what: What, now: datetime) -> Event:
    over = what is What.CLOSED
    text = incident.closed_why if over else incident.text
    return Event(
        at=now,
        enterprise_id=incident.enterprise_id,
        project_id=incident.project_id,
        device_id=incident.device_id,
        event_type=f"ALERT_{what.value.upper()}",
        description=f"alert {incident.rule_name}: {incident.about}: {text}",
        severity="notice" if over else incident.severity,
        object_kind=incident.object_kind,
        object_id=incident.object_id,
        object_name=incident.object_name,
    )
