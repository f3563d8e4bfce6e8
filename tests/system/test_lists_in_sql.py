"""A list made in SQL is the list that is made from all objects."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import cycle
from pathlib import Path

import pytest
from sqlalchemy import insert, update
from starlette.datastructures import QueryParams
from support.many_devices import bind_devices, copy_device
from support.rest import Caller, Rest, running_rest
from support.rest_objects import build_world, project
from support.telemetry import fold_state, info_report

from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.envelope import Cursor
from eaves.controller.domain.scope import Scope
from eaves.controller.domain.status.liveness import Limits
from eaves.controller.northbound import catalog, records
from eaves.controller.northbound.buckets import Counts, both_ways
from eaves.controller.northbound.fleet_states import device_counts
from eaves.controller.northbound.listing import NOT_COUNTED, Source, find_page, plan_of
from eaves.controller.northbound.paging import ListQuery, Page, Row, page_of, read_list_query
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.reports import read_fleet
from eaves.controller.northbound.sources import (
    counts_by,
    device_states,
    listed_devices,
    source_of,
)
from eaves.controller.northbound.status import DEVICES
from eaves.controller.northbound.work import Principal, Work
from eaves.controller.store import devices
from eaves.controller.store.listed import note_reported, put_listed
from eaves.controller.store.tables import Kind, attestations, objects
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.evapi.info import (
    ZDeviceState,
    ZInfoDevice,
    ZInfoMsg,
    ZInfoTypes,
    encode_z_info_msg,
)
from eaves.ids import DeviceId, EnterpriseId

pytestmark = pytest.mark.system

COPIES = 24
QUERIES = (
    "",
    "next.orderBy=-name",
    "next.orderBy=-title,serialno",
    "next.orderBy=serialno:desc",
    "next.orderBy=projectName,-id",
    "next.orderBy=modelName",
    "namePattern=GE-1-00000",
    "namePattern=_",
    "namePattern=100%25",
    "titlePattern=ODD",
    "adminState=ACTIVE",
    "adminState=ADMIN_STATE_INACTIVE",
    "adminState=3",
    "adminState=0",
    "adminState=ADMIN_STATE_UNSPECIFIED",
    "adminState=nothing",
    "projectName=plant",
    "projectNamePattern=LAN&next.orderBy=-createdBy",
    "next.orderBy=projectName,modelName&next.pageNum=2",
    "next.orderBy=-projectName,-serialno&next.pageNum=3",
    "next.orderBy=projectId&next.pageNum=4",
    "next.orderBy=adminState",
    "next.orderBy=-adminState,title&next.pageNum=2",
    "deviceName=edge-1-000003",
    "tags=site:a",
    'tags=site:it\'s "b"',
    "clusterName=x",
    "createdByPattern=ALI",
    "serialno=serial-0007919&serialno=serial-0015838",
    "next.pageNum=2",
    "next.pageNum=9",
)
ORDERS = ("runState", "-runState,-name", "projectName,runState", "-projectName,title")
STATUS_QUERIES = (
    "runState=ONLINE",
    "runState=RUN_STATE_OFFLINE",
    "runState=SUSPECT&runState=PROVISIONED",
    "runState=NOTHING",
    "runState=0",
    "runState=3",
    "runState=ONLINE&namePattern=1&next.orderBy=-title",
    *(f"runState={word}" for word in ("REBOOTING", "BOOTING", "UNPROVISIONED")),
    *(f"next.orderBy={order}&next.pageNum={n}" for order in ORDERS for n in (1, 2, 4, 5, 9)),
    "next.orderBy=-runState,name&adminState=ACTIVE",
    "load=LOAD_UNSPECIFIED",
    "attestState=FAIL",
    "attestState=ATTEST_STATE_PASS&attestState=FAIL_NO_PCR&namePattern=edge",
    "attestState=NONE",
    "attestState=NOTHING",
    "attestState=UNSPECIFIED",
    *(
        f"next.orderBy={order}&next.pageNum={n}"
        for order in ("attestState", "-attestState")
        for n in (1, 3)
    ),
)


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path) as running:
        yield running


@pytest.fixture(name="scope")
async def many_devices(rest: Rest) -> Scope:
    scope = Scope(EnterpriseId(await rest.add_user("alice")))
    async with rest.client(await rest.login("alice")) as http:
        caller = Caller(http)
        world = await build_world(caller)
        places = [await caller.create("/v1/projects", project(name)) for name in ("Zoo", "alps")]
    limits, now = Limits(), rest.clock()
    async with unit_of_work(rest.engine) as db:
        ids = [DeviceId(i) for i in await copy_device(db, world, rest.keys, range(COPIES))]
        await bind_devices(db, scope.enterprise, ids[2:], b"pem", now)
        ages = (timedelta(0), limits.suspect * 1.5, limits.offline * 2, limits.offline)
        seen = {one: now - ages[n % 4] for n, one in enumerate(ids[4:])}
        await devices.put_last_seen(db, seen)
        for number, one in enumerate(ids[6:]):
            info = ZInfoDevice(state=ZDeviceState(number % 6))
            message = ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dev_id=one, dinfo=info)
            fold_state(rest.engine.url, info_report(one, encode_z_info_msg(message), now))
            await note_reported(db, {one: number % 6})  # a job does, with the event
        words = ("PASS", "FAIL", "FAIL_NO_PCR", "NONE", "")
        tried = [
            {
                "enterprise_id": scope.enterprise,
                "device_id": one,
                "state": word and f"ATTEST_STATE_{word}",
            }
            for one, word in zip(ids[3:18], cycle(words), strict=False)
        ]
        await db.execute(insert(attestations), tried)
        table = objects[Kind.DEVICE]
        places += ["", world.project]
        for number, one in enumerate(ids):
            row = (await db.execute(table.select().where(table.c.id == one))).one()._asdict()
            changes = {
                "title": ("odd", "Even", "ODDER")[number % 3],
                "adminState": ("ADMIN_STATE_ACTIVE", "ADMIN_STATE_INACTIVE")[number % 2],
                "tags": {"site": ("a", 'it\'s "b"')[number % 2]},
                "projectId": places[number % 5 % 4],
            }
            body = json.dumps(json.loads(row["body"]) | changes)
            row |= {"body": body, "title": changes["title"], "project_id": changes["projectId"]}
            moved = {"body": body, "project_id": changes["projectId"]}
            await db.execute(update(table).where(table.c.id == one).values(moved))
            await put_listed(db, Kind.DEVICE, row, at=now, by="bob")
    return scope


def work_of(rest: Rest, db: Db, scope: Scope) -> Work:
    principal = Principal("u", "alice", scope, "t", "api", "here", must_change_password=False)
    return Work(db, principal, rest.clock(), "r", bytes, rest.keys)


def asked(query: str, size: int = 7) -> ListQuery:
    return read_list_query(QueryParams(f"{query}&next.pageSize={size}"))


async def of_all(work: Work, query: ListQuery) -> Page[Contract]:
    items = await records.list_all(work.db, work.scope, records.DEVICE)
    facts = await catalog.DEVICES.facts(work, items)
    return page_of([Row[Contract](item, facts[item.id]) for item in items], query)


async def statuses_of_all(work: Work, limits: Limits, query: ListQuery) -> Page[Contract]:
    items = await records.list_all(work.db, work.scope, records.DEVICE)
    facts = await catalog.DEVICES.facts(work, items)
    statuses = await DEVICES.statuses(
        work, await read_fleet(work, limits, (i.id for i in items)), items
    )
    rows = [
        Row[Contract](status, facts[item.id], item)
        for status, item in zip(statuses, items, strict=True)
    ]
    return page_of(rows, query)


def ids_of(page: Page[Contract]) -> tuple[str, ...]:
    return tuple(str(getattr(row.item, "id", "")) for row in page.rows)


Got = tuple[tuple[str, ...], int, Cursor]


async def found_in(db: Db, source: Source, query: ListQuery, counts: Counts) -> Got:
    """Told of all numbers, and of none: the page is the same."""
    plan = plan_of(source, query, db.dialect.name)
    one, other = [await find_page(db, plan, query, COPIES + 1, c) for c in (counts, NOT_COUNTED)]
    assert one == other
    return one.ids, one.total, one.next


async def numbers_of(work: Work) -> Counts:
    by_project = await counts_by(work.db, work.scope, Kind.DEVICE)
    states, projects = both_ways(by_project)
    return {"adminState": states, "projectName": projects, "projectId": projects}


async def run_states_of(work: Work) -> Counts:
    states, projects = both_ways(await device_counts(work.db, work.scope, work.now, Limits()))
    return {"runState": states, "projectName": projects, "projectId": projects}


async def test_pages_in_sql_are_those_made_from_all_objects(rest: Rest, scope: Scope) -> None:
    async with snapshot(rest.engine) as db:
        work = work_of(rest, db, scope)
        source = source_of(records.DEVICE, scope)
        assert source is not None
        counts = await numbers_of(work)
        items = await records.list_all(db, scope, records.DEVICE)
        assert counts["projectId"] == Counter(item.project_id for item in items)
        assert counts["adminState"] == Counter(item.admin_state.value for item in items)
        for text in QUERIES:
            query = asked(text)
            expected = await of_all(work, query)
            got = await found_in(db, source, query, counts)
            assert got == (ids_of(expected), expected.total, expected.next), text


async def test_run_states_in_sql_are_those_of_each_device(rest: Rest, scope: Scope) -> None:
    limits = Limits()
    async with snapshot(rest.engine) as db:
        work = work_of(rest, db, scope)
        source = device_states(scope, work.now, limits)
        counts = await run_states_of(work)
        for text in (*QUERIES[:20], *STATUS_QUERIES):
            query = asked(text, 5)
            expected = await statuses_of_all(work, limits, query)
            got = await found_in(db, source, query, counts)
            assert got == (ids_of(expected), expected.total, expected.next), text


async def test_devices_are_counted_by_run_state_as_each_is_told(rest: Rest, scope: Scope) -> None:
    limits = Limits()
    async with snapshot(rest.engine) as db:
        work = work_of(rest, db, scope)
        items = await records.list_all(db, scope, records.DEVICE)
        statuses = await DEVICES.statuses(
            work, await read_fleet(work, limits, (i.id for i in items)), items
        )
        told = await device_counts(db, scope, work.now, limits)
    assert len({status.run_state for status in statuses}) > 3
    for place, states in told.items():
        mine = (s.run_state.value for s in statuses if s.project_id == place)
        assert dict(states) == dict(Counter(mine))
    assert both_ways(told)[0] == Counter(status.run_state.value for status in statuses)


async def test_a_status_needs_only_the_narrow_row_of_its_device(rest: Rest, scope: Scope) -> None:
    async with snapshot(rest.engine) as db:
        work = work_of(rest, db, scope)
        whole = await records.list_all(db, scope, records.DEVICE)
        narrow = await listed_devices(db, scope, [item.id for item in whole])
        fleet = await read_fleet(work, Limits(), (i.id for i in whole))
        told = [
            [status.to_json() for status in await DEVICES.statuses(work, fleet, items)]
            for items in (whole, narrow)
        ]
    assert told[0] == told[1]
    assert len(told[0]) == COPIES + 1


async def test_a_page_token_goes_on_where_the_page_ended(rest: Rest, scope: Scope) -> None:
    async with snapshot(rest.engine) as db:
        source = device_states(scope, rest.clock(), Limits())
        counts = await run_states_of(work_of(rest, db, scope))
        for order in ("", "-title,serialno", "cpu", "-lastUpdate", *ORDERS):
            whole, _, _ = await found_in(db, source, asked(f"next.orderBy={order}", 100), counts)
            seen: list[str] = []
            token = ""
            while True:
                query = asked(f"next.orderBy={order}&next.pageToken={token}", 4)
                ids, _, cursor = await found_in(db, source, query, counts)
                seen += ids
                token = cursor.page_token
                if not token:
                    break
            assert tuple(seen) == whole, order
        for order, token in (("runState,cpu", "name,name"), ("name,name", "runState,cpu")):
            other = await found_in(db, source, asked(f"next.orderBy={token}"), counts)
            query = asked(f"next.orderBy={order}&next.pageToken={other[2].page_token}")
            with pytest.raises(Problem):
                await found_in(db, source, query, counts)
