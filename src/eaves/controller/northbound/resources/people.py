"""Roles and users."""

from eaves.controller.domain.admission.people import admit_role, admit_user
from eaves.controller.domain.contract.roles import Role, UserRole
from eaves.controller.domain.contract.users import DetailedUser, IdState, UserState
from eaves.controller.northbound import records, roles
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store import people


async def prepare_role(work: Work, wanted: Role, current: Role | None) -> Prepared[Role]:
    filtered = {one for scope in wanted.scopes for one in scope.project_filter if one}
    lost = await records.missing(work.db, work.scope, records.PROJECT, filtered)
    return Prepared(
        wanted,  # with the state as it was sent: Terraform would change another back for ever
        admit_role(wanted, current, own=work.principal.rights, lost_projects=lost),
        references=frozenset(filtered) - set(lost),
        state=wanted.state.value,
    )


async def keep_builtin(_work: Work, _wanted: Role, current: Role | None) -> None:
    if current is not None and current.type is UserRole.SYSTEM_DEFINED:
        raise Problem(
            403,
            f"role {current.name!r} comes with the enterprise and cannot be deleted",
            location="type",
        )


async def prepare_user(
    work: Work, wanted: DetailedUser, current: DetailedUser | None
) -> Prepared[DetailedUser]:
    role = await records.find(work.db, work.scope, records.ROLE, wanted.role_id)
    granted = None if role is None else await roles.rights_of_role(work.db, work.scope, role)
    kept = current or DetailedUser(email_state=IdState.VERIFIED, state=UserState.ACTIVE)
    complete = wanted.model_copy(
        update={
            "enterprise_id": str(work.scope.enterprise),
            "email_state": kept.email_state,
            "phone_state": kept.phone_state,
            "state": kept.state,
            "totp_enabled": kept.totp_enabled,
            "last_login_time": kept.last_login_time,
            "last_logout_time": kept.last_logout_time,
        }
    )
    return Prepared(
        complete,
        admit_user(wanted, current, role=role, own=work.principal.rights, granted=granted),
        references=frozenset({wanted.role_id}),
        state=complete.state.value,
    )


async def keep_oneself(work: Work, _wanted: DetailedUser, current: DetailedUser | None) -> None:
    """Nobody deletes itself: an enterprise would be left without anybody by a slip."""
    if current is not None and current.id == work.principal.user_id:
        raise Problem(409, f"user {current.username!r} is you; somebody else must delete it")
    if current is not None:
        await people.delete_tokens_of(work.db, current.id)
