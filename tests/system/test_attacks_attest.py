"""Attacks on attestation and identity, each by its name, over the wire at one controller.

Each one is refused, named in an event of the device that it is about, and changes nothing else: an
attested device beside it goes on polling, and keys in escrow are never in clear.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
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
)
from support.rest import Json
from support.rest_objects import World, build_world, device
from support.whole_controller import Whole, whole_controller

from eaves.evapi.attest import AttestVersionType, ZAttestQuote
from eaves.evapi.certs import ZCertType
from eaves.evapi.event_log_form import IPL, Step
from eaves.evapi.flows.attest import versions_only
from eaves.evapi.paths import Endpoint, endpoint_path
from eaves.fleet.measured import steps
from eaves.ids import DeviceId

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

FAILED = "EDGE_NODE_ATTESTATION_FAILED"
REPLAYED = "EDGE_NODE_ATTESTATION_REPLAYED"
ENDORSING = ZCertType.CERT_TYPE_DEVICE_ENDORSEMENT_RSA
EK_BITS = 2048


@dataclass
class Site:
    """A project that enforces; `bystander` attested and is never touched."""

    whole: Whole
    world: World
    folder: Path
    bystander: Machine = field(init=False)
    names: dict[str, str] = field(default_factory=dict[str, str])  # of records, by their ids

    async def record(self) -> WireDevice:
        """Of a device that has not come yet."""
        name = f"box-{len(self.names)}"
        body = device(self.world.project, self.world.model, name)
        made = DeviceId(await self.whole.caller.create("/v1/devices", body))
        self.names[made] = name
        return WireDevice(serial=f"serial-of-{name}", device_id=made)

    async def registered(self) -> Machine:
        wire = await self.record()
        await self.whole.register(wire)
        return Machine(self.whole, wire)

    async def attested(self) -> Machine:
        machine = await self.registered()
        await machine.upload()
        assert (await machine.attest()).response == SUCCESS
        assert await machine.escrow() == 1
        return machine

    async def events(self) -> list[Json]:
        """Oldest first."""
        found = await self.whole.caller.get("/v1/events", **{"next.pageSize": "200"})
        newest_first: list[Json] = found["list"]
        return newest_first[::-1]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("attacks")
    async with whole_controller(folder) as whole:
        world = await build_world(whole.caller)
        await enforce(whole, world.project)
        made = Site(whole, world, folder)
        golden = await made.registered()
        await golden.upload()
        assert (await golden.attest()).response == QUOTE_FAILED  # no template yet
        await golden.order("attestation/accept", {"name": "golden"})
        made.bystander = await made.attested()
        yield made


@dataclass(frozen=True)
class Caught:
    """The one event of an attack, and the device that it is about."""

    event: str
    text: str
    about: DeviceId
    more: int = 0  # events of the same kind


Attack = Callable[[Site], Awaitable[Caught]]
Forge = Callable[[ZAttestQuote, Machine], ZAttestQuote]


def forged(forge: Forge, why: str) -> Attack:
    """A quote that is altered on its way, or made by somebody else."""

    async def attack(site: Site) -> Caught:
        victim = await site.attested()
        quote = forge(victim.tpm.quote(await victim.nonce()), victim)
        assert (await victim.send(quote)).response == QUOTE_FAILED
        return Caught(FAILED, why, victim.wire.device_id)

    return attack


async def quote_replayed(site: Site) -> Caught:
    victim = await site.attested()
    quote = victim.tpm.quote(await victim.nonce())
    assert (await victim.send(quote)).response == SUCCESS
    assert (await victim.send(quote)).response == MISMATCH
    assert await victim.polled() == 200  # its token is good still
    assert (await victim.told())["state"] == "ATTEST_STATE_PASS"
    why = "the quote answers no outstanding nonce"
    return Caught(REPLAYED, why, victim.wire.device_id)


async def quote_with_an_old_nonce(site: Site) -> Caught:
    victim = await site.attested()
    quote = victim.tpm.quote(await victim.nonce())
    await victim.nonce()
    assert (await victim.send(quote)).response == MISMATCH
    assert await victim.polled() == 200
    return Caught(REPLAYED, "the quote was made for another nonce", victim.wire.device_id)


async def quote_after_its_minutes(site: Site) -> Caught:
    victim = await site.attested()
    quote = victim.tpm.quote(await victim.nonce())
    site.whole.devices.clock.pass_by(timedelta(minutes=6))
    assert (await victim.send(quote)).response == MISMATCH
    return Caught(REPLAYED, "answers no outstanding nonce", victim.wire.device_id)


async def quote_of_another_device(site: Site) -> Caught:
    victim = await site.attested()
    theirs = site.bystander.tpm.quote(await victim.nonce())
    assert (await victim.send(theirs)).response == QUOTE_FAILED
    why = "its signature is not of the attestation key of this device"
    return Caught(FAILED, why, victim.wire.device_id)


def _other_value(quote: ZAttestQuote, _of: Machine) -> ZAttestQuote:
    values = quote.pcr_values
    return replace(
        quote, pcr_values=(*values[:4], replace(values[4], value=b"x" * 32), *values[5:])
    )


def _other_log(quote: ZAttestQuote, of: Machine) -> ZAttestQuote:
    """A log that tells of another command line than the one that was measured."""
    of.tpm.log = b""
    honest = of.tpm.pcrs
    of.tpm.boot(steps(command_line="quiet nothing=to=see"))
    of.tpm.pcrs = honest
    return replace(quote, tpm_binary_event_log=of.tpm.quote(b"n").tpm_binary_event_log)


def _other_tpm_firmware(quote: ZAttestQuote, of: Machine) -> ZAttestQuote:
    stated = of.tpm.tpm_firmware.to_bytes(8, "big")
    later = (of.tpm.tpm_firmware + 1).to_bytes(8, "big")
    assert quote.attest_data.count(stated) == 1
    return replace(quote, attest_data=quote.attest_data.replace(stated, later))


def _other_firmware(quote: ZAttestQuote, _of: Machine) -> ZAttestQuote:
    kind = AttestVersionType.ATTEST_VERSION_TYPE_FIRMWARE
    versions = [
        replace(one, version="Acme-9") if one.version_type == kind else one
        for one in quote.versions
    ]
    return replace(quote, versions=tuple(versions))


def _other_key(quote: ZAttestQuote, _of: Machine) -> ZAttestQuote:
    thief = ec.generate_private_key(ec.SECP256R1())
    return replace(quote, signature=thief.sign(quote.attest_data, ec.ECDSA(hashes.SHA256())))


async def pcr_selection_emptied(site: Site) -> Caught:
    victim = await site.attested()
    nothing = victim.tpm.quote(await victim.nonce(), pcrs=())
    assert (await victim.send(nothing)).response == QUOTE_FAILED
    return Caught(FAILED, "it leaves out PCR 0, 1, 2, 3", victim.wire.device_id)


def swapped(kind: ZCertType) -> Attack:
    """A certificate of the same device, of a key that it did not register with."""

    async def attack(site: Site) -> Caught:
        victim = await site.attested()
        if kind is ENDORSING:
            first, other = (rsa.generate_private_key(65537, EK_BITS) for _ in range(2))
            await victim.upload(*victim.certificates, victim.certificate(kind, first))
            await victim.upload(victim.certificate(kind, other), status=409)
        else:
            thief = ec.generate_private_key(ec.SECP256R1())
            await victim.upload(victim.certificate(kind, thief), status=409)
        assert (await victim.attest()).response == SUCCESS  # with the key that it has
        why = f"the device sent another {kind.name}"
        return Caught("EDGE_NODE_CERTIFICATE_REFUSED", why, victim.wire.device_id)

    return attack


async def same_serial_second_device(site: Site) -> Caught:
    victim = await site.attested()
    second = WireDevice(serial=victim.wire.serial, device_id=victim.wire.device_id)
    folder = await site.whole.onboarding((await site.record()).device_id)  # the same key
    body = second.registration(*folder)
    reply = await site.whole.devices.post(endpoint_path(Endpoint.REGISTER), body)
    assert reply.status == 409
    second_polls = second.poll(token=victim.token)
    reply = await site.whole.devices.post(second.path(Endpoint.CONFIG), second_polls)
    assert reply.status == 401  # nobody that is known
    assert await victim.polled() == 200
    return Caught("EDGE_NODE_SERIAL_CLASH", victim.wire.serial, victim.wire.device_id)


async def stolen_onboarding_key_with_unknown_serial(site: Site) -> Caught:
    owner = await site.record()
    folder = await site.whole.onboarding(owner.device_id)
    for number in range(3):  # as many as it likes
        body = WireDevice(serial=f"guess-{number}").registration(*folder)
        reply = await site.whole.devices.post(endpoint_path(Endpoint.REGISTER), body)
        assert reply.status == 403
    return Caught("EDGE_NODE_SERIAL_UNKNOWN", "serial 'guess-0'", DeviceId(""))


async def fresh_device_that_never_attested(site: Site) -> Caught:
    fresh = await site.registered()
    assert await fresh.polled() == 403
    assert await fresh.polled(site.bystander.token) == 403  # a token is good for its device
    site.whole.devices.clock.pass_by(timedelta(minutes=6))
    assert await fresh.polled() == 403
    assert await fresh.polled() == 403
    return Caught(
        "EDGE_NODE_ATTESTATION_MISSING",
        "has not attested; the project enforces it",
        fresh.wire.device_id,
    )


async def claim_of_no_tpm(site: Site) -> Caught:
    victim = await site.attested()
    quote = versions_only(victim.tpm.eve_version, victim.tpm.firmware_version)
    assert (await victim.send(quote(await victim.nonce()))).response == QUOTE_FAILED
    return Caught(FAILED, "says that it has no TPM, and it had one", victim.wire.device_id)


async def escrow_asked_by_a_device_that_failed(site: Site) -> Caught:
    victim = await site.attested()
    before = victim.token
    assert (await victim.attest()).keys == ESCROWED
    assert await _given_back(site, victim) == 1
    victim.tpm.boot(steps(command_line="quiet init=/bin/sh"))
    told = await victim.attest()
    assert (told.response, told.keys, told.integrity_token) == (QUOTE_FAILED, (), b"")
    for token in (before, victim.token, b""):
        assert await victim.polled(token) == 403
        victim.token = token
        assert await victim.escrow() != 1  # nor may it put others in their place
    assert await _given_back(site, victim) == 1
    return Caught(
        FAILED, "entry 17 EV_IPL kernel_cmdline: quiet init=/bin/sh", victim.wire.device_id
    )


async def _given_back(site: Site, machine: Machine) -> int:
    """How often the audit log tells that its keys went back."""
    asked = {"verb": "escrow given back", "objectId": machine.wire.device_id}
    rows: list[Json] = (await site.whole.caller.get("/v1/eaves/audit", **asked))["list"]
    return len(rows)


async def event_not_measured(site: Site) -> Caught:
    """Something is measured that stands in no log."""
    victim = await site.attested()
    victim.tpm.boot()
    victim.tpm.extend(Step(9, IPL, b"a module"), logged=False)
    assert (await victim.attest()).response == QUOTE_FAILED
    return Caught(FAILED, "does not lead to the quoted value of PCR 9", victim.wire.device_id)


SIGNATURE = "its signature is not of the attestation key of this device"
ATTACKS: dict[str, Attack] = {
    "quote replayed": quote_replayed,
    "quote with an old nonce": quote_with_an_old_nonce,
    "quote after its minutes": quote_after_its_minutes,
    "quote of another device": quote_of_another_device,
    "altered PCR": forged(_other_value, "the stated PCR values are not those that the TPM signed"),
    "altered event log": forged(_other_log, "does not lead to the quoted value of PCR 8"),
    "something measured and not logged": event_not_measured,
    "altered firmware version of the TPM": forged(_other_tpm_firmware, SIGNATURE),
    "altered firmware version": forged(_other_firmware, "firmware 'Acme-9'"),
    "quote signed by another key": forged(_other_key, SIGNATURE),
    "PCR selection emptied": pcr_selection_emptied,
    "swap of the ECDH certificate": swapped(ECDH),
    "swap of the attestation certificate": swapped(QUOTING),
    "swap of the endorsement certificate": swapped(ENDORSING),
    "same serial second device": same_serial_second_device,
    "stolen onboarding key with unknown serial": stolen_onboarding_key_with_unknown_serial,
    "claim of no TPM by a device that had one": claim_of_no_tpm,
    "escrow asked by a device that failed": escrow_asked_by_a_device_that_failed,
    "fresh device under ENFORCE that never attested": fresh_device_that_never_attested,
}
ORDINARY = frozenset(
    {
        "EDGE_NODE_CREATED",
        "EDGE_NODE_ONBOARDING_KEY_HANDED_OUT",
        "EDGE_NODE_REGISTERED",
        "EDGE_NODE_ATTESTATION_PASSED",
    }
)


@pytest.mark.parametrize("name", ATTACKS, ids=lambda name: name.replace(" ", "-"))
async def test_attack(site: Site, name: str) -> None:
    before = {one["id"] for one in await site.events()}
    caught = await ATTACKS[name](site)
    told = [
        one
        for one in await site.events()
        if one["id"] not in before and one["eventType"] not in ORDINARY
    ]
    assert [one["eventType"] for one in told] == [caught.event]
    assert caught.text in told[0]["description"]
    assert told[0].get("device", "") == site.names.get(caught.about, "")
    assert await site.bystander.polled() == 200
    assert (await site.bystander.told())["state"] == "ATTEST_STATE_PASS"
    clear = ESCROWED[0].key
    assert not any(
        clear in path.read_bytes() for path in site.folder.rglob("eaves.db*") if path.is_file()
    )
