"""Work that goes on after its request, with the rights that its user has at that moment."""

from dataclasses import dataclass
from datetime import datetime

from eaves.controller.domain.authz import Rule
from eaves.controller.domain.scope import Scope
from eaves.controller.keys import KeyStore
from eaves.controller.northbound import roles, standing
from eaves.controller.northbound.work import Principal, Random, Work
from eaves.controller.store.bulk_jobs import JobCannotRun
from eaves.controller.store.people import find_user_of_token
from eaves.controller.store.unit import Db


@dataclass(frozen=True, slots=True)
class Errand:
    """What somebody asked for, and who."""

    enterprise_id: str
    user_id: str
    user_name: str
    what: str  # `job NAME`, `rollout NAME`: stands in the audit log for the request


@dataclass(frozen=True)
class Means:
    keys: KeyStore
    random: Random


async def acting_for(db: Db, errand: Errand, rule: Rule) -> Principal:
    """The user as authorization would find it now, in the enterprise where it asked.

    Raises JobCannotRun.
    """
    user = await find_user_of_token(db, errand.user_id)
    if user is None:
        raise JobCannotRun(
            f"user {errand.user_name!r} who began this is not there any more; begin it anew"
        )
    barred = await standing.why_barred(db, user)
    if barred is not None:
        raise JobCannotRun(f"nothing is done for who began this: {barred.details}")
    enterprise, rights = await roles.rights_in(db, user, errand.enterprise_id)
    if not rights.permits(rule):
        has = (
            f"its role {rights.role_name!r} does not grant"
            if rights.role_name
            else "no role grants it"
        )
        raise JobCannotRun(
            f"user {user.name!r} may not do this any more: {has} {rule.verb} in {rule.area}"
        )
    return Principal(
        user_id=user.id,
        user_name=user.name,
        scope=Scope(enterprise, rights.projects(rule)),
        token_id="",
        token_kind="",
        client=errand.what,
        must_change_password=False,
        rights=rights,
        home=enterprise,
    )


def work_of(
    db: Db, principal: Principal, errand: Errand, means: Means, now: datetime, *, later: bool
) -> Work:
    """`later`: whoever began the transaction renders what changed."""
    return Work(
        db=db,
        principal=principal,
        now=now,
        request_id=errand.what,
        random=means.random,
        keys=means.keys,
        render_later=later,
    )
