"""How often an address may fail."""

from datetime import UTC, datetime, timedelta

from eaves.controller.northbound.tries import REMEMBERED, Tries

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_tries_are_counted_for_each_address_and_forgotten_after_a_while() -> None:
    tries = Tries(2, MINUTE)
    assert [tries.take("here", NOW) for _ in range(3)] == [True, True, False]
    assert tries.take("there", NOW)
    assert not tries.take("here", NOW + MINUTE / 2)
    assert tries.take("here", NOW + MINUTE)


def test_what_went_well_is_given_back() -> None:
    tries = Tries(1, MINUTE)
    for _ in range(3):
        assert tries.take("here", NOW)
        tries.give_back("here")
    tries.give_back("nobody")
    assert tries.take("here", NOW)
    assert not tries.take("here", NOW)


def test_many_addresses_are_not_remembered_for_ever() -> None:
    tries = Tries(1, MINUTE)
    assert tries.take("first", NOW)
    assert not tries.take("first", NOW)
    for number in range(REMEMBERED):
        tries.take(str(number), NOW)
    assert tries.take("first", NOW)
