"""Both sides of one controller together: what a person writes is what a device meets."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.controller import WireDevice
from support.rest import Json
from support.rest_objects import World, build_world, project
from support.whole_controller import Whole, whole_controller

from eaves.controller.keys import Part
from eaves.controller.store.devices import (
    ECDH_TYPE,
    EdgeNodeCertificate,
    put_device_certificates,
)
from eaves.controller.store.marks import PUBLISHED, find_mark
from eaves.controller.store.unit import Db, snapshot
from eaves.evapi.config import decode_edge_dev_config
from eaves.evapi.flows.poll import NewConfig, Unchanged
from eaves.evapi.paths import Endpoint
from eaves.fleet.device import Onboarding, SoftDevice, new_identity
from eaves.fleet.run import drive, line_to
from eaves.fleet.wire import Line
from eaves.ids import DeviceId
from eaves.node.comms.secrets import Decryptor, contexts_of

pytestmark = pytest.mark.system


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole_controller(tmp_path) as running:
        yield running


@pytest.fixture
async def world(whole: Whole) -> World:
    return await build_world(whole.caller)


@pytest.fixture
def device(world: World) -> WireDevice:
    return WireDevice(serial="serial-of-edge-1", device_id=DeviceId(world.device))


def with_policy(word: str, body: Json) -> Json:
    policy = body["attestationPolicy"]
    return body | {
        "attestationPolicy": policy | {"attestationPolicy": {"type": f"ATTEST_POLICY_TYPE_{word}"}}
    }


async def set_policy(whole: Whole, world: World, word: str) -> None:
    path = f"/v1/projects/id/{world.project}"
    await whole.caller.put(path, with_policy(word, await whole.caller.get(path)))


# --- attestation ---------------------------------------------------------------------------------


async def test_a_device_of_an_enforcing_project_is_enforced_from_its_first_poll(
    whole: Whole, world: World, device: WireDevice
) -> None:
    """Section 6.4: 403 without the token; the policy was set before the device registered."""
    await set_policy(whole, world, "ENFORCE")
    await whole.register(device)
    reply = await whole.devices.post(device.path(Endpoint.CONFIG), device.poll())
    assert reply.status == 403
    why = await whole.caller.get(f"/v1/eaves/why/device/{world.device}")
    assert any("enforces attestation" in cause["text"] for cause in why["chain"])


async def test_a_changed_policy_holds_for_devices_that_registered_before(
    whole: Whole, world: World, device: WireDevice
) -> None:
    """Section 6.4, both ways."""
    await whole.register(device)
    await whole.until_polled(device, 200)
    await set_policy(whole, world, "ENFORCE")
    await whole.until_polled(device, 403)
    await set_policy(whole, world, "ACCEPT")
    await whole.until_polled(device, 200)


async def test_a_device_has_the_policy_of_the_project_that_it_moved_to(
    whole: Whole, world: World, device: WireDevice
) -> None:
    """Section 6.4; a waiting record and a registered device alike."""
    strict = await whole.caller.create("/v1/projects", with_policy("ENFORCE", project("strict")))
    path = f"/v1/devices/id/{world.device}"
    for name in ("instance", "volume", "netinst"):
        base = {"instance": "apps/instances", "volume": "volumes/instances", "netinst": "netinsts"}
        await whole.caller.delete(f"/v1/{base[name]}/id/{getattr(world, name)}")
    body = await whole.caller.get(path)
    await whole.caller.put(path, body | {"projectId": strict, "interfaces": []})
    await whole.register(device)
    await whole.until_polled(device, 403)
    body = await whole.caller.get(path)
    await whole.caller.put(path, body | {"projectId": world.project})
    await whole.until_polled(device, 200)


# --- off-boarding --------------------------------------------------------------------------------


async def test_an_offboarded_device_may_come_back_and_gets_its_configuration(
    whole: Whole, world: World, device: WireDevice
) -> None:
    """Section 3.3: 404 once it is off-boarded; a new certificate takes the record over."""
    await whole.register(device)
    await whole.until_polled(device, 200)
    await whole.caller.delete(f"/v1/apps/instances/id/{world.instance}")
    await whole.caller.put(f"/v1/devices/id/{world.device}/offboard")
    await whole.until_polled(device, 404)
    fresh = WireDevice(serial=device.serial, device_id=device.device_id)
    await whole.register(fresh)
    body = await whole.until_polled(fresh, 200)
    assert whole.devices.controller_key.poll_response(body).config
    reply = await whole.devices.post(device.path(Endpoint.CONFIG), device.poll())
    assert reply.status == 401  # the record has another certificate now


# --- rendering again -----------------------------------------------------------------------------


async def _mark(whole: Whole) -> str:
    async with snapshot(whole.jobs.engine) as db:
        return await find_mark(db, PUBLISHED)


async def _reasons(whole: Whole, world: World) -> str:
    told = await whole.caller.get(f"/v1/eaves/why/device/{world.device}")
    return " ".join(cause["text"] for cause in told["chain"])


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.02)


async def test_a_device_that_cannot_be_rendered_says_why_and_is_tried_again(
    whole: Whole, world: World, device: WireDevice
) -> None:
    """Its configuration stays, the others are done, and nothing counts as published before it."""
    await whole.register(device)
    await whole.until_polled(device, 200)

    def uploaded(pem: bytes) -> EdgeNodeCertificate:
        return EdgeNodeCertificate(ECDH_TYPE, b"e" * 16, pem, whole.devices.clock())

    async def told() -> bool:
        return "could not be made" in await _reasons(whole, world)

    async def published() -> bool:
        return await _mark(whole) == whole.devices.keys.controllercert_confighash

    async def spoil(db: Db) -> None:
        await put_device_certificates(db, device.device_id, [uploaded(b"no certificate")])

    await whole.devices.change(device.device_id, spoil)
    await whole.jobs.publish_unless_published()
    await _until(told)
    assert await _mark(whole) == ""
    assert not whole.jobs.wanted.empty
    app = await whole.caller.get(f"/v1/eaves/why/instance/{world.instance}")
    assert "could not be made" in app["chain"][0]["text"]
    await whole.until_polled(device, 200)  # as it was

    async def mend(db: Db) -> None:
        pem = device.certificate_pem
        await put_device_certificates(db, device.device_id, [uploaded(pem)])

    await whole.devices.change(device.device_id, mend)
    whole.jobs.wanted.add((device.device_id,))  # as the upload of a certificate does
    await _until(published)
    assert not await told()
    assert whole.jobs.wanted.empty


# --- renewal -------------------------------------------------------------------------------------


async def soft_device(whole: Whole, world: World, device: WireDevice) -> tuple[SoftDevice, Line]:
    """The same device, doing everything right: it has registered and sent its certificates."""
    clock, roots = whole.devices.clock, whole.devices.keys.root_certificate_pem
    soft = SoftDevice(
        new_identity(device.serial, clock(), os.urandom),
        Onboarding(roots, *await whole.onboarding(world.device)),
        clock,
        lambda: 0.5,
    )
    line = line_to(f"127.0.0.1:{whole.devices.port}", roots)
    await drive(soft.onboarded(), line)
    await drive(soft.attested(), line)
    return soft, line


async def test_a_device_that_was_away_for_a_year_is_served_and_opens_what_it_kept(
    whole: Whole, world: World, device: WireDevice
) -> None:
    """Meanwhile the signing and the encryption certificate were exchanged three times."""
    keys = whole.devices.keys
    soft, line = await soft_device(whole, world, device)

    async def enclosed() -> bool:
        await drive(soft.polled(), line)
        return any(app.cipher_data for app in decode_edge_dev_config(soft.standing.config).apps)

    await _until(enclosed)
    kept = decode_edge_dev_config(soft.standing.config)
    (block,) = [app.cipher_data for app in kept.apps if app.cipher_data is not None]
    for _ in range(3):
        whole.devices.clock.pass_by(timedelta(days=122))
        assert keys.adopt(keys.due(frozenset({Part.SIGNING, Part.ENCRYPTION})))
        await whole.jobs.render_all()

    async def served() -> bool:
        answer = (await drive(soft.polled(), line)).answer
        assert isinstance(answer, NewConfig | Unchanged)  # it is asked for nothing else
        fresh = decode_edge_dev_config(soft.standing.config)
        return fresh.controllercert_confighash == keys.controllercert_confighash

    await _until(served)
    decryptor = Decryptor(
        contexts_of(kept),
        lambda: (soft.standing.trust.current,),  # what it was told today is enough
        soft.identity.agreement,
        frozenset(one.cert_hash for one in soft.identity.certs),
    )
    opened = base64.b64decode(decryptor.open(block).protected_user_data)
    assert opened.startswith(b"#cloud-config")


async def test_a_device_keeps_polling_while_the_signing_certificates_are_exchanged(
    whole: Whole, world: World, device: WireDevice
) -> None:
    """Section 5, "Rotation": published, every configuration changed, then signed with."""
    keys, clock = whole.devices.keys, whole.devices.clock
    soft, line = await soft_device(whole, world, device)
    answers: list[object] = []

    async def poll_until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                answers.append((await drive(soft.polled(), line)).answer)

    def said() -> str:
        config = decode_edge_dev_config(soft.standing.config)
        assert config.cipher_contexts
        return config.controllercert_confighash

    before = keys.ring
    # until it has what was rendered with the certificates that it sent
    await poll_until(lambda: bool(decode_edge_dev_config(soft.standing.config).cipher_contexts))
    await poll_until(lambda: isinstance(answers[-1], Unchanged))
    assert said() == before.controllercert_confighash
    answers.clear()

    clock.pass_by(timedelta(days=5 * 365 + 1))
    # the server certificate of that time is not yet valid for this machine's TLS: not loaded here
    jobs = replace(whole.jobs, reload_listeners=lambda: None)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(poll_until(lambda: said() != before.controllercert_confighash))
        tasks.create_task(jobs.renew())
    await poll_until(lambda: isinstance(answers[-1], Unchanged))
    assert keys.ring.signing.pem != before.signing.pem
    assert said() == keys.controllercert_confighash
    context = decode_edge_dev_config(soft.standing.config).cipher_contexts[0]
    assert context.controller_cert_hash == keys.ring.ecdh[0].hash16
    assert {type(answer) for answer in answers} <= {Unchanged, NewConfig}
