"""Incidents open and end once each, whichever process looks; what is told of them waits."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, OTHER, STAMP, draft
from support.telemetry import fold_series, fold_state, info_report, metrics_report

from eaves.controller.domain.alerts.messages import Incident, Message, What
from eaves.controller.domain.contract.alerts import AlertCondition, AlertRule
from eaves.controller.domain.contract.statuses import Severity
from eaves.controller.domain.scope import Scope
from eaves.controller.domain.status.liveness import limits_of
from eaves.controller.jobs.alerts.watch import AlertWatch
from eaves.controller.jobs.leased import Held, Leases
from eaves.controller.store import notifications
from eaves.controller.store.alerts import (
    all_incidents,
    count_incidents,
    find_incident,
    unattended_incidents,
)
from eaves.controller.store.devices import mark_gone, put_last_seen
from eaves.controller.store.leases import Lease, LeaseLost
from eaves.controller.store.notifications import Notification, Queue
from eaves.controller.store.objects import delete_object, insert_object, replace_object
from eaves.controller.store.presence import Watched, put_watched
from eaves.controller.store.tables import Kind, events
from eaves.controller.store.tables_alerts import alert_states
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.evapi.info import (
    ErrorInfo,
    ZInfoApp,
    ZInfoDevice,
    ZInfoMsg,
    ZInfoTypes,
    ZSwState,
    encode_z_info_msg,
)
from eaves.evapi.metrics import AppCpuMetric, DeviceMetric, ZMetricMsg, encode_z_metric_msg
from eaves.ids import DeviceId, ProjectId

ALONE = Held(Lease("alerts", "test", 0), alone=True)
PLANT, SITE = "plant", "site"


@dataclass
class Fleet:
    """Two devices of two projects, rules, and a clock."""

    engine: AsyncEngine
    now: datetime = NOW
    watches: list[AlertWatch] = field(default_factory=list[AlertWatch])

    def __post_init__(self) -> None:
        limits = limits_of(timedelta(minutes=5))
        self.watches = [
            AlertWatch(self.engine, lambda: self.now, os.urandom, limits) for _ in range(2)
        ]

    async def begin(self) -> None:
        async with unit_of_work(self.engine) as db:
            for name in (PLANT, SITE):
                await insert_object(db, ACME, draft(Kind.PROJECT, name), STAMP)
            for name, project in (("a", PLANT), ("b", SITE)):
                body = '{"tags": {"tier": "1"}}' if name == "a" else "{}"
                one = draft(Kind.DEVICE, name, project_id=project, body=body)
                await insert_object(db, ACME, one, STAMP)
            for name in ("mail", "hook"):
                channel = draft(Kind.ALERT_CHANNEL, name, state="enabled")
                await insert_object(db, ACME, channel, STAMP)
            await put_watched(db, Watched(NOW - timedelta(days=1), NOW))
        await self.seen("a", "b")

    async def rule(self, name: str, condition: AlertCondition, **more: object) -> None:
        body = AlertRule(name=name, condition=condition, severity=Severity.ERROR, **more)  # type: ignore[arg-type]  # a test's short form
        one = draft(
            Kind.ALERT_RULE,
            name,
            state="enabled",
            body=body.to_json_text(),
            project_id=body.project_id,
            references=frozenset({"mail", "hook"}),
        )
        async with unit_of_work(self.engine) as db:
            await insert_object(db, ACME, one, STAMP)

    async def seen(self, *devices: str) -> None:
        async with unit_of_work(self.engine) as db:
            await put_last_seen(db, {DeviceId(one): self.now for one in devices})

    async def look(self, after: float = 0, process: int = 0) -> None:
        """Some seconds later."""
        self.now += timedelta(seconds=after)
        await self.watches[process].tick(ALONE)

    async def incidents(self, scope: Scope = ACME) -> Sequence[Incident]:
        async with snapshot(self.engine) as db:
            return await all_incidents(db, scope)

    async def told(self) -> list[tuple[str, str]]:
        """Channel and what, in the order of the ids of the channels."""
        found: list[tuple[str, str]] = []
        async with snapshot(self.engine) as db:
            for one in await all_incidents(db, ACME):
                rows = await notifications.of_incident(db, "acme", one.id)
                found += [(row.channel_id, row.what.value) for row in rows]
        return sorted(found)

    async def journal(self) -> list[str]:
        async with snapshot(self.engine) as db:
            rows = await db.execute(select(events.c.event_type).order_by(events.c.row))
            return list(rows.scalars())

    async def tracked(self) -> int:
        async with snapshot(self.engine) as db:
            return len((await db.execute(select(alert_states))).all())

    def app(self, *errors: str) -> None:
        app = ZInfoApp(
            app_id="a1",
            app_name="web",
            state=ZSwState.RUNNING,
            app_err=tuple(ErrorInfo(description=text) for text in errors),
        )
        message = ZInfoMsg(ztype=ZInfoTypes.ZiApp, dev_id="a", ainfo=app)
        fold_state(self.engine.url, info_report("a", encode_z_info_msg(message), self.now))

    def busy(self, cpu_ns: int) -> None:
        metric = DeviceMetric(cpu_metric=AppCpuMetric(total_ns=cpu_ns))
        message = ZMetricMsg(dev_id="a", dm=metric, at_time_stamp=self.now)
        fold_series(self.engine.url, metrics_report("a", encode_z_metric_msg(message), self.now))


@pytest.fixture
async def fleet(engine: AsyncEngine) -> Fleet:
    made = Fleet(engine)
    await made.begin()
    return made


async def test_silence_opens_one_incident_and_its_end_is_told_once(fleet: Fleet) -> None:
    offline = AlertCondition.NODE_OFFLINE
    await fleet.rule("offline", offline, hold_seconds=60, clear_seconds=30)
    await fleet.look(290)
    await fleet.seen("b")
    await fleet.look(60)
    assert not await fleet.incidents(), "offline for 50 s"
    for process in (0, 1, 0, 1):
        await fleet.look(10, process)
    (one,) = await fleet.incidents()
    assert (one.rule_name, one.device_name, one.project_id) == ("offline", "a", PLANT)
    assert (one.severity, one.closed_at) == ("error", None)
    assert await fleet.told() == [("hook", "opened"), ("mail", "opened")]
    assert await fleet.journal() == ["ALERT_OPENED"]
    for _ in range(3):  # it comes and goes
        await fleet.seen("a")
        await fleet.look(10)
    await fleet.look(30, 1)
    await fleet.look(5)
    (one,) = await fleet.incidents()
    assert one.closed_at is not None
    assert one.closed_why == "it is over"
    both = ("hook", "mail")
    assert await fleet.told() == [(name, what) for name in both for what in ("closed", "opened")]
    assert await fleet.journal() == ["ALERT_OPENED", "ALERT_CLOSED"]
    assert await fleet.tracked() == 0


async def test_an_app_in_error_is_told_by_what_its_node_reports(fleet: Fleet) -> None:
    await fleet.rule("app", AlertCondition.APP_ERROR, hold_seconds=20, clear_seconds=0)
    fleet.app("no memory")
    await fleet.look()
    await fleet.look(10, 1)
    assert not await fleet.incidents()
    await fleet.look(10, 1)
    (one,) = await fleet.incidents()
    assert (one.object_id, one.object_name, one.device_id) == ("a1", "web", "a")
    assert "no memory" in one.text
    fleet.now += timedelta(seconds=5)
    fleet.app()
    await fleet.look()
    assert [each.closed_at for each in await fleet.incidents()] == [fleet.now]


async def test_a_busy_processor_is_told_of_all_processors_together(fleet: Fleet) -> None:
    await fleet.rule("cpu", AlertCondition.CPU, threshold=80, hold_seconds=60)
    info = ZInfoDevice(ncpu=2)
    message = ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dev_id="a", dinfo=info)
    fold_state(fleet.engine.url, info_report("a", encode_z_info_msg(message), fleet.now))
    total = 0
    for minute in range(4):
        fleet.busy(total)
        await fleet.seen("a", "b")
        await fleet.look()
        assert len(await fleet.incidents()) == (1 if minute >= 2 else 0), minute
        fleet.now += timedelta(minutes=1)
        total += 60 * 10**9 * 2 * 9 // 10  # 90 % of both
    (one,) = await fleet.incidents()
    assert one.text == "processor 90.0 % in use, more than 80 %"


async def test_an_incident_ends_with_its_rule_and_with_its_node(fleet: Fleet) -> None:
    await fleet.rule("all", AlertCondition.NODE_OFFLINE)
    await fleet.rule("tier", AlertCondition.NODE_OFFLINE, selector={"tier": "1"})
    await fleet.rule("of-site", AlertCondition.NODE_OFFLINE, project_id=SITE)
    await fleet.look(301)
    opened = {(one.rule_name, one.device_id) for one in await fleet.incidents()}
    assert opened == {("all", "a"), ("all", "b"), ("tier", "a"), ("of-site", "b")}
    async with unit_of_work(fleet.engine) as db:
        await delete_object(db, ACME, Kind.ALERT_RULE, "tier")
        site = draft(Kind.ALERT_RULE, "of-site", state="disabled", project_id=SITE)
        await replace_object(db, ACME, site, STAMP, expected=None)
        await mark_gone(db, DeviceId("b"))
    await fleet.look(90)
    await fleet.look(90)
    left = {(one.rule_name, one.device_id) for one in await fleet.incidents() if not one.closed_at}
    assert left == {("all", "a")}


async def test_who_sees_some_projects_sees_their_incidents_only(fleet: Fleet) -> None:
    await fleet.rule("all", AlertCondition.NODE_OFFLINE)
    await fleet.look(301)
    some = Scope(ACME.enterprise, frozenset({ProjectId(PLANT)}))
    assert [one.device_id for one in await fleet.incidents(some)] == ["a"]
    assert not await fleet.incidents(OTHER)
    hidden = next(one for one in await fleet.incidents() if one.device_id == "b")
    async with snapshot(fleet.engine) as db:
        assert await find_incident(db, ACME, hidden.id) == hidden
        assert await find_incident(db, some, hidden.id) is None
        assert await find_incident(db, OTHER, hidden.id) is None
        unattended = await unattended_incidents(db, some, 10)
        assert await count_incidents(db, some) == 1
    assert [one.device_id for one in unattended] == ["a"]


async def test_old_incidents_are_forgotten_with_what_was_told(fleet: Fleet) -> None:
    await fleet.rule("all", AlertCondition.NODE_OFFLINE, clear_seconds=0)
    await fleet.look(301)
    await fleet.seen("a")
    await fleet.look()
    assert await fleet.watches[0].forget_old(ALONE, fleet.now) == 0
    later = fleet.now + timedelta(days=1)
    assert await fleet.watches[0].forget_old(ALONE, later) == 1
    assert [one.device_id for one in await fleet.incidents()] == ["b"]


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
async def test_a_process_that_lost_its_lease_opens_nothing(fleet: Fleet) -> None:
    await fleet.rule("all", AlertCondition.NODE_OFFLINE)
    fleet.now += timedelta(seconds=301)
    late = Held(Lease("alerts", "gone", 1))
    async with Leases(fleet.engine, "other").hold("alerts"):
        with pytest.raises(LeaseLost):
            await fleet.watches[0].tick(late)
    assert not await fleet.incidents()


# --- what waits ---------------------------------------------------------------------------------

QUEUE = Queue("acme", "mail")
MINUTE = timedelta(minutes=1)


def waiting(id_: str, what: What = What.OPENED, incident: str = "i1", at: int = 0) -> Notification:
    return notifications.of_message(
        Message("subject", "text", "{}"),
        what,
        enterprise_id="acme",
        id_=id_,
        now=NOW + timedelta(seconds=at),
        channel_id="mail",
        incident_id=incident,
    )


async def test_one_notification_of_each_and_the_end_waits_for_the_beginning(
    engine: AsyncEngine,
) -> None:
    async with unit_of_work(engine) as db:
        await notifications.insert_notifications(db, [waiting("n1"), waiting("n2", What.CLOSED)])
        await notifications.insert_notifications(db, [waiting("n3"), waiting("n4", incident="i2")])
    async with unit_of_work(engine) as db:
        assert await notifications.due_queues(db, NOW, 10) == (QUEUE,)
        first = await notifications.take_next(db, QUEUE, NOW, MINUTE)
        second = await notifications.take_next(db, QUEUE, NOW, MINUTE)
        assert await notifications.take_next(db, QUEUE, NOW, MINUTE) is None
    assert first is not None
    assert second is not None
    assert ([first.id, second.id], first.tries) == (["n1", "n4"], 1)
    async with unit_of_work(engine) as db:
        await notifications.settle(db, first, notifications.SENT, "", NOW)
        end = await notifications.take_next(db, QUEUE, NOW, MINUTE)
        assert end is not None
        assert end.id == "n2"
        await notifications.put_off(db, end, "busy", NOW + 2 * MINUTE)
        assert await notifications.due_queues(db, NOW + MINUTE, 10) == (QUEUE,), "n4 again"
        await notifications.put_off_all(db, QUEUE, NOW + 3 * MINUTE)
        assert await notifications.due_queues(db, NOW + 2 * MINUTE, 10) == ()
        assert await notifications.most_tries(db, QUEUE) == 1


async def test_what_waited_too_long_is_given_up(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        told = [waiting("n1"), waiting("n2", incident="i2", at=60)]
        await notifications.insert_notifications(db, told)
        later = NOW + timedelta(hours=6)
        assert await notifications.give_up_old(db, QUEUE, NOW + MINUTE / 2, later) == (
            1,
            "it was never tried",
        )
        assert await notifications.give_up_all(db, QUEUE, "the channel was deleted", later) == 1
        assert await notifications.due_queues(db, later, 10) == ()
        found = await notifications.of_channel(db, ACME, "mail", limit=10)
        assert [(one.id, one.state) for one in found] == [("n2", "given up"), ("n1", "given up")]
        assert await notifications.of_channel(db, OTHER, "mail", limit=10) == ()
        assert await notifications.forget_old(db, later + MINUTE, 10) == 2
