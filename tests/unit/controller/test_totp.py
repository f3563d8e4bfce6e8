"""Codes of an authenticator app."""

from datetime import UTC, datetime, timedelta

import pytest

from eaves.controller.domain import totp

SECRET = b"12345678901234567890"  # RFC 6238, appendix B


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    assert totp.code_of(SECRET, totp.step_at(moment)) == code


def test_a_code_holds_a_step_before_and_after_and_once() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    step = totp.step_at(now)
    code = totp.code_of(SECRET, step)
    for late in (-30, 0, 30):
        moment = now + timedelta(seconds=late)
        assert totp.accepted_step(SECRET, code, moment, last_step=0) == step
    for late in (-90, 90):
        moment = now + timedelta(seconds=late)
        assert totp.accepted_step(SECRET, code, moment, last_step=0) is None
    assert totp.accepted_step(SECRET, code, now, last_step=step) is None
    assert totp.accepted_step(SECRET, f"{code[:3]} {code[3:]}", now, last_step=0) == step


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦"])
def test_what_is_no_code_is_never_taken(code: str) -> None:
    assert totp.accepted_step(SECRET, code, datetime.now(UTC), last_step=0) is None


def test_an_app_reads_the_url() -> None:
    assert totp.enrolment_url(SECRET, "carol@example.org", "Eaves") == (
        "otpauth://totp/Eaves:carol@example.org"
        "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Eaves"
    )


def test_a_recovery_code_is_the_same_however_it_is_typed() -> None:
    code = totp.recovery_code(bytes(range(10)))
    assert len(code.replace("-", "")) == 16
    assert totp.recovery_hash(code) == totp.recovery_hash(code.upper().replace("-", " "))
    assert totp.recovery_hash(code) != totp.recovery_hash(code[:-1])
