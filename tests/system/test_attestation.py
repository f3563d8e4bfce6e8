"""Attestation with a TPM, over the wire and REST: passing, failing, accepting, asking again,
blocking; keys in escrow; certificates that may not be replaced.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import func, select
from support.controller import WireDevice
from support.measured_device import (
    ECDH,
    ESCROWED,
    MISMATCH,
    QUOTE_FAILED,
    QUOTING,
    SUCCESS,
    Machine,
    enforce,
    events_of,
)
from support.rest_objects import SHA256, World, build_world
from support.signing import Signer, measurements
from support.whole_controller import Whole, whole_controller

from eaves.controller.first_start import ask_to_rotate
from eaves.controller.jobs.leased import Held
from eaves.controller.jobs.renewal import rotate_if_asked
from eaves.controller.jobs.stale import STALE, tell_stale
from eaves.controller.store.leases import Lease
from eaves.controller.store.tables import attestations
from eaves.controller.store.unit import snapshot
from eaves.evapi.attest import (
    AttestGPSCoordinates,
    AttestGPSInput,
    AttestPolicyPcrList,
    ZAttestQuote,
    ZAttestReq,
    ZAttestReqType,
    encode_z_attest_req,
)
from eaves.evapi.certs import ZCert, ZCertAttr
from eaves.evapi.config import decode_edge_dev_config
from eaves.evapi.event_log_form import POST_CODE, Step
from eaves.evapi.paths import Endpoint
from eaves.fleet.measured import SoftTpm, steps
from eaves.ids import DeviceId

pytestmark = pytest.mark.system


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole_controller(tmp_path) as running:
        yield running


@pytest.fixture
async def world(whole: Whole) -> World:
    return await build_world(whole.caller)


@pytest.fixture
async def machine(whole: Whole, world: World) -> Machine:
    """Registered, of a project that enforces attestation."""
    await enforce(whole, world.project)
    made = Machine(whole, WireDevice(serial="serial-of-edge-1", device_id=DeviceId(world.device)))
    await whole.register(made.wire)
    await made.upload()
    return made


async def test_a_golden_device_is_accepted_and_a_changed_boot_is_named(
    whole: Whole, world: World, machine: Machine
) -> None:
    """From the first quote to the template, a tampered boot, and the way back."""
    assert await machine.polled() == 403
    assert (await machine.attest()).response == QUOTE_FAILED
    told = await machine.told()
    assert told["state"] == "ATTEST_STATE_FAIL_NO_PCR"
    assert told["quote"]["eveVersion"] == machine.tpm.eve_version
    values = {one["index"]: one["value"] for one in told["quote"]["pcrs"]}
    assert values == {n: machine.tpm.pcrs[n].hex() for n in range(16)}
    assert any(
        one["text"] == "EV_IPL kernel_cmdline: quiet console=ttyS0" and one["proven"]
        for one in told["quote"]["eventLog"]
    )

    await machine.order("attestation/accept", {"at": "2001-01-01T00:00:00Z"}, 409)
    await machine.order("attestation/accept", {"name": "golden", "at": told["quote"]["at"]})
    answer = await machine.attest()
    assert answer.response == SUCCESS
    assert answer.keys == ()
    assert await machine.polled() == 200
    assert await machine.polled(b"") == 403
    assert await machine.escrow() == 1
    assert (await machine.told())["state"] == "ATTEST_STATE_PASS"

    machine.tpm.boot(steps(command_line="quiet init=/bin/sh"))
    answer = await machine.attest()
    assert (answer.response, answer.keys, answer.integrity_token) == (QUOTE_FAILED, (), b"")
    told = await machine.told()
    assert told["state"] == "ATTEST_STATE_FAIL"
    assert told["quote"]["template"] == "golden"
    assert "entry 17 EV_IPL kernel_cmdline: quiet init=/bin/sh" in told["detail"]
    assert any(
        kind == "EDGE_NODE_ATTESTATION_FAILED" and "init=/bin/sh" in text
        for kind, text in await events_of(whole)
    )

    assert any("init=/bin/sh" in text for text in await told_of(whole, "SEVERITY_ERROR"))

    machine.tpm.boot()
    assert "location" not in told["quote"]
    berlin = AttestGPSCoordinates(
        gps_input=AttestGPSInput.ATTEST_GPS_INPUT_PRESENT, latitude=52.5, longitude=13.4
    )
    quote = machine.tpm.quote(await machine.nonce())
    answer = await machine.send(replace(quote, gps_info=berlin))
    assert (await machine.told())["quote"]["location"] == {"latitude": 52.5, "longitude": 13.4}
    assert (answer.response, answer.keys) == (SUCCESS, ESCROWED)
    templates = await whole.caller.get(f"/v1/sysmodels/id/{world.model}/pcrtemplates")
    assert [one["name"] for one in templates["templates"]] == ["golden"]


async def test_the_policy_of_a_project_says_to_which_pcrs_a_vault_is_sealed(
    whole: Whole, world: World, machine: Machine
) -> None:
    await enforce(whole, world.project, enforced=False)
    path = f"/v1/projects/id/{world.project}"
    body = await whole.caller.get(path)
    inner = {"pcrIndices": [0, 4, 7], "policyVersion": 3}
    policy = {"name": "seals", "title": "Seals", "type": "POLICY_TYPE_PCR", "pcrPolicy": inner}
    await whole.caller.put(path, body | {"pcrPolicy": policy})
    await machine.until_polled(200, b"")
    assert (await machine.attest()).keys == ()
    assert await machine.escrow() == 1
    (key,), (kept,) = (await machine.attest()).keys, ESCROWED
    asked = AttestPolicyPcrList(pcr_indices=(0, 4, 7), policy_id=3)
    assert key == replace(kept, has_policy_pcr_list=True, policy_pcr_list=asked)

    own = policy | {"pcrPolicy": {"pcrIndices": [0], "policyVersion": 9}}
    path = f"/v1/devices/id/{world.device}"
    await whole.caller.put(path, await whole.caller.get(path) | {"pcrPolicy": own})
    (key,) = (await machine.attest()).keys
    assert key.policy_pcr_list == AttestPolicyPcrList(pcr_indices=(0,), policy_id=9)


async def test_the_policy_of_a_deployment_goes_before_that_of_its_project(
    whole: Whole, world: World, machine: Machine
) -> None:
    await enforce(whole, world.project, enforced=False)
    path = f"/v1/projects/id/{world.project}"
    policy = {"name": "seals", "title": "Seals", "type": "POLICY_TYPE_PCR"}
    body = await whole.caller.get(path) | {
        "type": "TAG_TYPE_DEPLOYMENT",
        "pcrPolicy": policy | {"pcrPolicy": {"pcrIndices": [0, 4]}},
    }
    await whole.caller.put(path, body)
    of_nodes = {
        "metaData": {"name": "seals"},
        "policySubType": "DEVICE_POLICY_TYPE_PCR",
        "pcrPolicy": {"pcrIndices": [0, 7], "policyVersion": 5},
    }
    made = await whole.caller.http.post(
        f"/v2/projects/id/{world.project}/deployments",
        json={
            "name": "line",
            "title": "Line",
            "deploymentTag": "line",
            "devicePolicies": [of_nodes],
        },
    )
    assert made.status_code == 202, made.text
    await machine.until_polled(200, b"")
    assert (await machine.attest()).keys == ()
    assert await machine.escrow() == 1
    (key,) = (await machine.attest()).keys
    assert key.policy_pcr_list == AttestPolicyPcrList(pcr_indices=(0, 4))
    path = f"/v1/devices/id/{world.device}"
    await whole.caller.put(path, await whole.caller.get(path) | {"deploymentTag": "line"})
    (key,) = (await machine.attest()).keys
    assert key.policy_pcr_list == AttestPolicyPcrList(pcr_indices=(0, 7), policy_id=5)


async def told_of(whole: Whole, severity: str) -> list[str]:
    """Texts of failed attestations that are this bad."""
    found = await whole.caller.get("/v1/events", severity=severity)
    kind = "EDGE_NODE_ATTESTATION_FAILED"
    return [one["description"] for one in found["list"] if one["eventType"] == kind]


async def test_a_token_is_dropped_and_a_device_blocked_by_a_person(machine: Machine) -> None:
    await machine.attest()
    await machine.order("attestation/accept")
    await machine.attest()
    assert await machine.polled() == 200
    await machine.order("attestation/renew")
    await machine.until_polled(403)
    refused = await machine.order("attestation/renew", status=412)
    assert "holds no integrity token" in str(refused)
    await machine.attest()
    assert await machine.polled() == 200
    await machine.order("attestation/block", {"why": "stolen on Monday"})
    await machine.until_polled(403)
    assert (await machine.attest()).response == QUOTE_FAILED
    told = await machine.told()
    assert told["blocked"] == "stolen on Monday"
    assert "stolen on Monday" in told["detail"]
    await machine.order("attestation/unblock")
    assert (await machine.attest()).response == SUCCESS
    assert await machine.polled() == 200


async def test_a_blocked_device_of_a_project_that_accepts_gets_no_configuration(
    whole: Whole, world: World, machine: Machine
) -> None:
    path = f"/v1/projects/id/{world.project}"
    await whole.caller.put(path, await whole.caller.get(path) | {"attestationPolicy": None})
    assert (await machine.attest()).response == SUCCESS
    await machine.until_polled(200, b"")
    await machine.order("attestation/block")
    await machine.until_polled(403)
    await machine.order("attestation/unblock")
    await machine.until_polled(200, b"")


async def test_a_device_that_differs_is_let_in_by_accept_and_gets_no_keys(
    whole: Whole, world: World, machine: Machine
) -> None:
    await machine.attest()
    await machine.order("attestation/accept")
    await machine.attest()
    assert await machine.escrow() == 1
    await enforce(whole, world.project, enforced=False)
    await machine.until_polled(200, b"")
    machine.tpm.boot(steps(command_line="quiet init=/bin/sh"))
    answer = await machine.attest()
    assert (answer.response, answer.keys) == (SUCCESS, ())
    assert answer.integrity_token
    assert (await machine.told())["state"] == "ATTEST_STATE_FAIL"
    (warned,) = await told_of(whole, "SEVERITY_WARNING")
    assert "let in by the policy ACCEPT" in warned
    assert "init=/bin/sh" in warned

    await machine.order("attestation/accept", {"name": "maintenance"})
    refused = await machine.order("attestation/renew", status=412)
    assert "holds no integrity token" in str(refused)  # it is to show at once that it fits now
    answer = await machine.attest()
    assert (answer.response, answer.keys) == (SUCCESS, ESCROWED)


@pytest.mark.parametrize("leaving", ["offboard", "replace"])
async def test_what_is_in_escrow_goes_with_the_machine_that_leaves(
    whole: Whole, world: World, machine: Machine, leaving: str
) -> None:
    """The next machine of the record boots what was accepted, and is given nothing of the last."""
    await machine.attest()
    await machine.order("attestation/accept", {"name": "golden"})
    await machine.attest()
    assert await machine.escrow() == 1
    assert (await machine.attest()).keys == ESCROWED
    serial = machine.wire.serial
    if leaving == "offboard":
        await whole.caller.delete(f"/v1/apps/instances/id/{world.instance}")
        await whole.caller.put(f"/v1/devices/id/{world.device}/offboard")
    else:
        serial = "serial-of-the-new-board"
        await machine.order("replace", {"serialno": serial, "why": "lightning"})
    await machine.until_polled(404)
    assert await escrow_rows(whole) == 0
    asked = ZAttestReq(req_type=ZAttestReqType.ATTEST_REQ_NONCE)
    await machine.ask(asked, status=404)  # its key is known, and nothing is told to it
    successor = Machine(whole, WireDevice(serial=serial, device_id=machine.wire.device_id))
    await whole.register(successor.wire)
    await successor.upload()
    answer = await successor.attest()
    assert (answer.response, answer.keys) == (SUCCESS, ())
    assert await successor.polled() == 200
    body = machine.wire.sealed(encode_z_attest_req(asked))
    reply = await whole.devices.post(machine.wire.path(Endpoint.ATTEST), body)
    assert reply.status == 401  # the record has another key now


async def escrow_rows(whole: Whole) -> int:
    c = attestations.c
    kept = select(func.count()).where(c.escrow.is_not(None) | c.escrow_before.is_not(None))
    async with snapshot(whole.jobs.engine) as db:
        return int((await db.execute(kept)).scalar_one())


async def test_a_quote_is_good_once_and_for_its_device_only(
    whole: Whole, world: World, machine: Machine
) -> None:
    await machine.attest()
    await machine.order("attestation/accept")
    quote = machine.tpm.quote(await machine.nonce())
    assert (await machine.send(quote)).response == SUCCESS
    assert (await machine.send(quote)).response == MISMATCH  # the nonce is used up
    await machine.nonce()
    assert (await machine.send(quote)).response == MISMATCH  # it answers an old one
    other = SoftTpm()
    other.boot()
    assert (await machine.send(other.quote(await machine.nonce()))).response == QUOTE_FAILED
    assert (await machine.send(ZAttestQuote())).response == MISMATCH
    await machine.nonce()
    assert (await machine.send(ZAttestQuote())).response == QUOTE_FAILED
    assert "it had one" in (await machine.told())["detail"]
    # what failed took nothing away
    assert await machine.polled() == 200
    assert world.device in str(await whole.caller.get("/v1/devices"))


async def test_certificates_are_replaced_by_order_only(whole: Whole, machine: Machine) -> None:
    await machine.order("attestation/renew", status=412)  # it never held a token
    await machine.attest()
    await machine.order("attestation/renew", status=412)
    thief = ec.generate_private_key(ec.SECP256R1())
    for kind in (ECDH, QUOTING):
        await machine.upload(machine.certificate(kind, thief), status=409)
    await machine.upload(machine.certificate(ECDH, thief), status=409)
    told = [text for kind, text in await events_of(whole) if "CERTIFICATE_REFUSED" in kind]
    assert len(told) == 3  # each other certificate once
    await machine.upload()  # its own are taken again and again
    await machine.order("certificates/renew")
    mutable = machine.certificate(ECDH, thief)
    mutable = ZCert(
        hash_algo=mutable.hash_algo,
        cert_hash=mutable.cert_hash,
        type=mutable.type,
        cert=mutable.cert,
        attributes=ZCertAttr(is_mutable=True),
    )
    await machine.upload(mutable)
    await machine.upload(machine.certificates[0])  # what is mutable may change
    await machine.upload(machine.certificate(QUOTING, thief), status=409)  # the order is used up
    quote = (await machine.told())["quote"]  # what it measured before is still to be seen
    assert quote["eveVersion"] == machine.tpm.eve_version


async def test_orders_are_refused_with_a_reason(whole: Whole, machine: Machine) -> None:
    refused = await machine.order("attestation/accept", status=412)
    assert "no quote of a TPM" in str(refused)
    await machine.attest()
    refused = await machine.order("attestation/accept", {"pcrs": [4, 5, 77]}, status=400)
    assert "PCR 5" in str(refused)
    assert "PCR 77" in str(refused)
    await machine.order("attestation/accept", {"name": "one"})
    refused = await machine.order("attestation/accept", {"name": "one"}, status=409)
    assert "one" in str(refused)
    unknown = await whole.caller.http.put("/v1/eaves/devices/id/none/attestation/block", json={})
    assert unknown.status_code == 404


async def test_a_signed_image_is_expected_before_it_boots(
    whole: Whole, world: World, machine: Machine
) -> None:
    """The image is assigned, the device boots it: nobody accepts anything.  Else as before."""
    await machine.attest()
    await machine.order("attestation/accept", {"name": "golden"})
    machine.tpm.eve_version = "14.6.0"
    later = steps(command_line="quiet", kernel=b"kernel 2")
    machine.tpm.boot(later)
    assert (await machine.attest()).response == QUOTE_FAILED  # no template of this version
    events = {
        pcr: [f"{one.measured.hex()} {pcr}" for one in later if one.pcr == pcr] for pcr in (8, 9)
    }
    builder, path = Signer(), f"/v1/eaves/images/id/{world.image}/measurements"
    told = measurements(builder, SHA256, "14.6.0", events)
    refused = await whole.caller.http.put(path, json=told)
    assert "no key that an image policy trusts" in refused.text
    trusted = {"trustedKeys": [{"name": "builder", "pem": builder.pem}]}
    policy = f"/v1/eaves/projects/id/{world.project}/image-policy"
    assert (await whole.caller.http.put(policy, json=trusted)).status_code == 200
    assert (await whole.caller.http.put(path, json=told)).status_code == 200
    other = measurements(builder, "1e" * 32, "14.6.0", events)
    refused = await whole.caller.http.put(path, json=other)
    assert "were built with another one" in refused.text
    assert (await machine.attest()).response == QUOTE_FAILED  # it is not assigned yet
    device = f"/v1/devices/id/{world.device}"
    image = (await whole.caller.get(f"/v1/apps/images/id/{world.image}"))["name"]
    body = await whole.caller.get(device)
    wanted = {"imageName": image, "version": "14.6.0", "activate": False}
    await whole.caller.put(device, body | {"baseImage": [wanted]})
    assert (await machine.attest()).response == SUCCESS
    assert "measurements of image" in (await machine.told())["detail"]
    machine.tpm.boot([*later, Step(0, POST_CODE, b"another firmware")])
    assert (await machine.attest()).response == QUOTE_FAILED  # it speaks of no firmware
    assert "PCR 0" in (await machine.told())["detail"]
    machine.tpm.boot(steps(command_line="init=/bin/sh", kernel=b"kernel 2"))
    assert (await machine.attest()).response == QUOTE_FAILED
    assert "kernel_cmdline: init=/bin/sh" in (await machine.told())["detail"]


async def test_the_age_of_an_attestation_is_told_and_one_that_is_old_alarms(
    whole: Whole, world: World, machine: Machine
) -> None:
    await machine.attest()
    await machine.order("attestation/accept")
    assert (await machine.attest()).response == SUCCESS
    path = f"/v1/devices/id/{world.device}/status"
    status = await whole.caller.get(path)
    assert status["attestedAt"] == (await machine.told())["attestedAt"]
    assert not status["attestationStale"]
    held = Held(Lease("attestations", "test", 0), alone=True)
    older, now = timedelta(days=30), whole.devices.clock()
    engine = whole.jobs.engine
    assert await tell_stale(engine, held, older, now) == 0
    later = now + timedelta(days=31)
    assert [await tell_stale(engine, held, older, later) for _ in range(2)] == [1, 0]
    (event,) = [text for kind, text in await events_of(whole) if kind == STALE]
    assert "attested 31 days ago" in event
    await machine.attest()  # news again, once that is old
    assert await tell_stale(engine, held, older, later + timedelta(days=1)) == 1


async def test_certificates_are_rotated_and_nobody_attests_again(
    whole: Whole, machine: Machine
) -> None:
    await machine.attest()
    await machine.order("attestation/accept")
    await machine.attest()
    keys, engine = whole.devices.keys, whole.jobs.engine
    before = keys.ring
    asked = await ask_to_rotate(
        whole.devices.settings, ["signing", "encryption"], random=os.urandom
    )
    assert "encryption and signing certificates are exchanged" in asked
    assert await rotate_if_asked(engine, keys, alone=True)
    assert not await rotate_if_asked(engine, keys, alone=True)  # once
    assert keys.ring.signing.pem != before.signing.pem
    assert [one.pem for one in keys.ring.ecdh[1:]] == [one.pem for one in before.ecdh]
    await whole.jobs.render_all()  # as the job of the publication does
    async with asyncio.timeout(30):
        while True:
            body = machine.wire.poll(token=machine.token)
            reply = await whole.devices.post(machine.wire.path(Endpoint.CONFIG), body)
            assert reply.status == 200  # the token of before is good
            told = whole.devices.controller_key.poll_response(reply.body)
            assert told.config is not None
            config = decode_edge_dev_config(told.config)
            if config.controllercert_confighash == keys.controllercert_confighash:
                break
            await asyncio.sleep(0.02)
