"""The device side: registration, certificates, attestation, rendered configurations, liveness."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, OTHER, STAMP, draft

from eaves.controller.domain.onboarding import (
    AlreadyRegistered,
    Conflict,
    RegisterAnswer,
    RegisterNew,
    Registration,
    UnknownOnboarding,
    UnknownSerial,
    decide_in_turn,
)
from eaves.controller.southbound.database import open_database
from eaves.controller.store import (
    attestations,
    attesting,
    contacts,
    devices,
    objects,
    registering,
)
from eaves.controller.store.devices import (
    Binding,
    CertificateTaken,
    EdgeNodeCertificate,
    SerialTaken,
)
from eaves.controller.store.rendered import (
    RenderedConfig,
    find_in_force,
    find_rendered,
    next_timestamp,
    put_missing,
    put_rendered,
)
from eaves.controller.store.tables import Kind, device_bindings, unclaimed_devices
from eaves.controller.store.tables_lists import listed
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.ids import ConfigHash, DeviceId

KEY, KEY_HASH = "5d0767ee-0547-4569-b530-387e526f8cb9", b"o" * 32
EDGE, CERT, OTHER_CERT = DeviceId("edge-1"), b"c" * 32, b"d" * 32


def binding(device: DeviceId = EDGE, certificate: bytes = CERT) -> Binding:
    return Binding(device, "acme", certificate, b"der", KEY, "serial-1", NOW)


async def make_device(db: Db, device: DeviceId = EDGE, serial: str = "serial-1") -> None:
    await objects.insert_object(db, ACME, draft(Kind.DEVICE, device), STAMP)
    await devices.claim_serial(db, device, KEY, serial)


@pytest.fixture
async def device(engine: AsyncEngine) -> AsyncEngine:
    async with unit_of_work(engine) as db:
        await devices.put_onboarding_certificate(db, KEY_HASH, KEY, "pem", NOW)
        await make_device(db)
    return engine


async def decide(db: Db, onboarding: bytes, asked: Registration) -> RegisterAnswer:
    """What one registration gets that comes alone."""
    keys = await registering.find_onboarding_keys(db, [onboarding])
    pairs = [(key, one) for key in keys.values() for one in (asked.serial, asked.soft_serial)]
    claims = await registering.find_claims(db, pairs)
    bound = await registering.find_bound_devices(db, [asked.certificate_hash])
    (answer,) = decide_in_turn([(onboarding, asked)], keys, claims, bound)
    return answer


async def test_a_device_registers_once_and_again_at_every_boot(device: AsyncEngine) -> None:
    async def ask(certificate: bytes, serial: str = "serial-1", soft: str = "") -> object:
        async with snapshot(device) as db:
            return await decide(db, KEY_HASH, Registration(serial, soft, certificate))

    assert await ask(CERT) == RegisterNew(EDGE, "acme", KEY, "serial-1")
    assert await ask(CERT, serial="board", soft="serial-1") == RegisterNew(
        EDGE, "acme", KEY, "serial-1"
    )
    async with unit_of_work(device) as db:
        await devices.register_binding(db, binding())
    assert await ask(CERT) == AlreadyRegistered(EDGE)
    assert isinstance(await ask(OTHER_CERT), Conflict)
    assert isinstance(await ask(OTHER_CERT, serial="nobody"), UnknownSerial)
    async with snapshot(device) as db:
        answer = await decide(db, b"?" * 32, Registration("serial-1", "", CERT))
    assert isinstance(answer, UnknownOnboarding)


async def test_registrations_of_one_batch_know_of_each_other(device: AsyncEngine) -> None:
    first, again = Registration("serial-1", "", CERT), Registration("", "serial-1", CERT)
    clone, nobody = Registration("serial-1", "", OTHER_CERT), Registration("x", "", OTHER_CERT)
    asked = [(KEY_HASH, one) for one in (first, again, clone, nobody)]
    async with unit_of_work(device) as db:
        keys = await registering.find_onboarding_keys(db, [KEY_HASH, b"?" * 32])
        claims = await registering.find_claims(db, [(KEY, "serial-1"), (KEY, "x")])
        answers = decide_in_turn([*asked, (b"?" * 32, first)], keys, claims, {})
        assert await registering.register_bindings(db, [binding()]) == {EDGE}  # nothing rendered
    assert answers[0] == RegisterNew(EDGE, "acme", KEY, "serial-1")
    assert answers[1] == AlreadyRegistered(EDGE)
    assert [type(one) for one in answers[2:]] == [Conflict, UnknownSerial, UnknownOnboarding]


async def test_what_is_rendered_stays_when_a_device_registers(device: AsyncEngine) -> None:
    async with unit_of_work(device) as db:
        await make_device(db, DeviceId("edge-2"), "serial-2")
        digest = ConfigHash("a" * 64)
        await put_rendered(db, DeviceId("edge-2"), RenderedConfig(digest, NOW, b"config"))
        other = Binding(DeviceId("edge-2"), "acme", OTHER_CERT, b"der", KEY, "serial-2", NOW)
        assert await registering.register_bindings(db, [binding(), other]) == {EDGE}


async def test_a_key_and_serial_belong_to_one_device_over_all_tenants(device: AsyncEngine) -> None:
    async with unit_of_work(device) as db:
        theirs = draft(Kind.DEVICE, "edge-9", enterprise_id="other")
        await objects.insert_object(db, OTHER, theirs, STAMP)
    with pytest.raises(SerialTaken, match="serial-1"):
        async with unit_of_work(device) as db:
            await devices.claim_serial(db, DeviceId("edge-9"), KEY, "serial-1")
    async with unit_of_work(device) as db:
        await devices.claim_serial(db, EDGE, KEY, "serial-2")
        await make_device(db, DeviceId("edge-2"), "serial-1")


async def test_of_two_certificates_at_once_one_is_bound(device: AsyncEngine) -> None:
    async def register(certificate: bytes) -> bool:
        try:
            async with unit_of_work(device) as db:
                await devices.register_binding(db, binding(certificate=certificate))
        except CertificateTaken:
            return False
        return True

    assert sorted(await asyncio.gather(register(CERT), register(OTHER_CERT))) == [False, True]


async def test_a_certificate_has_one_living_device(device: AsyncEngine) -> None:
    async with unit_of_work(device) as db:
        await devices.register_binding(db, binding())
        await make_device(db, DeviceId("edge-2"), "serial-2")
    with pytest.raises(CertificateTaken):
        async with unit_of_work(device) as db:
            await devices.register_binding(db, binding(DeviceId("edge-2")))


async def test_a_deleted_device_stays_known_and_may_come_back(device: AsyncEngine) -> None:
    async with unit_of_work(device) as db:
        await devices.register_binding(db, binding())
        await objects.delete_object(db, ACME, Kind.DEVICE, EDGE)
        await devices.mark_gone(db, EDGE)
        assert await registering.find_bound_devices(db, [CERT]) == {}
        assert [row.gone for row in await devices.all_devices(db)] == [True]
        await make_device(db, DeviceId("edge-2"))
        await devices.register_binding(db, binding(DeviceId("edge-2")))
        assert await registering.find_bound_devices(db, [CERT]) == {CERT: "edge-2"}


async def test_an_off_boarded_record_takes_a_new_certificate(device: AsyncEngine) -> None:
    async with unit_of_work(device) as db:
        await devices.register_binding(db, binding())
        await devices.mark_gone(db, EDGE)
        await devices.register_binding(db, binding(certificate=OTHER_CERT))
        assert await registering.find_bound_devices(db, [OTHER_CERT]) == {OTHER_CERT: EDGE}


async def knocked(db: Db) -> list[str]:
    """Serials of devices without a record, newest first."""
    c = unclaimed_devices.c
    return list(await db.scalars(select(c.serial).order_by(c.last_at.desc())))


async def test_who_knocks_in_vain_is_remembered_until_it_registers(device: AsyncEngine) -> None:
    async with unit_of_work(device) as db:
        for _ in range(2):
            await devices.note_unclaimed(db, KEY, "serial-1", "soft", CERT, NOW)
        assert await knocked(db) == ["serial-1"]
        await devices.register_binding(db, binding())
        assert await knocked(db) == []


async def test_strangers_that_knock_leave_no_more_than_the_newest(device: AsyncEngine) -> None:
    kept = devices.UNCLAIMED_KEPT
    async with unit_of_work(device) as db:
        for number in range(kept + 3):
            at = NOW + timedelta(seconds=number)
            await devices.note_unclaimed(db, KEY, f"s{number}", "", number.to_bytes(32), at)
        seen = await knocked(db)
    assert seen == [f"s{n}" for n in range(kept + 2, 2, -1)]


async def test_steps_of_an_attestation_are_kept_and_read_again(device: AsyncEngine) -> None:
    async with unit_of_work(device) as db:
        kept = await attesting.take_kept(db, (EDGE, DeviceId("nobody")))
        assert list(kept) == [EDGE]
        assert (kept[EDGE].nonce, kept[EDGE].integrity_token) == (b"", b"")
        given: dict[str, object] = {"nonce": b"n" * 32, "nonce_at": NOW}
        await attesting.put_changes(db, {EDGE: given}, kept)
        passed = {"state": "PASS", "detail": "ok", "integrity_token": b"token", "token_at": NOW}
        await attesting.put_changes(db, {EDGE: {**passed, "escrow": b"sealed"}}, kept)
        again = (await attesting.take_kept(db, (EDGE,)))[EDGE]
        assert (again.nonce, again.nonce_at) == (b"n" * 32, NOW)
        assert (again.integrity_token, again.escrow) == (b"token", b"sealed")
        await devices.register_binding(db, binding())
        assert [row.integrity_token for row in await devices.all_devices(db)] == [b"token"]
        assert await attestations.find_attestation(db, EDGE) == ("PASS", "ok", NOW)


async def test_an_old_attestation_is_told_of_once_until_the_next(device: AsyncEngine) -> None:
    async with unit_of_work(device) as db:
        kept = await attesting.take_kept(db, (EDGE,))
        success: dict[str, object] = {"integrity_token": b"t", "token_at": NOW}
        await attesting.put_changes(db, {EDGE: {**success, "stale_told": False}}, kept)
        assert await attestations.note_stale(db, NOW, 10) == ()
        later = NOW + timedelta(days=31)
        assert [one[1:] for one in await attestations.note_stale(db, later, 10)] == [(EDGE, NOW)]
        assert await attestations.note_stale(db, later, 10) == ()


async def test_a_changed_ecdh_certificate_is_noticed(device: AsyncEngine) -> None:
    def certificate(kind: int, pem: bytes) -> EdgeNodeCertificate:
        return EdgeNodeCertificate(kind, pem[:1] * 16, pem, NOW)

    ecdh, attest = certificate(devices.ECDH_TYPE, b"ecdh"), certificate(11, b"attest")
    async with unit_of_work(device) as db:
        assert await devices.put_device_certificates(db, EDGE, (attest, ecdh))
        assert not await devices.put_device_certificates(db, EDGE, (ecdh, attest))
        assert await devices.find_device_certificates(db, EDGE) == (attest, ecdh)
        other = certificate(devices.ECDH_TYPE, b"other")
        assert await devices.put_device_certificates(db, EDGE, (other,))


async def test_a_rendered_configuration_is_found_by_its_device(device: AsyncEngine) -> None:
    rendered = RenderedConfig(ConfigHash("h1"), NOW, b"config")
    async with unit_of_work(device) as db:
        assert await find_rendered(db, EDGE) is None
        await put_rendered(db, EDGE, rendered, ("an image is not there",))
        assert await find_rendered(db, EDGE) == rendered
        in_force = await find_in_force(db, EDGE)
        assert in_force is not None
        assert in_force.missing == ("an image is not there",)
        await put_missing(db, EDGE, ())
        await devices.register_binding(db, binding())
        (row,) = await devices.read_devices(db, [EDGE])
        assert (row.config_hash, row.gone, row.enterprise_id) == ("h1", False, "acme")
        assert row.config_timestamp == rendered.config_timestamp
        assert await devices.read_devices(db, [DeviceId("nobody")]) == ()


async def test_the_device_side_reads_large_configurations_of_some_devices(
    device: AsyncEngine, database_url: str
) -> None:
    rendered = RenderedConfig(ConfigHash("h1"), NOW, bytes(300_000))
    async with unit_of_work(device) as db:
        await put_rendered(db, EDGE, rendered, ())
    async with open_database(database_url, b"") as database:
        assert await database.configs([EDGE, DeviceId("nobody")]) == {EDGE: rendered}
        assert await database.configs([DeviceId("nobody")]) == {}


def test_the_timestamp_of_a_configuration_only_moves_forward() -> None:
    assert next_timestamp(None, NOW) == NOW
    assert next_timestamp(NOW, NOW) == NOW + timedelta(seconds=1)
    assert next_timestamp(NOW, NOW - timedelta(days=400)) == NOW + timedelta(seconds=1)
    assert next_timestamp(NOW, NOW + timedelta(seconds=5)) == NOW + timedelta(seconds=5)


async def test_ten_thousand_devices_are_read_at_once(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        rows = [
            {
                "device_id": f"edge-{n}",
                "enterprise_id": "acme",
                "certificate_hash": n.to_bytes(32, "big"),
                "certificate_der": b"x" * 450,
                "gone": False,
                "attestation_required": False,
                "bound_at": NOW,
            }
            for n in range(10_000)
        ]
        await db.execute(insert(device_bindings), rows)
    async with snapshot(engine) as db:
        found = await devices.all_devices(db)
    assert len({row.certificate_hash for row in found}) == 10_000
    assert {(row.config_hash, row.integrity_token) for row in found} == {("", b"")}


async def test_the_last_contact_is_kept(device: AsyncEngine) -> None:
    async with unit_of_work(device) as db:
        await devices.put_last_seen(db, {EDGE: NOW})
        await devices.put_last_seen(db, {EDGE: NOW + timedelta(minutes=1)})
        await devices.put_last_seen(db, {})
        seen = await devices.find_last_seen(db, [EDGE, DeviceId("nobody")])
        assert seen == {EDGE: NOW + timedelta(minutes=1)}
        assert await devices.find_bound_at(db, [EDGE]) == {}
        await devices.register_binding(db, binding())
        assert await devices.find_bound_at(db, [EDGE]) == {EDGE: NOW}


async def test_contacts_of_several_enterprises_are_kept_and_listed(device: AsyncEngine) -> None:
    theirs, nobody = DeviceId("edge-0"), DeviceId("nobody")
    later = NOW + timedelta(minutes=1)
    async with unit_of_work(device) as db:
        record = draft(Kind.DEVICE, theirs, enterprise_id="other")
        await objects.insert_object(db, OTHER, record, STAMP)
        await devices.put_last_seen(db, {EDGE: later, theirs: NOW, nobody: NOW})
        await devices.put_last_seen(db, {theirs: later, EDGE: NOW})  # another process, behind
        seen = await devices.find_last_seen(db, [EDGE, theirs, nobody])
        c = listed[Kind.DEVICE].c
        rows = await db.execute(select(c.id, c.enterprise_id, c.last_seen_at))
    assert seen == {EDGE: later, theirs: later}
    assert {tuple(row) for row in rows} == {(EDGE, "acme", later), (theirs, "other", later)}


async def test_more_contacts_than_a_statement_takes_are_kept_and_listed(
    device: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contacts, "_AT_ONCE", 2)
    monkeypatch.setattr(devices, "_SEEN_AT_ONCE", 2)
    ours = [DeviceId(f"many-{n}") for n in range(5)]
    told = {one: NOW + timedelta(minutes=n) for n, one in enumerate(ours)}
    async with unit_of_work(device) as db:
        for one in ours:
            await objects.insert_object(db, ACME, draft(Kind.DEVICE, one), STAMP)
        await devices.put_last_seen(db, dict(reversed(told.items())))
        await devices.put_last_seen(db, dict.fromkeys(ours, NOW))  # another process, behind
        seen = await devices.find_last_seen(db, ours)
        c = listed[Kind.DEVICE].c
        rows = await db.execute(select(c.id, c.last_seen_at).where(c.id.in_(ours)))
    assert seen == told
    assert {row.id: row.last_seen_at for row in rows} == told
