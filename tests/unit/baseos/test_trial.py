"""How long a system on trial has: counted from answers, ended by silence."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.node.baseos.slots import Event
from eaves.node.baseos.trial import Answer, Limits, Trial, begun, hear, judge, seconds_left

LIMITS = Limits(silence_s=300, window_s=600, vault_s=300)


def heard(*answers: tuple[float, Answer]) -> Trial:
    trial = begun(0)
    for at, answer in answers:
        trial = hear(trial, answer, at)
    return trial


def every_minute(answer: Answer, minutes: int) -> list[tuple[float, Answer]]:
    return [(60.0 * n, answer) for n in range(1, minutes + 1)]


def test_a_controller_that_never_answers_ends_it() -> None:
    trial = heard((10, Answer.NONE), (200, Answer.NONE))
    assert judge(trial, 299, LIMITS, vault_open=True) is None
    assert judge(trial, 300, LIMITS, vault_open=True) is Event.SILENCE


@pytest.mark.parametrize("hours", [1, 24])
def test_a_controller_that_puts_off_is_waited_for(hours: int) -> None:
    trial = heard(*every_minute(Answer.PUT_OFF, 60 * hours))
    assert judge(trial, 3600 * hours + 60, LIMITS, vault_open=True) is None


def test_the_window_is_counted_from_the_first_answer() -> None:
    trial = heard(*every_minute(Answer.WELL, 11))
    assert judge(trial, 659, LIMITS, vault_open=True) is None
    assert judge(trial, 660, LIMITS, vault_open=True) is Event.WINDOW_OVER


@pytest.mark.parametrize("gap", [Answer.NONE, Answer.PUT_OFF])
def test_a_gap_begins_the_window_anew(gap: Answer) -> None:
    trial = heard(*every_minute(Answer.WELL, 9), (600, gap), (620, Answer.WELL))
    assert seconds_left(trial, 620, LIMITS) == 600
    assert judge(trial, 700, LIMITS, vault_open=True) is None


@pytest.mark.parametrize("first", [Answer.WELL, Answer.PUT_OFF])
@pytest.mark.parametrize("then", Answer)
def test_a_vault_that_stays_shut_ends_it_after_any_sign_of_the_controller(
    first: Answer, then: Answer
) -> None:
    """Node reference 12.1: within timer.vault.ready.cutoff, whatever the controller says."""
    patient = replace(LIMITS, silence_s=3600)
    trial = heard((60, first), (350, then))
    assert judge(trial, 359, patient, vault_open=False) is None
    assert judge(trial, 360, patient, vault_open=False) is Event.VAULT_LATE
    assert judge(trial, 360, patient, vault_open=True) is None


def test_before_the_controller_was_heard_a_vault_has_all_the_time_of_silence() -> None:
    patient = replace(LIMITS, silence_s=3600)
    trial = heard(*every_minute(Answer.NONE, 10))
    assert judge(trial, 600, patient, vault_open=False) is None
    assert judge(trial, 3600, patient, vault_open=False) is Event.SILENCE


def test_a_short_window_still_waits_for_the_vault() -> None:
    short = Limits(silence_s=300, window_s=30, vault_s=300)
    trial = heard((10, Answer.WELL), (40, Answer.WELL))
    assert judge(trial, 40, short, vault_open=False) is None
    assert judge(trial, 40, short, vault_open=True) is Event.WINDOW_OVER


TIMES = st.lists(st.tuples(st.floats(0, 200), st.sampled_from(Answer)), min_size=1, max_size=40)


@given(TIMES)
def test_it_passes_only_after_answers_for_the_whole_window(
    steps: list[tuple[float, Answer]],
) -> None:
    trial, now, well_since = begun(0), 0.0, None
    for pause, answer in steps:
        now += pause
        trial = hear(trial, answer, now)
        well_since = (
            (well_since if well_since is not None else now) if answer is Answer.WELL else None
        )
        event = judge(trial, now, LIMITS, vault_open=True)
        if event is Event.WINDOW_OVER:
            assert well_since is not None
            assert now - well_since >= LIMITS.window_s
        assert 0 <= seconds_left(trial, now, LIMITS) <= LIMITS.window_s
