"""Guesses as one process counts them: by whom, from where, and how much of it is remembered."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from eaves.controller.domain.lockout import ATTEMPTS
from eaves.controller.northbound.forwarded import client_behind
from eaves.controller.northbound.passwords import (
    ATTEMPTS_OF_ADDRESS,
    ATTEMPTS_OF_NETWORKS,
    REMEMBERED,
    REMEMBERED_FOR,
    Guesser,
    Passwords,
    TooManyGuesses,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def use_up(passwords: Passwords, guessers: Sequence[Guesser]) -> int:
    """How many of them are looked at."""
    for number, who in enumerate(guessers):
        try:
            passwords.reserve(who, NOW)
        except TooManyGuesses:
            return number
    return len(guessers)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_an_address_is_that_of_one_customer(host: str, address: str) -> None:
    assert Guesser.of("alice", host).address == address


def test_a_site_with_many_networks_is_bounded_as_one() -> None:
    networks = [Guesser.of(f"name {n}", f"2001:db8:1:{n:x}::1") for n in range(300)]
    assert use_up(Passwords(), networks) == ATTEMPTS_OF_NETWORKS
    apart = [Guesser.of(f"name {n}", f"2001:db8:{n:x}::1") for n in range(300)]
    assert use_up(Passwords(), apart) == len(apart)
    one = [Guesser.of(f"name {n}", "2001:db8::1") for n in range(300)]
    assert use_up(Passwords(), one) == ATTEMPTS_OF_ADDRESS


def test_what_was_right_is_taken_back_for_the_address_too() -> None:
    passwords, alice = Passwords(), Guesser("alice", "a")
    for _ in range(ATTEMPTS_OF_ADDRESS * 2):
        passwords.reserve(alice, NOW)
        passwords.take_back(alice)
        assert passwords.succeeded(alice) == 0
    assert passwords.attempts_left(alice, NOW) == ATTEMPTS


def test_a_client_that_is_known_is_judged_by_itself() -> None:
    passwords, known = Passwords(), Guesser("alice", "client 1", known=True)
    strangers = [Guesser("alice", "a")] * ATTEMPTS + [Guesser("bob", "a")] * ATTEMPTS
    assert use_up(passwords, strangers) == len(strangers)
    assert passwords.attempts_left(known, NOW) == ATTEMPTS
    assert use_up(passwords, [known] * (ATTEMPTS + 1)) == ATTEMPTS


def test_what_strangers_named_is_forgotten() -> None:
    passwords = Passwords()
    for number in range(REMEMBERED + 10):
        passwords.reserve(Guesser(f"name {number}", f"address {number}"), NOW)
    assert len(passwords._guesses) == REMEMBERED
    later = NOW + REMEMBERED_FOR + timedelta(seconds=1)
    passwords.reserve(Guesser("alice", "a"), later)
    assert set(passwords._guesses) == {Guesser("alice", "a"), Guesser("", "a")}


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.7", "203.0.113.1", "198.51.100.7"),  # no proxy of ours
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "203.0.113.1", "203.0.113.1"),
        ("192.0.2.1", "10.0.0.1, 203.0.113.1", "203.0.113.1"),  # what a client wrote itself
        ("192.0.2.1", "203.0.113.1, 192.0.2.9", "203.0.113.1"),  # two proxies
        ("::ffff:192.0.2.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("192.0.2.1", "203.0.113.1:4711", "203.0.113.1"),
        ("192.0.2.1", "unknown", "192.0.2.1"),
        ("192.0.2.1", "203.0.113.1, nonsense", "192.0.2.1"),
        ("a socket", "203.0.113.1", "a socket"),
    ],
)
def test_who_is_behind_a_proxy(peer: str, forwarded: str, client: str) -> None:
    assert client_behind(peer, forwarded, [ip_network("192.0.2.0/24")]) == client
