"""To which PCRs the policy of a project has vaults sealed."""

from collections.abc import Mapping

import pytest

from eaves.controller.domain.attestation import pcr_list_of, pcr_list_of_deployment
from eaves.controller.domain.policies.selectors import Node
from eaves.evapi.attest import AttestPolicyPcrList


def project(**inner: object) -> dict[str, object]:
    return {"name": "north", "pcrPolicy": {"type": "POLICY_TYPE_PCR", "pcrPolicy": inner}}


def test_a_list_that_devices_take_is_told_with_its_version() -> None:
    told = AttestPolicyPcrList(pcr_indices=(7, 0, 4), policy_id=3)
    assert pcr_list_of(project(pcrIndices=[7, 0, 4], policyVersion=3)) == told
    assert pcr_list_of(project(pcrIndices=[0])) == AttestPolicyPcrList(pcr_indices=(0,))


@pytest.mark.parametrize(
    "body",
    [
        {"name": "north"},
        {"pcrPolicy": None},
        {"pcrPolicy": {"pcrPolicy": None}},
        project(),
        project(pcrIndices=[]),
        project(pcrIndices=[1, 2]),
        project(pcrIndices=[0, 5]),
        project(pcrIndices=[0, 0]),
        project(pcrIndices=[0, 16]),
        project(pcrIndices=[0, -1]),
        project(pcrIndices=[*range(16)]),
        project(pcrIndices=[0, "4"]),
        project(pcrIndices=[False]),
        project(pcrIndices=[0, True]),
        project(pcrIndices=[0], policyVersion=True),
        project(pcrIndices="0"),
        project(pcrIndices=[0], policyVersion="x"),
    ],
    ids=str,
)
def test_anything_else_is_no_list(body: dict[str, object]) -> None:
    assert pcr_list_of(body) is None


def deployment(*policies: Mapping[str, object]) -> dict[str, object]:
    return {"projectId": "north", "deploymentTag": "line", "devicePolicies": list(policies)}


def of_nodes(*indices: int, **tags: str) -> dict[str, object]:
    return {
        "metaData": {"name": "seals", "policyTargetCondition": tags},
        "policySubType": "DEVICE_POLICY_TYPE_PCR",
        "pcrPolicy": {"pcrIndices": list(indices)},
    }


def test_a_deployment_asks_of_the_nodes_that_it_means() -> None:
    attests = {"metaData": {"name": "attests"}, "attestationPolicy": {}, "pcrPolicy": None}
    body = deployment(attests, of_nodes(0, 4, site="east"), of_nodes(0, 7))
    east = Node("1", "a", "north", "line", {"site": "east"})
    asked = pcr_list_of_deployment(body, east)
    assert asked is not None
    assert asked.pcr_indices == (0, 4)
    other = pcr_list_of_deployment(body, Node("2", "b", "north", "line"))
    assert other is not None
    assert other.pcr_indices == (0, 7)
    for node in (Node("3", "c", "north"), Node("4", "d", "south", "line")):
        assert pcr_list_of_deployment(body, node) is None
    assert pcr_list_of_deployment(deployment(), east) is None
