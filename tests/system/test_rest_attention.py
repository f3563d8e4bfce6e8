"""What needs a person, in one answer."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert
from support.many_devices import bind_devices
from support.rest import Caller, Rest, running_rest
from support.rest_objects import World, build_world

from eaves.controller.store import devices
from eaves.controller.store.tables import attestations
from eaves.controller.store.unit import unit_of_work
from eaves.ids import DeviceId, EnterpriseId

pytestmark = pytest.mark.system

ATTENTION = "/v1/ext/attention"


@dataclass
class Site:
    rest: Rest
    caller: Caller
    world: World
    enterprise: EnterpriseId


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running_rest(tmp_path) as rest:
        enterprise = EnterpriseId(await rest.add_user("alice"))
        async with rest.client(await rest.login("alice")) as http:
            caller = Caller(http)
            yield Site(rest, caller, await build_world(caller), enterprise)


async def test_an_empty_fleet_needs_nobody(site: Site) -> None:
    told = await site.caller.get(ATTENTION)
    assert told.pop("states") == {"RUN_STATE_UNPROVISIONED": 1}
    assert told == {part: {"list": [], "more": False} for part in told}
    assert set(told) == {"rollouts", "incidents", "nodes", "unattested", "unclaimed"}


async def test_one_answer_tells_what_needs_a_person(site: Site) -> None:
    device, clock = DeviceId(site.world.device), site.rest.clock
    key = (await site.caller.get(f"/v1/devices/id/{device}"))["obkey"]
    async with unit_of_work(site.rest.engine) as db:
        await bind_devices(db, site.enterprise, [device], b"pem", clock())
        await devices.put_last_seen(db, {device: clock()})
        await devices.note_unclaimed(db, key, "a stranger", "soft", b"x" * 32, clock())
        await devices.note_unclaimed(db, key, "another", "", b"y" * 32, clock())
        failed = {"state": "ATTEST_STATE_FAIL", "detail": "PCR 4 differs"}
        of_device = {"enterprise_id": site.enterprise, "device_id": device}
        await db.execute(insert(attestations), [of_device | failed])
    clock.pass_by(timedelta(minutes=59))
    told = await site.caller.get(ATTENTION, **{"next.pageSize": "1"})
    (silent,) = told["nodes"]["list"]
    assert (silent["id"], silent["runState"]) == (device, "RUN_STATE_OFFLINE")
    assert silent["projectName"] == "plant"
    (listed,) = (await site.caller.get("/v1/devices/status-config"))["list"]
    assert listed["runState"] == silent["runState"]
    (unattested,) = told["unattested"]["list"]
    assert (unattested["id"], unattested["detail"]) == (device, "PCR 4 differs")
    (first,) = told["unclaimed"]["list"]
    assert told["unclaimed"]["more"]
    both = await site.caller.get(f"{ATTENTION}/unclaimed")
    assert {one["serialno"] for one in both["list"]} == {"a stranger", "another"}
    assert both["list"][0] == first
    assert not both["more"]
    alone = await site.caller.get(f"{ATTENTION}/unattested")
    assert alone == {"list": [unattested], "more": False}
    found = await site.caller.get("/v1/devices/status-config", attestState="FAIL")
    assert [one["id"] for one in found["list"]] == [device]


async def test_another_enterprise_is_told_nothing_of_it(site: Site) -> None:
    device, clock = DeviceId(site.world.device), site.rest.clock
    key = (await site.caller.get(f"/v1/devices/id/{device}"))["obkey"]
    async with unit_of_work(site.rest.engine) as db:
        await devices.note_unclaimed(db, key, "a stranger", "", b"x" * 32, clock())
    await site.rest.add_user("dave")
    async with site.rest.client(await site.rest.login("dave")) as http:
        told = await Caller(http).get(ATTENTION)
    assert told["unclaimed"] == {"list": [], "more": False}
    assert told["states"] == {}


async def test_why_names_no_machine_that_knocks_at_another_enterprise(site: Site) -> None:
    ours, clock = site.world.device, site.rest.clock
    key = (await site.caller.get(f"/v1/devices/id/{ours}"))["obkey"]
    async with unit_of_work(site.rest.engine) as db:
        await devices.note_unclaimed(db, key, "of ours", "", b"x" * 32, clock())
        await devices.note_unclaimed(db, "a key of others", "of others", "", b"y" * 32, clock())
    why = str(await site.caller.get(f"/v1/eaves/why/device/{ours}"))
    assert "of ours" in why
    assert "of others" not in why
