"""A plan of every kind of object that reaches a node: what happens then, and nothing before."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from support.one_of_each import cep, envelope
from support.rest import Caller, Json, Rest, running_rest
from support.rest_objects import (
    BASES,
    World,
    app,
    app_instance,
    bodies,
    build_world,
    device,
    image,
    model,
    netinst,
    network,
    project,
    volume,
)

from eaves.controller.northbound.plan import RESOURCES
from eaves.controller.northbound.trials import MOST
from eaves.controller.store.tables import events, object_ids, rendered_configs
from eaves.controller.store.unit import snapshot

pytestmark = pytest.mark.system

WORDS = ("created", "changed", "restarted", "purged", "deleted")


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path) as running:
        yield running


@pytest.fixture
async def alice(rest: Rest) -> AsyncIterator[Caller]:
    await rest.add_user("alice")
    async with rest.client(await rest.login("alice")) as http:
        yield Caller(http)


@pytest.fixture
async def world(alice: Caller) -> World:
    return await build_world(alice)


async def planned(caller: Caller, kind: str, body: Json, *, delete: bool = False) -> Json:
    ask = {"kind": kind, "object": body, "delete": delete}
    answer = await caller.http.post("/v1/eaves/plan", json=ask)
    assert answer.status_code == 200, answer.text
    told: Json = answer.json()
    return told


def does(told: Json) -> dict[str, list[str]]:
    """What happens on the one node that is shown."""
    assert told["refused"] == [], told
    assert len(told["list"]) <= 1, told
    return {word: row[word] for row in told["list"] for word in WORDS if row[word]}


async def written(rest: Rest) -> list[object]:
    """What a write leaves behind."""
    async with snapshot(rest.engine) as db:
        counts: list[object] = [
            (await db.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (events, object_ids)
        ]
        query = select(rendered_configs.c.config_hash).order_by(rendered_configs.c.device_id)
        return [*counts, *(await db.execute(query)).scalars()]


Change = Callable[[World, Json], Json]
CHANGES: Mapping[str, tuple[str, Change, dict[str, list[str]]]] = {
    "a node's setting": (
        "device",
        lambda _, now: now | {"configItem": []},
        {"deleted": ["setting timer.config.interval"]},
    ),
    "a network": (
        "network",
        lambda _, now: now | {"mtu": 1400},
        {"changed": ["network dhcp"]},
    ),
    "a datastore": (
        "datastore",
        lambda _, now: now | {"dsPath": "other"},
        {"changed": ["datastore files"]},
    ),
    "an image": (
        "image",
        lambda _, now: now | {"imageSizeBytes": "2097152"},
        {"changed": ["image disk"]},
    ),
    "a network instance": (
        "netinst",
        lambda _, now: now | {"dnsList": [{"hostname": "a", "addrs": ["192.0.2.1"]}]},
        {"changed": ["network instance nat"]},
    ),
    "a volume": (
        "volume",
        lambda _, now: now | {"sizeBytes": "2147483648"},
        {"changed": ["volume data"]},
    ),
    "an app instance": (
        "instance",
        lambda _, now: now | {"startDelayInSeconds": 7},
        {"changed": ["app instance web-1"]},
    ),
    "a model": (
        "model",
        lambda _, now: (
            now | {"ioMemberList": [now["ioMemberList"][0] | {"phyaddrs": {"Ifname": "enp2s0"}}]}
        ),
        {"changed": ["adapter eth0"]},
    ),
    "a bundle": (
        "app",
        lambda _, now: now | {"title": "Another title"},
        {},
    ),
    "a project's name": (
        "project",
        lambda _, now: now | {"title": "Plant two"},
        {},
    ),
}


async def test_a_change_is_told_and_then_happens(rest: Rest, alice: Caller, world: World) -> None:
    for what, (kind, change, expected) in CHANGES.items():
        path = f"{BASES[kind]}/id/{getattr(world, kind)}"
        now = await alice.get(path)
        before = await written(rest)
        told = await planned(alice, kind, change(world, now))
        assert await written(rest) == before, what
        assert await alice.get(path) == now, what
        assert does(told) == expected, what
        await alice.put(path, change(world, now))
        assert ((await written(rest))[2:] != before[2:]) is bool(expected), what
        again = await planned(alice, kind, await alice.get(path))
        assert (again["list"], again["nodes"] - again["unchanged"]) == ([], 0), what


def second(world: World) -> Json:
    """Another instance of the bundle, which maps another port."""
    body = app_instance(world.app, world.device, "web-2")
    body["interfaces"][0]["acls"] = []
    return body


NEW: Mapping[str, tuple[Callable[[World], Json], list[str]]] = {
    "device": (
        lambda world: device(world.project, world.model, "edge-2"),
        ["node edge-2", "network dhcp", "port eth0", "adapter eth0"],
    ),
    "netinst": (lambda world: netinst(world.device, "second"), ["network instance second"]),
    "volume": (lambda world: volume(world.device, "more"), ["volume more"]),
    "instance": (
        second,
        ["app instance web-2"],
    ),
    "model": (lambda world: model(world.brand, "box-2"), []),
    "network": (lambda world: network(world.project, "other"), []),
    "image": (lambda world: image(world.datastore, "other"), []),
    "app": (lambda world: app(world.project, world.datastore, "other"), []),
    "cep": (lambda _: cep(), []),
    "patchenvelope": (lambda world: envelope(world.project), []),
    "project": (lambda _: project("second"), []),
}


async def test_something_new_is_told_before_it_is_there(
    rest: Rest, alice: Caller, world: World
) -> None:
    before = await written(rest)
    for kind, (make, expected) in NEW.items():
        told = await planned(alice, kind, make(world))
        assert await written(rest) == before, kind
        assert told["refused"] == [], kind
        if not expected:
            assert told["nodes"] == 0, kind
            assert told["warning"], kind
            continue
        created = does(told)["created"]
        assert set(expected) <= set(created), created
        assert "s3cret" not in str(told)
        assert "opens-the-door" not in str(told)


async def test_bytes_disk_and_a_purge_are_told(alice: Caller, world: World) -> None:
    now = await alice.get(f"/v1/apps/instances/id/{world.instance}")
    purged = does(await planned(alice, "instance", now | {"purge": {"counter": 1}}))["purged"]
    assert len(purged) == 2  # with its disk
    assert "app instance web-1" in purged
    assert (await planned(alice, "instance", second(world)))["pullBytes"] == 0
    (row,) = (await planned(alice, "instance", {"id": world.instance}, delete=True))["list"]
    assert "app instance web-1" in row["deleted"]
    assert row["pullBytes"] == 0
    await alice.delete(f"/v1/apps/instances/id/{world.instance}")
    (row,) = (await planned(alice, "instance", second(world)))["list"]
    assert row["pullBytes"] == 1048576
    assert row["peakBytes"] >= 1048576 + (1 << 30)  # and the volume that is there
    assert (row["diskBytes"], row["tooFull"]) == (100 << 30, False)
    assert row["lacks"]  # its password waits for a certificate of the node


async def test_what_would_be_refused_is_told_with_every_reason(alice: Caller, world: World) -> None:
    wrong = app_instance("nowhere", world.device, "web-2")
    wrong["interfaces"][0]["netinstname"] = "nowhere"
    told = await planned(alice, "instance", wrong)
    real = await alice.http.post("/v1/apps/instances", json=wrong)
    assert real.status_code >= 400
    reasons = [(one["location"], one["details"]) for one in real.json()["error"]]
    assert [(one["location"], one["details"]) for one in told["refused"]] == reasons
    assert told["list"] == []
    for kind, object_id in (("image", world.image), ("project", world.project)):
        used = await planned(alice, kind, {"id": object_id}, delete=True)
        assert "is still needed by" in used["refused"][0]["details"]
        assert (used["list"], used["nodes"]) == ([], 0)
    short = {"name": "x", "projectId": world.project}
    (reason,) = (await planned(alice, "assetgroup", short))["refused"]
    real = await alice.http.post("/v1/assetgroups", json=short)
    assert reason["details"] == real.json()["error"][0]["details"]


async def test_many_nodes_are_counted_beyond_those_looked_at(alice: Caller, world: World) -> None:
    for first in (0, 55):
        rows = [
            {"device": device(world.project, world.model, f"node-{number:03}")}
            for number in range(first, first + 55)
        ]
        made = await alice.http.post("/v1/eaves/devices/bulk", json={"rows": rows})
        assert made.status_code == 200, made.text
    now = await alice.get(f"/v1/networks/id/{world.network}")
    told = await planned(alice, "network", now | {"mtu": 1400})
    assert told["nodes"] == 111
    assert told["notLookedAt"] == 111 - MOST
    assert len(told["list"]) == MOST


RULES: Mapping[str, str] = {
    "device": "accessDevice",
    "image": "accessStorage",
    "app": "accessEdgeApp",
    "instance": "accessAppInstance",
}


async def with_role(rest: Rest, alice: Caller, name: str, scope: Json) -> Caller:
    enterprise = (await alice.get("/v1/enterprises/self"))["id"]
    role = {"name": name, "title": name, "type": "USER_ROLE_USER_DEFINED", "scopes": [scope]}
    await alice.create("/v1/roles", role)
    await rest.add_user(f"of-{name}", enterprise=enterprise, role=name)
    return Caller(rest.client(await rest.login(f"of-{name}")))


async def test_a_plan_asks_for_the_right_of_the_write(
    rest: Rest, alice: Caller, world: World
) -> None:
    verbs = ("Create", "Read", "Update", "Delete")
    for verb in ("Create", "Update", "Delete"):
        others = "PermissionAccess" + "".join(one for one in verbs if one != verb)
        bob = await with_role(rest, alice, f"no-{verb}", dict.fromkeys(RULES.values(), others))
        for kind, area in RULES.items():
            body = {"id": getattr(world, kind)} if verb == "Delete" else bodies(world)[kind]
            body |= {"name": "another"} if verb == "Create" else {}
            ask = {"kind": kind, "object": body, "delete": verb == "Delete"}
            answer = await bob.http.post("/v1/eaves/plan", json=ask)
            assert answer.status_code == 403, f"{kind} {verb}: {answer.text}"
            assert f"{verb} in {area}" in answer.text


async def test_other_tenants_and_projects_are_not_there(
    rest: Rest, alice: Caller, world: World
) -> None:
    async with rest.client() as http:
        assert (await http.post("/v1/eaves/plan", json={"kind": "device"})).status_code == 401
    unknown = await alice.http.post("/v1/eaves/plan", json={"kind": "brand", "object": {}})
    assert unknown.status_code == 400
    assert all(kind in unknown.text for kind in RESOURCES)
    await rest.add_user("mallory")
    other = await alice.create("/v1/projects", project("other"))
    everything = "PermissionAccessCreateReadUpdateDeleteExecute"
    areas = ("accessDevice", "accessStorage", "accessEdgeApp", "accessAppInstance")
    scope: Json = dict.fromkeys(areas, everything) | {"projectFilter": [other]}
    bob = await with_role(rest, alice, "others", scope)
    async with rest.client(await rest.login("mallory")) as http:
        for caller in (Caller(http), bob):
            for kind in ("device", "netinst", "volume", "instance", "network"):
                ask = {"kind": kind, "object": {"id": getattr(world, kind)}, "delete": True}
                answer = await caller.http.post("/v1/eaves/plan", json=ask)
                assert answer.status_code == 404, f"{kind}: {answer.text}"
                assert "edge-1" not in answer.text
    # an image that all projects use: whose nodes it reaches is told to who may see those
    now = await alice.get(f"/v1/apps/images/id/{world.image}")
    more = now | {"imageSizeBytes": "2097152"}
    told = await planned(bob, "image", more)
    assert (told["nodes"], told["list"], told["notLookedAt"]) == (0, [], 0)
    assert (await planned(alice, "image", more))["nodes"] == 1


async def test_a_new_node_is_told_with_what_policies_make_on_it(
    alice: Caller, world: World
) -> None:
    now = await alice.get(f"/v1/projects/id/{world.project}")
    policy: Json = {
        "networkPolicy": {
            "name": "nets",
            "title": "Nets",
            "type": "POLICY_TYPE_NETWORK",
            "networkPolicy": {
                "netInstanceConfig": [netinst("", "lan") | {"deviceDefault": True, "title": "LAN"}]
            },
        }
    }
    await alice.put(f"/v1/projects/id/{world.project}", now | policy)
    told = await planned(alice, "device", device(world.project, world.model, "edge-2"))
    assert any("lan" in one for one in does(told)["created"]), told


async def test_what_a_project_says_of_its_ports_is_told(alice: Caller, world: World) -> None:
    at = f"/v1/devices/id/{world.device}"
    now = await alice.get(at)
    now["interfaces"][0]["enablePortBasedNetworkAccessControl"] = True
    await alice.put(at, now)
    policy: Json = {
        "name": "",
        "title": "Ports",
        "type": "POLICY_TYPE_PORT_BASED_NETWORK_ACCESS_CONTROL",
        "portBasedNetworkAccessControlPolicy": {
            "enablePortBasedNetworkAccessControl": True,
            "eapMethod": "EAP_METHOD_TLS",
            "certificateEnrollmentId": await alice.create("/v1/ceps", cep()),
        },
    }
    member, at = "portBasedNetworkAccessControlPolicy", f"/v1/projects/id/{world.project}"
    wanted = await alice.get(at) | {member: policy}
    assert "port access eth0" in does(await planned(alice, "project", wanted))["created"]
    await alice.put(at, wanted)
    without = await alice.get(at) | {member: None}
    assert "port access eth0" in does(await planned(alice, "project", without))["deleted"]


async def test_nodes_are_told_to_who_may_read_them(
    rest: Rest, alice: Caller, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lan = {
        "kind": "NETWORK_INSTANCE_KIND_LOCAL",
        "type": "NETWORK_INSTANCE_DHCP_TYPE_V4",
        "port": "eth0",
    }
    profile: Json = {
        "name": "nets",
        "title": "Nets",
        "appPolicies": [],
        "networkPolicies": [{"metaData": {"name": "lan", "title": "LAN"}, "networkConfig": lan}],
        "volumePolicies": [],
    }
    group: Json = {"name": "group", "projectId": world.project, "assetIds": {"ids": [world.device]}}
    deployed: Json = {
        "name": "nets-v1",
        "projectId": world.project,
        "appProfileInfo": {
            "appProfileId": await alice.create("/v1/appprofiles", profile),
            "version": 1,
        },
        "targetAssetGroup": {"groupId": await alice.create("/v1/assetgroups", group)},
    }
    told = await planned(alice, "profiledeployment", deployed)
    assert [row["name"] for row in told["list"]] == ["edge-1"]
    everything = "PermissionAccessCreateReadUpdateDeleteExecute"
    of_apps = await with_role(rest, alice, "of-apps", {"accessAppInstance": everything})
    told = await planned(of_apps, "profiledeployment", deployed)
    assert (told["nodes"], told["list"]) == (0, [])
    blind = await with_role(rest, alice, "blind", {"accessDevice": "PermissionAccessUpdate"})
    now = await alice.get(f"/v1/projects/id/{world.project}")
    told = await planned(blind, "project", now | {"title": "Plant two"})
    assert (told["nodes"], told["list"]) == (0, [])
    # who sees some projects hears of a node of theirs that goes
    spare = await alice.create("/v1/devices", device(world.project, world.model, "edge-2"))
    some: Json = {"accessDevice": everything, "projectFilter": [world.project]}
    of_plant = await with_role(rest, alice, "of-plant", some)
    told = await planned(of_plant, "device", {"id": spare}, delete=True)
    assert "node edge-2" in does(told)["deleted"]

    async def taken(*_: object) -> None:
        raise IntegrityError("INSERT", None, ValueError("this name was given away"))

    monkeypatch.setattr("eaves.controller.northbound.trials.reconcile", taken)
    ask = {"kind": "device", "object": device(world.project, world.model, "edge-3")}
    busy = await alice.http.post("/v1/eaves/plan", json=ask)
    assert busy.status_code == 503
    assert "try again" in busy.text
