"""When guessing ends."""

from datetime import UTC, datetime, timedelta

from eaves.controller.domain.lockout import (
    ATTEMPTS,
    ATTEMPTS_OF_SITE,
    ATTEMPTS_OF_USER,
    CODES,
    HELD_FOR,
    HELD_MOST,
    LOCKED_FOR,
    WINDOW,
    Guesses,
    attempts_left,
    codes_from,
    locked_just_now,
    one_more,
    site_of,
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


def test_the_networks_of_a_site_count_as_one() -> None:
    """Whoever has a /48 has 65,536 of them, and neither locks a user nor guesses for ever."""
    networks = [wrong(ATTEMPTS, f"2001:db8:1:{n:x}::/64") for n in range(16)]
    assert weight(networks, NOW) == ATTEMPTS
    assert left(*networks) == ATTEMPTS
    assert left(*networks[:2], address="2001:db8:1:ff::/64") == ATTEMPTS_OF_SITE - 2 * ATTEMPTS
    assert left(*networks, address="2001:db8:1:ff::/64") == 0
    assert left(*networks, address="2001:db8:1:ff::/64", here=True) == ATTEMPTS
    assert left(*networks, address="2001:db8:2:ff::/64") == ATTEMPTS
    for address in ("198.51.100.7", "client abc", "2001:db8:1::/48", "::x", ""):
        assert site_of(address) == address


def test_codes_are_looked_at_more_and_more_rarely() -> None:
    assert codes_from(CODES - 1, NOW) == NOW
    waits = [codes_from(CODES + more, NOW) - NOW for more in range(20)]
    assert waits[:3] == [HELD_FOR, HELD_FOR * 2, HELD_FOR * 4]
    assert waits == sorted(waits)
    assert waits[-1] == HELD_MOST
    # three of a million hold at a time: the share that is guessed in a year
    tried, now = CODES, NOW
    while now < NOW + timedelta(days=365):
        now, tried = codes_from(tried, now), tried + 1
    assert tried * 3 / 10**6 < 0.002
