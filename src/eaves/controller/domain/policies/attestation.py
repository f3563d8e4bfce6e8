"""Whether a node must attest before it gets its configuration: what its policies ask for, together.

Every place that puts the answer in force asks here: a part of it would switch off what another
policy switched on.
"""

from collections.abc import Iterable

from eaves.controller.domain.contract.deployments import Deployment, DeviceAttestPolicyType
from eaves.controller.domain.contract.devices import AttestPolicyType, TagType
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.policies.selectors import Deployed, InProject, Node, matches, pairs


def asked_by_project(project: Tag) -> bool:
    """For every node that it has."""
    policy = project.attestation_policy
    body = policy.attestation_policy if policy is not None else None
    return body is not None and body.type is AttestPolicyType.ENFORCE


def enforces_attestation(project: Tag, deployments: Iterable[Deployment], node: Node) -> bool:
    """`deployments`: those of the project; they count where it is a deployment project."""
    if asked_by_project(project):
        return True
    if project.type is not TagType.DEPLOYMENT:
        return False
    return any(_asked_by_deployment(one, node) for one in deployments)


def _asked_by_deployment(deployment: Deployment, node: Node) -> bool:
    every = (InProject(deployment.project_id), Deployed(deployment.deployment_tag))
    for one in deployment.device_policies:
        said = one.attestation_policy
        if said is None or said.type is not DeviceAttestPolicyType.ENFORCE:
            continue
        condition = one.meta_data.policy_target_condition if one.meta_data else {}
        if matches(every + pairs(condition), node):
            return True
    return False
