"""The roles that every enterprise has from its beginning; they are neither changed nor deleted."""

from collections.abc import Iterable
from typing import Final

from eaves.controller.domain.authz import EVERY_VERB, Verb, access_word
from eaves.controller.domain.contract.roles import Role, RoleScope, RoleState, UserRole

SYS_ROOT: Final = "SysRoot"
SYS_ADMIN: Final = "SysAdmin"
SYS_MANAGER: Final = "SysManager"
SYS_OPERATOR: Final = "SysOperator"
SYS_MONITOR: Final = "SysMonitor"

_READ: Final = (Verb.READ,)
_CARE: Final = (Verb.READ, Verb.UPDATE, Verb.EXECUTE)


def _scope(nodes: Iterable[Verb], people: Iterable[Verb], enterprise: Iterable[Verb]) -> RoleScope:
    nodes_word, enterprise_word = access_word(nodes), access_word(enterprise)
    return RoleScope(
        access_device=nodes_word,
        access_edge_app=nodes_word,
        access_app_instance=nodes_word,
        access_storage=nodes_word,
        access_user=access_word(people),
        access_enterprise=enterprise_word,
        access_enterprise_integration_items=enterprise_word,
    )


def _role(name: str, title: str, description: str, scope: RoleScope) -> Role:
    return Role(
        name=name,
        title=title,
        description=description,
        type=UserRole.SYSTEM_DEFINED,
        state=RoleState.ACTIVE,
        scopes=(scope,),
    )


BUILTIN_ROLES: Final = (
    _role(
        SYS_ADMIN,
        "System administrator",
        "Everything in the enterprise, its users too",
        _scope(EVERY_VERB, EVERY_VERB, (Verb.READ, Verb.UPDATE)),
    ),
    _role(
        SYS_MANAGER,
        "System manager",
        "Makes, changes and deletes nodes, apps and what they need",
        _scope(EVERY_VERB, _READ, _READ),
    ),
    _role(
        SYS_OPERATOR,
        "System operator",
        "Changes and runs nodes and apps that are there",
        _scope(_CARE, _READ, _READ),
    ),
    _role(
        SYS_MONITOR,
        "System monitor",
        "Sees everything, changes nothing",
        _scope(_READ, _READ, _READ),
    ),
)

PLATFORM_ROLES: Final = (  # of the first enterprise, below which all others are made
    _role(
        SYS_ROOT,
        "Platform root",
        "Everything, and the enterprises below",
        _scope(EVERY_VERB, EVERY_VERB, EVERY_VERB),
    ),
)
