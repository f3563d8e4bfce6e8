"""What the node tells of its vault: to the controller in the words of EVE, to a person in ours."""

from dataclasses import replace

import pytest

from eaves.evapi.info import DataSecAtRestStatus, PCRStatus
from eaves.node.runtime.vault_status import VaultSeen, data_sec_at_rest, vault_text
from eaves.node.vault.keeper import Standing
from eaves.node.vault.keyring import Keyring, Sealed, Wrapped
from eaves.node.vault.states import Phase

KEYRING = Keyring(
    b"v" * 16, Wrapped(b"", b""), pcrs=(0, 4), sealed=(Sealed(b"", b"", {0: b"", 4: b""}),)
)


def seen(phase: Phase, why: str = "", closed: str = "", escrow_error: str = "") -> VaultSeen:
    return VaultSeen(Standing(phase, why, keyring=KEYRING), closed, escrow_error)


@pytest.mark.parametrize(
    ("one", "status", "pcrs", "error"),
    [
        (
            seen(Phase.OPEN),
            DataSecAtRestStatus.DATASEC_AT_REST_ENABLED,
            PCRStatus.PCR_ENABLED,
            "",
        ),
        (
            seen(Phase.DISABLED, "no TPM"),
            DataSecAtRestStatus.DATASEC_AT_REST_DISABLED,
            PCRStatus.PCR_DISABLED,
            "",
        ),
        (
            seen(Phase.LOCKED, "PCR 4 differs", "vault locked: PCR 4 differs", "altered"),
            DataSecAtRestStatus.DATASEC_AT_REST_ERROR,
            PCRStatus.PCR_ENABLED,
            "vault locked: PCR 4 differs; altered",
        ),
    ],
    ids=["open", "none", "locked"],
)
def test_the_controller_is_told_as_eve_tells_it(
    one: VaultSeen, status: DataSecAtRestStatus, pcrs: PCRStatus, error: str
) -> None:
    told = data_sec_at_rest(one)
    (vault,) = told.vault_list
    assert (told.status, vault.status, vault.pcr_status) == (status, status, pcrs)
    assert vault.name == "Application Data Store"
    assert (vault.vault_err.description if vault.vault_err else "") == error
    assert told.info == vault_text(one)


def test_both_are_told_that_too_few_holders_are_there() -> None:
    one = replace(seen(Phase.OPEN), plan_error="more holders are asked for: 3 of 2")
    (vault,) = data_sec_at_rest(one).vault_list
    assert vault.vault_err is not None
    assert vault.vault_err.description == "more holders are asked for: 3 of 2"
    assert vault.status is DataSecAtRestStatus.DATASEC_AT_REST_ENABLED
    assert vault_text(one).endswith("; more holders are asked for: 3 of 2")


def test_a_person_is_told_who_opens_it_and_what_is_missing() -> None:
    assert vault_text(seen(Phase.DISABLED, "no TPM")) == "not encrypted: no TPM"
    told = vault_text(seen(Phase.OPEN, "not sealed to what is booted now"))
    assert told == (
        "vault open; opened by 1 of tpm, escrow; sealed to PCR 0,4; NOT yet in escrow;"
        " not sealed to what is booted now"
    )
