"""What is refused when there is too much, decided on values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.controller.domain.rates import Rates
from eaves.controller.southbound.pressure import (
    Level,
    Signals,
    Worth,
    level_of,
    worth_of,
)
from eaves.evapi.paths import Endpoint

NEVER_REFUSED = (
    Endpoint.CONFIG,
    Endpoint.ATTEST,
    Endpoint.INFO,
    Endpoint.UUID,
    Endpoint.REGISTER,
    Endpoint.WAIT,
)


@pytest.mark.parametrize(
    ("signals", "level"),
    [
        pytest.param(Signals(), Level.CALM, id="nothing"),
        pytest.param(Signals(bodies=0.5), Level.DEBUG_LOGS, id="bodies fill half of their memory"),
        pytest.param(Signals(bodies=0.9), Level.METRICS, id="bodies fill nearly all of it"),
        pytest.param(Signals(lag_s=0.2), Level.DEBUG_LOGS, id="the loop is late"),
        pytest.param(Signals(lag_s=0.4), Level.LOGS, id="later"),
        pytest.param(Signals(lag_s=2.0), Level.METRICS, id="very late"),
        pytest.param(Signals(queues={Worth.ALWAYS: 1.0}), Level.METRICS, id="info waits"),
        pytest.param(Signals(queues={Worth.METRICS: 1.0}), Level.LOGS, id="metrics wait"),
        pytest.param(Signals(queues={Worth.LOGS: 1.0}), Level.DEBUG_LOGS, id="logs wait"),
    ],
)
def test_the_level_follows_what_is_furthest_behind(signals: Signals, level: Level) -> None:
    assert level_of(Level.CALM, signals) is level


def test_a_level_ends_only_when_its_cause_has_clearly_eased() -> None:
    assert level_of(Level.METRICS, Signals(bodies=0.8)) is Level.METRICS
    assert level_of(Level.METRICS, Signals(bodies=0.55)) is Level.LOGS
    assert level_of(Level.LOGS, Signals(bodies=0.3)) is Level.CALM


@given(
    before=st.sampled_from(Level),
    bodies=st.floats(0, 1),
    lag_s=st.floats(0, 1000),
    queues=st.dictionaries(st.sampled_from(Worth), st.floats(0, 1)),
)
def test_what_a_device_cannot_do_without_is_never_refused(
    before: Level, bodies: float, lag_s: float, queues: dict[Worth, float]
) -> None:
    level = level_of(before, Signals(bodies, lag_s, queues))
    assert not any(level.refuses(worth_of(endpoint)) for endpoint in NEVER_REFUSED)


@given(level=st.sampled_from(Level))
def test_who_is_worth_more_is_refused_only_after_who_is_worth_less(level: Level) -> None:
    refused = [level.refuses(worth) for worth in sorted(Worth)]
    assert refused == sorted(refused, reverse=True)


def test_a_sender_gets_its_burst_and_then_its_rate() -> None:
    rates: Rates[str] = Rates(per_s=10, burst=5)
    assert [rates.charge("a", 0.0) for _ in range(8)] == [True] * 6 + [False] * 2
    assert rates.over("a", 0.0)
    assert not rates.over("b", 0.0)
    assert rates.charge("b", 0.0)
    assert not rates.over("a", 0.2)
    assert [rates.charge("a", 0.2) for _ in range(4)] == [True, True, False, False]


def test_what_was_refused_is_not_charged() -> None:
    rates: Rates[str] = Rates(per_s=10, burst=1)
    for _ in range(1000):
        rates.charge("a", 0.0)
    assert rates.charge("a", 0.2)


@given(st.lists(st.tuples(st.floats(0, 0.05), st.sampled_from("abc")), max_size=300))
def test_no_sender_gets_more_than_its_rate_and_none_pays_for_another(
    asked: list[tuple[float, str]],
) -> None:
    rates: Rates[str] = Rates(per_s=20, burst=4)
    alone: dict[str, Rates[str]] = {name: Rates(per_s=20, burst=4) for name in "abc"}
    now, admitted = 0.0, dict.fromkeys("abc", 0)
    for later_s, name in asked:
        now += later_s
        served = rates.charge(name, now)
        assert served == alone[name].charge(name, now)
        admitted[name] += served
    assert all(count <= 20 * now + 4 + 1.001 for count in admitted.values())


def test_senders_without_end_do_not_fill_the_memory() -> None:
    rates: Rates[int] = Rates(per_s=1, burst=10, remembered=100)
    for stranger in range(10_000):
        rates.charge(stranger, 0.001 * stranger)
    assert len(rates) <= 100
