"""Registration, poll and quote: tables of what is known and what is answered."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.controller.domain.attestation import (
    NONCE_LIFE,
    Accepted,
    EscrowAsked,
    Nonce,
    QuoteCase,
    Refused,
    accepts_escrow,
    judge_quote,
)
from eaves.controller.domain.onboarding import (
    AlreadyRegistered,
    Claim,
    Conflict,
    Knowledge,
    RegisterAnswer,
    RegisterNew,
    Registration,
    UnknownOnboarding,
    UnknownSerial,
    decide_register,
)
from eaves.controller.domain.poll import (
    AttestFirst,
    NeverAttested,
    NotRenderedYet,
    NotRequired,
    Replace,
    Required,
    Unchanged,
    answer_poll,
    attestation_of,
)
from eaves.controller.domain.quotes import examine
from eaves.controller.domain.scope import Scope
from eaves.evapi.attest import (
    AttestVersionInfo,
    AttestVersionType,
    ZAttestQuote,
    ZAttestResponseCode,
)
from eaves.ids import ConfigHash, DeviceId, EnterpriseId, ProjectId

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
MINE, THEIRS = b"m" * 32, b"t" * 32
FREE = Claim("s1", DeviceId("d1"), "acme")
HELD = Claim("s1", DeviceId("d1"), "acme", MINE)
SOFT = Claim("soft", DeviceId("d2"), "acme")

REGISTRATIONS: dict[str, tuple[Registration, Knowledge, type[RegisterAnswer]]] = {
    "unknown onboarding certificate": (
        Registration("s1", "", MINE),
        Knowledge(None, (FREE,)),
        UnknownOnboarding,
    ),
    "first contact": (Registration("s1", "", MINE), Knowledge("k", (FREE,)), RegisterNew),
    "by soft serial": (Registration("board", "soft", MINE), Knowledge("k", (SOFT,)), RegisterNew),
    "no record": (Registration("s1", "", MINE), Knowledge("k"), UnknownSerial),
    "every boot": (
        Registration("s1", "", MINE),
        Knowledge("k", (HELD,), DeviceId("d1")),
        AlreadyRegistered,
    ),
    "another certificate": (Registration("s1", "", THEIRS), Knowledge("k", (HELD,)), Conflict),
    "a bound device whose serial changed": (
        Registration("s9", "", MINE),
        Knowledge("k", (), DeviceId("d1")),
        AlreadyRegistered,
    ),
    "no serial at all": (Registration("", "", MINE), Knowledge("k", (FREE,)), UnknownSerial),
}


@pytest.mark.parametrize("row", REGISTRATIONS)
def test_a_registration_is_answered_by_what_is_known(row: str) -> None:
    asked, known, expected = REGISTRATIONS[row]
    assert type(decide_register(asked, known)) is expected


def test_a_copied_certificate_is_noticed_at_the_record_that_waits() -> None:
    asked = Registration("s1", "", MINE)
    answer = decide_register(asked, Knowledge("k", (FREE,), DeviceId("d9")))
    assert answer == AlreadyRegistered(DeviceId("d9"), clashes_with=FREE.device_id)
    own = decide_register(asked, Knowledge("k", (HELD,), HELD.device_id))
    assert own == AlreadyRegistered(HELD.device_id)


@pytest.mark.parametrize("of_the_board", [FREE, HELD, replace(HELD, bound_certificate=THEIRS)])
def test_a_serial_that_many_boards_tell_does_not_give_away_the_record_of_another(
    of_the_board: Claim,
) -> None:
    asked = Registration("s1", "soft", MINE)
    for claims in ((SOFT, of_the_board), (of_the_board, SOFT)):
        answer = decide_register(asked, Knowledge("k", claims))
        assert answer == RegisterNew(DeviceId("d2"), "acme", "k", "soft")


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["s1", "soft", "x"]))
def test_a_bound_record_never_takes_another_certificate(certificate: bytes, serial: str) -> None:
    answer = decide_register(Registration(serial, "s1", certificate), Knowledge("k", (HELD,)))
    assert not isinstance(answer, RegisterNew)
    assert isinstance(answer, AlreadyRegistered) == (certificate == MINE)


H1, NONE = ConfigHash("h1"), ConfigHash("")


@pytest.mark.parametrize(
    ("has", "token", "in_force", "attestation", "expected"),
    [
        pytest.param("h1", b"", H1, NotRequired(), Unchanged(H1), id="same hash"),
        pytest.param("h0", b"", H1, NotRequired(), Replace(H1), id="other hash"),
        pytest.param("", b"", H1, NotRequired(), Replace(H1), id="after boot"),
        pytest.param("", b"", NONE, NotRequired(), NotRenderedYet(), id="nothing rendered"),
        pytest.param("h1", b"t", H1, Required(b"t"), Unchanged(H1), id="attested"),
        pytest.param("", b"t", H1, Required(b"t"), Replace(H1), id="attested after boot"),
    ],
)
def test_a_poll_is_answered_by_hash_and_token(
    has: str,
    token: bytes,
    in_force: ConfigHash,
    attestation: NotRequired | Required,
    expected: object,
) -> None:
    assert answer_poll(has, token, in_force, attestation) == expected


@pytest.mark.parametrize("token", [b"", b"u", b"tt"])
def test_a_wrong_token_or_none_means_attest_first(token: bytes) -> None:
    assert isinstance(answer_poll("h1", token, H1, Required(b"t")), AttestFirst)
    assert isinstance(answer_poll("h1", token, H1, NeverAttested()), AttestFirst)


def test_a_policy_that_accepts_does_not_ask_for_a_token() -> None:
    assert attestation_of(required=False, token=b"t") == NotRequired()
    assert attestation_of(required=True, token=b"t") == Required(b"t")
    assert attestation_of(required=True, token=b"") == NeverAttested()


VERSIONS = (
    AttestVersionInfo(version_type=AttestVersionType.ATTEST_VERSION_TYPE_EVE, version="14.5"),
)
SOFT_QUOTE = examine(ZAttestQuote(versions=VERSIONS), b"")
FRESH, STALE = Nonce(b"n", NOW), Nonce(b"n", NOW - NONCE_LIFE - timedelta(seconds=1))
CODE = ZAttestResponseCode


@pytest.mark.parametrize(
    ("case", "code"),
    [
        pytest.param(
            QuoteCase(SOFT_QUOTE, None, has_certificate=True, enforced=False),
            CODE.Z_ATTEST_RESPONSE_CODE_NONCE_MISMATCH,
            id="no nonce",
        ),
        pytest.param(
            QuoteCase(SOFT_QUOTE, STALE, has_certificate=True, enforced=False),
            CODE.Z_ATTEST_RESPONSE_CODE_NONCE_MISMATCH,
            id="old nonce",
        ),
        pytest.param(
            QuoteCase(SOFT_QUOTE, FRESH, has_certificate=False, enforced=False),
            CODE.Z_ATTEST_RESPONSE_CODE_NO_CERT_FOUND,
            id="certificate not there yet",
        ),
        pytest.param(
            QuoteCase(None, FRESH, has_certificate=True, enforced=False),
            CODE.Z_ATTEST_RESPONSE_CODE_QUOTE_FAILED,
            id="no quote",
        ),
        pytest.param(
            QuoteCase(SOFT_QUOTE, FRESH, has_certificate=True, enforced=True),
            CODE.Z_ATTEST_RESPONSE_CODE_QUOTE_FAILED,
            id="no TPM, enforced",
        ),
    ],
)
def test_a_quote_is_refused_with_the_step_that_the_device_takes_next(
    case: QuoteCase, code: ZAttestResponseCode
) -> None:
    answer = judge_quote(case, NOW)
    assert isinstance(answer, Refused)
    assert answer.code is code
    assert answer.detail


def test_a_device_without_tpm_is_accepted_where_the_policy_accepts() -> None:
    answer = judge_quote(QuoteCase(SOFT_QUOTE, FRESH, has_certificate=True, enforced=False), NOW)
    assert isinstance(answer, Accepted)
    assert "14.5" in answer.detail


def test_keys_are_escrowed_under_the_token_in_force_only() -> None:
    assert accepts_escrow(EscrowAsked(b"t", b"t"))
    assert not accepts_escrow(EscrowAsked(b"u", b"t"))
    assert not accepts_escrow(EscrowAsked(b"", b""))


def test_a_scope_sees_its_enterprise_and_its_projects() -> None:
    acme, p1 = EnterpriseId("acme"), ProjectId("p1")
    assert Scope(acme).sees("acme", "p9")
    assert not Scope(acme).sees("other", "")
    assert Scope(acme, frozenset({p1})).sees("acme", "p1")
    assert Scope(acme, frozenset({p1})).sees("acme", "")
    assert not Scope(acme, frozenset({p1})).sees("acme", "p2")
