"""Lists that are newest first: events, the audit log and incidents, in other orders and by pages.

On both databases; each asks the database for one page, along an index.
"""

from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Engine, event, text
from store.conftest import NOW
from support.rest import Caller, Json, Rest, running_rest

from eaves.controller.domain.alerts.messages import Incident
from eaves.controller.domain.audit import AuditEntry
from eaves.controller.domain.authz import Area
from eaves.controller.store.alerts import insert_incidents
from eaves.controller.store.audit_chain import note_audit
from eaves.controller.store.events import Event, insert_events
from eaves.controller.store.unit import snapshot, unit_of_work

EVENTS, AUDIT, INCIDENTS = "/v1/events", "/v1/eaves/audit", "/v1/eaves/incidents"
ACKNOWLEDGE = "/v1/ext/incidents/acknowledge"
SEVERITIES = ("warning", "error", "notice")


@pytest.fixture
async def rest(tmp_path: Path, database_url: str) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path / "state", database_url) as running:
        yield running


@pytest.fixture
async def enterprise(rest: Rest) -> str:
    return await rest.add_user("alice")


@pytest.fixture
async def alice(rest: Rest, enterprise: str) -> AsyncIterator[Caller]:
    assert enterprise
    async with rest.client(await rest.login("alice")) as http:
        yield Caller(http)


async def pages(caller: Caller, path: str, **asked: str) -> list[list[Json]]:
    """By tokens, as far as they lead."""
    found: list[list[Json]] = []
    token = ""
    while True:
        page = await caller.get(path, **asked, **{"next.pageToken": token})
        found.append(page["list"])
        token = page["next"].get("pageToken", "")
        if not token:
            return found


async def put_events(rest: Rest, enterprise: str, count: int) -> None:
    told = [
        Event(
            NOW + timedelta(minutes=n),
            enterprise,
            "TOLD",
            f"told {n}",
            user_name=f"user-{n % 2}",
            object_name=f"edge-{n}",
        )
        for n in range(count)
    ]
    async with unit_of_work(rest.engine) as db:
        await insert_events(db, told)


async def put_audit(rest: Rest, enterprise: str, count: int) -> None:
    async with unit_of_work(rest.engine) as db:
        for n in range(count):
            at = NOW + timedelta(minutes=n)
            entry = AuditEntry(
                at, enterprise, "told", "done", user_name=f"user-{n % 2}", object_name=f"edge-{n}"
            )
            note_audit(db, entry)


APPENDED = {EVENTS: (put_events, "timestamp", "eventType"), AUDIT: (put_audit, "at", "verb")}


