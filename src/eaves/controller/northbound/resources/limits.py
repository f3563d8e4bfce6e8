"""How many devices and users an enterprise may have."""

from dataclasses import replace

from sqlalchemy import func, select

from eaves.controller.domain.admission.enterprises import device_limit
from eaves.controller.domain.contract.entitlements import Entitlement, UserEntitlement
from eaves.controller.domain.contract.envelope import ZsrvErrorCode
from eaves.controller.domain.contract.users import UserState
from eaves.controller.domain.scope import Scope
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.sources import visible_in
from eaves.controller.northbound.work import Work
from eaves.controller.store import tree
from eaves.controller.store.tables import Kind, objects


async def count_of(work: Work, kind: Kind) -> int:
    c = objects[kind].c
    query = select(func.count()).select_from(objects[kind]).where(visible_in(c, work.scope))
    return (await work.db.execute(query)).scalar_one()


async def count_of_users(work: Work) -> int:
    """Who signed itself up and was not let in is none yet: strangers use up no limit."""
    c = objects[Kind.USER].c
    let_in = c.state != UserState.SIGNEDUP.value
    query = select(func.count()).select_from(objects[Kind.USER])
    return (await work.db.execute(query.where(visible_in(c, work.scope), let_in))).scalar_one()


async def refuse_more_devices(work: Work) -> None:
    """Raises Problem(412)."""
    await _refuse_more(work, Kind.DEVICE)


async def refuse_more_users(work: Work) -> None:
    """Raises Problem(412)."""
    await _refuse_more(work, Kind.USER)


async def _refuse_more(work: Work, kind: Kind) -> None:
    """Raises Problem(412) where the enterprise has as many of them as it may.

    Who asks for the last one waits for who asked before.
    """
    body = await tree.find_entitlement(work.db, work.scope.enterprise, locked=True)
    if not body:
        return
    stored = Entitlement.from_json_text(body)
    users = stored.user_count or UserEntitlement()
    limit = users.limit if kind is Kind.USER else device_limit(stored.devices)
    everywhere = Scope(work.scope.enterprise)
    work = replace(work, principal=replace(work.principal, scope=everywhere))
    used = await (count_of_users(work) if kind is Kind.USER else count_of(work, kind))
    if limit and used >= limit:
        raise Problem(
            412,
            f"this enterprise may have {limit} {kind.value} and has {used}; delete one, or ask who "
            "runs the enterprise above for more (entitlements)",
            code=ZsrvErrorCode.RANGE_ERROR,
        )
