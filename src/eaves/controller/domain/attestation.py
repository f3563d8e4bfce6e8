"""What a quote is worth.  EVE API v2, section 6.3, and its security page, section 3.

A device without a TPM quotes nothing but its versions: where the policy accepts, it succeeds with
a token.  A quote of a TPM must be genuine under every policy; what it says must fit a template of
the device's model where the policy enforces that, and is told where it does not.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeGuard, cast

from eaves.controller.domain.measured import Comparison, Measured, Template, compare
from eaves.controller.domain.policies.selectors import Deployed, InProject, Node, matches, pairs
from eaves.controller.domain.quotes import Counters, Examined, NoTpm, NotProven, Proven
from eaves.evapi.attest import AttestPolicyPcrList, ZAttestResponseCode

NONCE_BYTES: Final = 32
TOKEN_BYTES: Final = 32
NONCE_LIFE: Final = timedelta(minutes=5)
POLICY_IDS: Final = 2**32

NONE, PASS, FAIL = "ATTEST_STATE_NONE", "ATTEST_STATE_PASS", "ATTEST_STATE_FAIL"
PASS_NO_PCR, FAIL_NO_PCR = "ATTEST_STATE_PASS_NO_PCR", "ATTEST_STATE_FAIL_NO_PCR"


@dataclass(frozen=True, slots=True)
class Nonce:
    value: bytes
    given_at: datetime


@dataclass(frozen=True, slots=True)
class QuoteCase:
    """Everything that decides on a quote."""

    examined: Examined | None  # None: the request holds no quote
    nonce: Nonce | None  # the outstanding one, used up by this quote
    has_certificate: bool  # of the attestation key (type 11)
    enforced: bool  # policy ENFORCE: only a proof counts
    templates: tuple[Template, ...] = ()  # of the device's model
    had_tpm: bool = False  # it showed one before: it cannot lose it
    before: Counters | None = None  # of the last genuine quote of this attestation key
    blocked: str = ""  # why a person shut this device out; empty: nobody did


@dataclass(frozen=True, slots=True)
class Accepted:
    """SUCCESS with a new token.  `state` is an AttestState of the contract."""

    state: str
    detail: str
    comparison: Comparison = field(default=Comparison(""))
    proven: Proven | None = None  # what is kept of it
    code: ZAttestResponseCode = ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_SUCCESS

    @property
    def returns_keys(self) -> bool:
        """Does what is in escrow go back?  Not to a device that was let in though it differs."""
        return self.state != FAIL


@dataclass(frozen=True, slots=True)
class Refused:
    """`code` tells the device what to do next; `detail` tells a person why."""

    code: ZAttestResponseCode
    state: str
    detail: str
    comparison: Comparison = field(default=Comparison(""))
    proven: Proven | None = None  # genuine, and not what the policy wants


QuoteAnswer = Accepted | Refused


def _refused(detail: str, state: str = FAIL) -> Refused:
    return Refused(ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_QUOTE_FAILED, state, detail)


def judge_quote(case: QuoteCase, now: datetime) -> QuoteAnswer:
    code = ZAttestResponseCode
    if case.nonce is None or now - case.nonce.given_at > NONCE_LIFE:
        return Refused(
            code.Z_ATTEST_RESPONSE_CODE_NONCE_MISMATCH,
            FAIL,
            "the quote answers no outstanding nonce; the device asks for a new one by itself",
        )
    if not case.has_certificate:
        return Refused(
            code.Z_ATTEST_RESPONSE_CODE_NO_CERT_FOUND,
            NONE,
            "the device has not sent its attestation certificate yet; it sends it by itself",
        )
    if case.examined is None:
        return _refused("the request holds no quote")
    if case.blocked:
        return _refused(f"the device is blocked: {case.blocked}; unblock it to let it attest")
    match case.examined:
        case NotProven(why=why):
            return _refused(why)
        case NoTpm(measured=measured):
            return _without_tpm(case, measured)
        case Proven() as proven:
            return _proven(case, proven, case.nonce.value)


def _without_tpm(case: QuoteCase, measured: Measured) -> QuoteAnswer:
    if case.had_tpm:
        return _refused(
            "the device says that it has no TPM, and it had one; if its board was changed, "
            "replace the machine of this record"
        )
    if case.enforced:
        return _refused(
            "the device has no TPM and the policy enforces attestation; "
            "use ACCEPT for devices without TPM"
        )
    said = measured.eve_version or "no version"
    return Accepted(PASS_NO_PCR, f"accepted without TPM: only versions were reported ({said})")


def _proven(case: QuoteCase, proven: Proven, nonce: bytes) -> QuoteAnswer:
    if not hmac.compare_digest(proven.nonce, nonce):
        return Refused(
            ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_NONCE_MISMATCH,
            FAIL,
            "the quote was made for another nonce; the device asks for a new one by itself",
        )
    back = proven.counters.went_back(case.before) if case.before is not None else ""
    if back:
        return _refused(f"{back}: another TPM, or an old state of it")
    measured = proven.measured
    contradicted = measured.contradicted() if not measured.log_fault else ()
    comparison = compare(measured, case.templates)
    faults = [difference.text() for difference in comparison.differences]
    if contradicted:
        listed = ", ".join(map(str, contradicted))
        faults.insert(0, f"the event log does not lead to the quoted value of PCR {listed}")
    if not faults and comparison.passed:
        return Accepted(PASS, f"fits template {comparison.template!r}", comparison, proven)
    if not faults:
        return _no_template(case, proven)
    detail = "; ".join(faults)
    if comparison.template:
        detail = f"differs from template {comparison.template!r}: {detail}"
    if case.enforced:
        failed = ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_QUOTE_FAILED
        return Refused(failed, FAIL, detail, comparison, proven)
    return Accepted(FAIL, f"let in by the policy ACCEPT, but {detail}", comparison, proven)


def _no_template(case: QuoteCase, proven: Proven) -> QuoteAnswer:
    measured = proven.measured
    versions = f"version {measured.eve_version!r}, firmware {measured.firmware_version!r}"
    detail = f"the model has no PCR template for {versions}; accept what was measured to make one"
    if case.enforced:
        failed = ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_QUOTE_FAILED
        return Refused(failed, FAIL_NO_PCR, detail, proven=proven)
    return Accepted(PASS_NO_PCR, detail, proven=proven)


@dataclass(frozen=True, slots=True)
class EscrowAsked:
    token: bytes = field(repr=False)
    current: bytes = field(repr=False)


def accepts_escrow(asked: EscrowAsked) -> bool:
    """Keys are stored only under the token of the last success."""
    return bool(asked.current) and hmac.compare_digest(asked.token, asked.current)


def pcr_list_of(body: Mapping[str, object]) -> AttestPolicyPcrList | None:
    """What the policy of a project or a device (JSON of the contract) has vaults sealed to.

    None: it has no such policy, or one that no device takes.  Security page, section 3.4.
    """
    return _pcr_list(_inner(_inner(body, "pcrPolicy"), "pcrPolicy"))


def pcr_list_of_deployment(body: Mapping[str, object], node: Node) -> AttestPolicyPcrList | None:
    """The same of the first policy of a deployment (JSON of the contract) that means this node."""
    every = (
        InProject(str(body.get("projectId") or "")),
        Deployed(str(body.get("deploymentTag") or "")),
    )
    policies = body.get("devicePolicies")
    for one in cast("list[Mapping[str, object]]", policies) if isinstance(policies, list) else ():
        asked = _pcr_list(_inner(one, "pcrPolicy"))
        condition = _inner(_inner(one, "metaData"), "policyTargetCondition")
        wanted = pairs({key: str(value) for key, value in condition.items()})
        if asked is not None and matches(every + wanted, node):
            return asked
    return None


def _pcr_list(policy: Mapping[str, object]) -> AttestPolicyPcrList | None:
    indices, version = policy.get("pcrIndices"), policy.get("policyVersion") or 0
    if not isinstance(indices, list) or not _is_number(version):
        return None
    numbers = cast("list[object]", indices)
    wanted = AttestPolicyPcrList(
        pcr_indices=tuple(one for one in numbers if _is_number(one)),
        policy_id=version % POLICY_IDS,
    )
    return wanted if wanted.is_taken and len(wanted.pcr_indices) == len(numbers) else None


def _is_number(value: object) -> TypeGuard[int]:
    """JSON's true and false are no numbers."""
    return isinstance(value, int) and not isinstance(value, bool)


def _inner(body: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = body.get(name)
    return cast("Mapping[str, object]", found) if isinstance(found, Mapping) else {}
