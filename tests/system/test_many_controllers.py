"""Two controllers on one PostgreSQL, none special: what one writes the other knows within a second,
what was acknowledged outlives either of them and a restart of the server, jobs move.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from store.databases import postgres_is_there
from support.controller import Process, WireDevice, https
from support.rest import Caller, Json
from support.rest_objects import World, build_world, device, project
from support.several import Several, now, settled, several, until_true

from eaves.controller.store.tables import Kind, events, objects
from eaves.controller.store.tables_shared import leases
from eaves.controller.store.unit import open_engine, snapshot
from eaves.evapi.flows.poll import DeviceUnknown, NewConfig, PollNow, Unchanged
from eaves.evapi.flows.report import Delivered
from eaves.evapi.logs import DeviceLogOrigin, LogEntry, encode_log_file
from eaves.evapi.paths import Endpoint, endpoint_path
from eaves.fleet.device import SoftDevice
from eaves.fleet.run import drive
from eaves.fleet.wire import Line
from eaves.ids import DeviceId

pytestmark = [pytest.mark.system, pytest.mark.postgres]

WITHIN_S = 1.0


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Several]:
    if not postgres_is_there():
        pytest.skip("no PostgreSQL on this machine; install the package postgresql")
    with several(tmp_path) as running:
        yield running


@pytest.fixture
async def first(two: Several) -> AsyncIterator[Caller]:
    async with two.caller(0) as caller:
        yield caller


@pytest.fixture
async def second(two: Several) -> AsyncIterator[Caller]:
    async with two.caller(1) as caller:
        yield caller


@pytest.fixture
async def world(first: Caller) -> World:
    return await build_world(first)


@pytest.fixture
async def soft(two: Several, first: Caller, world: World) -> SoftDevice:
    """Onboarded at the first process, then at the second one at once, and settled there."""
    made = await two.device(first, world.device, "serial-of-edge-1")
    done = await drive(made.onboarded(), two.line(0))
    assert done.device_id == world.device
    await drive(made.attested(), two.line(1))
    await settled(made, two.line(0))
    await settled(made, two.line(1))
    return made


async def test_what_one_writes_a_poll_at_the_other_gets_within_a_second(
    two: Several, first: Caller, world: World, soft: SoftDevice
) -> None:
    line = two.line(1)
    took: list[float] = []
    for _ in range(5):
        await first.put(f"/v1/apps/instances/id/{world.instance}/restart")

        async def served() -> bool:
            return isinstance((await drive(soft.polled(), line)).answer, NewConfig)

        took.append(await until_true(served, "the change at the other process"))
    assert max(took) < WITHIN_S, took


async def test_who_waits_at_one_hears_of_a_write_at_the_other(
    two: Several, first: Caller, world: World, soft: SoftDevice
) -> None:
    waiting = asyncio.ensure_future(drive(soft.change(), two.line(1)))
    await asyncio.sleep(0)  # it is on its way; the order of the two makes no difference
    begun = time.monotonic()
    await first.put(f"/v1/apps/instances/id/{world.instance}/restart")
    assert isinstance(await waiting, PollNow)
    assert time.monotonic() - begun < WITHIN_S + 1  # the write itself included
    assert isinstance((await drive(soft.polled(), two.line(1))).answer, NewConfig)


async def test_a_device_deleted_at_one_is_gone_at_the_other(
    two: Several, first: Caller, world: World, soft: SoftDevice
) -> None:
    for path in (
        f"/v1/apps/instances/id/{world.instance}",
        f"/v1/volumes/instances/id/{world.volume}",
        f"/v1/netinsts/id/{world.netinst}",
        f"/v1/devices/id/{world.device}",
    ):
        await first.delete(path)

    async def told() -> bool:
        return isinstance((await drive(soft.polled(), two.line(1))).answer, DeviceUnknown)

    assert await until_true(told, "the device is gone") < WITHIN_S


async def test_of_two_writes_of_one_revision_at_once_one_wins(
    first: Caller, second: Caller, world: World
) -> None:
    path = f"/v1/projects/id/{world.project}"
    for turn in range(5):
        read = await first.get(path)
        sent = [read | {"description": f"{turn} {who}"} for who in ("first", "second")]
        answers = await asyncio.gather(
            first.http.put(path, json=sent[0]), second.http.put(path, json=sent[1])
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        winner = next(s for s, a in zip(sent, answers, strict=True) if a.status_code == 200)
        assert (await second.get(path))["description"] == winner["description"]


async def test_of_two_registrations_at_once_at_two_processes_one_counts(
    two: Several, first: Caller, world: World
) -> None:
    folder = await first.get(f"/v1/devices/id/{world.device}/onboarding")
    pair = folder["onboarding"]
    tls = two.processes[0].tls()

    async def register(sender: WireDevice, number: int) -> int:
        body = sender.registration(pair["pemCert"].encode(), pair["pemKey"].encode())
        port = two.processes[number].device_port
        path = endpoint_path(Endpoint.REGISTER)
        return (await https(port, "POST", path, body, tls=tls)).status

    same, other = (WireDevice(serial="serial-of-edge-1") for _ in range(2))
    statuses = await asyncio.gather(register(same, 0), register(other, 1))
    assert set(statuses) == {201, 409}
    bound = same if statuses[0] == 201 else other
    again = await asyncio.gather(register(bound, 0), register(bound, 1))
    assert set(again) == {200}


async def test_the_same_device_that_registers_at_both_at_once_is_let_in_by_both(
    two: Several, first: Caller, world: World
) -> None:
    ids = await asyncio.gather(
        *(
            first.create("/v1/devices", device(world.project, world.model, f"many-{n}"))
            for n in range(6)
        )
    )
    softs = [
        await two.device(first, device_id, f"serial-of-many-{n}") for n, device_id in enumerate(ids)
    ]
    for soft, device_id in zip(softs, ids, strict=True):
        done = await asyncio.gather(*(drive(soft.onboarded(), two.line(n)) for n in (0, 1)))
        assert {one.device_id for one in done} == {device_id}


# --- loads with a ledger --------------------------------------------------------------------------


class Ledger:
    """What was sent and what was acknowledged; a sender repeats until it is."""

    def __init__(self) -> None:
        self.acknowledged: set[str] = set()
        self.refused = Counter[str]()


async def send_logs(ledger: Ledger, soft: SoftDevice, lines: list[Line], worker: int) -> None:
    """One file after another with one line each, at one controller or the other."""
    origin = DeviceLogOrigin(DeviceId(soft.standing.device_id), "IMGA", "1")
    turns = itertools.cycle(lines[worker % 2 :] + lines[: worker % 2])
    for number in itertools.count():
        name = f"line {worker}-{number}"
        entry = LogEntry(content=name, iid=f"i{worker}", msgid=number + 1, timestamp=now())
        file = encode_log_file(origin, now(), [entry])
        while not isinstance(
            fate := await drive(soft.reported(Endpoint.NEWLOGS, file), next(turns)), Delivered
        ):
            ledger.refused[type(fate).__name__] += 1
            await asyncio.sleep(0.05)
        ledger.acknowledged.add(name)


async def make_projects(ledger: Ledger, callers: list[Caller], worker: int) -> None:
    """One project after another; one whose answer was lost is asked for again under its name."""
    turns = itertools.cycle(callers[worker % 2 :] + callers[: worker % 2])
    for number in itertools.count():
        name = f"project-{worker}-{number}"
        while True:
            with suppress(httpx.TransportError):
                answer = await next(turns).http.post("/v1/projects", json=project(name))
                if answer.status_code == 200 or "exists already" in answer.text:
                    break
                if answer.status_code == 409:  # its name was taken between our look and our write
                    break
                assert answer.status_code == 503, answer.text
                ledger.refused["503"] += 1
            await asyncio.sleep(0.05)
        ledger.acknowledged.add(name)


async def stored_lines(caller: Caller, device_id: str) -> Counter[str]:
    found: Counter[str] = Counter()
    token = ""
    while True:
        asked = {"startTime": "2000-01-01T00:00:00Z", "next.pageSize": "500"}
        if token:
            asked["next.pageToken"] = token
        page = await caller.get(f"/v1/eaves/devices/id/{device_id}/logs", **asked)
        found.update(item["content"] for item in page["list"])
        following: Json = page.get("next") or {}
        token = str(following.get("pageToken") or "")
        if not token:
            return found


async def stored_projects(two: Several) -> tuple[Counter[str], Counter[str]]:
    """Projects by name, and the events that tell of their making."""
    engine = open_engine(two.server.url)
    try:
        async with snapshot(engine) as db:
            table = objects[Kind.PROJECT]
            names = Counter(row.name for row in await db.execute(select(table.c.name)))
            told = select(events.c.object_name).where(events.c.object_kind == Kind.PROJECT.value)
            return names, Counter(row.object_name for row in await db.execute(told))
    finally:
        await engine.dispose()


class Load:
    """Devices and users at work at both controllers until it is stopped."""

    def __init__(self, two: Several, soft: SoftDevice, callers: list[Caller]) -> None:
        self.logs, self.projects = Ledger(), Ledger()
        lines = [two.line(0), two.line(1)]
        self._tasks = [
            asyncio.ensure_future(work)
            for worker in range(3)
            for work in (
                send_logs(self.logs, soft, lines, worker),
                make_projects(self.projects, callers, worker),
            )
        ]

    def done(self) -> int:
        return min(len(self.logs.acknowledged), len(self.projects.acknowledged))

    async def until(self, count: int) -> None:
        async def reached() -> bool:
            for task in self._tasks:
                if task.done():
                    task.result()
            return self.done() >= count

        await until_true(reached, f"{count} acknowledged of each kind")

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def check_ledger(load: Load, two: Several, caller: Caller, device_id: str) -> None:
    """Nothing acknowledged is missing, and nothing is there twice."""

    async def all_shown() -> bool:
        return load.logs.acknowledged <= (await stored_lines(caller, device_id)).keys()

    await until_true(all_shown, "every acknowledged line is shown")
    lines = await stored_lines(caller, device_id)
    assert {line for line, count in lines.items() if count > 1} == set()
    names, told = await stored_projects(two)
    assert load.projects.acknowledged - names.keys() == set()
    made = {name for name in names if name.startswith("project-")}
    assert {name: told[name] for name in made} == dict.fromkeys(made, 1)


async def test_nothing_acknowledged_is_lost_or_doubled_when_one_is_killed_under_load(
    two: Several, first: Caller, second: Caller, world: World, soft: SoftDevice
) -> None:
    load = Load(two, soft, [first, second])
    try:
        await load.until(20)
        two.processes[0].kill()
        await load.until(load.done() + 20)  # the other one goes on with all of it
        two.processes[0].start()
        await load.until(load.done() + 20)
    finally:
        await load.stop()
    await check_ledger(load, two, second, world.device)
    await settled(soft, two.line(0))


async def test_a_restart_of_the_database_under_load_loses_nothing(
    two: Several, first: Caller, second: Caller, world: World, soft: SoftDevice
) -> None:
    load = Load(two, soft, [first, second])
    try:
        await load.until(20)
        await asyncio.to_thread(two.server.stop)
        answer = await first.http.get("/v1/projects")
        assert (answer.status_code, answer.json()["httpStatusCode"]) == (503, 503)
        assert isinstance((await drive(soft.polled(), two.line(0))).answer, Unchanged)
        await asyncio.to_thread(two.server.start)
        await load.until(load.done() + 20)
    finally:
        await load.stop()
    await check_ledger(load, two, second, world.device)
    await settled(soft, two.line(1))
    await first.put(f"/v1/apps/instances/id/{world.instance}/restart")

    async def served() -> bool:
        return isinstance((await drive(soft.polled(), two.line(1))).answer, NewConfig)

    assert await until_true(served, "a change after the restart") < WITHIN_S


# --- jobs and keys --------------------------------------------------------------------------------


async def holders(two: Several) -> dict[str, str]:
    """The pid that holds each lease."""
    engine = open_engine(two.server.url)
    try:
        async with snapshot(engine) as db:
            rows = await db.execute(select(leases.c.name, leases.c.holder))
            return {row.name: row.holder.split(":")[1] for row in rows if row.holder}
    finally:
        await engine.dispose()


JOBS = {"retention", "liveness", "publication", "render-sweep", "keys", "changes"}


async def test_the_jobs_of_a_killed_process_move_to_the_other_within_seconds(two: Several) -> None:
    async def all_held() -> bool:
        return (await holders(two)).keys() >= JOBS

    await until_true(all_held, "every job has a holder")
    held_by = set((await holders(two)).values())
    victim = next(p for p in two.processes if str(p.pid) in held_by)
    heir = next(p for p in two.processes if p is not victim)
    victim.kill()

    async def moved() -> bool:
        return set((await holders(two)).values()) == {str(heir.pid)}

    assert await until_true(moved, "the jobs move") < 15


async def test_both_have_the_same_keys_and_certificates_of_their_own(two: Several) -> None:
    a, b = (process.state_dir for process in two.processes)
    shared = [path.relative_to(a) for path in (a / "signing").iterdir()]
    shared += [Path("onboarding/authority.pem"), Path("root-certificate.pem")]
    assert len(shared) >= 6
    assert all((a / name).read_bytes() == (b / name).read_bytes() for name in shared)
    assert (a / "tls/key.pem").read_bytes() != (b / "tls/key.pem").read_bytes()


def test_a_controller_with_another_secret_key_is_told_what_is_missing(
    two: Several, tmp_path: Path
) -> None:
    folder = tmp_path / "third"
    folder.mkdir()
    third = Process(folder / "state", "--database-url", two.server.url)
    with pytest.raises(AssertionError, match="did not start"):
        third.start()
    assert third.stop() == 1
    said = third.log.read_text()
    assert "holds the keys of its controllers, sealed under a secret key that is not at" in said
    assert "EAVES_SECRET_KEY_FILE" in said
