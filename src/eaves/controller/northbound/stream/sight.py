"""Which events somebody sees: those that the lists of events would tell, whatever the list.

`GET /v1/events` is open to who reads devices, and the events of one object to who reads objects of
its kind; each within the projects where the role grants that.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from eaves.controller.domain.authz import Rights, Rule
from eaves.controller.northbound.routes import AREAS, READ_DEVICES, reads
from eaves.controller.store.events import Event
from eaves.controller.store.tables import Kind
from eaves.ids import EnterpriseId, ProjectId

Projects = frozenset[ProjectId] | None
"""None: in all of them."""

STANDING = frozenset({Kind.USER.value, Kind.ROLE.value, Kind.ENTERPRISE.value, Kind.PROJECT.value})
"""Kinds whose change may change what somebody may see."""


@dataclass(frozen=True, slots=True)
class Sight:
    """`granted`: whether events of a kind are seen at all, and in which projects."""

    enterprise: EnterpriseId
    granted: Mapping[str, tuple[Projects, ...]]
    any_kind: tuple[Projects, ...]

    def sees(self, event: Event) -> bool:
        if event.enterprise_id != self.enterprise:
            return False
        granted = self.granted.get(event.object_kind, self.any_kind)
        return any(_within(event.project_id, projects) for projects in granted)


def sight_of(enterprise: EnterpriseId, rights: Rights) -> Sight:
    """What a role lets its user see of one enterprise."""
    any_kind = _projects(rights, READ_DEVICES)
    granted = {kind.value: any_kind + _projects(rights, reads(kind)) for kind in AREAS}
    return Sight(enterprise, granted, any_kind)


def _projects(rights: Rights, rule: Rule) -> tuple[Projects, ...]:
    return (rights.projects(rule),) if rights.permits(rule) else ()


def _within(project: str, projects: Projects) -> bool:
    return projects is None or not project or ProjectId(project) in projects
