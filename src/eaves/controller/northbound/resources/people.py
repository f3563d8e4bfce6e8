"""Roles and users."""

from eaves.controller.domain.admission import Refusal
from eaves.controller.domain.admission.enterprises import admit_realm
from eaves.controller.domain.admission.people import (
    admit_role,
    admit_user,
    more_than_own,
    stronger,
    widest,
)
from eaves.controller.domain.admission.refusal import conflict, unknown
from eaves.controller.domain.authz import Rights
from eaves.controller.domain.contract.base import rfc3339
from eaves.controller.domain.contract.roles import Role, UserRole
from eaves.controller.domain.contract.users import (
    AuthType,
    DetailedUser,
    IdState,
    Realm,
    UserState,
)
from eaves.controller.domain.scope import Scope
from eaves.controller.northbound import records, roles
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.resources.limits import refuse_more_users
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store import people, sign_in
from eaves.controller.store.tree import is_below
from eaves.ids import EnterpriseId

SETTABLE = frozenset({UserState.ACTIVE, UserState.INACTIVE, UserState.SUSPENDED})


async def prepare_role(work: Work, wanted: Role, current: Role | None) -> Prepared[Role]:
    filtered = {one for scope in wanted.scopes for one in scope.project_filter if one}
    lost = await records.missing(work.db, work.scope, records.PROJECT, filtered)
    return Prepared(
        wanted,  # with the state as it was sent: Terraform would change another back for ever
        admit_role(wanted, current, own=work.principal.rights, lost_projects=lost),
        references=frozenset(filtered) - set(lost),
        state=wanted.state.value,
    )


async def keep_role(work: Work, _wanted: Role, current: Role | None) -> None:
    """A built-in one, and one that permits more than whoever asks may do."""
    if current is None:
        return
    if current.type is UserRole.SYSTEM_DEFINED:
        raise Problem(
            403,
            f"role {current.name!r} comes with the enterprise and cannot be deleted",
            location="type",
        )
    if not work.principal.rights.covers(widest(current)):
        raise Problem.of_refusals(
            [stronger(f"role {current.name!r}", "scopes", work.principal.rights)]
        )


async def prepare_realm(work: Work, wanted: Realm, current: Realm | None) -> Prepared[Realm]:
    own = str(work.scope.enterprise)
    return Prepared(
        wanted.model_copy(update={"enterprise_id": own}), admit_realm(wanted, current, own)
    )


async def _refuse_allowed(
    work: Work, wanted: DetailedUser, current: DetailedUser | None
) -> tuple[tuple[Refusal, ...], frozenset[str]]:
    """Enterprises that a user is newly allowed into, and the roles that all of them give it."""
    before = () if current is None else current.allowed_enterprises
    refusals: list[Refusal] = []
    for one in wanted.allowed_enterprises:
        enterprise_id, role_id = str(one.get("id") or ""), str(one.get("roleId") or "")
        if one in before:
            continue
        if not await is_below(work.db, work.scope.enterprise, enterprise_id):
            refusals.append(unknown("enterprise below yours", enterprise_id, "allowedEnterprises"))
            continue
        below = Scope(EnterpriseId(enterprise_id))
        role = await records.find(work.db, below, records.ROLE, role_id)
        if role is None:
            refusals.append(unknown("role", role_id, "allowedEnterprises.roleId"))
        elif not work.principal.rights.covers(await roles.rights_of_role(work.db, below, role)):
            refusals.append(more_than_own(wanted, "allowedEnterprises", work.principal.rights))
    given = {str(one.get("roleId") or "") for one in wanted.allowed_enterprises} - {""}
    return tuple(refusals), frozenset() if refusals else frozenset(given)


def _state(wanted: DetailedUser, current: DetailedUser | None) -> UserState:
    """A new user is active; who administers users suspends it and lets it in again."""
    if current is None:
        return UserState.ACTIVE
    return wanted.state if wanted.state in SETTABLE else current.state


async def _rights_there(work: Work, current: DetailedUser | None) -> tuple[Rights, ...]:
    """All that a user may do as it is; nobody is too strong for itself."""
    if current is None or current.id == work.principal.user_id:
        return ()
    return await roles.all_rights_of(work.db, current)


