"""When guessing ends."""

from datetime import UTC, datetime, timedelta

from eaves.controller.domain.lockout import (
    ATTEMPTS,
    ATTEMPTS_OF_USER,
    LOCKED_FOR,
    WINDOW,
    Guesses,
    attempts_left,
    locked_just_now,
    one_more,
    weight,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def wrong(number: int, address: str = "a", at: datetime = NOW) -> Guesses:
    there = one_more(None, address, at)
    for _ in range(number - 1):
        there = one_more(there, address, at)
    return there


def left(*there: Guesses, address: str = "a", at: datetime = NOW, here: bool = False) -> int:
    return attempts_left(there, address, at, signed_in_here=here)


def test_an_address_has_so_many_guesses_in_a_minute() -> None:
    assert left() == ATTEMPTS
    assert left(wrong(ATTEMPTS - 1)) == 1
    assert left(wrong(ATTEMPTS)) == 0
    later = NOW + WINDOW + timedelta(seconds=1)
    assert left(wrong(ATTEMPTS), at=later) == ATTEMPTS
    again = one_more(wrong(ATTEMPTS), "a", later)
    assert left(again, at=later) == ATTEMPTS - 1


def test_one_address_never_locks_a_user_for_others() -> None:
    assert left(wrong(1000, "stranger")) == ATTEMPTS


def test_many_addresses_lock_a_user_for_a_while() -> None:
    strangers = [wrong(ATTEMPTS, f"stranger {n}") for n in range(ATTEMPTS_OF_USER // ATTEMPTS)]
    assert left(*strangers) == 0
    assert left(*strangers, here=True) == ATTEMPTS
    assert left(*strangers, at=NOW + LOCKED_FOR + timedelta(seconds=1)) == ATTEMPTS


def test_the_moment_of_locking_is_told_once() -> None:
    before = [wrong(ATTEMPTS, f"stranger {n}") for n in range(4)] + [wrong(9, "last")]
    after = [*before[:4], one_more(before[4], "last", NOW)]
    assert locked_just_now(after, weight(before, NOW), NOW)
    assert not locked_just_now(after, weight(after, NOW), NOW)
    assert not locked_just_now(before, weight(before[:4], NOW), NOW)
