"""One bulk job of 10,000 nodes: until each is changed and rendered; then again with kills.

The controller of the second job is killed five times at random moments and started again: each
node must have been changed exactly once by each job.
"""

import asyncio
import os
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from policy_10000 import prepare
from sqlalchemy import func, select
from support.objects import Shared
from support.rest import Rest
from support.row import MOST_BUSY, finish, verify_per_s, work_folder
from support.server import Busy, Server, on_core, running

from eaves.controller.settings import Settings
from eaves.controller.store.tables import Kind, objects
from eaves.controller.store.tables_jobs import bulk_jobs
from eaves.controller.store.tables_shared import render_wanted
from eaves.controller.store.unit import open_engine, snapshot

NODES: Final = 10_000
KILLS: Final = 5
LIMIT_S: Final = 120.0
GIVE_UP_S: Final = 900.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What the database holds, read beside the controller."""

    done: int  # of the newest job
    over: bool
    to_render: int


async def _seen(state_dir: Path) -> Seen:
    engine = open_engine(Settings(state_dir=state_dir).database)
    newest = select(bulk_jobs.c.done, bulk_jobs.c.finished_at).order_by(
        bulk_jobs.c.created_at.desc()
    )
    async with snapshot(engine) as db:
        done, finished = (await db.execute(newest.limit(1))).one()
        waiting = select(func.count()).select_from(render_wanted)
        left = int((await db.execute(waiting)).scalar_one())
    await engine.dispose()
    return Seen(done, finished is not None, left)


async def _revisions(state_dir: Path) -> dict[str, int]:
    engine = open_engine(Settings(state_dir=state_dir).database)
    c = objects[Kind.DEVICE].c
    async with snapshot(engine) as db:
        rows = (await db.execute(select(c.id, c.revision))).all()
    await engine.dispose()
    return {row.id: row.revision for row in rows}


def _look(server: Server) -> Seen:
    return asyncio.run(_seen(server.state_dir))


def _begin(server: Server, shared: Shared, name: str) -> float:
    """Ask for the job; seconds until it was accepted."""
    rest = Rest(server)
    body = {
        "jobName": name,
        "selectionCriteria": {"projectId": shared.projects[0]},
        "tagUpdate": {"tags": {"seen": name}},
    }
    _, took_ms = rest.ask("/api/v1/jobs/devices/tags", body)
    rest.close()
    return took_ms / 1000


def _wait(server: Server, begun: float) -> float:
    """Until the job is over and everything rendered; seconds since `begun`."""
    while True:
        seen = _look(server)
        if seen.over and not seen.to_render:
            return time.monotonic() - begun
        if time.monotonic() - begun > GIVE_UP_S:
            raise SystemExit(f"not over within {GIVE_UP_S:.0f} s: {seen}")
        time.sleep(0.2)


def _statuses(server: Server) -> dict[str, int]:
    """How many objects ended how, over all jobs, as REST tells."""
    rest = Rest(server)
    told, _ = rest.ask("/api/v1/jobs")
    found: dict[str, int] = {}
    for job in told["list"]:
        whole, _ = rest.ask(f"/api/v1/jobs/id/{job['id']}")
        for state in whole["individualOpStatus"].values():
            found[state] = found.get(state, 0) + 1
    rest.close()
    return found


def plain(server: Server, shared: Shared) -> dict[str, float]:
    begun, cpu, busy = time.monotonic(), server.cpu_s(), Busy()
    accepted = _begin(server, shared, "plain")
    whole = _wait(server, begun)
    return {
        "accepted_s": accepted,
        "whole_s": whole,
        "cpu_s": server.cpu_s() - cpu,
        "busy": busy.share(),
    }


def killed(server: Server, shared: Shared, count: int) -> float:
    """The same with SIGKILLs; seconds."""
    moments = random.Random()  # noqa: S311 - any moment will do, another one each time
    begun = time.monotonic()
    _begin(server, shared, "killed")
    for number in range(KILLS):
        least = count * number // (KILLS + 1)
        while _look(server).done <= least:
            time.sleep(0.05)
        time.sleep(moments.random())
        server.kill()
        server.start()
    return _wait(server, begun)


def main() -> int:
    count = int(os.environ.get("EAVES_BENCH_DEVICES", NODES))
    with work_folder() as folder:
        state_dir = folder / "state"
        state_dir.mkdir()
        shared = asyncio.run(prepare(state_dir, count))
        before = asyncio.run(_revisions(state_dir))
        with running(Server(state_dir)) as server, on_core():
            verifies = verify_per_s()
            seen = plain(server, shared)
            rss = server.rss_mb("VmHWM")
            with_kills = killed(server, shared, count)
            statuses = _statuses(server)
        after = asyncio.run(_revisions(state_dir))
    times = {after[one] - before[one] for one in before}
    print(f"  {seen}, changed {times} times by two jobs, told {statuses}", file=sys.stderr)
    told: dict[str, Any] = {
        "name": "job-10000",
        "devices": count,
        "full": count == NODES,
        "accepted_s": round(seen["accepted_s"], 2),
        "whole_s": round(seen["whole_s"], 2),
        "with_kills_s": round(with_kills, 2),
        "kills": KILLS,
        "each_once": times == {2} and statuses == {"COMPLETE": 2 * count},
        "server_cpu_us_per_request": round(seen["cpu_s"] / count * 1e6),
        "rss_mb": round(rss, 1),
        "verify_per_s": round(verifies),
        "limit_s": LIMIT_S,
        "generator_busy": round(seen["busy"], 3),
        "generator_ok": seen["busy"] <= MOST_BUSY,
    }
    return finish({**told, "met": told["each_once"] and seen["whole_s"] <= LIMIT_S})


if __name__ == "__main__":
    raise SystemExit(main())
