"""Roles and users."""

import re
from collections.abc import Iterable

from eaves.controller.domain.admission.refusal import Refusal, admit_names, invalid, unknown
from eaves.controller.domain.authz import Rights, refuse_scopes, rights_of
from eaves.controller.domain.contract.envelope import ZsrvErrorCode
from eaves.controller.domain.contract.roles import Role, UserRole
from eaves.controller.domain.contract.users import DetailedUser

USERNAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.@+-]{2,255}")
MAIL = re.compile(r"[^@\s]+@[^@\s]+")


def admit_role(
    wanted: Role, current: Role | None, *, own: Rights, lost_projects: Iterable[str]
) -> tuple[Refusal, ...]:
    """`own`: what whoever asks may do; `lost_projects`: ids in filters that nobody knows."""
    builtin = (current or wanted).type is UserRole.SYSTEM_DEFINED
    if builtin:
        return (
            Refusal(
                ZsrvErrorCode.FORBIDDEN,
                "type",
                f"role {wanted.name!r} is {UserRole.SYSTEM_DEFINED}: those come with the "
                f"enterprise and never change; make one of type {UserRole.USER_DEFINED}",
            ),
        )
    refusals = [*admit_names("role", wanted, current), *refuse_scopes(wanted)]
    refusals += [unknown("project", one, "scopes.projectFilter") for one in lost_projects]
    if current is not None and not own.covers(widest(current)):
        refusals.append(stronger(f"role {current.name!r}", "scopes", own))
    elif not refusals and not own.covers(widest(wanted)):
        refusals.append(_more_than_own(f"role {wanted.name!r}", "scopes", own))
    return tuple(refusals)


def widest(role: Role) -> Rights:
    """Tags may be put on any project later: whoever grants by tag must have all projects."""
    if not role.project_tags:
        return rights_of(role, None)
    everywhere = [scope.model_copy(update={"project_filter": ()}) for scope in role.scopes]
    return rights_of(role.model_copy(update={"scopes": tuple(everywhere)}), None)


def more_than_own(user: DetailedUser, member: str, own: Rights) -> Refusal:
    return _more_than_own(f"user {user.username!r}", member, own)


def _more_than_own(what: str, member: str, own: Rights) -> Refusal:
    return Refusal(
        ZsrvErrorCode.FORBIDDEN,
        member,
        f"{what} would permit more than your own role {own.role_name!r} does; leave out what you "
        "may not do yourself, or ask somebody who may",
    )


def stronger(what: str, member: str, own: Rights) -> Refusal:
    """Whoever may do more is out of reach: else it could be disarmed first, and taken then."""
    return Refusal(
        ZsrvErrorCode.FORBIDDEN,
        member,
        f"{what} permits more than your own role {own.role_name!r} does; only somebody who may as "
        "much changes or deletes it",
    )


def admit_user(
    wanted: DetailedUser,
    current: DetailedUser | None,
    *,
    role: Role | None,
    own: Rights,
    granted: Rights | None,
    there: Iterable[Rights] = (),
) -> tuple[Refusal, ...]:
    """`granted`: the rights of `role`; `there`: all that the user may do as it is now, wherever."""
    refusals: list[Refusal] = []
    if current is not None and not all(own.covers(one) for one in there):
        refusals.append(stronger(f"user {current.username!r}", "username", own))
    if current is not None and wanted.username != current.username:
        refusals.append(
            invalid(
                "username",
                f"user {current.username!r} cannot be renamed to {wanted.username!r}; create a new "
                "one instead",
            )
        )
    elif not USERNAME.fullmatch(wanted.username):
        refusals.append(
            invalid(
                "username",
                f"user name {wanted.username!r} does not fit: 3 to 256 letters, digits, '-', '_', "
                "'.', '+' or '@', the first a letter or digit",
            )
        )
    if not MAIL.fullmatch(wanted.email) and (current is None or wanted.email != current.email):
        refusals.append(
            invalid("email", f"user {wanted.username!r}: email {wanted.email!r} is no mail address")
        )
    if role is None:
        refusals.append(unknown("role", wanted.role_id, "roleId"))
    elif granted is not None and not own.covers(granted):
        refusals.append(_more_than_own(f"user {wanted.username!r}", "roleId", own))
    return tuple(refusals)
