"""Devices counted by run state: however they are counted, the numbers are the same."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, OTHER, STAMP, draft

from eaves.controller.domain.status.liveness import Limits
from eaves.controller.northbound.fleet_states import (
    StateCounts,
    count_groups,
    count_ranges,
    device_counts,
)
from eaves.controller.northbound.sources import counts_by
from eaves.controller.store.objects import insert_object
from eaves.controller.store.tables import Kind, device_bindings
from eaves.controller.store.tables_lists import listed
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.ids import ProjectId

LIMITS = Limits()
MOMENT = timedelta(microseconds=1)
SILENCES = (
    None,
    *(timedelta(0), LIMITS.suspect, LIMITS.suspect + MOMENT),
    *(LIMITS.offline, LIMITS.offline + MOMENT),
)
REPORTED = (None, 1, 2, 8, 99)
PROJECTS = ("", "a", "b", "z")


async def put_fleet(db: Db) -> None:
    """Every silence with every state that is reported, some twice, some registered."""
    c = listed[Kind.DEVICE].c
    for number in range(len(SILENCES) * len(REPORTED) * 3):
        name = f"d{number:03}"
        place = PROJECTS[number % 7 % 4]
        device = draft(Kind.DEVICE, name, project_id=place, body='{"adminState":"X"}')
        await insert_object(db, ACME, device, STAMP)
        silence = SILENCES[number % len(SILENCES)]
        values = {
            "last_seen_at": None if silence is None else NOW - silence,
            "reported_state": REPORTED[number // len(SILENCES) % len(REPORTED)],
        }
        await db.execute(update(listed[Kind.DEVICE]).where(c.id == name).values(values))
        if number % 4:
            await db.execute(
                insert(device_bindings).values(
                    device_id=name,
                    enterprise_id="acme",
                    certificate_hash=name.encode(),
                    certificate_der=b"",
                    onboarding_key="",
                    serial=name,
                    bound_at=NOW,
                    gone=number % 4 == 3,
                    attestation_required=False,
                )
            )
    other = draft(Kind.DEVICE, "theirs", enterprise_id="other", project_id="a")
    await insert_object(db, OTHER, other, STAMP)


async def test_ranges_and_groups_count_the_same(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        await put_fleet(db)
    async with snapshot(engine) as db:
        for projects in (
            None,
            frozenset[ProjectId](),
            frozenset({ProjectId("b"), ProjectId("none")}),
        ):
            scope = replace(ACME, projects=projects)
            ways = [await way(db, scope, NOW, LIMITS) for way in (count_ranges, count_groups)]
            ranges, groups = (sorted(map(_comparable, rows)) for rows in ways)
            assert [row for row in ranges if any(row[2:])] == groups
            told = await device_counts(db, scope, NOW, LIMITS)
            seen = set(PROJECTS) if projects is None else {"", *projects} & set(PROJECTS)
            assert set(told) == seen
            if projects is None:
                assert sum(sum(states.values()) for states in told.values()) == 90
            by_value = await counts_by(db, scope, Kind.DEVICE)
            assert set(by_value) == seen
            for project, values in by_value.items():
                assert values == {"X": sum(told[project].values())}


def _comparable(row: StateCounts) -> tuple[str | int, ...]:
    return (row.project, -1 if row.reported is None else row.reported, *row[2:])
