"""Secrets that come through the REST side: sealed at rest, never told again, sent encrypted."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select
from support.controller import WireDevice
from support.rest import Caller, Json, Rest, running_rest
from support.rest_objects import World, app, app_instance, build_world

from eaves.controller.store import tables
from eaves.controller.store.devices import (
    ECDH_TYPE,
    EdgeNodeCertificate,
    put_device_certificates,
)
from eaves.controller.store.rendered import find_rendered
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.evapi.cipher import cipher_key, decrypt
from eaves.evapi.config import (
    AppInstanceConfig,
    decode_edge_dev_config,
    decode_encryption_block,
)
from eaves.evapi.keys import SoftKeyAgreement
from eaves.ids import DeviceId

pytestmark = pytest.mark.system

USER_DATA = "#cloud-config\npassword: known-user-data-7f3a\n"
BUNDLE_VALUE = "known-bundle-value-91cc"
BUNDLE_DEFAULT = "known-bundle-default-55d0"
INSTANCE_VALUE = "known-instance-value-e2b8"
CLEAR = (
    "known-user-data-7f3a",
    BUNDLE_VALUE,
    BUNDLE_DEFAULT,
    INSTANCE_VALUE,
    "s3cret-of-the-store",
    "opens-the-door",
)


def spellings(secret: str) -> tuple[bytes, ...]:
    """As it is, and as base64 of it has it at any of the three offsets."""
    found = [secret.encode()]
    for shift in range(3):
        encoded = base64.b64encode(b"." * shift + secret.encode())
        found.append(encoded[4 if shift else 0 : -4])
    return tuple(found)


def secrets_in(text: bytes) -> list[str]:
    return [secret for secret in CLEAR if any(one in text for one in spellings(secret))]


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path) as running:
        await running.add_user("alice")
        yield running


@pytest.fixture
async def caller(rest: Rest) -> AsyncIterator[Caller]:
    async with rest.client(await rest.login("alice")) as http:
        yield Caller(http)


@pytest.fixture(name="world")
async def world_of_all_kinds(caller: Caller) -> World:
    return await build_world(caller)


def password(name: str, **more: str) -> Json:
    return {"name": name, "format": "VARIABLE_FORMAT_PASSWORD", **more}


def guarded_app(world: World, *, value: str = BUNDLE_VALUE, default: str = BUNDLE_DEFAULT) -> Json:
    """A bundle whose template has three passwords: two of its own, one of the instance."""
    template = "a=###VALUE###\nb=###DEFAULT###\nc=###OWN###\n"
    body = app(world.project, world.datastore, "guarded")
    body["manifestJSON"]["images"] = []
    body["manifestJSON"]["configuration"]["customConfig"] |= {
        "template": base64.b64encode(template.encode()).decode(),
        "variableGroups": [
            {
                "name": "group",
                "variables": [
                    password("VALUE", value=value),
                    password("DEFAULT", default=default),
                    password("OWN"),
                ],
            }
        ],
    }
    return body


def instance_of(app_id: str, world: World, name: str, **more: object) -> Json:
    body = app_instance(app_id, world.device, name)
    body |= {"drives": [], "customConfig": None, **more}
    body["interfaces"][0]["acls"] = []
    return body


@pytest.fixture
async def guarded(caller: Caller, world: World) -> tuple[str, str]:
    """Bundle and instance with passwords; the instance does not say that OWN is one."""
    app_id = await caller.create("/v1/apps", guarded_app(world))
    config = {
        "name": "config",
        "variableGroups": [
            {"name": "group", "variables": [{"name": "OWN", "value": INSTANCE_VALUE}]}
        ],
    }
    body = instance_of(app_id, world, "guarded-1", customConfig=config)
    return app_id, await caller.create("/v1/apps/instances", body)


@pytest.fixture
async def plain(caller: Caller, world: World) -> str:
    """An instance with user data of its own."""
    body = app(world.project, world.datastore, "plain")
    body["manifestJSON"] |= {"images": [], "configuration": None}
    app_id = await caller.create("/v1/apps", body)
    encoded = base64.b64encode(USER_DATA.encode()).decode()
    sent = instance_of(app_id, world, "plain-1", userData=encoded)
    return await caller.create("/v1/apps/instances", sent)


async def told(rest: Rest, world: World, key: ec.EllipticCurvePrivateKey, name: str) -> str:
    """The user data of an app, as the device decrypts it from the configuration in force."""
    async with snapshot(rest.engine) as db:
        stored = await find_rendered(db, DeviceId(world.device))
    assert stored is not None
    assert not secrets_in(stored.config)
    config = decode_edge_dev_config(stored.config)
    found: AppInstanceConfig = next(app for app in config.apps if app.displayname == name)
    if found.cipher_data is None:
        return ""
    peer = rest.keys.ring.ecdh[0].certificate.public_key()
    assert isinstance(peer, ec.EllipticCurvePublicKey)
    clear = decrypt(found.cipher_data, cipher_key(SoftKeyAgreement(key), peer))
    return base64.b64decode(decode_encryption_block(clear).protected_user_data).decode()


async def able_to_decrypt(rest: Rest, world: World) -> ec.EllipticCurvePrivateKey:
    """The device has sent its ECDH certificate."""
    device = WireDevice()
    row = EdgeNodeCertificate(ECDH_TYPE, b"e" * 16, device.certificate_pem, rest.clock())
    async with unit_of_work(rest.engine) as db:
        await put_device_certificates(db, DeviceId(world.device), (row,))
    return device.key


async def touch(caller: Caller, path: str) -> None:
    """Write an object back as it was read."""
    await caller.put(path, await caller.get(path))


def database_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("eaves.db*")))


@pytest.mark.usefixtures("guarded", "plain")
async def test_no_secret_stands_in_the_database_in_clear(tmp_path: Path) -> None:
    """Neither in the file nor in its write-ahead log."""
    stored = database_bytes(tmp_path)
    assert b"guarded-1" in stored
    assert secrets_in(stored) == []


async def test_no_reply_list_event_or_audit_row_tells_a_secret(
    rest: Rest, caller: Caller, world: World, guarded: tuple[str, str], plain: str
) -> None:
    app_id, instance_id = guarded
    await touch(caller, f"/v1/apps/instances/id/{plain}")
    await touch(caller, f"/v1/datastores/id/{world.datastore}")
    for path in (
        f"/v1/apps/id/{app_id}",
        f"/v1/apps/instances/id/{instance_id}",
        f"/v1/apps/instances/id/{plain}",
        "/v1/apps/instances/name/plain-1",
        "/v1/apps",
        "/v1/apps/instances",
        "/v1/datastores",
        "/v1/events",
        f"/v1/apps/instances/id/{plain}/events",
        f"/v1/apps/instances/id/{plain}/status",
        f"/v1/eaves/why/instance/{plain}",
    ):
        assert secrets_in(json.dumps(await caller.get(path)).encode()) == [], path
    async with snapshot(rest.engine) as db:
        for table in (tables.audit, tables.events):
            for row in await db.execute(select(table)):
                assert secrets_in(str(row).encode()) == []


@pytest.mark.usefixtures("guarded", "plain")
async def test_the_device_gets_what_nobody_is_shown(
    rest: Rest, caller: Caller, world: World
) -> None:
    key = await able_to_decrypt(rest, world)
    await touch(caller, f"/v1/devices/id/{world.device}")
    assert await told(rest, world, key, "plain-1") == USER_DATA
    expected = f"a={BUNDLE_VALUE}\nb={BUNDLE_DEFAULT}\nc={INSTANCE_VALUE}\n"
    assert await told(rest, world, key, "guarded-1") == expected


async def test_a_replacement_without_the_secret_keeps_it(
    rest: Rest, caller: Caller, world: World, guarded: tuple[str, str], plain: str
) -> None:
    """What was read is blank; writing it back changes nothing for the device."""
    key = await able_to_decrypt(rest, world)
    app_id, instance_id = guarded
    for path in (
        f"/v1/apps/instances/id/{plain}",
        f"/v1/apps/instances/id/{instance_id}",
        f"/v1/apps/id/{app_id}",
    ):
        await touch(caller, path)
    for one in (plain, instance_id):
        assert not (await caller.get(f"/v1/apps/instances/id/{one}")).get("cloudInitVersion")
    await caller.put(f"/v1/apps/instances/id/{instance_id}/refresh")
    await caller.put(f"/v1/apps/instances/id/{plain}/restart")
    assert await told(rest, world, key, "plain-1") == USER_DATA
    expected = f"a={BUNDLE_VALUE}\nb={BUNDLE_DEFAULT}\nc={INSTANCE_VALUE}\n"
    assert await told(rest, world, key, "guarded-1") == expected


async def test_a_new_secret_replaces_the_old_one_and_the_audit_says_so(
    rest: Rest, caller: Caller, world: World, guarded: tuple[str, str], plain: str
) -> None:
    key = await able_to_decrypt(rest, world)
    path = f"/v1/apps/instances/id/{plain}"
    await caller.put(path, await caller.get(path) | {"userData": "another"})
    raised = (await caller.get(path))["cloudInitVersion"]
    assert raised > 0
    for again in ({}, {"userData": "another"}, {"cloudInitVersion": 0}):
        await caller.put(path, await caller.get(path) | again)
        assert (await caller.get(path))["cloudInitVersion"] == raised
    assert await told(rest, world, key, "plain-1") == "another"
    bundle = f"/v1/apps/id/{guarded[0]}"
    await caller.put(bundle, guarded_app(world, value="fresh", default=""))
    text = await told(rest, world, key, "guarded-1")
    assert text.startswith(f"a=fresh\nb={BUNDLE_DEFAULT}\n")
    async with snapshot(rest.engine) as db:
        rows = (await db.execute(select(tables.audit).order_by(tables.audit.c.row))).all()
    changes = [json.loads(row.changes) for row in rows if "userData" in row.changes][-1]
    assert changes["userData"] == ["(secret)", "(another secret)"]


async def test_a_variable_that_is_no_password_any_more_has_its_plain_value(
    rest: Rest, caller: Caller, world: World, guarded: tuple[str, str]
) -> None:
    """A secret that was stored under its name before does not come back."""
    key = await able_to_decrypt(rest, world)
    body = guarded_app(world)
    group = body["manifestJSON"]["configuration"]["customConfig"]["variableGroups"][0]
    group["variables"][0] = {
        "name": "VALUE",
        "format": "VARIABLE_FORMAT_TEXT",
        "value": "plain text",
    }
    await caller.put(f"/v1/apps/id/{guarded[0]}", body)
    assert (await told(rest, world, key, "guarded-1")).startswith("a=plain text\n")
