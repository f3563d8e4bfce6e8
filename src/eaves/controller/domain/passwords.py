"""What a password must be, and until when it holds.  Pure.

The enterprise says it in the password profile of its active authorization profile; what it leaves
out, and every enterprise without one, gets the rules that stand here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from eaves.controller.domain.contract.auth_profiles import PasswordProfile

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 256
LONGEST_AGE: Final = timedelta(days=3653)  # ten years; beyond it a date would not hold


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """Ages None: none.  `remembered`: how many earlier passwords are refused."""

    min_length: int = SHORTEST_PASSWORD
    max_length: int = LONGEST_PASSWORD
    lowercase: int = 0
    uppercase: int = 0
    digits: int = 0
    symbols: int = 0
    remembered: int = 0
    min_age: timedelta | None = None
    max_age: timedelta | None = None
    notice: timedelta = timedelta(0)

    def expires_at(self, changed_at: datetime) -> datetime | None:
        return None if self.max_age is None else changed_at + self.max_age

    def changeable_at(self, changed_at: datetime) -> datetime:
        return changed_at if self.min_age is None else changed_at + self.min_age


def rules_of(profile: PasswordProfile | None) -> PasswordRules:
    if profile is None:
        return PasswordRules()
    return PasswordRules(
        min_length=profile.min_length or SHORTEST_PASSWORD,
        max_length=profile.max_length or LONGEST_PASSWORD,
        lowercase=profile.min_lowercase_chars,
        uppercase=profile.min_uppercase_chars,
        digits=profile.min_numeric_chars,
        symbols=profile.min_symbol_chars,
        remembered=profile.num_prev_password_check,
        min_age=_span(profile.min_password_age),
        max_age=_span(profile.max_password_age),
        notice=_span(profile.password_expiry_notification_period_in_seconds) or timedelta(0),
    )


def _span(seconds: int) -> timedelta | None:
    """At most LONGEST_AGE, whatever was stored before there was that bound."""
    if seconds <= 0:
        return None
    return timedelta(seconds=min(seconds, int(LONGEST_AGE.total_seconds())))


def faults_of(password: str, username: str, rules: PasswordRules) -> tuple[str, ...]:
    """Every reason why this password is not taken, each to be read after "the new password "."""
    found: list[str] = []
    if len(password) < rules.min_length:
        found.append(f"is too weak: give at least {rules.min_length} characters")
    if len(password) > rules.max_length:
        found.append(f"is too long: give up to {rules.max_length} characters")
    if password.lower() == username.lower():
        found.append("is too weak: it is the user name")
    for least, kind, number in (
        (rules.lowercase, "lower-case letters", sum(map(str.islower, password))),
        (rules.uppercase, "upper-case letters", sum(map(str.isupper, password))),
        (rules.digits, "digits", sum(map(str.isdigit, password))),
        (rules.symbols, "symbols", sum(not (c.isalnum() or c.isspace()) for c in password)),
    ):
        if number < least:
            found.append(f"has too few {kind}: {number}, {least} are asked for")
    return tuple(found)
