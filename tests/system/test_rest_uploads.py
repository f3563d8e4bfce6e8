"""Images and artifacts whose bytes the controller keeps: sent, gone on with, served, deleted."""

import base64
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from support.rest import Caller, Json, Rest, running_rest
from support.rest_objects import World, app_instance, build_world
from support.uploads import DATA, DIGEST, IMAGES, add_image, ask, own_store, partials, send

from eaves.controller.jobs.content_sweep import sweep_content
from eaves.controller.store.content_files import ContentFolder
from eaves.controller.store.rendered import find_rendered
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.evapi.config import DsType, decode_edge_dev_config
from eaves.ids import DeviceId

pytestmark = pytest.mark.system

READING = "PermissionAccessRead"
LATEST = IMAGES + "/baseos/latest"


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path) as running:
        yield running


@pytest.fixture
async def enterprise(rest: Rest) -> str:
    return await rest.add_user("alice")


@pytest.fixture
async def alice(rest: Rest, enterprise: str) -> AsyncIterator[Caller]:
    assert enterprise
    async with rest.client(await rest.login("alice")) as http:
        yield Caller(http)


@pytest.fixture
def folder(tmp_path: Path) -> ContentFolder:
    return ContentFolder(tmp_path / "content")


async def stranger(rest: Rest, name: str = "mallory") -> Caller:
    await rest.add_user(name)
    return Caller(rest.client(await rest.login(name)))


async def reader(rest: Rest, enterprise: str, alice: Caller, **access: object) -> Caller:
    scope: Json = {"name": "some", "title": "Some", "type": "USER_ROLE_USER_DEFINED"}
    await alice.create("/v1/roles", {**scope, "scopes": [access or {"accessStorage": READING}]})
    await rest.add_user("bob", enterprise=enterprise, role="some")
    return Caller(rest.client(await rest.login("bob")))


async def test_an_image_comes_in_pieces_and_is_served_to_devices(
    rest: Rest, alice: Caller, folder: ContentFolder
) -> None:
    store = await own_store(alice)
    image_id = await add_image(alice, store, imageSha256="sha256:" + DIGEST.upper())
    path = f"{IMAGES}/name/disk/upload/chunked"
    nothing = await ask(alice, path)
    assert (nothing.status_code, nothing.headers.get("Range")) == (202, None)
    early = await alice.http.put(f"{IMAGES}/id/{image_id}/uplink")
    assert early.status_code == 412
    assert "upload" in early.text

    first = await send(alice, path, 0, 40_000)
    assert first.status_code == 202, first.text
    assert first.headers["Range"] == "bytes=0-39999"
    told = await alice.get(f"{IMAGES}/id/{image_id}")
    assert told["imageStatus"] == "IMAGE_STATUS_UPLOADING"
    assert (await send(alice, path, 10_000, 40_000)).status_code == 202  # its answer was lost
    other = os.urandom(len(DATA))
    for wrong in (
        await send(alice, path, 10_000, 40_000, data=other),
        await send(alice, path, 50_000, 60_000),
        await send(alice, path, 30_000, 60_000),
        await send(alice, path, 40_000, 60_000, total=99_999_999),
    ):
        assert wrong.status_code == 409, wrong.text
        assert "40,000 bytes of 100,000" in wrong.text
    short = await alice.http.put(
        path, content=b"x", headers={"Content-Range": "bytes 40000-59999/100000"}
    )
    assert short.status_code == 400
    long = await alice.http.put(
        path, content=DATA, headers={"Content-Range": "bytes 40000-59999/100000"}
    )
    assert long.status_code == 400
    as_json = await alice.http.put(
        path,
        json=base64.b64encode(DATA[40_000:60_000]).decode(),
        headers={"Content-Range": "bytes 40000-59999/100000"},
    )
    assert as_json.status_code == 202, as_json.text
    assert (await ask(alice, path)).headers["Range"] == "bytes=0-59999"
    last = await send(alice, path, 60_000, 100_000)
    assert last.status_code == 200, last.text
    assert last.json()["objectId"] == image_id
    assert (await send(alice, path, 60_000, 100_000)).status_code == 200  # once more
    assert (await send(alice, path, 60_000, 100_000, data=other)).status_code == 409
    told = await alice.get(f"{IMAGES}/id/{image_id}")
    assert told["imageStatus"] == "IMAGE_STATUS_READY"
    assert (told["imageLocal"], told["imageSizeBytes"]) == (DIGEST, "100000")
    assert folder.path_of(DIGEST).read_bytes() == DATA
    assert partials(folder) == []
    moved = await alice.http.put(f"{IMAGES}/id/{image_id}", json={**told, "imageSha256": "0" * 64})
    assert moved.status_code == 412
    folder.path_of(DIGEST).unlink()  # as after a restore without the folder
    assert (await send(alice, path, 0, len(DATA), data=other)).status_code == 400
    assert (await send(alice, path, 0, len(DATA))).status_code == 200
    assert folder.path_of(DIGEST).read_bytes() == DATA

    mallory = await stranger(rest)
    assert (await send(mallory, path, 0, 10)).status_code == 404
    assert (await ask(mallory, path)).status_code == 404


