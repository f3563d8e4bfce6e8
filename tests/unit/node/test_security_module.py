"""What the node says of where its keys are, and what a TPM that fails means."""

import pytest

from eaves.evapi.info import HwSecurityModuleStatus, MaintenanceModeReason
from eaves.node.runtime.security_module import SecurityModule
from eaves.node.runtime.status_file import ControllerStatus
from eaves.node.status_text import attestation_text
from eaves.node.tpm import device
from eaves.node.tpm.device import Tpm
from eaves.node.tpm.errors import TpmUnusable
from eaves.node.tpm.health import Health

AT = "2026-05-01T12:00:00+00:00"


def failing(*, encrypts: bool = True, quotes: bool = True) -> Health:
    health = Health(Tpm("swtpm:port=1"))
    health.fault, health.encrypts, health.quotes = "it fails", encrypts, quotes
    return health


def test_where_the_keys_are_is_told() -> None:
    none, beside = SecurityModule(), SecurityModule("device:/dev/tpmrm0")
    assert (none.status, none.text()) == (
        HwSecurityModuleStatus.NOTFOUND,
        "no TPM: keys on disk",
    )
    assert beside.status is HwSecurityModuleStatus.DISABLED
    assert "this device had them before the TPM at device:/dev/tpmrm0" in beside.text()
    used = SecurityModule("swtpm:port=1", Health(Tpm("swtpm:port=1")))
    assert used.status is HwSecurityModuleStatus.ENABLED
    assert used.text() == "TPM 2.0 at swtpm:port=1: the keys were made in it and stay there"
    assert used.reasons() == ()


@pytest.mark.parametrize(
    ("health", "reasons"),
    [
        (failing(), ()),  # it does not answer: apps go on
        (
            failing(encrypts=False),
            (MaintenanceModeReason.MAINTENANCE_MODE_REASON_TPM_ENCRYPTION_FAILURE,),
        ),
        (
            failing(quotes=False),
            (MaintenanceModeReason.MAINTENANCE_MODE_REASON_TPM_QUOTE_FAILURE,),
        ),
    ],
    ids=["silent", "encryption", "quotes"],
)
def test_a_tpm_that_fails_its_test_is_a_reason_for_maintenance(
    health: Health, reasons: tuple[MaintenanceModeReason, ...]
) -> None:
    module = SecurityModule("swtpm:port=1", health)
    assert (module.reasons(), module.text()) == (reasons, "it fails")


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (ControllerStatus(), "attesting (), never attested"),
        (
            ControllerStatus(attestation="ATTESTATION_STATE_TPM_QUOTE_WAIT"),
            "attesting (tpm quote wait), never attested",
        ),
        (
            ControllerStatus(
                attestation="ATTESTATION_STATE_COMPLETE", attested_at="2026-05-01T11:56:00+00:00"
            ),
            "attested 4 min ago",
        ),
        (
            ControllerStatus(
                attestation="ATTESTATION_STATE_RESTART_WAIT",
                attested_at="2026-05-01T09:00:00+00:00",
                attestation_error="the quote failed its policy",
            ),
            "NOT attested: the quote failed its policy (attested 3 h ago)",
        ),
    ],
    ids=["at first", "under way", "done", "refused since"],
)
def test_the_status_says_when_it_attested_or_what_failed(seen: ControllerStatus, told: str) -> None:
    assert attestation_text(seen, AT) == told


def test_a_machine_without_the_library_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only what needs a TPM needs it."""

    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    device._tss.cache_clear()
    monkeypatch.setattr("importlib.import_module", missing)
    try:
        with pytest.raises(TpmUnusable, match=r"install eaves\[tpm\]"):
            device.Tpm("swtpm:port=1").clock()
    finally:
        device._tss.cache_clear()