@pytest.mark.parametrize("path", APPENDED)
async def test_what_is_appended_is_read_page_by_page_either_way(
    rest: Rest, alice: Caller, enterprise: str, path: str
) -> None:
    put, time, _ = APPENDED[path]
    await put(rest, enterprise, 5)
    newest = (await alice.get(path))["list"]
    for order, whole in (
        ({}, newest),
        ({"next.orderBy": f"{time}:desc"}, newest),
        ({"next.orderBy": time}, newest[::-1]),
    ):
        asked = {**order, "next.pageSize": "2"}
        by_token = await pages(alice, path, **asked)
        assert [one for page in by_token for one in page] == whole
        assert len(by_token) == -(-len(whole) // 2), "the last of them says that it is the last"
        for number, page in enumerate(by_token, 1):
            told = await alice.get(path, **asked, **{"next.pageNum": str(number)})
            assert told["list"] == page
            assert told["next"].get("pageNum") == number
    beyond = await alice.get(path, **{"next.pageNum": "100"})
    assert (beyond["list"], beyond["next"].get("pageToken", "")) == ([], "")


@pytest.mark.parametrize("path", APPENDED)
async def test_a_page_behind_a_token_is_the_same_whatever_is_appended_meanwhile(
    rest: Rest, alice: Caller, enterprise: str, path: str
) -> None:
    put, *_ = APPENDED[path]
    await put(rest, enterprise, 6)
    first = await alice.get(path, **{"next.pageSize": "2"})
    asked = {
        "next.pageSize": "2",
        "next.pageNum": "2",
        "next.pageToken": first["next"]["pageToken"],
    }
    before = await alice.get(path, **asked)
    await put(rest, enterprise, 3)
    assert (await alice.get(path, **asked))["list"] == before["list"]


@pytest.mark.parametrize("path", APPENDED)
async def test_what_is_appended_is_filtered_by_parts_of_names_and_ordered_by_time_alone(
    rest: Rest, alice: Caller, enterprise: str, path: str
) -> None:
    put, _, what = APPENDED[path]
    await put(rest, enterprise, 5)
    member = "resourceName" if path == EVENTS else "objectName"
    found = await alice.get(path, userPattern="SER-1", **{"next.orderBy": "-" + APPENDED[path][1]})
    assert [one[member] for one in found["list"]] == ["edge-3", "edge-1"]
    found = await alice.get(path, **{f"{member}Pattern": "GE-4"})
    assert [(one[member], one[what].lower()) for one in found["list"]] == [("edge-4", "told")]
    assert not (await alice.get(path, **{f"{member}Pattern": "e%4"}))["list"]
    wrong = [{"next.pageToken": "x"}, {"next.pageNum": "-1"}, {f"{member}Pattern": "e" * 501}]
    if path == EVENTS:  # as clients of the published API may ask
        assert (await alice.get(path, **{"next.orderBy": "user"}))["list"]
    else:
        wrong.append({"next.orderBy": "user"})
    for params in wrong:
        answer = await alice.http.get(path, params=params)
        assert answer.status_code == 400, params
        assert answer.json()["error"][0]["location"] == next(iter(params))


def incident(n: int, enterprise: str, project: str = "plant", **more: object) -> Incident:
    values: dict[str, object] = {
        "id": f"i{n}",
        "enterprise_id": enterprise,
        "rule_id": f"r{n % 2}",
        "rule_name": ("offline", "Ünder water")[n % 2],
        "condition": "ALERT_CONDITION_NODE_OFFLINE",
        "severity": SEVERITIES[n % 3],
        "project_id": project,
        "device_id": f"d{n}",
        "device_name": f"edge-{9 - n}",
        "object_kind": "devices",
        "object_id": f"d{n}",
        "object_name": f"edge-{9 - n}",
        "text": "silent",
        "opened_at": NOW + timedelta(minutes=n),
    }
    return Incident(**(values | more))  # type: ignore[arg-type]  # a test's short form


@pytest.fixture
async def site(rest: Rest, enterprise: str) -> str:
    """Seven incidents, of which two are over."""
    over = {"closed_at": NOW + timedelta(hours=1), "closed_why": "heard of again"}
    told = [incident(n, enterprise, "plant", **(over if n in (2, 5) else {})) for n in range(7)]
    async with unit_of_work(rest.engine) as db:
        await insert_incidents(db, told)
        await insert_incidents(db, [incident(99, "other")])
    return enterprise


def ids(page: Sequence[Mapping[str, object]]) -> str:
    return " ".join(str(one["id"]) for one in page)


FOUND: Final[Sequence[tuple[Mapping[str, str], str]]] = (
    ({}, "i6 i5 i4 i3 i2 i1 i0"),
    ({"next.orderBy": "openedAt"}, "i0 i1 i2 i3 i4 i5 i6"),
    ({"next.orderBy": "severity:desc"}, "i1 i4 i0 i3 i6 i2 i5"),
    ({"next.orderBy": "severity,openedAt:desc"}, "i5 i2 i6 i3 i0 i4 i1"),
    ({"next.orderBy": "deviceName"}, "i6 i5 i4 i3 i2 i1 i0"),
    ({"next.orderBy": "ruleName,-openedAt"}, "i6 i4 i2 i0 i5 i3 i1"),
    ({"next.orderBy": "closedAt:desc"}, "i2 i5 i0 i1 i3 i4 i6"),
    ({"open": "true"}, "i6 i4 i3 i1 i0"),
    ({"open": "false", "next.orderBy": "-deviceName"}, "i2 i5"),
    ({"severity": "ERROR"}, "i4 i1"),
    ({"severity": "SEVERITY_NOTICE", "open": "true"}, ""),
    ({"severityPattern": "warn", "next.orderBy": "openedAt"}, "i0 i3 i6"),
    ({"ruleId": "r1"}, "i5 i3 i1"),
    ({"deviceNamePattern": "GE-5"}, "i4"),
    ({"deviceNamePattern": "e_5"}, ""),
    ({"ruleNamePattern": "ünder", "open": "true"}, "i3 i1"),
    ({"condition": "NODE_OFFLINE", "acknowledged": "false", "deviceId": "d3"}, "i3"),
)
REFUSED: Final[Sequence[dict[str, str]]] = (
    {"open": "perhaps"},
    {"acknowledged": "1"},
    {"colour": "red"},
    {"openedAtPattern": "1"},
    {"next.orderBy": "colour"},
    {"next.pageToken": "x"},
)


async def test_incidents_are_filtered_ordered_and_paged(alice: Caller, site: str) -> None:
    assert site
    for asked, found in FOUND:
        whole = await alice.get(INCIDENTS, **asked)
        assert (ids(whole["list"]), whole["totalCount"]) == (found, len(found.split())), asked
        assert not whole["next"].get("pageToken")
        by_token = await pages(alice, INCIDENTS, **asked, **{"next.pageSize": "2"})
        assert [one for page in by_token for one in page] == whole["list"], asked
        for number, page in enumerate(by_token, 1):
            params = {**asked, "next.pageSize": "2", "next.pageNum": str(number)}
            assert (await alice.get(INCIDENTS, **params))["list"] == page, params
    for params in REFUSED:
        answer = await alice.http.get(INCIDENTS, params=params)
        assert answer.status_code == 400, params


async def test_many_incidents_are_acknowledged_at_once_and_need_nobody_else(
    alice: Caller, site: str
) -> None:
    assert site
    attention = "/v1/ext/attention"
    assert ids((await alice.get(attention))["incidents"]["list"]) == "i6 i4 i3 i1 i0"
    wrong: Sequence[tuple[Json, int]] = (
        ({"ids": []}, 400),
        ({"ids": ["i0", "i99"]}, 404),
        ({"ids": "i0"}, 400),
    )
    for body, status in wrong:
        answer = await alice.http.put(ACKNOWLEDGE, json=body)
        assert answer.status_code == status, answer.text
    assert not (await alice.get(INCIDENTS, acknowledged="true"))["list"], "all of them or none"
    for changed in (3, 0):  # what is so already is not told again
        answer = await alice.http.put(ACKNOWLEDGE, json={"ids": ["i0", "i1", "i5"]})
        assert answer.json() == {"changed": changed}
    known = (await alice.get(INCIDENTS, acknowledged="true"))["list"]
    assert ids(known) == "i5 i1 i0"
    assert {(one["acknowledgedBy"], one["open"]) for one in known} == {
        ("alice", True),
        ("alice", False),
    }
    assert ids((await alice.get(attention))["incidents"]["list"]) == "i6 i4 i3"
    told = (await alice.get(EVENTS, eventType="ALERT_ACKNOWLEDGED"))["list"]
    assert sorted(one["resourceName"] for one in told) == ["edge-4", "edge-8", "edge-9"]
    assert told[-1]["description"] == "alert offline: node edge-9: acknowledged by alice"
    rows = (await alice.get(AUDIT, verb="acknowledged", objectKind="incidents"))["list"]
    assert sorted(one["objectId"] for one in rows) == ["i0", "i1", "i5"]
    answer = await alice.http.put(ACKNOWLEDGE, json={"ids": ["i0", "i6"], "acknowledged": False})
    assert answer.json() == {"changed": 1}
    one = await alice.get(f"{INCIDENTS}/id/i0")
    assert (one["acknowledged"], "acknowledgedBy" in one) == (False, False)
    assert ids((await alice.get(attention))["incidents"]["list"]) == "i6 i4 i3 i0"


async def test_incidents_of_other_projects_are_neither_shown_nor_acknowledged(
    rest: Rest, alice: Caller, site: str
) -> None:
    async with unit_of_work(rest.engine) as db:
        await insert_incidents(db, [incident(7, site, project="elsewhere")])
    project = {"name": "north", "title": "North", "type": "TAG_TYPE_PROJECT"}
    north = await alice.create("/v1/projects", project)
    async with unit_of_work(rest.engine) as db:
        await insert_incidents(db, [incident(8, site, project=north)])
    for name, verbs in (
        ("changes", "PermissionAccessReadUpdate"),
        ("reads", "PermissionAccessRead"),
    ):
        scope: Json = {Area.DEVICE.value: verbs, "projectFilter": [north]}
        role = {"name": name, "title": name, "type": "USER_ROLE_USER_DEFINED", "scopes": [scope]}
        await alice.create("/v1/roles", role)
        await rest.add_user(f"{name}-north", enterprise=site, role=name)
    async with rest.client(await rest.login("changes-north")) as http:
        caller = Caller(http)
        for params in (
            {},
            {"next.orderBy": "severity"},
            {"ruleNamePattern": "ö"},
            {"open": "true"},
        ):
            told = await caller.get(INCIDENTS, **params)
            shown = "" if "ruleNamePattern" in params else "i8"
            assert (ids(told["list"]), told["totalCount"]) == (shown, len(shown.split()))
        assert (await http.put(ACKNOWLEDGE, json={"ids": ["i8", "i7"]})).status_code == 404
        assert (await http.put(ACKNOWLEDGE, json={"ids": ["i8"]})).json() == {"changed": 1}
    async with rest.client(await rest.login("reads-north")) as http:
        assert (await http.put(ACKNOWLEDGE, json={"ids": ["i8"]})).status_code == 403


@contextmanager
def asked_of(table: str) -> Generator[list[tuple[str, object]]]:
    """The statements that read this table, as the driver is given them."""
    asked: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        if statement.startswith("SELECT") and f"FROM {table}" in " ".join(statement.split()):
            asked.append((statement, values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)


PAGES: Final[Sequence[tuple[str, str, dict[str, str]]]] = (
    (EVENTS, "events", {}),
    (EVENTS, "events", {"next.orderBy": "timestamp", "severity": "ERROR"}),
    (EVENTS, "events", {"next.pageToken": "7"}),
    (AUDIT, "audit", {}),
    (AUDIT, "audit", {"next.orderBy": "at", "next.pageToken": "7"}),
    (INCIDENTS, "incidents", {"open": "true"}),
    (INCIDENTS, "incidents", {}),
    ("/v1/ext/attention", "incidents", {}),
)


async def test_a_page_is_read_along_an_index(rest: Rest, alice: Caller) -> None:
    for path, table, params in PAGES:
        with asked_of(table) as asked:
            await alice.get(path, **params)
        assert asked, path
        for statement, values in asked:
            steps = await plan(rest, statement, values)
            assert "Seq Scan" not in steps, steps
            assert f"SCAN {table}" not in steps, steps


async def plan(rest: Rest, statement: str, values: object) -> str:
    async with snapshot(rest.engine) as db:
        word = "EXPLAIN QUERY PLAN"
        if rest.engine.dialect.name == "postgresql":
            word = "EXPLAIN"
            for way in ("seqscan", "bitmapscan"):  # the tables are empty
                await db.execute(text(f"SET LOCAL enable_{way} = off"))
        rows = await db.exec_driver_sql(f"{word} {statement}", values)  # type: ignore[arg-type]  # as the driver was given it
        return "\n".join(str(row[-1]) for row in rows)