async def test_what_a_device_is_told_leads_to_the_bytes_and_to_no_others(
    rest: Rest, alice: Caller
) -> None:
    world: World = await build_world(alice)
    store = await own_store(alice)
    image_id = await add_image(alice, store, name="own-disk")
    await send(alice, f"{IMAGES}/name/own-disk/upload/chunked", 0, len(DATA))
    body = app_instance(world.app, world.device)
    body["drives"][0]["imagename"] = "own-disk"
    await alice.put(f"/v1/apps/instances/id/{world.instance}", body)
    async with snapshot(rest.engine) as db:
        rendered = await find_rendered(db, DeviceId(world.device))
    assert rendered is not None
    config = decode_edge_dev_config(rendered.config)
    (tree,) = (one for one in config.content_info if one.display_name == "own-disk")
    (told,) = (one for one in config.datastores if one.id == store)
    assert told.d_type is DsType.DsHttps
    assert told.fqdn.startswith("https://controller.example:")
    assert told.ds_cert_pem[0].startswith(b"-----BEGIN CERTIFICATE")
    assert (tree.url, tree.sha256, tree.max_size_bytes) == (DIGEST, DIGEST, len(DATA))
    url = f"/{told.dpath}/{tree.url}".removeprefix("/api")
    async with rest.client() as device:  # without a token
        got = await device.get(url)
        assert (got.status_code, got.content) == (200, DATA)
        head = await device.head(url)
        assert (head.status_code, head.headers["Content-Length"]) == (200, "100000")
        rest_of_it = await device.get(url, headers={"Range": "bytes=99000-"})
        assert (rest_of_it.status_code, rest_of_it.content) == (206, DATA[99_000:])
        other_code = url.replace(told.dpath.rpartition("/")[2], "x" * 43)
        assert (await device.get(other_code)).status_code == 404
        assert (await device.get(url.replace(DIGEST, "0" * 64))).status_code == 404
        assert (await device.get(url.replace(DIGEST, "..%2F..%2Fsecret.key"))).status_code == 404

        # the code of one device and one store opens nothing of another one
        other = os.urandom(1000)
        await add_image(alice, await own_store(alice, "beside"), name="beside-disk")
        await send(alice, f"{IMAGES}/name/beside-disk/upload/chunked", 0, 1000, data=other)
        beside = url.replace(DIGEST, hashlib.sha256(other).hexdigest())
        assert (await device.get(beside)).status_code == 404
        assert (await device.get(url.replace(world.device, world.instance))).status_code == 404
        used = await alice.http.delete(f"{IMAGES}/id/{image_id}")
        assert used.status_code == 409


