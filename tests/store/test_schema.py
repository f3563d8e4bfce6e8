"""Migrations both ways, settings that make a commit durable, and which index a query uses."""

import asyncio
import importlib
import json
import pkgutil
import re
from functools import partial
from unittest.mock import ANY

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, column, insert, inspect, select, table, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql import Executable
from support.generated import REPOSITORY

from eaves.controller import store
from eaves.controller.domain.builtin_roles import BUILTIN_ROLES, SYS_ADMIN
from eaves.controller.domain.contract.roles import Role
from eaves.controller.domain.scope import Scope
from eaves.controller.store.listed import listed_row
from eaves.controller.store.objects import list_objects
from eaves.controller.store.partitions import Partitions, partition_name
from eaves.controller.store.schema import BASE, HEAD, NewerDatabase, migrate, upgrade
from eaves.controller.store.tables import (
    Kind,
    device_bindings,
    logs,
    metadata,
    object_references,
    objects,
    rendered_configs,
    tokens,
)
from eaves.controller.store.tables_policies import policy_objects
from eaves.controller.store.unit import UnusableDatabase, open_engine, snapshot, unit_of_work
from eaves.ids import EnterpriseId

for _module in pkgutil.iter_modules(store.__path__):
    if _module.name.startswith("tables_"):  # all of them are compared
        importlib.import_module(f"{store.__name__}.{_module.name}")

TELEMETRY = frozenset(
    {
        *("log_chunks", "flow_chunks", "telemetry_uploads"),
        *("info_latest", "device_events", "health_reports"),
        *("metrics_latest", "metric_layouts", "metric_samples", "metric_rollups", "metric_due"),
    }
)


def is_of_the_main_database(name: str | None, kind: str, _parents: object) -> bool:
    """Telemetry has tables of its own, which SQLite keeps in other files."""
    return kind != "table" or name not in TELEMETRY


OTHERWISE_ON_POSTGRESQL = frozenset(
    {"ix_listed_devices_run_state", "ix_events_enterprise_id_row"}  # by migration 0040
)


def is_alike_on_both(
    _thing: object, name: str | None, kind: str, _reflected: object, _other: object, *, dialect: str
) -> bool:
    return not (dialect == "postgresql" and kind == "index" and name in OTHERWISE_ON_POSTGRESQL)


def differences(connection: Connection) -> list[object]:
    on_both = partial(is_alike_on_both, dialect=connection.dialect.name)
    opts = {
        "compare_type": True,
        "include_name": is_of_the_main_database,
        "include_object": on_both,
    }
    context = MigrationContext.configure(connection, opts=opts)
    found: list[object] = compare_metadata(context, metadata)
    return found


async def test_migrations_make_the_tables_of_this_release_and_take_them_away(
    bare_engine: AsyncEngine,
) -> None:
    await upgrade(bare_engine)
    await upgrade(bare_engine)  # at head: nothing to do
    assert policy_objects.metadata is metadata
    async with bare_engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await migrate(bare_engine, BASE)
    async with bare_engine.connect() as connection:
        left = await connection.run_sync(lambda c: inspect(c).get_table_names())
    assert left == ["alembic_version"]
    await upgrade(bare_engine)


