"""When guessing ends: by address soon, by user once many addresses guess.  Pure.

A single stranger never locks a user out: what one address adds to the count of a user is bounded,
and an address from which the user is signed in just now is judged by its own guesses alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

ATTEMPTS: Final = 10  # of one user from one address
WINDOW: Final = timedelta(minutes=1)
ATTEMPTS_OF_USER: Final = 50  # from all addresses, of which each counts for up to ATTEMPTS
LOCKED_FOR: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Guesses:
    """Wrong passwords and codes for one user from one address."""

    address: str
    failures: int
    last_at: datetime
    minute_failures: int
    minute_at: datetime


def one_more(there: Guesses | None, address: str, now: datetime) -> Guesses:
    if there is None or now - there.last_at > LOCKED_FOR:
        return Guesses(address, 1, now, 1, now)
    if now - there.minute_at > WINDOW:
        there = replace(there, minute_failures=0, minute_at=now)
    return replace(
        there,
        failures=there.failures + 1,
        minute_failures=there.minute_failures + 1,
        last_at=now,
    )


def attempts_left(
    guesses: Iterable[Guesses], address: str, now: datetime, *, signed_in_here: bool
) -> int:
    """How many more wrong ones are looked at; 0: not even a right one is."""
    here, everywhere = 0, 0
    for one in guesses:
        if now - one.last_at > LOCKED_FOR:
            continue
        everywhere += min(one.failures, ATTEMPTS)
        if one.address == address and now - one.minute_at <= WINDOW:
            here = one.minute_failures
    of_user = ATTEMPTS if signed_in_here else ATTEMPTS_OF_USER - everywhere
    return max(min(ATTEMPTS - here, of_user), 0)


def locked_just_now(guesses: Iterable[Guesses], before: int, now: datetime) -> bool:
    """Whether the last failure locked the user; `before`: what `weight` said before it."""
    return before < ATTEMPTS_OF_USER <= weight(guesses, now)


def weight(guesses: Iterable[Guesses], now: datetime) -> int:
    return sum(min(one.failures, ATTEMPTS) for one in guesses if now - one.last_at <= LOCKED_FOR)
