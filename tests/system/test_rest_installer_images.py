"""Installer images of single devices: asked for, looked up, fetched once by a link."""

import base64
import subprocess
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from sqlalchemy import select
from support.generic_image import SIZE, START, generic_image
from support.rest import INSTALLER_IMAGES, Caller, Json, Rest, running_rest
from support.rest_objects import World, build_world

from eaves.controller.store.registering import Binding, register_binding
from eaves.controller.store.tables import onboarding_certificates
from eaves.controller.store.tables_installers import installer_images
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.disk_image import CONFIG, partition
from eaves.evapi.bootstrap import open_bootstrap
from eaves.ids import DeviceId

pytestmark = pytest.mark.system

TAG = "0.1.0-amd64"
ASKED: Json = {"imageTag": TAG, "imageType": "Installer", "installDisk": "/dev/sda"}


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path, installer_images=tmp_path / INSTALLER_IMAGES) as running:
        yield running


@pytest.fixture
async def alice(rest: Rest) -> AsyncIterator[Caller]:
    await rest.add_user("alice")
    async with rest.client(await rest.login("alice")) as http:
        yield Caller(http)


@pytest.fixture
async def world(alice: Caller) -> World:
    return await build_world(alice)


@pytest.fixture
def generic(tmp_path: Path) -> bytes:
    return generic_image(tmp_path / INSTALLER_IMAGES / TAG / "installer.raw")


def path_of(world: World) -> str:
    return f"/v1/devices/id/{world.device}/suimage"


async def link_of(alice: Caller, world: World) -> str:
    await alice.create(path_of(world), ASKED)
    told = await alice.get(f"{path_of(world)}/link")
    assert told["id"] == world.device
    return str(told["link"])


async def fetched(rest: Rest, link: str) -> httpx.Response:
    """By somebody without a session."""
    async with rest.client() as http:
        return await http.get(link)


def file_of(image: Path, name: str) -> bytes:
    argv = ["mtype", "-i", f"{image}@@{partition(image, CONFIG).start}", f"::{name}"]
    return subprocess.run(argv, check=True, capture_output=True).stdout


async def test_the_image_of_a_device_is_fetched_once_and_holds_its_identity(
    rest: Rest, alice: Caller, world: World, generic: bytes, tmp_path: Path
) -> None:
    before = await alice.get(path_of(world))
    assert before["generationstatus"] == "Unavailable"
    link = await link_of(alice, world)
    after = await alice.get(path_of(world))
    assert after["generationstatus"] == "Successful"
    assert after["deviceId"] == world.device

    answer = await fetched(rest, link)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-length"] == str(len(generic)) == str(len(answer.content))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content[:START] == generic[:START]
    assert answer.content[START + SIZE :] == generic[START + SIZE :]

    stick = tmp_path / "stick.raw"
    stick.write_bytes(answer.content)
    controller = await alice.get("/v1/eaves/controller")
    device = await alice.get(f"/v1/devices/id/{world.device}")
    assert file_of(stick, "server").decode() == controller["deviceServer"] + "\n"
    assert file_of(stick, "root-certificate.pem").decode() == controller["rootCertificatePem"]
    assert file_of(stick, "install.conf") == b"disk=/dev/sda\n"
    twin = await alice.get(f"/v1/devices/id/{world.device}/config/bootstrap")
    roots = controller["rootCertificatePem"].encode()
    brought, told = (
        open_bootstrap(data, roots, rest.clock())
        for data in (file_of(stick, "bootstrap-config.pb"), base64.b64decode(twin["pconfig"]))
    )
    assert brought == told
    assert brought.system_adapter_list, "its ports, before it has a controller"
    assert file_of(stick, "soft_serial").decode() == device["serialno"] + "\n"
    certificate = file_of(stick, "onboard.cert.pem")
    key = load_pem_private_key(file_of(stick, "onboard.key.pem"), None)
    assert x509.load_pem_x509_certificate(certificate).public_key() == key.public_key()
    async with snapshot(rest.engine) as db:
        known = (await db.execute(select(onboarding_certificates.c.pem))).scalars().all()
    assert certificate.decode() in known

    again = await fetched(rest, link)
    assert again.status_code == 404
    assert "ask for one" in again.text
    events = await alice.get("/v1/events", objectId=world.device)
    said = str(events)
    assert "installer image fetched by whoever has its link" in said
    assert link.rpartition("/")[2] not in said