POSTGRES = pytest.mark.parametrize(
    "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


@POSTGRES
async def test_a_contact_is_written_without_any_index(engine: AsyncEngine) -> None:
    """On PostgreSQL: then the row stays in its page."""
    query = "SELECT indexname FROM pg_indexes WHERE tablename = :table AND indexdef LIKE :column"
    async with snapshot(engine) as db:
        for table in ("listed_devices", "device_seen"):
            values = {"table": table, "column": "%last_seen_at%"}
            assert (await db.execute(text(query), values)).all() == [], table


DISTRIBUTED = REPOSITORY / "docs/how-to/distribute-the-database.md"


@POSTGRES
async def test_the_page_about_distributing_places_every_table(engine: AsyncEngine) -> None:
    """Once; and what it distributes by enterprise has a key that leads with it."""
    page = DISTRIBUTED.read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    placed = [re.findall(r"`(\w+)`", tables) for tables, *_ in rows]
    each = [name for names in placed for name in names]
    assert len(each) == len(set(each)), "a table stands there twice"
    found = text(
        "SELECT t.relname, a.attname FROM pg_class t JOIN pg_index i "
        "ON i.indrelid = t.oid AND i.indisprimary "
        "JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0] "
        "WHERE t.relkind IN ('r', 'p') AND NOT t.relispartition "
        "AND t.relnamespace = 'public'::regnamespace"
    )
    async with snapshot(engine) as db:
        leads = {row.relname: row.attname for row in await db.execute(found)}
    assert set(each) == set(leads)
    distributed, reference = placed[:2]
    assert {name: leads[name] for name in distributed} == dict.fromkeys(
        distributed, "enterprise_id"
    )
    in_sql = re.findall(r"'(\w+)'", page.partition("create_reference_table")[2].partition("```")[0])
    assert set(in_sql) - {"enterprise_id", "none"} == {*distributed, *reference}


ROOM = {
    "device_seen": {"fillfactor=70"},
    "listed_devices": {"fillfactor=80"},
    "info_latest": {"fillfactor=60", "toast_tuple_target=8160"},
    "metrics_latest": {"fillfactor=50", "toast_tuple_target=8160"},
}


@POSTGRES
async def test_rows_that_change_often_are_stored_for_it(engine: AsyncEngine) -> None:
    """What the comparison of the tables leaves out: room, storage, and two indexes."""
    async with unit_of_work(engine) as db:
        await db.run_sync(lambda there: Partitions("log_chunks").ensure(there, (0,)))
        options = text("SELECT relname, reloptions FROM pg_class WHERE reloptions IS NOT NULL")
        room = {row.relname: set(row.reloptions) for row in await db.execute(options)}
        defined = text("SELECT indexname, indexdef FROM pg_indexes WHERE indexname = ANY(:names)")
        values = {"names": sorted(OTHERWISE_ON_POSTGRESQL)}
        indexes = {row.indexname: row.indexdef for row in await db.execute(defined, values)}
        stored = text(
            "SELECT attname FROM pg_attribute WHERE attstorage = 'e' "
            "AND attrelid = to_regclass(:table)"
        )
        chunk = partition_name("log_chunks", 0)
        packed = {
            name: set((await db.execute(stored, {"table": name})).scalars())
            for name in ("info_latest", "metrics_latest", "flow_chunks", chunk)
        }
    assert {name: room[name] for name in ROOM} == ROOM
    assert list(indexes) == ["ix_listed_devices_run_state"]
    grouped = "(enterprise_id, project_id, reported_state, name)"
    assert indexes["ix_listed_devices_run_state"].endswith(grouped)
    assert packed == {
        "info_latest": {"message"},
        "metrics_latest": {"message"},
        "flow_chunks": {"flows", "names"},
        chunk: {"grams", "heads", "texts"},
    }


@POSTGRES
async def test_a_controller_that_writes_meanwhile_is_not_in_the_way_of_0040(
    bare_engine: AsyncEngine,
) -> None:
    """It writes the latest message and then the events of it."""
    await migrate(bare_engine, "0039")
    waiting = text(
        "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database "
        "WHERE NOT granted AND datname = current_database() AND relation = 'info_latest'::regclass"
    )
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        async with unit_of_work(bare_engine) as db:
            await db.execute(text("LOCK TABLE info_latest IN ROW EXCLUSIVE MODE"))
            migrating = tasks.create_task(migrate(bare_engine, HEAD))
            while not (await db.execute(waiting)).scalar_one():
                assert not migrating.done()
                await asyncio.sleep(0.02)
            await db.execute(text("LOCK TABLE events IN ROW EXCLUSIVE MODE"))
        await migrating
    await upgrade(bare_engine)


async def test_lines_stored_twice_before_are_kept_once(bare_engine: AsyncEngine) -> None:
    await migrate(bare_engine, "0002")
    line = {"device_id": "d", "app_id": "", "time_ns": 1, "iid": "i", "msgid": 1, "content": "x"}
    async with unit_of_work(bare_engine) as db:
        await db.execute(logs.insert(), [line, line, line | {"iid": ""}, line | {"iid": ""}])
    await upgrade(bare_engine)
    async with snapshot(bare_engine) as db:
        kept = (await db.execute(select(logs.c.iid).order_by(logs.c.row))).scalars().all()
    assert kept == ["i", "", ""]


async def test_a_database_of_a_later_release_is_refused(bare_engine: AsyncEngine) -> None:
    await upgrade(bare_engine)
    async with unit_of_work(bare_engine) as db:
        await db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerDatabase, match=f"schema 9999, this release knows {HEAD}"):
        await upgrade(bare_engine)


