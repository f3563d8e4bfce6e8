"""Devices that may need a person, each within a scope."""

from datetime import timedelta

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, OTHER, STAMP, draft

from eaves.controller.domain.scope import Scope
from eaves.controller.store import attention, devices, objects
from eaves.controller.store.devices import Binding
from eaves.controller.store.listed import note_reported, note_seen
from eaves.controller.store.tables import Kind, attestations
from eaves.controller.store.unit import Db, unit_of_work
from eaves.ids import DeviceId, ProjectId

KEY, OTHER_KEY = "5d0767ee-0547-4569-b530-387e526f8cb9", "b3f3c1b5-0000-4000-8000-387e526f8cb9"
PLANT = Scope(ACME.enterprise, frozenset({ProjectId("plant")}))
MAINTENANCE = 3
PASSED = ("ATTEST_STATE_PASS",)


async def make(db: Db, name: str, project: str = "", scope: Scope = ACME, key: str = KEY) -> None:
    made = draft(Kind.DEVICE, name, enterprise_id=scope.enterprise, project_id=project)
    await objects.insert_object(db, scope, made, STAMP)
    await devices.claim_serial(db, DeviceId(name), key, f"serial of {name}")


async def knock(db: Db, key: str, serial: str, minute: int) -> None:
    at = NOW + timedelta(minutes=minute)
    await devices.note_unclaimed(db, key, serial, "", serial.encode().ljust(32), at)


async def test_machines_that_knock_are_told_to_whoever_has_their_key(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        for scope in (ACME, OTHER):
            assert await attention.unclaimed_in(db, scope, 10) == ()
        await make(db, "in-plant", "plant")
        await make(db, "elsewhere", "elsewhere", key=OTHER_KEY)
        await make(db, "of-others", scope=OTHER, key="a third key")
        for minute, (key, serial) in enumerate([(KEY, "a"), (OTHER_KEY, "b"), (KEY, "c")]):
            await knock(db, key, serial, minute)
        await knock(db, KEY, "a", 9)
        told = {
            scope: [one.serial for one in await attention.unclaimed_in(db, scope, 10)]
            for scope in (ACME, PLANT, OTHER)
        }
        assert told == {ACME: ["a", "c", "b"], PLANT: ["a", "c"], OTHER: []}
        (newest,) = await attention.unclaimed_in(db, ACME, 1)
    assert (newest.onboarding_key, newest.attempts, newest.first_at) == (KEY, 2, NOW)


async def test_silent_devices_and_those_not_at_work_are_told(engine: AsyncEngine) -> None:
    suspect = NOW - timedelta(minutes=5)
    seen = {"well": 0, "silent": 30, "longer": 60, "mended": 1}
    async with unit_of_work(engine) as db:
        for name in (*seen, "never"):
            await make(db, name, "plant" if name in ("silent", "never") else "")
        await make(db, "hidden", "elsewhere")
        await note_seen(
            db, {DeviceId(one): NOW - timedelta(minutes=ago) for one, ago in seen.items()}
        )
        await note_seen(db, {DeviceId("hidden"): NOW - timedelta(days=1)})
        await note_reported(db, {DeviceId("well"): 1, DeviceId("mended"): MAINTENANCE})
        told = {
            scope: [
                one.id for one in await attention.troubled_in(db, scope, suspect, [MAINTENANCE], 10)
            ]
            for scope in (ACME, PLANT, OTHER)
        }
        assert told[ACME] == ["hidden", "longer", "silent", "mended"]
        assert told[PLANT] == ["longer", "silent", "mended"]
        assert told[OTHER] == []
        assert len(await attention.troubled_in(db, ACME, suspect, [MAINTENANCE], 2)) == 2


async def test_who_did_not_pass_is_told_and_who_has_to_and_never_tried(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        for name in ("passed", "failed", "has-to", "may", "gone"):
            await make(db, name)
        await make(db, "hidden", "elsewhere")
        for number, (name, must) in enumerate([("has-to", True), ("may", False), ("gone", True)]):
            certificate = bytes([number]) * 32
            await devices.register_binding(
                db,
                Binding(
                    device_id=DeviceId(name),
                    enterprise_id=ACME.enterprise,
                    certificate_hash=certificate,
                    certificate_der=b"der",
                    onboarding_key=KEY,
                    serial=f"serial of {name}",
                    bound_at=NOW,
                    attestation_required=must,
                ),
            )
        await devices.mark_gone(db, DeviceId("gone"))
        kept = {"passed": "PASS", "failed": "FAIL", "hidden": "FAIL"}
        rows = [
            {
                "enterprise_id": ACME.enterprise,
                "device_id": name,
                "state": f"ATTEST_STATE_{word}",
                "detail": f"{word} it is",
            }
            for name, word in kept.items()
        ]
        await db.execute(insert(attestations), rows)
        told = [
            (one.id, one.state, one.detail)
            for one in await attention.unattested_in(db, PLANT, PASSED, 10)
        ]
        assert told == [("failed", "ATTEST_STATE_FAIL", "FAIL it is"), ("has-to", "", "")]
        everywhere = await attention.unattested_in(db, ACME, PASSED, 10)
        assert [one.id for one in everywhere] == ["failed", "has-to", "hidden"]
        assert await attention.unattested_in(db, OTHER, PASSED, 10) == ()
