"""What can go wrong with a TPM, by who must act."""

from collections.abc import Iterable

from eaves.errors import Rejected, Transient


class TpmUnavailable(Transient):
    """It is not there, does not answer, or asks to be called again."""

    def __init__(self, tcti: str, what: str, reason: str) -> None:
        super().__init__(f"the TPM at {tcti} does not answer ({what}): {reason}")


class TpmRefused(Rejected):
    """A command that it will refuse again; `code` is TPM_RC without handle and parameter."""

    def __init__(self, tcti: str, what: str, reason: str, code: int) -> None:
        super().__init__(f"the TPM at {tcti} refused to {what}: {reason} ({code:#x})")
        self.code = code


class TpmUnusable(Rejected):
    """What it holds is not what this node may use, or a part that it needs is missing."""


class PolicyMismatch(Rejected):
    """The PCRs are not those that the data was sealed to: another boot chain runs."""

    def __init__(self, pcrs: Iterable[int]) -> None:
        super().__init__(
            f"the policy of PCRs {', '.join(map(str, pcrs))} does not match: what booted differs"
            " from what the data was sealed to; attest, or boot what was sealed to"
        )


class NotThisTpm(Rejected):
    """The blob was sealed by another TPM, by this one before it was cleared, or was altered."""

    def __init__(self) -> None:
        super().__init__(
            "the sealed data does not belong to this TPM (another machine's disk, or the TPM was"
            " cleared) or was altered; the controller's escrow or a recovery key opens it"
        )
