"""Nothing that was changed meanwhile is undone by what was made of an older version."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.rest import Rest, running_rest

from eaves.controller.domain.contract.users import DetailedUser, UserState
from eaves.controller.domain.scope import Scope
from eaves.controller.northbound import catalog, crud, second_factor
from eaves.controller.northbound.conflicts import done_again_in_conflict
from eaves.controller.northbound.work import Principal, Work
from eaves.controller.store.objects import VersionConflict
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.ids import EnterpriseId


@pytest.fixture
async def rest(tmp_path: Path, database_url: str) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path / "state", database_url) as running:
        yield running


@pytest.fixture
async def enterprise(rest: Rest) -> str:
    return await rest.add_user("alice")


def work_in(rest: Rest, db: Db, enterprise: str) -> Work:
    principal = Principal(
        user_id="",
        user_name="somebody",
        scope=Scope(EnterpriseId(enterprise)),
        token_id="",
        token_kind="",
        client="",
        must_change_password=False,
    )
    return Work(
        db=db,
        principal=principal,
        now=rest.clock(),
        request_id="",
        random=os.urandom,
        keys=rest.keys,
    )


async def alice_now(rest: Rest, enterprise: str) -> DetailedUser:
    async with snapshot(rest.engine) as db:
        return await crud.find(work_in(rest, db, enterprise), catalog.USERS, name="alice")


async def change(rest: Rest, enterprise: str, current: DetailedUser, **changes: object) -> None:
    async with unit_of_work(rest.engine) as db:
        work = work_in(rest, db, enterprise)
        wanted = current.model_copy(update=changes)
        await crud.store_version(work, catalog.USERS, wanted, current)


async def test_a_change_without_a_revision_undoes_none_that_came_between(
    rest: Rest, enterprise: str
) -> None:
    """As of a user that changes its name while it is suspended."""
    before = await alice_now(rest, enterprise)
    await change(rest, enterprise, before, state=UserState.SUSPENDED)
    with pytest.raises(VersionConflict):
        await change(rest, enterprise, before, full_name="Alice")
    now = await alice_now(rest, enterprise)
    assert (now.state, now.full_name) == (UserState.SUSPENDED, before.full_name)


async def test_it_is_done_again_from_what_is_there_then(rest: Rest, enterprise: str) -> None:
    tries = 0

    async def rename() -> None:
        nonlocal tries
        tries += 1
        read = await alice_now(rest, enterprise)
        if tries == 1:
            await change(rest, enterprise, read, state=UserState.SUSPENDED)
        await change(rest, enterprise, read, full_name="Alice")

    await done_again_in_conflict(rename)
    now = await alice_now(rest, enterprise)
    assert (tries, now.state, now.full_name) == (2, UserState.SUSPENDED, "Alice")


async def test_a_second_factor_is_noted_on_the_user_as_it_is_then(
    rest: Rest, enterprise: str
) -> None:
    before = await alice_now(rest, enterprise)
    await change(rest, enterprise, before, state=UserState.SUSPENDED)
    async with unit_of_work(rest.engine) as db:
        await second_factor.mark(work_in(rest, db, enterprise), before, enabled=True)
    now = await alice_now(rest, enterprise)
    assert (now.state, now.totp_enabled) == (UserState.SUSPENDED, True)
