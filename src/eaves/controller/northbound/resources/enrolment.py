"""Profiles by which devices enrol certificates (SCEP)."""

from eaves.controller.domain.admission.enrolment import admit_cep
from eaves.controller.domain.contract.enrolment import (
    ProjectReference,
    SCEPProfile,
    SCEPProfileSecrets,
)
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store import objects
from eaves.controller.store.tables import Kind

CHALLENGE = "challengePassword"
SHOWN_PROJECTS = 1000


async def prepare_cep(
    work: Work, wanted: SCEPProfile, current: SCEPProfile | None
) -> Prepared[SCEPProfile]:
    """The password that asks for a certificate is kept apart and never shown."""
    secret = wanted.secret or SCEPProfileSecrets()
    complete = wanted.model_copy(
        update={"secret": None, "enterprise_id": work.scope.enterprise, "projects_list": ()}
    )
    return Prepared(
        complete,
        admit_cep(wanted, current),
        secrets={CHALLENGE: secret.challenge_password} if secret.challenge_password else {},
        secret_fields=frozenset({CHALLENGE}),
    )


async def present_cep(work: Work, item: SCEPProfile) -> SCEPProfile:
    """With the projects whose policy names it, as far as the caller may see them."""
    users = await objects.dependants(work.db, item.id, limit=SHOWN_PROJECTS)
    ids = [user.id for user in users if user.kind is Kind.PROJECT]
    visible = await objects.find_objects(work.db, work.scope, Kind.PROJECT, ids)
    projects = sorted(visible.values(), key=lambda project: project.name)
    return item.model_copy(
        update={
            "projects_list": tuple(
                ProjectReference(project_id=one.id, project_name=one.name) for one in projects
            )
        }
    )
