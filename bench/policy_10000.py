"""One app policy that means 10,000 nodes: until each has its instance, rendered and visible.

All nodes are of one project, have four ports and carry nothing.  The policy brings a network
instance and an app instance to each; taken away again, none is left, and each is rendered without.
"""

import asyncio
import os
import random
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, select
from support.objects import Shared, new_id, put_devices, put_shared
from support.rest import Rest, put_token
from support.row import MOST_BUSY, finish, verify_per_s, work_folder
from support.server import Busy, Server, on_core, running

from eaves.controller.first_start import ADMIN, prepare_database
from eaves.controller.jobs.rendering import render_devices
from eaves.controller.keys import open_keys
from eaves.controller.settings import Settings
from eaves.controller.store.marks import PUBLISHED, put_mark
from eaves.controller.store.people import find_user_for_login
from eaves.controller.store.tables_shared import render_wanted
from eaves.controller.store.unit import open_engine, snapshot, unit_of_work
from eaves.ids import DeviceId

NODES: Final = 10_000
LIMIT_S: Final = 10.0
GIVE_UP_S: Final = 900.0


async def prepare(state_dir: Path, count: int) -> Shared:
    def now() -> datetime:
        return datetime.now(UTC)

    settings = Settings(state_dir=state_dir)
    seed = random.Random(3)  # noqa: S311 - the same fleet every time
    await prepare_database(settings, clock=now, random=os.urandom)
    engine = open_engine(settings.database)
    keys = open_keys(settings, clock=now, random=os.urandom)
    ids = [DeviceId(new_id(seed)) for _ in range(count)]
    async with unit_of_work(engine) as db:
        admin = await find_user_for_login(db, ADMIN)
        if admin is None:
            raise SystemExit(f"{state_dir}: the first start made no user {ADMIN}")
        await put_token(db, admin.id, admin.enterprise_id)
        shared = await put_shared(db, admin.enterprise_id, seed)
        one_project = replace(shared, projects=shared.projects[:1])
        await put_devices(db, one_project, ids, seed, with_app=False)
        await put_mark(db, PUBLISHED, keys.controllercert_confighash)
    await render_devices(engine, keys, ids, now())
    await engine.dispose()
    return one_project


def policy(shared: Shared) -> dict[str, Any]:
    network = {
        "name": "nat",
        "title": "NAT",
        "kind": "NETWORK_INSTANCE_KIND_LOCAL",
        "type": "NETWORK_INSTANCE_DHCP_TYPE_V4",
        "port": "eth1",
        "deviceDefault": True,
    }
    app = {"name": "web", "title": "Web", "appId": shared.app, "originType": "ORIGIN_LOCAL"}
    return {
        "networkPolicy": {
            "type": "POLICY_TYPE_NETWORK",
            "networkPolicy": {"netInstanceConfig": [network]},
        },
        "appPolicy": {"type": "POLICY_TYPE_APP", "appPolicy": {"apps": [app]}},
    }


async def _to_render(state_dir: Path) -> int:
    engine = open_engine(Settings(state_dir=state_dir).database)
    async with snapshot(engine) as db:
        query = select(func.count()).select_from(render_wanted)
        left = int((await db.execute(query)).scalar_one())
    await engine.dispose()
    return left


def _until(what: str, condition: Any) -> float:
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > GIVE_UP_S:
            raise SystemExit(f"{what}: not within {GIVE_UP_S:.0f} s")
        time.sleep(0.2)
    return time.monotonic() - begun


def run(server: Server, shared: Shared, count: int) -> dict[str, Any]:
    rest = Rest(server)
    path = f"/api/v1/projects/id/{shared.projects[0]}"

    def instances() -> int:
        told, _ = rest.ask("/api/v1/apps/instances?summary=true")
        return int(told["totalCount"])

    def nothing_to_render() -> bool:
        return asyncio.run(_to_render(server.state_dir)) == 0

    body, _ = rest.ask(path)
    begun, cpu, busy = time.monotonic(), server.cpu_s(), Busy()
    rest.ask(path, body | policy(shared))
    accepted = time.monotonic() - begun
    _until("instances", lambda: instances() == count)
    visible = time.monotonic() - begun
    _until("rendering", nothing_to_render)
    rendered = time.monotonic() - begun
    cpu, share = server.cpu_s() - cpu, busy.share()
    told, _ = rest.ask(path)
    if told["appPolicy"]["status"] != "POLICY_STATUS_READY":
        raise SystemExit(f"the policy is {told['appPolicy']}")
    again, cpu_again = time.monotonic(), server.cpu_s()
    rest.ask(path, told | {"appPolicy": None, "networkPolicy": None})
    _until("removal", lambda: instances() == 0)
    _until("rendering of the removal", nothing_to_render)
    removed = time.monotonic() - again
    rest.close()
    return {
        "accepted_s": accepted,
        "visible_s": visible,
        "rendered_s": rendered,
        "removed_s": removed,
        "cpu_s": cpu,
        "removal_cpu_s": server.cpu_s() - cpu_again,
        "generator_busy": share,
    }


def main() -> int:
    count = int(os.environ.get("EAVES_BENCH_DEVICES", NODES))
    with work_folder() as folder:
        (folder / "state").mkdir()
        shared = asyncio.run(prepare(folder / "state", count))
        with running(Server(folder / "state")) as server, on_core():
            verifies = verify_per_s()
            seen = run(server, shared, count)
            rss = server.rss_mb("VmHWM")
    print(f"  {seen}", file=sys.stderr)
    told = {
        "name": "policy-10000",
        "devices": count,
        "full": count == NODES,
        "accepted_s": round(seen["accepted_s"], 2),
        "visible_s": round(seen["visible_s"], 2),
        "rendered_s": round(seen["rendered_s"], 2),
        "removed_s": round(seen["removed_s"], 2),
        "server_cpu_us_per_request": round(seen["cpu_s"] / count * 1e6),
        "removal_cpu_us_per_device": round(seen["removal_cpu_s"] / count * 1e6),
        "rss_mb": round(rss, 1),
        "verify_per_s": round(verifies),
        "limit_s": LIMIT_S,
        "met": max(seen["rendered_s"], seen["removed_s"]) <= LIMIT_S,
        "generator_busy": round(seen["generator_busy"], 3),
        "generator_ok": seen["generator_busy"] <= MOST_BUSY,
    }
    return finish(told)


if __name__ == "__main__":
    raise SystemExit(main())