async def test_a_file_with_another_digest_leaves_nothing(
    alice: Caller, folder: ContentFolder
) -> None:
    store = await own_store(alice)
    image_id = await add_image(alice, store, imageSha256="0" * 64)
    path = f"{IMAGES}/name/disk/upload/chunked"
    answer = await send(alice, path, 0, len(DATA))
    assert answer.status_code == 400
    assert DIGEST in answer.text
    told = await alice.get(f"{IMAGES}/id/{image_id}")
    assert told["imageStatus"] == "IMAGE_STATUS_FAILED"
    assert DIGEST in told["imageError"]
    assert partials(folder) == []
    assert not folder.has(DIGEST)
    await alice.put(f"{IMAGES}/id/{image_id}", {**told, "imageSha256": DIGEST})
    assert (await send(alice, path, 0, len(DATA))).status_code == 200
    assert (await alice.get(f"{IMAGES}/id/{image_id}"))["imageStatus"] == "IMAGE_STATUS_READY"


async def test_an_image_comes_as_the_file_of_a_form(
    rest: Rest, enterprise: str, alice: Caller, folder: ContentFolder
) -> None:
    store = await own_store(alice)
    await add_image(alice, store)
    path = f"{IMAGES}/name/disk/upload/file"
    data = DATA + b"\r\n--" + DATA[:50]  # looks like a mark
    text = await alice.http.put(path, data={"imageFile": "text"})
    assert text.status_code == 415, text.text
    field = await alice.http.put(path, files={"other": (None, b"x")})
    assert field.status_code == 400, field.text
    cut = await alice.http.put(
        path,
        content=b'--b\r\nContent-Disposition: form-data; name="imageFile"\r\n\r\nhalf',
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert cut.status_code == 400, cut.text
    assert (await alice.get(f"{IMAGES}/name/disk"))["imageStatus"] == "IMAGE_STATUS_FAILED"
    assert partials(folder) == []
    bob = await reader(rest, enterprise, alice)
    denied = await bob.http.put(path, files={"imageFile": ("disk.qcow2", data)})
    assert denied.status_code == 403
    done = await alice.http.put(
        path,
        data={"note": "a field before the file"},
        files={"imageFile": ("disk.qcow2", data)},
    )
    assert done.status_code == 200, done.text
    told = await alice.get(f"{IMAGES}/name/disk")
    assert told["imageSha256"] == hashlib.sha256(data).hexdigest()
    assert told["imageSizeBytes"] == str(len(data))
    assert partials(folder) == []
    again = await alice.http.put(path, files={"imageFile": ("disk.qcow2", data)})
    assert again.status_code == 409


async def test_bytes_for_a_store_of_somebody_else_are_refused(alice: Caller) -> None:
    far = await alice.create(
        "/v1/datastores",
        {
            "name": "far",
            "title": "Far",
            "dsType": "DATASTORE_TYPE_HTTPS",
            "dsFQDN": "files.example.org",
        },
    )
    await add_image(alice, far)
    answer = await send(alice, f"{IMAGES}/name/disk/upload/chunked", 0, 10)
    assert answer.status_code == 412
    assert "DATASTORE_TYPE_FILE_STORAGE" in answer.text
    for header in ("", "bytes 5-3/10", "bytes 0-10/10", "lines 1-2/3"):
        wrong = await alice.http.put(
            f"{IMAGES}/name/disk/upload/chunked", content=b"x", headers={"Content-Range": header}
        )
        assert wrong.status_code == 400
    own = await own_store(alice)
    await add_image(alice, own, name="large")
    large = await alice.http.put(
        f"{IMAGES}/name/large/upload/chunked",
        content=b"x",
        headers={"Content-Range": f"bytes 0-0/{1 << 48}"},
    )
    assert large.status_code == 413
    assert (await alice.get(f"{IMAGES}/name/large"))["imageStatus"] == "IMAGE_STATUS_CREATED"


async def test_the_folder_is_swept_of_what_nobody_has(
    rest: Rest, alice: Caller, folder: ContentFolder
) -> None:
    store = await own_store(alice)
    one = await add_image(alice, store, name="one")
    two = await add_image(alice, store, name="two")
    for name in ("one", "two"):  # the same bytes, once on the disk
        await send(alice, f"{IMAGES}/name/{name}/upload/chunked", 0, len(DATA))
    await add_image(alice, store, name="left")
    await send(alice, f"{IMAGES}/name/left/upload/chunked", 0, 10)
    (left,) = partials(folder)

    async def sweep(later: timedelta) -> None:
        # files bear the time of the disk, rows that of the clock
        now = rest.clock() + later
        for path in (folder.path_of(DIGEST), folder.folder / "partial" / left):
            if path.exists():
                os.utime(path, (rest.clock().timestamp(), rest.clock().timestamp()))
        await sweep_content(rest.engine, folder, now)

    await alice.delete(f"{IMAGES}/id/{one}")
    await sweep(timedelta(hours=2))
    assert folder.has(DIGEST)
    assert partials(folder) == [left]
    await alice.delete(f"{IMAGES}/id/{two}")
    await sweep(timedelta(minutes=1))
    assert folder.has(DIGEST)  # too young: somebody may be about to have it
    await sweep(timedelta(hours=2))
    assert not folder.has(DIGEST)
    assert (await alice.get(f"{IMAGES}/name/left"))["imageStatus"] == "IMAGE_STATUS_UPLOADING"
    async with unit_of_work(rest.engine) as db:  # as a full disk does
        await db.execute(
            text(
                "CREATE TRIGGER full BEFORE DELETE ON contents BEGIN "
                "SELECT RAISE(ABORT, 'disk is full'); END"
            )
        )
    with pytest.raises(IntegrityError):
        await sweep(timedelta(days=2))
    assert partials(folder) == []  # though nothing could be written
    async with unit_of_work(rest.engine) as db:
        await db.execute(text("DROP TRIGGER full"))
    await sweep(timedelta(days=2))
    told = await alice.get(f"{IMAGES}/name/left")
    assert told["imageStatus"] == "IMAGE_STATUS_FAILED"
    assert "send the file again" in told["imageError"]
    assert (await alice.get("/v1/eaves/audit", verb="upload failed"))["list"][0]["user"] == "system"
    gone_on = await send(alice, f"{IMAGES}/name/left/upload/chunked", 10, 20)
    assert gone_on.status_code == 409
    assert (await send(alice, f"{IMAGES}/name/left/upload/chunked", 0, 20)).status_code == 202


async def test_bytes_that_were_lost_are_asked_for_again(
    alice: Caller, folder: ContentFolder
) -> None:
    await add_image(alice, await own_store(alice))
    path = f"{IMAGES}/name/disk/upload/chunked"
    assert (await send(alice, path, 0, 60_000)).status_code == 202
    (upload,) = partials(folder)
    (folder.folder / "partial" / upload).unlink()  # as after a restore without the folder
    lost = await send(alice, path, 60_000, len(DATA))
    assert lost.status_code == 409
    assert "begin anew" in lost.text
    assert (await alice.get(f"{IMAGES}/name/disk"))["imageStatus"] == "IMAGE_STATUS_FAILED"
    assert not folder.has(DIGEST)
    assert (await send(alice, path, 0, 10_000)).status_code == 202
    assert (await send(alice, path, 10_000, len(DATA))).status_code == 200
    assert folder.has(DIGEST)


async def test_an_upload_goes_on_after_the_controller_died(tmp_path: Path) -> None:
    path = f"{IMAGES}/name/disk/upload/chunked"
    async with running_rest(tmp_path) as rest:
        await rest.add_user("alice")
        alice = Caller(rest.client(await rest.login("alice")))
        await add_image(alice, await own_store(alice))
        assert (await send(alice, path, 0, 60_000)).status_code == 202
        folder = ContentFolder(tmp_path / "content")
        (upload,) = partials(folder)
    # bytes that were written and never told of, as a kill leaves them
    with (folder.folder / "partial" / upload).open("ab") as file:
        file.write(b"torn piece")
    async with running_rest(tmp_path) as rest:
        alice = Caller(rest.client(await rest.login("alice")))
        assert (await ask(alice, path)).headers["Range"] == "bytes=0-59999"
        assert (await send(alice, path, 60_000, len(DATA))).status_code == 200
        assert (await alice.get(f"{IMAGES}/name/disk"))["imageSha256"] == DIGEST


async def test_the_latest_base_os_of_an_architecture(
    rest: Rest, enterprise: str, alice: Caller
) -> None:
    store = await own_store(alice)
    first = await add_image(alice, store, name="eve-1", imageType="IMAGE_TYPE_EVE")
    await add_image(alice, store, name="eve-2", imageType="IMAGE_TYPE_EVE")
    await add_image(alice, store, name="app")
    waiting = await alice.http.put(LATEST, json={"name": "eve-1"})
    assert waiting.status_code == 412
    for name in ("eve-1", "eve-2", "app"):
        await send(alice, f"{IMAGES}/name/{name}/upload/chunked", 0, len(DATA))
    assert (await alice.get(LATEST))["list"] == []
    assert (await alice.http.get(f"{LATEST}/hwclass/AMD64")).status_code == 404
    assert (await alice.http.get(f"{LATEST}/hwclass/Z80")).status_code == 400
    assert (await alice.http.put(LATEST, json={"name": "app"})).status_code == 400
    wrong = await alice.http.put(f"{LATEST}/hwclass/ARM64", json={"id": first})
    assert wrong.status_code == 400
    assert await alice.put(f"{LATEST}/hwclass/AMD64", {"id": first}) == first
    second = await alice.put(LATEST, {"name": "eve-2"})
    assert [one["name"] for one in (await alice.get(LATEST))["list"]] == ["eve-2"]
    assert (await alice.get(f"{LATEST}/hwclass/AMD64"))["id"] == second

    mallory = await stranger(rest)
    assert (await mallory.get(LATEST))["list"] == []
    assert (await mallory.http.delete(LATEST, params={"id": second})).status_code == 404
    bob = await reader(rest, enterprise, alice)
    assert (await bob.get(f"{LATEST}/hwclass/AMD64"))["id"] == second
    assert (await bob.http.put(LATEST, json={"name": "eve-1"})).status_code == 403
    assert (await alice.http.delete(LATEST, params={"id": first})).status_code == 404
    assert (await alice.http.delete(LATEST, params={"id": second})).status_code == 200
    assert (await alice.get(LATEST))["list"] == []
    await alice.put(LATEST, {"id": second})
    await alice.delete(f"{IMAGES}/id/{second}")
    assert (await alice.get(LATEST))["list"] == []


async def test_an_artifact_is_kept_streamed_signed_and_deleted(
    rest: Rest, enterprise: str, alice: Caller
) -> None:
    bad = await alice.http.post("/v1/artifacts", json={"name": "no good"})
    assert bad.status_code == 400
    made = await alice.http.post("/v1/artifacts", json={"name": "logo.png"})
    assert made.status_code == 200
    artifact = made.json()["id"]
    assert made.json()["name"] == "logo.png"
    assert (await alice.http.post("/v1/artifacts", json={"name": "logo.png"})).status_code == 409
    assert (await alice.http.get(f"/v1/artifacts/id/{artifact}")).status_code == 404
    assert (await alice.http.get(f"/v1/artifacts/id/{artifact}/url")).status_code == 404
    path = f"/v1/artifacts/id/{artifact}/upload/chunked"
    assert (await send(alice, path, 0, 50_000)).status_code == 202
    assert (await send(alice, path, 50_000, len(DATA))).status_code == 200
    large = await alice.http.put(
        path, content=b"x", headers={"Content-Range": f"bytes 0-0/{1 << 40}"}
    )
    assert large.status_code == 409  # it has its bytes already
    got = await alice.http.get(f"/v1/artifacts/id/{artifact}")
    assert (got.status_code, got.content) == (200, DATA)
    assert got.headers["Content-Type"] == "application/octet-stream"
    part = await alice.http.get(f"/v1/artifacts/id/{artifact}", headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, DATA[5:10])
    found = await alice.get("/v1/artifacts")
    assert [one["name"] for one in found["list"]] == ["logo.png"]
    assert found["summary"]["values"] == {"UPLOADED": 1}
    assert (await alice.get("/v1/artifacts", summary="true"))["list"] == []

    signed = await alice.get(f"/v1/artifacts/id/{artifact}/url")
    assert signed["ttl"] == 3600
    async with rest.client() as nobody:
        assert (await nobody.get(signed["signedUrl"])).content == DATA
        forged = signed["signedUrl"].replace("expires=", "expires=9")
        assert (await nobody.get(forged)).status_code == 403
        assert (await nobody.get(f"/v1/eaves/artifacts/{artifact}")).status_code == 403
        rest.clock.pass_by(timedelta(minutes=61))
        late = await nobody.get(signed["signedUrl"])
        assert late.status_code == 403
        assert "expired" in late.text

    mallory = await stranger(rest)
    assert (await mallory.get("/v1/artifacts"))["list"] == []
    for suffix in ("", "/url"):
        hidden = await mallory.http.get(f"/v1/artifacts/id/{artifact}{suffix}")
        assert hidden.status_code == 404
    assert (await mallory.http.delete(f"/v1/artifacts/id/{artifact}")).status_code == 404
    bob = await reader(rest, enterprise, alice)
    assert (await bob.http.get(f"/v1/artifacts/id/{artifact}")).status_code == 200
    assert (await bob.http.post("/v1/artifacts", json={"name": "x.y"})).status_code == 403
    assert (await send(bob, path, 0, 10)).status_code == 403
    assert (await bob.http.delete(f"/v1/artifacts/id/{artifact}")).status_code == 403

    again = await alice.get(f"/v1/artifacts/id/{artifact}/url")
    assert await alice.delete(f"/v1/artifacts/id/{artifact}") == artifact
    assert (await alice.http.get(f"/v1/artifacts/id/{artifact}")).status_code == 404
    async with rest.client() as nobody:
        assert (await nobody.get(again["signedUrl"])).status_code == 404


async def test_the_shelf_of_all_tenants_is_read_only(
    rest: Rest, enterprise: str, alice: Caller
) -> None:
    found = await alice.get("/v1/apps/global")
    assert found["totalCount"] > 0
    first = found["list"][0]
    assert first["originType"] == "ORIGIN_GLOBAL"
    whole = await alice.get(f"/v1/apps/global/id/{first['id']}")
    assert whole == await alice.get(f"/v1/apps/global/name/{first['name']}")
    assert whole["manifestJSON"]["images"]
    assert (await alice.get("/beta/apps"))["list"] == found["list"]
    few = await alice.get("/v1/apps/global", namePattern=first["name"])
    assert first["name"] in [one["name"] for one in few["list"]]
    assert (await alice.get("/v1/apps/global", summary="true"))["list"] == []
    assert (await alice.http.get("/v1/apps/global/name/nobody")).status_code == 404
    assert (
        await alice.http.put(f"/v1/apps/global/id/{first['id']}", json=whole)
    ).status_code >= 404
    assert (await alice.http.get(f"/v1/apps/id/{first['id']}")).status_code == 404
    mallory = await stranger(rest)
    assert await mallory.get("/v1/apps/global") == found
    bob = await reader(rest, enterprise, alice)
    assert (await bob.http.get("/v1/apps/global")).status_code == 403
