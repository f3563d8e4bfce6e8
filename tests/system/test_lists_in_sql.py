"""A list made in SQL is the list that is made from all objects."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from starlette.datastructures import QueryParams
from support.many_devices import bind_devices, copy_device
from support.rest import Caller, Rest, running_rest
from support.rest_objects import build_world
from support.telemetry import fold_state, info_report

from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.scope import Scope
from eaves.controller.domain.status.liveness import Limits
from eaves.controller.northbound import catalog, records
from eaves.controller.northbound.fleet_states import device_counts, summed
from eaves.controller.northbound.listing import find_page, plan_of
from eaves.controller.northbound.paging import ListQuery, Page, Row, page_of, read_list_query
from eaves.controller.northbound.reports import read_fleet
from eaves.controller.northbound.sources import device_states, source_of
from eaves.controller.northbound.status import DEVICES
from eaves.controller.northbound.work import Principal, Work
from eaves.controller.store import devices
from eaves.controller.store.listed import note_reported, put_listed
from eaves.controller.store.tables import Kind, objects
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
    "deviceName=edge-1-000003",
    "tags=site:a",
    'tags=site:it\'s "b"',
    "clusterName=x",
    "createdByPattern=ALI",
    "serialno=serial-0007919&serialno=serial-0015838",
    "next.pageNum=2",
    "next.pageNum=9",
)
STATUS_QUERIES = (
    "runState=ONLINE",
    "runState=RUN_STATE_OFFLINE",
    "runState=SUSPECT&runState=PROVISIONED",
    "next.orderBy=runState",
    "next.orderBy=-runState,name&adminState=ACTIVE",
    "load=LOAD_UNSPECIFIED",
)


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path) as running:
        yield running


@pytest.fixture(name="scope")
async def many_devices(rest: Rest) -> Scope:
    scope = Scope(EnterpriseId(await rest.add_user("alice")))
    async with rest.client(await rest.login("alice")) as http:
        world = await build_world(Caller(http))
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
        table = objects[Kind.DEVICE]
        for number, one in enumerate(ids):
            row = (await db.execute(table.select().where(table.c.id == one))).one()._asdict()
            changes = {
                "title": ("odd", "Even", "ODDER")[number % 3],
                "adminState": ("ADMIN_STATE_ACTIVE", "ADMIN_STATE_INACTIVE")[number % 2],
                "tags": {"site": ("a", 'it\'s "b"')[number % 2]},
            }
            body = json.dumps(json.loads(row["body"]) | changes)
            await db.execute(update(table).where(table.c.id == one).values(body=body))
            row |= {"body": body, "title": changes["title"]}
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
    statuses = await DEVICES.statuses(work, await read_fleet(work, limits), items)
    rows = [
        Row[Contract](status, facts[item.id], item)
        for status, item in zip(statuses, items, strict=True)
    ]
    return page_of(rows, query)


def ids_of(page: Page[Contract]) -> tuple[str, ...]:
    return tuple(str(getattr(row.item, "id", "")) for row in page.rows)


async def test_pages_in_sql_are_those_made_from_all_objects(rest: Rest, scope: Scope) -> None:
    async with snapshot(rest.engine) as db:
        work = work_of(rest, db, scope)
        source = source_of(records.DEVICE, scope)
        assert source is not None
        for text in QUERIES:
            query = asked(text)
            expected = await of_all(work, query)
            found = await find_page(db, plan_of(source, query, db.dialect.name), query, COPIES + 1)
            got = (found.ids, found.total, found.next)
            assert got == (ids_of(expected), expected.total, expected.next), text


async def test_run_states_in_sql_are_those_of_each_device(rest: Rest, scope: Scope) -> None:
    limits = Limits()
    async with snapshot(rest.engine) as db:
        work = work_of(rest, db, scope)
        source = device_states(scope, work.now, limits)
        for text in (*QUERIES[:20], *STATUS_QUERIES):
            query = asked(text, 5)
            expected = await statuses_of_all(work, limits, query)
            found = await find_page(db, plan_of(source, query, db.dialect.name), query, COPIES + 1)
            got = (found.ids, found.total, found.next)
            assert got == (ids_of(expected), expected.total, expected.next), text


async def test_devices_are_counted_by_run_state_as_each_is_told(rest: Rest, scope: Scope) -> None:
    limits = Limits()
    async with snapshot(rest.engine) as db:
        work = work_of(rest, db, scope)
        items = await records.list_all(db, scope, records.DEVICE)
        statuses = await DEVICES.statuses(work, await read_fleet(work, limits), items)
        told = await device_counts(db, scope, work.now, limits)
    assert len({status.run_state for status in statuses}) > 3
    for project, states in told.items():
        mine = (s.run_state.value for s in statuses if s.project_id == project)
        assert dict(states) == dict(Counter(mine))
    assert summed(told) == Counter(status.run_state.value for status in statuses)


async def test_a_page_token_goes_on_where_the_page_ended(rest: Rest, scope: Scope) -> None:
    async with snapshot(rest.engine) as db:
        source = device_states(scope, rest.clock(), Limits())
        for order in ("", "-title,serialno", "runState,-name", "cpu", "-lastUpdate"):
            seen: list[str] = []
            token = ""
            while True:
                query = asked(f"next.orderBy={order}&next.pageToken={token}", 4)
                found = await find_page(db, plan_of(source, query, "sqlite"), query, COPIES + 1)
                seen += found.ids
                token = found.next.page_token
                if not token:
                    break
            assert len(seen) == len(set(seen)) == COPIES + 1, order
