"""What the answers of a metrics store mean."""

import math

import pytest

from eaves.controller.telemetry.series_of_store import (
    MILLISECOND,
    finest,
    growth,
    newest_shares,
    starts_of,
)
from eaves.controller.telemetry.sinks.metrics_store import Found


@pytest.mark.parametrize(
    ("step", "span", "fine"),
    [
        (60, 3600, 60),
        (300, 24 * 3600, 60),
        (3600, 30 * 24 * 3600, 900),
        (4 * 3600, 365 * 24 * 3600, 4 * 3600),
        (90, 3600, 90),
        (30, 600, 30),
        (1, 10, 1),
    ],
)
def test_windows_fill_a_step_and_are_not_too_many(step: int, span: int, fine: int) -> None:
    assert finest(step, span) == fine
    assert step % fine == 0


def test_a_counter_grows_within_and_between_windows_and_starts_again_at_zero() -> None:
    windows = {60: 100.0, 120: 160.0, 180: 190.0, 420: 250.0, 480: 20.0}
    assert growth(windows, 120, 120) == {120: 90.0, 360: 60.0, 480: 20.0}


def test_what_is_first_known_has_not_grown() -> None:
    assert growth({600: 5000.0}, 0, 60) == {}


def test_a_window_is_told_by_its_start() -> None:
    found = Found({}, [(179 + 1 - MILLISECOND, "3"), (239.999, "4.5")])
    assert starts_of(found, 60) == {120: 3.0, 180: 4.5}


def test_shares_are_of_the_newest_moment_only() -> None:
    a_tenth = 60 * 1e8
    shares = newest_shares(
        [
            Found({"field": "cpu_ns"}, [(60.0, "0"), (120.0, f"{a_tenth:.0f}")]),
            Found({"object": "gone"}, [(0.0, "0"), (60.0, "1e9")]),
            Found({"object": "again"}, [(60.0, "1e12"), (120.0, "5"), (120.0, "5")]),
            Found({"object": "new"}, [(120.0, "1e12")]),
        ]
    )
    assert shares.keys() == {"", "again"}
    assert math.isclose(shares[""], 10.0)
    assert shares["again"] == 0.0


def test_nothing_known_is_no_share() -> None:
    assert newest_shares([]) == {}
