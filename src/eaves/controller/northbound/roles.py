"""The rights of whoever asks, from the role that it has."""

from eaves.controller.domain.authz import Rights, rights_of
from eaves.controller.domain.contract.roles import Role, RoleState
from eaves.controller.domain.contract.users import DetailedUser, EnterpriseState
from eaves.controller.domain.scope import Scope
from eaves.controller.northbound import records
from eaves.controller.store.objects import StoredObject
from eaves.controller.store.tree import is_below
from eaves.controller.store.unit import Db
from eaves.ids import EnterpriseId, ProjectId

OPEN = frozenset({EnterpriseState.ACTIVE, EnterpriseState.UNSPECIFIED})
IN_FORCE = frozenset({RoleState.ACTIVE, RoleState.CREATED, RoleState.UNSPECIFIED})


async def rights_of_user(db: Db, user: StoredObject) -> Rights:
    """Nothing, for a user without a role, or whose role is not in force."""
    role_id = records.USER.read(user).role_id
    scope = Scope(EnterpriseId(user.enterprise_id))
    role = await records.find(db, scope, records.ROLE, role_id)
    if role is None or role.state not in IN_FORCE:
        return Rights(role_name=role_id if role is None else role.name)
    return await rights_of_role(db, scope, role)


async def all_rights_of(db: Db, user: DetailedUser) -> tuple[Rights, ...]:
    """At home and in each enterprise below that it is allowed into; also what holds again once a
    role or an enterprise that is not in force now is: whoever has the user then has that too.
    """
    given = [(user.enterprise_id, user.role_id)]
    given += [
        (str(one.get("id") or ""), str(one.get("roleId") or "")) for one in user.allowed_enterprises
    ]
    found: list[Rights] = []
    for enterprise_id, role_id in given:
        scope = Scope(EnterpriseId(enterprise_id))
        role = await records.find(db, scope, records.ROLE, role_id)
        if role is not None:
            found.append(await rights_of_role(db, scope, role))
    return tuple(found)


async def rights_in(db: Db, user: StoredObject, enterprise_id: str) -> tuple[EnterpriseId, Rights]:
    """Where a token of this user holds, and what it permits there."""
    if enterprise_id in ("", user.enterprise_id):
        return EnterpriseId(user.enterprise_id), await rights_of_user(db, user)
    rights = await rights_below(db, user, enterprise_id)
    return EnterpriseId(enterprise_id), rights or Rights()


async def rights_below(db: Db, user: StoredObject, enterprise_id: str) -> Rights | None:
    """In an enterprise below its own that the user is allowed into; None: it is not."""
    role_id = role_in(records.USER.read(user), enterprise_id)
    if not role_id or not await is_below(db, user.enterprise_id, enterprise_id):
        return None
    scope = Scope(EnterpriseId(enterprise_id))
    enterprise = await records.find(db, scope, records.ENTERPRISE, enterprise_id)
    role = await records.find(db, scope, records.ROLE, role_id)
    if enterprise is None or enterprise.state not in OPEN:
        return None
    if role is None or role.state not in IN_FORCE:
        return None
    return await rights_of_role(db, scope, role)


def role_in(user: DetailedUser, enterprise_id: str) -> str:
    """The role of a user in an enterprise; empty where it has none."""
    if enterprise_id == user.enterprise_id:
        return user.role_id
    for one in user.allowed_enterprises:
        if one.get("id") == enterprise_id:
            return str(one.get("roleId") or "")
    return ""


async def rights_of_role(db: Db, scope: Scope, role: Role) -> Rights:
    """With the projects that carry its tags today."""
    tagged = None
    if role.project_tags:
        wanted = role.project_tags.items()
        tagged = frozenset(
            ProjectId(project.id)
            for project in await records.list_all(db, scope, records.PROJECT)
            if wanted <= project.tags.items()
        )
    return rights_of(role, tagged)
