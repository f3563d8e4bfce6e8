"""To which PCRs the policy of a project has vaults sealed."""

import pytest

from eaves.controller.domain.attestation import pcr_list_of
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
