"""What a role permits: areas of the contract, verbs, and the projects in which they hold.

A role has scopes; a scope names for each area the verbs that it grants, and the projects in which
it grants them.  What a user may do is the union of the scopes of its role.  An area is written as
one word, for example `PermissionAccessCreateReadUpdateDelete`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from eaves.controller.domain.admission.refusal import Refusal
from eaves.controller.domain.contract.envelope import ZsrvErrorCode
from eaves.controller.domain.contract.roles import Role, RoleScope
from eaves.ids import ProjectId

PREFIX: Final = "PermissionAccess"
NOTHING: Final = "None"


class Area(StrEnum):
    """A part of the product; the word is the member of a role's scope that grants it."""

    DEVICE = "accessDevice"  # nodes, models, brands, projects, networks, instances of both, volumes
    EDGE_APP = "accessEdgeApp"  # bundles
    APP_INSTANCE = "accessAppInstance"
    STORAGE = "accessStorage"  # datastores, images, artifacts
    USER = "accessUser"  # users, roles, authorization profiles, credentials
    ENTERPRISE = "accessEnterprise"
    INTEGRATION = "accessEnterpriseIntegrationItems"


class Verb(StrEnum):
    """In the order in which an access word lists them."""

    CREATE = "Create"
    READ = "Read"
    UPDATE = "Update"
    DELETE = "Delete"
    EXECUTE = "Execute"


EVERY_VERB: Final = frozenset(Verb)
_WORD: Final = re.compile("|".join(Verb))


@dataclass(frozen=True, slots=True)
class Rule:
    """What a caller of one operation needs."""

    area: Area
    verb: Verb


class Anybody(StrEnum):
    """Operations that ask for no right of a role."""

    STRANGER = "stranger"  # not even a token: logins
    USER = "user"  # whoever is logged in, about itself


Needs = Rule | Anybody


def read_access(word: str) -> frozenset[Verb] | None:
    """The verbs of an access word; None for a word that is none.

    Nothing, and `PermissionAccessNone`, grant nothing; the prefix may be left out.
    """
    verbs = word.removeprefix(PREFIX)
    if verbs in ("", NOTHING):
        return frozenset()
    found = _WORD.findall(verbs)
    return frozenset(Verb(one) for one in found) if "".join(found) == verbs else None


def access_word(verbs: Iterable[Verb]) -> str:
    wanted = frozenset(verbs)
    return PREFIX + ("".join(verb for verb in Verb if verb in wanted) or NOTHING)


