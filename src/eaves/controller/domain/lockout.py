"""When guessing ends: by address soon, by user once many addresses guess.  Pure.

A single stranger never locks a user out: what one address adds to the count of a user is bounded,
so is what the networks of one site add, and an address from which the user is signed in just now is
judged by its own guesses alone.

Codes of a second factor are six digits, so that does not do for them: they are looked at until
some were wrong in a row, wherever they came from, and then more and more rarely.  Only who has the
password can bring that about, and recovery codes, which nobody guesses, are taken all the while.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

ATTEMPTS: Final = 10  # of one user from one address
ATTEMPTS_OF_SITE: Final = 30  # of one user from all IPv6 networks of a site
WINDOW: Final = timedelta(minutes=1)
ATTEMPTS_OF_USER: Final = 50  # from all sites, of which each counts for up to ATTEMPTS
LOCKED_FOR: Final = timedelta(minutes=15)
SITE_BITS: Final = 48  # of IPv6: what a site is given, and may fill with networks

CODES: Final = 10  # wrong ones in a row, from wherever
HELD_FOR: Final = timedelta(minutes=15)  # after so many, and twice as long after each one more
HELD_MOST: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Guesses:
    """Wrong passwords and codes for one user from one address."""

    address: str
    failures: int
    last_at: datetime
    minute_failures: int
    minute_at: datetime


def site_of(address: str) -> str:
    """Of an IPv6 address or network the /48 that it lies in; all else stands for itself."""
    if ":" not in address:
        return address
    try:
        network = ipaddress.ip_network(address, strict=False)
    except ValueError:
        return address
    if network.version != 6 or network.prefixlen <= SITE_BITS:
        return address
    return str(network.supernet(new_prefix=SITE_BITS))


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
    recent = [one for one in guesses if now - one.last_at <= LOCKED_FOR]
    here, of_site, site = 0, 0, site_of(address)
    for one in recent:
        if now - one.minute_at > WINDOW:
            continue
        if one.address == address:
            here = one.minute_failures
        if site_of(one.address) == site:
            of_site += one.minute_failures
    left = ATTEMPTS - here
    if not signed_in_here:
        left = min(left, ATTEMPTS_OF_SITE - of_site, ATTEMPTS_OF_USER - weight(recent, now))
    return max(left, 0)


def locked_just_now(guesses: Iterable[Guesses], before: int, now: datetime) -> bool:
    """Whether the last failure locked the user; `before`: what `weight` said before it."""
    return before < ATTEMPTS_OF_USER <= weight(guesses, now)


def weight(guesses: Iterable[Guesses], now: datetime) -> int:
    of_sites: Counter[str] = Counter()
    for one in guesses:
        if now - one.last_at <= LOCKED_FOR:
            of_sites[site_of(one.address)] += one.failures
    return sum(min(failures, ATTEMPTS) for failures in of_sites.values())


def codes_from(wrong: int, last_at: datetime) -> datetime:
    """From when on the next code is looked at, after so many wrong ones in a row."""
    more = wrong - CODES
    if more < 0:
        return last_at
    return last_at + min(HELD_FOR * (1 << min(more, 10)), HELD_MOST)
