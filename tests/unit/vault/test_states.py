"""What becomes of a vault: it opens by a key only, and nothing wipes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.node.vault.states import MOVES, Act, Event, ImpossibleMove, Phase, move

KEYS = {Event.UNSEALED, Event.RECOVERED, Event.MADE, Event.KEY_IN_KERNEL}


def follow(events: list[Event]) -> list[tuple[Phase, Event, Phase, tuple[Act, ...]]]:
    phase = Phase.START
    taken: list[tuple[Phase, Event, Phase, tuple[Act, ...]]] = []
    for event in events:
        try:
            after, acts = move(phase, event)
        except ImpossibleMove:
            continue
        taken.append((phase, event, after, acts))
        phase = after
    return taken


@given(st.lists(st.sampled_from(Event), max_size=30))
def test_no_vault_opens_without_a_key(events: list[Event]) -> None:
    for before, event, after, _ in follow(events):
        if after is Phase.OPEN and before is not Phase.OPEN:
            assert event in KEYS


@given(st.lists(st.sampled_from(Event), max_size=30))
def test_a_vault_that_was_there_is_never_made_again_or_given_up(events: list[Event]) -> None:
    there = False
    for _, event, after, acts in follow(events):
        there = there or event in (Event.VAULT_THERE, Event.MADE)
        if there:
            assert Act.MAKE not in acts
            assert after in (Phase.LOCKED, Phase.OPEN)


@given(st.lists(st.sampled_from(Event), max_size=30))
def test_a_key_that_the_tpm_did_not_give_is_sealed_anew(events: list[Event]) -> None:
    for _, event, _, acts in follow(events):
        assert (event in (Event.RECOVERED, Event.PCRS_CHOSEN)) == (Act.RESEAL in acts)


@pytest.mark.parametrize(
    "event", [Event.PCRS_DIFFER, Event.TPM_FAILED, Event.MORE_NEEDED, Event.WRONG_SHARE]
)
def test_what_fails_leaves_a_locked_vault_locked_and_an_open_one_open(event: Event) -> None:
    assert move(Phase.LOCKED, event) == (Phase.LOCKED, ())
    assert move(Phase.OPEN, event) == (Phase.OPEN, ())


def test_every_event_and_phase_is_in_the_table() -> None:
    assert {event for _, event in MOVES} == set(Event)
    assert {phase for phase, _ in MOVES} | {Phase.DISABLED} == set(Phase)
