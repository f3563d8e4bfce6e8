"""Rates of users and of addresses without a good token."""

from dataclasses import replace

import pytest

from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.rates import CallerRates
from eaves.controller.settings import Bounds

SMALL = replace(
    Bounds(),
    user_requests_per_s=10,
    user_requests_burst_s=1,
    stranger_requests_per_s=10,
    stranger_requests_burst_s=1,
)


def test_a_user_over_its_rate_waits_and_nobody_else_does() -> None:
    rates = CallerRates(SMALL)
    for _ in range(11):
        rates.charge("alice", "Alice", 0.0)
    with pytest.raises(Problem, match="'Alice' sends more requests") as refused:
        rates.charge("alice", "Alice", 0.0)
    assert (refused.value.status, refused.value.retry_after_s) == (429, 1)
    rates.charge("bob", "Bob", 0.0)
    rates.charge("alice", "Alice", 1.0)


def test_an_address_of_bad_tokens_is_refused_before_they_are_looked_up() -> None:
    rates = CallerRates(SMALL)
    for _ in range(11):
        rates.refuse_noisy("192.0.2.1", 0.0)
        rates.note_stranger("192.0.2.1", 0.0)
    with pytest.raises(Problem, match="without a good token"):
        rates.refuse_noisy("192.0.2.1", 0.0)
    rates.refuse_noisy("192.0.2.2", 0.0)
    rates.refuse_noisy("192.0.2.1", 1.0)