def _moves(wanted: DetailedUser, current: DetailedUser | None) -> bool:
    """From a password here to a provider of identities, or back."""
    if current is None:
        return False
    return (wanted.type is AuthType.OAUTH) is not (current.type is AuthType.OAUTH)


def _refuse_own_move(
    work: Work, wanted: DetailedUser, current: DetailedUser | None
) -> tuple[Refusal, ...]:
    """Its password would end, perhaps the last one of an administrator, by a slip."""
    if current is None or current.id != work.principal.user_id or not _moves(wanted, current):
        return ()
    return (
        conflict(
            "type",
            f"user {current.username!r} is you; somebody else must change how you sign in",
        ),
    )


async def prepare_user(
    work: Work, wanted: DetailedUser, current: DetailedUser | None
) -> Prepared[DetailedUser]:
    role = await records.find(work.db, work.scope, records.ROLE, wanted.role_id)
    granted = None if role is None else await roles.rights_of_role(work.db, work.scope, role)
    elsewhere = wanted.type is AuthType.OAUTH
    kept = current or DetailedUser(email_state=IdState.VERIFIED, state=UserState.ACTIVE)
    complete = wanted.model_copy(
        update={
            "enterprise_id": str(work.scope.enterprise),
            "email_state": kept.email_state,
            "phone_state": kept.phone_state,
            "state": _state(wanted, current),
            "totp_enabled": kept.totp_enabled and not elsewhere,
            "last_login_time": kept.last_login_time,
            "last_logout_time": kept.last_logout_time,
        }
    )
    if current is not None and current.state is UserState.SIGNEDUP is not complete.state:
        await refuse_more_users(work)  # let in now: it counts from here on
    refusals, given = await _refuse_allowed(work, wanted, current)
    admitted = admit_user(
        wanted,
        current,
        role=role,
        own=work.principal.rights,
        granted=granted,
        there=await _rights_there(work, current),
    )
    return Prepared(
        complete,
        admitted + refusals + _refuse_own_move(work, wanted, current),
        references=frozenset({wanted.role_id}) | given,
        state=complete.state.value,
        secret_fields=frozenset() if elsewhere else None,  # the second factor is the provider's
    )


async def with_visits(work: Work, users: tuple[DetailedUser, ...]) -> tuple[DetailedUser, ...]:
    """With when each signed in and out last; `users`: one, or those of a list."""
    if not users:
        return users
    one = users[0].id if len(users) == 1 else ""
    known = await sign_in.visits_of(work.db, users[0].enterprise_id, one)
    return tuple(_visited(user, known.get(user.id)) for user in users)


def _visited(user: DetailedUser, last: sign_in.Visit | None) -> DetailedUser:
    if last is None:
        return user
    out = last.signed_out_at
    return user.model_copy(
        update={
            "last_login_time": rfc3339(last.signed_in_at),
            "last_logout_time": "" if out is None else rfc3339(out),
        }
    )


async def present_user(work: Work, user: DetailedUser) -> DetailedUser:
    return (await with_visits(work, (user,)))[0]


async def user_written(work: Work, wanted: DetailedUser, current: DetailedUser | None) -> None:
    """Who signs in another way from now on has nothing left of the way before."""
    if not _moves(wanted, current):
        return
    await people.delete_tokens_of(work.db, wanted.id)
    await sign_in.forget_guesses(work.db, wanted.id)
    if wanted.type is AuthType.OAUTH:
        await people.delete_credential(work.db, wanted.id)
        await sign_in.delete_second_factor(work.db, wanted.id)
    else:
        await sign_in.forget_identities(work.db, wanted.id)


async def keep_user(work: Work, _wanted: DetailedUser, current: DetailedUser | None) -> None:
    """Nobody deletes itself: an enterprise would be left without anybody by a slip.

    Nor does anybody delete who may do more.
    """
    if current is None:
        return
    if current.id == work.principal.user_id:
        raise Problem(409, f"user {current.username!r} is you; somebody else must delete it")
    own = work.principal.rights
    if not all(own.covers(one) for one in await _rights_there(work, current)):
        raise Problem.of_refusals([stronger(f"user {current.username!r}", "username", own)])
    await people.delete_tokens_of(work.db, current.id)
