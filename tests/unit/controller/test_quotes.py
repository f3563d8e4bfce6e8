"""Quotes: what is genuine, what fits, and every way in which one is not what it says."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from eaves.controller.domain.attestation import (
    FAIL,
    FAIL_NO_PCR,
    NONE,
    PASS,
    PASS_NO_PCR,
    Accepted,
    Nonce,
    QuoteAnswer,
    QuoteCase,
    Refused,
    judge_quote,
)
from eaves.controller.domain.measured import Template, captured, template_of
from eaves.controller.domain.quotes import Counters, NoTpm, NotProven, Proven, examine
from eaves.evapi.attest import TpmHashAlgo, TpmPCRValue, ZAttestQuote, ZAttestResponseCode
from eaves.evapi.certs import ZCertType
from eaves.evapi.device_certs import Chance, device_certificate, edge_node_certificate
from eaves.evapi.event_log_form import IPL, Step
from eaves.evapi.pem import load_certificate
from eaves.fleet.measured import SoftTpm, steps

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
NONCE = bytes(range(20))
CODE = ZAttestResponseCode


def certificate_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    device = ec.generate_private_key(ec.SECP256R1())
    chance = Chance(NOW, lambda size: b"\1" * size)
    issuer = load_certificate(device_certificate(device, chance))
    kind = ZCertType.CERT_TYPE_DEVICE_RESTRICTED_SIGNING
    return edge_node_certificate(kind, key.public_key(), device, issuer, chance)


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return certificate_of(key)


@pytest.fixture
def tpm(key: ec.EllipticCurvePrivateKey) -> SoftTpm:
    tpm = SoftTpm(key)
    tpm.boot()
    return tpm


def proven(quote: ZAttestQuote, pem: bytes) -> Proven:
    found = examine(quote, pem)
    assert isinstance(found, Proven), found
    return found


def golden(tpm: SoftTpm, pem: bytes) -> Template:
    """What an administrator accepted of this boot."""
    return template_of(captured(proven(tpm.quote(NONCE), pem).measured, "golden"))


def judged(quote: ZAttestQuote, pem: bytes, *templates: Template, enforced: bool) -> QuoteAnswer:
    case = QuoteCase(
        examine(quote, pem), Nonce(NONCE, NOW), has_certificate=True, enforced=enforced
    )
    return judge_quote(replace(case, templates=templates), NOW)


def test_a_quote_says_what_was_booted(tpm: SoftTpm, pem: bytes) -> None:
    found = proven(tpm.quote(NONCE), pem)
    assert found.nonce == NONCE
    assert found.counters == Counters(1, 0, tpm.clock_ms, tpm.tpm_firmware)
    assert found.measured.pcrs == {n: tpm.pcrs[n] for n in range(16)}
    assert found.measured.eve_version == tpm.eve_version
    assert not found.measured.contradicted()


def _other_values(quote: ZAttestQuote) -> ZAttestQuote:
    first = replace(quote.pcr_values[4], value=b"x" * 32)
    return replace(quote, pcr_values=(*quote.pcr_values[:4], first, *quote.pcr_values[5:]))


def _twice(quote: ZAttestQuote) -> ZAttestQuote:
    """The altered value first, the real one after: each parser must see the same."""
    forged = replace(quote.pcr_values[4], value=b"x" * 32)
    return replace(quote, pcr_values=(forged, *quote.pcr_values))


def _other_key(quote: ZAttestQuote) -> ZAttestQuote:
    thief = ec.generate_private_key(ec.SECP256R1())
    return replace(quote, signature=thief.sign(quote.attest_data, ec.ECDSA(hashes.SHA256())))


FORGED: dict[str, tuple[Callable[[ZAttestQuote], ZAttestQuote], str]] = {
    "altered PCR": (_other_values, "not those that the TPM signed"),
    "PCR stated twice": (_twice, "two values of PCR 4"),
    "signed by another key": (_other_key, "signature"),
    "raw signature": (lambda q: replace(q, signature=bytes(64)), "signature"),
    "no signature": (lambda q: replace(q, signature=b""), "signature"),
    "attested data cut": (lambda q: replace(q, attest_data=q.attest_data[:-1]), "signature"),
    "attested data of another": (
        lambda q: replace(q, attest_data=b"\0" + q.attest_data[1:]),
        "signature",
    ),
    "no values": (lambda q: replace(q, pcr_values=()), "does not state its value"),
    "values of another bank": (
        lambda q: replace(
            q,
            pcr_values=tuple(
                replace(v, hash_algo=TpmHashAlgo.TPM_HASH_ALGO_SHA1) for v in q.pcr_values
            ),
        ),
        "does not state its value",
    ),
    "short values": (
        lambda q: replace(
            q,
            pcr_values=tuple(
                TpmPCRValue(index=v.index, hash_algo=v.hash_algo, value=v.value[:20])
                for v in q.pcr_values
            ),
        ),
        "20 bytes",
    ),
}


@pytest.mark.parametrize("forge", [case[0] for case in FORGED.values()], ids=FORGED)
@pytest.mark.parametrize("enforced", [True, False])
def test_a_quote_that_is_not_genuine_is_refused_under_every_policy(
    tpm: SoftTpm, pem: bytes, forge: Callable[[ZAttestQuote], ZAttestQuote], *, enforced: bool
) -> None:
    why = next(text for one, text in FORGED.values() if one is forge)
    answer = judged(forge(tpm.quote(NONCE)), pem, golden(tpm, pem), enforced=enforced)
    assert isinstance(answer, Refused)
    assert (answer.code, answer.state) == (CODE.Z_ATTEST_RESPONSE_CODE_QUOTE_FAILED, FAIL)
    assert why in answer.detail
    assert answer.proven is None


@pytest.mark.parametrize("pcrs", [(), (7,), range(15)])
def test_a_selection_that_leaves_pcrs_out_is_refused(
    tpm: SoftTpm, pem: bytes, pcrs: tuple[int, ...]
) -> None:
    found = examine(tpm.quote(NONCE, pcrs), pem)
    assert isinstance(found, NotProven)
    assert "leaves out PCR" in found.why


@pytest.mark.parametrize("nonce", [b"", NONCE[:-1], NONCE[:-1] + b"x", bytes(32)])
def test_a_replayed_quote_asks_for_another_nonce(tpm: SoftTpm, pem: bytes, nonce: bytes) -> None:
    answer = judged(tpm.quote(nonce), pem, enforced=False)
    assert isinstance(answer, Refused)
    assert answer.code is CODE.Z_ATTEST_RESPONSE_CODE_NONCE_MISMATCH


def test_the_quote_of_another_device_does_not_fit_the_key_of_this_one(pem: bytes) -> None:
    other = SoftTpm()
    other.boot()
    assert isinstance(examine(other.quote(NONCE), pem), NotProven)


def test_a_boot_that_fits_a_template_passes(tpm: SoftTpm, pem: bytes) -> None:
    template = golden(tpm, pem)
    tpm.boot()
    answer = judged(tpm.quote(NONCE), pem, template, enforced=True)
    assert isinstance(answer, Accepted)
    assert answer.state == PASS
    assert "golden" in answer.detail


@pytest.mark.parametrize(("enforced", "state"), [(True, FAIL_NO_PCR), (False, PASS_NO_PCR)])
def test_without_a_template_for_the_version_the_policy_decides(
    tpm: SoftTpm, pem: bytes, state: str, *, enforced: bool
) -> None:
    template = golden(tpm, pem)
    tpm.eve_version = "13.0.0-kvm-amd64"
    answer = judged(tpm.quote(NONCE), pem, template, enforced=enforced)
    assert answer.state == state
    assert isinstance(answer, Refused) is enforced
    assert "13.0.0" in answer.detail
    assert answer.proven is not None  # so that it can be accepted


def test_a_changed_firmware_version_fits_no_template(tpm: SoftTpm, pem: bytes) -> None:
    template = golden(tpm, pem)
    tpm.firmware_version = "Acme-1.1-01/01/2025"
    assert judged(tpm.quote(NONCE), pem, template, enforced=True).state == FAIL_NO_PCR


@pytest.mark.parametrize(
    ("boot", "told"),
    [
        (
            steps(command_line="quiet init=/bin/sh"),
            "EV_IPL kernel_cmdline: quiet init=/bin/sh instead of EV_IPL kernel_cmdline: quiet con",
        ),
        (steps(kernel=b"kernel 0"), "PCR 9: entry 18 EV_IPL /boot/kernel instead of"),
        (
            [*steps(), Step(4, IPL, b"more.efi\0")],
            "PCR 4: entry 20 EV_IPL more.efi is new",
        ),
        ([s for s in steps() if s.pcr != 13], "PCR 13: EV_IPL rootfs is missing"),
    ],
    ids=["command line", "kernel", "one more program", "root not measured"],
)
@pytest.mark.parametrize("enforced", [True, False])
def test_what_differs_is_named_by_pcr_entry_and_text(
    tpm: SoftTpm, pem: bytes, boot: list[Step], told: str, *, enforced: bool
) -> None:
    template = golden(tpm, pem)
    tpm.boot(boot)
    answer = judged(tpm.quote(NONCE), pem, template, enforced=enforced)
    assert answer.state == FAIL
    assert isinstance(answer, Refused) is enforced
    assert told in answer.detail


def test_an_altered_event_log_is_found_out(tpm: SoftTpm, pem: bytes) -> None:
    template = golden(tpm, pem)
    tpm.log = tpm.log.replace(b"l" * 32, b"m" * 32)
    answer = judged(tpm.quote(NONCE), pem, template, enforced=True)
    assert isinstance(answer, Refused)
    assert "event log does not lead to the quoted value of PCR 4" in answer.detail


def test_what_is_extended_and_kept_out_of_the_log_is_found_out(tpm: SoftTpm, pem: bytes) -> None:
    template = golden(tpm, pem)
    tpm.extend(Step(7, IPL, b"hidden"), logged=False)
    answer = judged(tpm.quote(NONCE), pem, template, enforced=True)
    assert isinstance(answer, Refused)
    assert "PCR 7" in answer.detail


def test_a_system_that_extends_its_own_pcrs_passes_all_the_same(tpm: SoftTpm, pem: bytes) -> None:
    template = golden(tpm, pem)
    tpm.extend(Step(14, IPL, b"config"), logged=False)
    tpm.extend(Step(10, IPL, b"ima"), logged=False)
    assert judged(tpm.quote(NONCE), pem, template, enforced=True).state == PASS


def test_a_log_that_was_left_out_to_fit_is_no_fault(tpm: SoftTpm, pem: bytes) -> None:
    template = golden(tpm, pem)
    quote = replace(tpm.quote(NONCE), tpm_binary_event_log=b"")
    assert judged(quote, pem, template, enforced=True).state == PASS


def test_a_device_cannot_lose_its_tpm(pem: bytes) -> None:
    found = examine(ZAttestQuote(), pem)
    assert isinstance(found, NoTpm)
    case = QuoteCase(found, Nonce(NONCE, NOW), has_certificate=True, enforced=False, had_tpm=True)
    answer = judge_quote(case, NOW)
    assert isinstance(answer, Refused)
    assert "it had one" in answer.detail


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (Counters(2, 0, 0, 0), "counts 1 resets"),
        (Counters(1, 1, 0, 0), "counts 1 resets"),
        (Counters(1, 0, 10**9, 0), "clock"),
        (Counters(0, 0, 0, 2**63), "firmware of the TPM"),
    ],
)
def test_an_old_state_of_the_tpm_is_refused(
    tpm: SoftTpm, pem: bytes, before: Counters, why: str
) -> None:
    case = QuoteCase(
        examine(tpm.quote(NONCE), pem),
        Nonce(NONCE, NOW),
        has_certificate=True,
        enforced=False,
        before=before,
    )
    answer = judge_quote(case, NOW)
    assert isinstance(answer, Refused)
    assert why in answer.detail


def test_who_is_blocked_or_unknown_gets_no_token(tpm: SoftTpm, pem: bytes) -> None:
    case = QuoteCase(
        examine(tpm.quote(NONCE), pem), Nonce(NONCE, NOW), has_certificate=True, enforced=False
    )
    blocked = judge_quote(replace(case, blocked="stolen"), NOW)
    assert isinstance(blocked, Refused)
    assert "stolen" in blocked.detail
    unknown = judge_quote(replace(case, has_certificate=False), NOW)
    assert (unknown.code, unknown.state) == (CODE.Z_ATTEST_RESPONSE_CODE_NO_CERT_FOUND, NONE)
    late = judge_quote(case, NOW + timedelta(hours=1))
    assert late.code is CODE.Z_ATTEST_RESPONSE_CODE_NONCE_MISMATCH


def test_of_several_templates_any_may_fit_and_the_nearest_explains(
    tpm: SoftTpm, pem: bytes
) -> None:
    first = golden(tpm, pem)
    tpm.boot(steps(kernel=b"kernel 2"))
    second = replace(golden(tpm, pem), name="second")
    assert judged(tpm.quote(NONCE), pem, first, second, enforced=True).state == PASS
    tpm.boot(steps(kernel=b"kernel 2", command_line="debug"))
    answer = judged(tpm.quote(NONCE), pem, first, second, enforced=True)
    assert isinstance(answer, Refused)
    assert answer.comparison.template == "second"
    assert [one.pcr for one in answer.comparison.differences] == [8]


def test_a_template_of_events_named_by_text_wants_them_vouched_for(
    tpm: SoftTpm, pem: bytes
) -> None:
    text = "EV_IPL kernel_cmdline: quiet console=ttyS0"
    value = {"index": 8, "type": "PCR_TYPE_EVENT_LOG", "value": text}
    separator = {"index": 8, "type": "PCR_TYPE_EVENT_LOG", "value": "EV_SEPARATOR 00000000"}
    stored = {"name": "t", "eveVersion": "*", "PCRValues": [value]}
    assert judged(tpm.quote(NONCE), pem, template_of(stored), enforced=True).state == PASS
    forged = [s if s.pcr != 8 else replace(s, digest=b"f" * 32) for s in steps()]
    tpm.boot(forged)  # the log says one command line, and another was booted
    assert judged(tpm.quote(NONCE), pem, template_of(stored), enforced=True).state == FAIL
    more = {**stored, "PCRValues": [separator, value]}
    tpm.boot()
    assert judged(tpm.quote(NONCE), pem, template_of(more), enforced=True).state == FAIL


def test_wildcards_of_a_template_fit_any_value(tpm: SoftTpm, pem: bytes) -> None:
    values = [
        {"index": 4, "type": "PCR_TYPE_HASH", "value": tpm.pcrs[4].hex().upper()},
        {"index": 8, "type": "PCR_TYPE_HASH", "value": "*"},
    ]
    template = template_of({"name": "t", "eveVersion": "*", "PCRValues": values})
    tpm.boot(steps(command_line="other"))
    assert judged(tpm.quote(NONCE), pem, template, enforced=True).state == PASS
