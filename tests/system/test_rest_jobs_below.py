"""Bulk jobs that somebody of a parent enterprise asks for in one below."""

from pathlib import Path

import pytest
from sqlalchemy import text
from support.bulk import Runner, ask, done
from support.rest import Caller, Rest, running_rest
from support.rest_objects import build_world

from eaves.controller.domain.builtin_roles import SYS_ADMIN, SYS_ROOT
from eaves.controller.store.unit import snapshot

pytestmark = pytest.mark.system


async def test_work_below_is_done_for_a_parent_s_user_while_it_is_allowed_there(
    tmp_path: Path,
) -> None:
    async with running_rest(tmp_path) as rest:
        await _works_below(rest, Runner(rest))


async def _works_below(rest: Rest, runner: Runner) -> None:
    await rest.add_user("root", platform=True, role=SYS_ROOT)
    async with rest.client(await rest.login("root")) as http:
        root = Caller(http)
        acme = await root.create("/v1/enterprises", {"name": "acme", "title": "Acme"})
        roles = (await root.get(f"/v1/eaves/enterprises/id/{acme}/roles"))["list"]
        role = next(one["id"] for one in roles if one["name"] == SYS_ADMIN)
        user = await root.get("/v1/users/name/root") | {"email": "root@example.org"}
        allowed = {"allowedEnterprises": [{"id": acme, "name": "", "roleId": role}]}
        await root.put(f"/v1/users/id/{user['id']}", user | allowed)
        session = await http.post(f"/v1/eaves/enterprises/id/{acme}/session")
        async with rest.client(session.json()["token"]["base64"]) as inside:
            below = Caller(inside)
            world = await build_world(below)
            tags = {
                "selectionCriteria": {"deviceIdList": [world.device]},
                "tagUpdate": {"tags": {"a": "b"}},
            }
            told = await done(below, runner, "devices/tags", tags)
            assert told["status"] == "JOB_STATUS_COMPLETED", told
            assert (await below.get(f"/v1/devices/id/{world.device}"))["tags"] == {"a": "b"}
            job = await ask(below, "devices/tags", tags | {"jobName": "after-that"})
        told = await root.get(f"/v1/enterprises/id/{acme}")
        closed = told | {"state": "ENTERPRISE_STATE_INACTIVE"}
        await root.put(f"/v1/enterprises/id/{acme}", closed)
    await runner.run()
    async with snapshot(rest.engine) as db:
        query = text("SELECT status, detail FROM bulk_jobs WHERE id = :id")
        status, detail = (await db.execute(query, {"id": job})).one()
    assert status == "FAILED"
    assert "'root' may not do this any more" in detail
