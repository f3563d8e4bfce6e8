"""Who may see what: every query for tenant data takes a Scope, and only authorization makes one."""

from dataclasses import dataclass

from eaves.ids import EnterpriseId, ProjectId


@dataclass(frozen=True, slots=True)
class Scope:
    """One enterprise, and in it either all projects (None) or these.

    Objects of no project (brands, models, datastores ...) are visible to the whole enterprise.
    """

    enterprise: EnterpriseId
    projects: frozenset[ProjectId] | None = None

    def sees(self, enterprise: str, project: str) -> bool:
        if enterprise != self.enterprise:
            return False
        return self.projects is None or not project or ProjectId(project) in self.projects
