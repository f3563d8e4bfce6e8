"""What a password must be."""

from datetime import UTC, datetime, timedelta

import pytest

from eaves.controller.domain.contract.auth_profiles import PasswordProfile
from eaves.controller.domain.passwords import LONGEST_AGE, PasswordRules, faults_of, rules_of

NOW = datetime(2026, 1, 2, tzinfo=UTC)
STRICT = rules_of(
    PasswordProfile(
        min_length=14,
        max_length=20,
        min_lowercase_chars=1,
        min_uppercase_chars=1,
        min_numeric_chars=2,
        min_symbol_chars=1,
        max_password_age=3600,
        min_password_age=60,
    )
)


@pytest.mark.parametrize(
    ("password", "faults"),
    [
        ("correct horse", 0),
        ("short", 1),
        ("ALICE.the.first", 1),
        ("x" * 257, 1),
    ],
)
def test_an_enterprise_without_rules_has_the_usual_ones(password: str, faults: int) -> None:
    assert len(faults_of(password, "alice.the.first", PasswordRules())) == faults


def test_every_fault_is_told_at_once() -> None:
    assert faults_of("Abcdefghij-12345", "alice", STRICT) == ()
    assert [text[:14] for text in faults_of("abc", "alice", STRICT)] == [
        "is too weak: g",
        *["has too few up", "has too few di", "has too few sy"],
    ]
    assert faults_of("Abcdefghij-12345678901", "alice", STRICT) == (
        "is too long: give up to 20 characters",
    )


def test_ages_are_counted_from_the_last_change() -> None:
    assert STRICT.expires_at(NOW) == NOW + timedelta(hours=1)
    assert STRICT.changeable_at(NOW) == NOW + timedelta(minutes=1)
    assert PasswordRules().expires_at(NOW) is None
    assert PasswordRules().changeable_at(NOW) == NOW


@pytest.mark.parametrize("seconds", [90 * 86400 * 10**9, 2**63 - 1, 10**12])
def test_an_age_that_no_date_holds_is_a_long_one(seconds: int) -> None:
    rules = rules_of(
        PasswordProfile(
            max_password_age=seconds,
            min_password_age=seconds,
            password_expiry_notification_period_in_seconds=seconds,
        )
    )
    assert rules.expires_at(NOW) == NOW + LONGEST_AGE
    assert rules.changeable_at(NOW) == NOW + LONGEST_AGE
    assert rules.notice == LONGEST_AGE
