"""Projects that take signed images only, over REST: told, refused, let in, and told to devices."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.datastore import datastore
from support.rest import Caller, Json, Rest, running_rest
from support.rest_objects import SHA256, World, app_instance, build_world, image
from support.signing import Signer, beside_image

from eaves.cli.marketplace.registry import Account, Registry
from eaves.cli.signatures import read_file
from eaves.controller.store.rendered import find_rendered
from eaves.controller.store.unit import snapshot
from eaves.evapi.config import EdgeDevConfig, decode_edge_dev_config
from eaves.evapi.image_signature import KEYS, POLICY, as_json
from eaves.ids import DeviceId

pytestmark = pytest.mark.system

OURS, THEIRS = Signer("ours"), Signer("theirs")
OF_ALL = "/v1/eaves/image-policy"
INSTANCES = "/v1/apps/instances"


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


def policy(*keys: Signer, signed_only: bool = True) -> Json:
    return {
        "signedOnly": signed_only,
        "trustedKeys": [{"name": key.name, "pem": key.pem} for key in keys],
    }


def of_project(world: World) -> str:
    return f"/v1/eaves/projects/id/{world.project}/image-policy"


async def disk_of(alice: Caller) -> str:
    """The path of the signatures of the image that the app of the world runs from."""
    found = await alice.get("/v1/apps/images/name/disk")
    return f"/v1/eaves/images/id/{found['id']}/signatures"


async def config_of(rest: Rest, device_id: str) -> EdgeDevConfig:
    async with snapshot(rest.engine) as db:
        found = await find_rendered(db, DeviceId(device_id))
    assert found is not None
    return decode_edge_dev_config(found.config)


def another(world: World) -> Json:
    """An instance beside the one of the world; nothing of it is in the way of that one."""
    return {**app_instance(world.app, world.device, "web-2"), "interfaces": []}


def reasons(answer: Json) -> list[str]:
    return [str(one["details"]) for one in answer["error"]]


async def test_an_unsigned_image_is_refused_by_the_controller_until_a_trusted_key_signed_it(
    rest: Rest, alice: Caller, world: World
) -> None:
    await alice.put(of_project(world), policy(OURS))
    assert await alice.get(of_project(world)) == policy(OURS)
    body = another(world)
    signatures = await disk_of(alice)
    refused = await alice.http.post(INSTANCES, json=body)
    assert refused.status_code == 412, refused.text
    assert any("it has no signature" in one for one in reasons(refused.json()))

    await alice.put(signatures, {"list": [as_json(THEIRS.detached(SHA256))]})
    refused = await alice.http.post(INSTANCES, json=body)
    assert any("none of the trusted keys (ours)" in one for one in reasons(refused.json()))

    both = [as_json(one.detached(SHA256)) for one in (THEIRS, OURS)]
    await alice.put(signatures, {"list": both})
    told = await alice.get(signatures)
    assert told["list"] == both
    assert told["projects"] == [
        {
            "projectId": world.project,
            "projectName": "plant",
            "signedOnly": True,
            "letIn": True,
            "signedBy": "ours",
        }
    ]
    await alice.create(INSTANCES, body)
    config = await config_of(rest, world.device)
    (tree,) = config.content_info
    assert tree.siginfo is not None
    assert json.loads(tree.siginfo.signature) == both
    items = {item.key: item.value for item in config.config_items}
    assert (items[POLICY], items[KEYS].strip()) == ("signed-only", OURS.pem.strip())


async def test_all_reasons_are_told_at_once(alice: Caller, world: World) -> None:
    await alice.create("/v1/apps/images", image(world.datastore, "second"))
    second = await alice.get("/v1/apps/images/name/second")
    await alice.put(f"/v1/apps/images/id/{second['id']}/uplink", second)
    await alice.put(of_project(world), policy(OURS))
    body = another(world)
    drives = [{**body["drives"][0], "imagename": name} for name in ("disk", "second")]
    refused = await alice.http.post(INSTANCES, json={**body, "drives": drives})
    found = [one for one in reasons(refused.json()) if "only signed images" in one]
    assert ["'disk'" in found[0], "'second'" in found[1]] == [True, True]


async def test_the_policy_of_the_enterprise_reaches_every_project_and_device(
    rest: Rest, alice: Caller, world: World
) -> None:
    assert POLICY not in {i.key for i in (await config_of(rest, world.device)).config_items}
    await alice.put(OF_ALL, policy(OURS))
    assert await alice.get(OF_ALL) == policy(OURS)
    assert POLICY in {i.key for i in (await config_of(rest, world.device)).config_items}
    why = await alice.get(f"/v1/eaves/why/device/{world.device}")
    assert "only signed images are let in" in json.dumps(why)
    await alice.put(OF_ALL, policy(signed_only=False))
    assert POLICY not in {i.key for i in (await config_of(rest, world.device)).config_items}
    audit = await alice.get("/v1/eaves/audit")
    assert "image policy changed" in json.dumps(audit)


async def test_a_policy_with_apps_is_refused_with_the_bundle_named(
    alice: Caller, world: World
) -> None:
    await alice.put(of_project(world), policy(OURS))
    project = await alice.get(f"/v1/projects/id/{world.project}")
    app = {"name": "web", "appId": world.app, "namingScheme": "APP_NAMING_SCHEME_APP_DEVICE"}
    wanted = {
        **project,
        "appPolicy": {
            "name": "apps",
            "title": "Apps",
            "type": "POLICY_TYPE_APP",
            "appPolicy": {"apps": [app]},
        },
    }
    refused = await alice.http.put(f"/v1/projects/id/{world.project}", json=wanted)
    assert refused.status_code in (400, 412), refused.text
    found = reasons(refused.json())
    assert any("app bundle 'web': image 'disk'" in one for one in found), found


async def test_what_cannot_be_meant_is_refused(alice: Caller, world: World) -> None:
    signatures = await disk_of(alice)
    wrong: tuple[tuple[list[Json], str], ...] = (
        ([{"Base64Signature": "!"}], "is not base64"),
        ([{}], "missing or too long"),
        ([as_json(OURS.cosign("cd" * 32))], "of another image"),
        ([as_json(OURS.detached(SHA256))] * 17, "at most 16"),
    )
    for sent, says in wrong:
        answer = await alice.http.put(signatures, json={"list": sent})
        assert answer.status_code == 400, answer.text
        assert any(says in one for one in reasons(answer.json()))
    keys = {"signedOnly": True, "trustedKeys": [{"name": "x", "pem": "no key"}]}
    for path in (OF_ALL, of_project(world)):
        answer = await alice.http.put(path, json=keys)
        assert answer.status_code == 400, answer.text
        assert "no public key in PEM" in reasons(answer.json())[0]


async def test_another_enterprise_sees_and_changes_nothing(
    rest: Rest, alice: Caller, world: World
) -> None:
    await alice.put(of_project(world), policy(OURS))
    await rest.add_user("mallory")
    signatures = await disk_of(alice)
    async with rest.client(await rest.login("mallory")) as http:
        nothing: Json = {"list": []}
        for path, body in ((of_project(world), policy()), (signatures, nothing)):
            assert (await http.get(path)).status_code == 404
            assert (await http.put(path, json=body)).status_code == 404
        await Caller(http).put(OF_ALL, policy(THEIRS, signed_only=False))
    assert await alice.get(of_project(world)) == policy(OURS)
    assert (await alice.get(OF_ALL))["trustedKeys"] == []


def test_the_command_line_reads_what_cosign_and_openssl_write(tmp_path: Path) -> None:
    one, file = OURS.cosign(SHA256), tmp_path / "signature"
    line = json.dumps({**as_json(one), "Cert": None, "Chain": None, "Bundle": None})
    for text in (line, f"{line}\n", f"[{line}]"):
        file.write_text(text)
        assert read_file(file, None) == [as_json(one)]
    detached = OURS.detached(SHA256)
    for content in (detached.signature, base64.b64encode(detached.signature) + b"\n"):
        file.write_bytes(content)
        assert read_file(file, None) == [as_json(detached)]
    payload = tmp_path / "payload"
    payload.write_bytes(one.payload)
    file.write_bytes(base64.b64encode(one.signature))
    assert read_file(file, payload) == [as_json(one)]


def test_signatures_beside_an_image_are_found_in_its_registry() -> None:
    one = OURS.cosign(SHA256)
    manifest, payload = beside_image(one)
    files: dict[str, bytes | Path] = {
        f"/v2/team/web/manifests/sha256-{SHA256}.sig": manifest,
        f"/v2/team/web/blobs/{payload}": one.payload,
    }
    with datastore(files) as store:
        registry = Registry(store.url, Account())
        found = registry.signatures("team/web", SHA256)
        assert found == [(base64.b64encode(one.signature).decode(), one.payload)]
        assert registry.signatures("team/web", "0" * 64) == []
        store.files[f"/v2/team/web/blobs/{payload}"] = one.payload + b" "
        with pytest.raises(Exception, match="not what its digest says"):
            registry.signatures("team/web", SHA256)