async def test_a_link_ends_with_its_hour_with_the_next_and_with_onboarding(
    rest: Rest, alice: Caller, world: World, generic: bytes
) -> None:
    assert generic
    first = await link_of(alice, world)
    second = str((await alice.get(f"{path_of(world)}/link"))["link"])
    assert (await fetched(rest, first)).status_code == 404
    rest.clock.pass_by(timedelta(hours=1))
    assert (await fetched(rest, second)).status_code == 404
    third = await link_of(alice, world)
    token = third.rpartition("/")[2]
    async with snapshot(rest.engine) as db:
        kept = (await db.execute(select(installer_images))).mappings().one()
    assert token not in str(kept)
    async with unit_of_work(rest.engine) as db:
        await register_binding(
            db,
            Binding(
                device_id=DeviceId(world.device),
                enterprise_id="",
                certificate_hash=bytes(32),
                certificate_der=b"der",
                onboarding_key="key",
                serial="serial",
                bound_at=rest.clock(),
            ),
        )
    for answer in (
        await fetched(rest, third),
        await alice.http.post(path_of(world), json=ASKED),
        await alice.http.get(f"{path_of(world)}/link"),
    ):
        assert answer.status_code == 412
        assert "offboard it" in answer.text


async def test_an_image_that_cannot_be_sent_has_failed_and_an_event_says_why(
    alice: Caller, world: World, generic: bytes, tmp_path: Path
) -> None:
    assert generic
    await alice.create(path_of(world), {**ASKED, "imageType": "Live", "installDisk": ""})
    assert (await alice.get(path_of(world)))["generationstatus"] == "Failed"
    events = await alice.get("/v1/events", objectId=world.device)
    why = f"{TAG}/disk.raw is not in EAVES_INSTALLER_IMAGES"
    assert why in str(events)
    refused = await alice.http.get(f"{path_of(world)}/link")
    assert refused.status_code == 404
    assert why in refused.text
    generic_image(tmp_path / INSTALLER_IMAGES / TAG / "disk.raw")
    await alice.create(path_of(world), {**ASKED, "imageType": "Live", "installDisk": ""})
    assert (await alice.get(path_of(world)))["generationstatus"] == "Successful"


async def test_a_generic_image_that_went_leaves_its_link_for_later(
    rest: Rest, alice: Caller, world: World, generic: bytes, tmp_path: Path
) -> None:
    link = await link_of(alice, world)
    place = tmp_path / INSTALLER_IMAGES / TAG / "installer.raw"
    place.unlink()
    gone = await fetched(rest, link)
    assert gone.status_code == 412
    assert "put it there" in gone.text
    place.write_bytes(generic)
    assert (await fetched(rest, link)).status_code == 200


async def test_an_unknown_tag_is_refused_with_those_that_are_there(
    alice: Caller, world: World, generic: bytes
) -> None:
    assert generic
    for tag in ("9.9", "..", f"../{INSTALLER_IMAGES}/{TAG}"):
        refused = await alice.http.post(path_of(world), json={**ASKED, "imageTag": tag})
        assert refused.status_code == 400
        assert f"there are {TAG}" in refused.text


async def test_a_controller_without_a_folder_names_the_setting(tmp_path: Path) -> None:
    async with running_rest(tmp_path) as rest:
        await rest.add_user("alice")
        async with rest.client(await rest.login("alice")) as http:
            device = (await build_world(Caller(http))).device
            refused = await http.post(f"/v1/devices/id/{device}/suimage", json=ASKED)
    assert refused.status_code == 412
    assert "set EAVES_INSTALLER_IMAGES" in refused.text
