"""The rights of whoever asks, from the role that it has."""

from eaves.controller.domain.authz import Rights, rights_of
from eaves.controller.domain.contract.roles import Role, RoleState
from eaves.controller.domain.scope import Scope
from eaves.controller.northbound import records
from eaves.controller.store.objects import StoredObject
from eaves.controller.store.unit import Db
from eaves.ids import EnterpriseId, ProjectId

IN_FORCE = frozenset({RoleState.ACTIVE, RoleState.CREATED, RoleState.UNSPECIFIED})


async def rights_of_user(db: Db, user: StoredObject) -> Rights:
    """Nothing, for a user without a role, or whose role is not in force."""
    role_id = records.USER.read(user).role_id
    scope = Scope(EnterpriseId(user.enterprise_id))
    role = await records.find(db, scope, records.ROLE, role_id)
    if role is None or role.state not in IN_FORCE:
        return Rights(role_name=role_id if role is None else role.name)
    return await rights_of_role(db, scope, role)


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