def test_other_databases_are_refused() -> None:
    with pytest.raises(UnusableDatabase, match="neither SQLite nor PostgreSQL"):
        open_engine("mysql://db/eaves")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_commit_on_sqlite_is_synced_and_checked(engine: AsyncEngine) -> None:
    async with snapshot(engine) as db:
        settings = {
            name: (await db.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    full = 2
    assert settings == {
        "journal_mode": "wal",
        "synchronous": full,
        "foreign_keys": 1,
        "busy_timeout": 30_000,
    }


QUERIES: dict[str, tuple[Executable, str]] = {
    "poll": (
        rendered_configs.select().where(rendered_configs.c.device_id == "x"),
        "rendered_configs",
    ),
    "sender": (
        device_bindings.select().where(device_bindings.c.certificate_hash == b"x"),
        "device_bindings",
    ),
    "token": (tokens.select().where(tokens.c.token_hash == b"x"), "tokens"),
    "dependants": (
        object_references.select().where(object_references.c.to_id == "x"),
        "object_references",
    ),
    "apps of a device": (
        objects[Kind.APP_INSTANCE].select().where(objects[Kind.APP_INSTANCE].c.device_id == "x"),
        "app_instances",
    ),
    "page of a list": (
        objects[Kind.DEVICE]
        .select()
        .where(objects[Kind.DEVICE].c.enterprise_id == "x", objects[Kind.DEVICE].c.name > "y")
        .order_by(objects[Kind.DEVICE].c.name)
        .limit(10),
        "devices",
    ),
    "log lines": (
        logs.select()
        .where(logs.c.device_id == "x", logs.c.app_id == "y", logs.c.time_ns >= 1)
        .order_by(logs.c.time_ns, logs.c.row)
        .limit(10),
        "logs",
    ),
}


@pytest.mark.parametrize("name", QUERIES)
async def test_a_query_that_runs_often_uses_an_index(engine: AsyncEngine, name: str) -> None:
    query, table = QUERIES[name]
    sql = query.compile(engine.sync_engine, compile_kwargs={"literal_binds": True})  # type: ignore[attr-defined]  # every statement here is a select
    async with snapshot(engine) as db:
        if engine.dialect.name == "postgresql":
            await db.execute(text("SET LOCAL enable_seqscan = off"))  # the tables are empty
            plan = await db.exec_driver_sql(f"EXPLAIN {sql}".replace("%", "%%"))
        else:
            plan = await db.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")
        steps = "\n".join(str(row[-1]) for row in plan)
    assert "Seq Scan" not in steps
    assert f"SCAN {table}" not in steps
    assert "TEMP B-TREE" not in steps


OF_DEVICES: dict[str, dict[str, object]] = {
    "device_certificates": {
        "type": 13,
        "certificate_hash": b"c",
        "pem": b"p",
        "received_at": 1,
    },
    "attestations": {"state": "PASS"},
    "rendered_configs": {"config_hash": "h", "config_timestamp": 1},
    "rendered_contents": {"config": b"c"},
    "device_seen": {"last_seen_at": 1},
}


async def test_what_there_was_is_there_after_every_migration(bare_engine: AsyncEngine) -> None:
    """To and fro: rebuilding a table drops it, which must not take along what refers to it."""
    await migrate(bare_engine, "0003")
    async with bare_engine.connect() as connection:  # those of that schema
        tables = await connection.run_sync(lambda there: inspect(there).get_table_names())
    kinds = [kind.value for kind in Kind if kind.value in tables]
    common = {"revision": 1, "revision_before": 0, "created_at": 1, "updated_at": 1}
    async with unit_of_work(bare_engine) as db:
        for kind in kinds:
            ids = {"id": f"id of {kind}", "enterprise_id": "id of enterprises"}
            await db.execute(insert(table("object_ids", *map(column, ids))).values(ids))
            row = ids | common | {"name": f"one of {kind}", "body": "{}"}
            await db.execute(insert(table(kind, *map(column, row))).values(row))
        claim = {"onboarding_key": "key", "serial": "sn", "device_id": "id of devices"}
        await db.execute(insert(table("onboarding_claims", *map(column, claim))).values(claim))
        for name, more in OF_DEVICES.items():
            values: dict[str, object] = more | {"device_id": "id of devices"}
            await db.execute(insert(table(name, *map(column, values))).values(values))
    for version in (HEAD, "0003", HEAD):
        await migrate(bare_engine, version)
        async with snapshot(bare_engine) as db:
            for name in OF_DEVICES:
                there = (await db.execute(text(f"SELECT device_id FROM {name}"))).all()  # noqa: S608 - names of our own tables
                assert [row.device_id for row in there] == ["id of devices"], name
            for kind in kinds:
                there = (await db.execute(text(f"SELECT id, name, body FROM {kind}"))).all()  # noqa: S608 - names of our own tables
                named = [(row.id, row.name) for row in there]
                assert named == [(f"id of {kind}", f"one of {kind}")]
                body = json.loads(there[0].body)
                assert body == ({"roleId": ANY} if kind == "users" and version == HEAD else {})
            claims = (await db.execute(text("SELECT device_id FROM onboarding_claims"))).all()
            assert [row.device_id for row in claims] == ["id of devices"]
    async with unit_of_work(bare_engine) as db:
        await db.execute(text("DELETE FROM devices"))
        await db.execute(text("DELETE FROM object_ids WHERE id = 'id of devices'"))
        assert (await db.execute(text("SELECT count(*) FROM onboarding_claims"))).scalar_one() == 0


async def test_who_had_every_right_before_there_were_roles_keeps_it(
    bare_engine: AsyncEngine,
) -> None:
    await migrate(bare_engine, "0014")
    common = {"revision": 1, "revision_before": 0, "created_at": 1, "updated_at": 1}
    async with unit_of_work(bare_engine) as db:
        for kind, name in (("enterprises", "acme"), ("users", "alice")):
            ids = {"id": name, "enterprise_id": "acme"}
            await db.execute(insert(table("object_ids", *map(column, ids))).values(ids))
            row = ids | common | {"name": name, "body": '{"username": "alice"}'}
            await db.execute(insert(table(kind, *map(column, row))).values(row))
    await migrate(bare_engine, HEAD)
    async with snapshot(bare_engine) as db:
        found = await list_objects(db, Scope(EnterpriseId("acme")), Kind.ROLE)
        user = (await db.execute(text("SELECT body FROM users"))).scalar_one()
        needed = (await db.execute(text("SELECT to_id FROM object_references"))).scalars().all()
    assert [Role.from_json_text(one.body).name for one in found] == sorted(
        role.name for role in BUILTIN_ROLES
    )
    stored = {one.name: Role.from_json_text(one.body) for one in found}
    assert stored == {role.name: role for role in BUILTIN_ROLES}
    admin = next(one.id for one in found if one.name == SYS_ADMIN)
    assert json.loads(user) == {"username": "alice", "roleId": admin}
    assert needed == [admin]


async def test_places_and_port_tags_of_before_are_in_the_narrow_rows(
    bare_engine: AsyncEngine,
) -> None:
    """As a write of this release puts them there."""
    await migrate(bare_engine, "0036")
    bodies: dict[str, dict[str, object]] = {
        "one": {"devLocation": {"city": "Bern", "country": "CH"}, "interfaces": [{"tags": {}}]},
        "two": {
            "location": "hall 3",
            "interfaces": [{"tags": {"cable": "blue"}}, {"name": "eth1"}],
            "bondAdapter": [{"interface": {"tags": {"a": "1"}}}],
        },
        "three": {},
    }
    moments = {"created_at": 1, "updated_at": 1}
    async with unit_of_work(bare_engine) as db:
        for name, body in bodies.items():
            ids = {"id": name, "enterprise_id": "acme"}
            row = ids | moments | {"name": name, "body": json.dumps(body)}
            for where, values in (
                ("object_ids", ids),
                ("devices", row | {"revision": 1, "revision_before": 0}),
                ("listed_devices", ids | moments),
            ):
                await db.execute(insert(table(where, *map(column, values))).values(values))
    await migrate(bare_engine, HEAD)
    common = {"project_id": "", "device_id": "", "name": "", "title": "", "enterprise_id": "acme"}
    common |= {"created_by": ""}
    async with snapshot(bare_engine) as db:
        query = text("SELECT id, place, port_tags FROM listed_devices")
        found = {row.id: (row.place, row.port_tags) for row in (await db.execute(query)).all()}
    for name, body in bodies.items():
        row = common | moments | {"id": name, "body": json.dumps(body)}
        now = listed_row(Kind.DEVICE, row)
        assert found[name] == (now["place"], now["port_tags"]), name
    assert found["one"] == ("Bern, CH", "")