@dataclass(frozen=True, slots=True)
class Grant:
    """One scope of a role, its project tags resolved.  `projects`: None means all of them."""

    verbs: Mapping[Area, frozenset[Verb]]
    projects: frozenset[ProjectId] | None = None
    read_secrets: bool = False  # of what it lets read

    def permits(self, rule: Rule) -> bool:
        granted = self.verbs.get(rule.area, frozenset())
        # a verb without a right of its own follows Update
        return rule.verb in granted or (rule.verb is Verb.EXECUTE and Verb.UPDATE in granted)


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody may do in one enterprise."""

    grants: tuple[Grant, ...] = ()
    role_name: str = field(default="", compare=False)

    def permits(self, rule: Rule) -> bool:
        return any(grant.permits(rule) for grant in self.grants)

    def projects(self, rule: Rule) -> frozenset[ProjectId] | None:
        """In which projects; None means in all, an empty set in none."""
        return _union(grant for grant in self.grants if grant.permits(rule))

    def projects_of_secrets(self, area: Area) -> frozenset[ProjectId] | None:
        """In which projects the secrets of an area are told; as `projects`."""
        reading = Rule(area, Verb.READ)
        return _union(one for one in self.grants if one.read_secrets and one.permits(reading))

    def tells_secrets(self, area: Area, project: str) -> bool:
        """Whether a read of an object tells its secrets; `project` is empty for one of none."""
        projects = self.projects_of_secrets(area)
        if projects is None:
            return True
        return bool(projects) and (not project or ProjectId(project) in projects)

    @property
    def read_secrets(self) -> bool:
        return any(grant.read_secrets for grant in self.grants)

    def covers(self, other: "Rights") -> bool:
        """Whether whoever has these rights could do all that `other` permits.

        Nobody gives away more than it has.  The one exception begins it: no role of an enterprise
        reads secrets at first, so who may do everything with the objects that have some, and with
        users, may let a role read them.
        """
        rules = (Rule(area, verb) for area in Area for verb in Verb)
        if not all(_within(other.projects(rule), self.projects(rule)) for rule in rules):
            return False
        if all(self.projects(rule) is None for rule in _LET_READ_SECRETS):
            return True
        return all(
            _within(other.projects_of_secrets(area), self.projects_of_secrets(area))
            for area in Area
        )


_LET_READ_SECRETS: Final = tuple(
    Rule(area, verb)
    for area in (Area.STORAGE, Area.EDGE_APP, Area.APP_INSTANCE, Area.USER)
    for verb in Verb
)


def _union(grants: Iterable[Grant]) -> frozenset[ProjectId] | None:
    found: set[ProjectId] = set()
    for grant in grants:
        if grant.projects is None:
            return None
        found |= grant.projects
    return frozenset(found)


def _within(wanted: frozenset[ProjectId] | None, own: frozenset[ProjectId] | None) -> bool:
    return own is None or (wanted is not None and wanted <= own)


EVERYTHING: Final = Rights(
    (Grant(dict.fromkeys(Area, EVERY_VERB), read_secrets=True),), role_name="everything"
)


def verbs_of(scope: RoleScope) -> Mapping[Area, frozenset[Verb]]:
    """The areas of a scope; `accessApp` is the older word for bundles and instances together."""
    words = {
        Area.DEVICE: scope.access_device,
        Area.EDGE_APP: scope.access_edge_app,
        Area.APP_INSTANCE: scope.access_app_instance,
        Area.STORAGE: scope.access_storage,
        Area.USER: scope.access_user,
        Area.ENTERPRISE: scope.access_enterprise,
        Area.INTEGRATION: scope.access_enterprise_integration_items,
    }
    verbs = {area: read_access(word) or frozenset() for area, word in words.items()}
    older = read_access(scope.access_app) or frozenset()
    for area in (Area.EDGE_APP, Area.APP_INSTANCE):
        verbs[area] |= older
    return verbs


def rights_of(role: Role, tagged: frozenset[ProjectId] | None) -> Rights:
    """The rights of a role.

    `tagged`: the projects that carry the tags of the role; None where the role names no tags.  A
    filter of projects and tags add up; with neither, a scope holds in all projects.
    """
    return Rights(
        grants=tuple(
            Grant(verbs_of(scope), _projects(scope, tagged), scope.read_secrets)
            for scope in role.scopes
        ),
        role_name=role.name,
    )


def _projects(scope: RoleScope, tagged: frozenset[ProjectId] | None) -> frozenset[ProjectId] | None:
    listed = frozenset(ProjectId(one) for one in scope.project_filter if one)
    if tagged is None:
        return listed or None
    return listed | tagged


def refuse_scopes(role: Role) -> tuple[Refusal, ...]:
    """Every access word that is none, by the member that holds it."""
    found: list[Refusal] = []
    for index, scope in enumerate(role.scopes):
        sent = scope.to_json()
        for name in (*Area, "accessApp"):
            word = str(sent.get(name, ""))
            if read_access(word) is None:
                found.append(
                    Refusal(
                        ZsrvErrorCode.INVALID_FIELD_FORMAT,
                        f"scopes[{index}].{name}",
                        f"scopes[{index}].{name} is {word!r}; an access is {PREFIX} and then, in "
                        f"this order, any of {', '.join(Verb)}, for example "
                        f"{access_word((Verb.READ, Verb.UPDATE))}",
                    )
                )
    return tuple(found)
