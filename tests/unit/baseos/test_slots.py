"""What becomes of an update: no system runs for good that was not tried, and none is given up."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.node.baseos.slots import (
    MOVES,
    SLOTS,
    TRIAL,
    Act,
    Event,
    ImpossibleMove,
    Phase,
    Slot,
    found,
    loaded,
    mended,
    move,
    takes,
)

EVENTS = st.lists(st.sampled_from(Event), max_size=60)
FOUND = [event for event in Event if event.name.startswith("FOUND")]
PAIRS = list(product(Slot, Slot))


def follow(events: list[Event]) -> list[tuple[Phase, Event, Phase, tuple[Act, ...]]]:
    phase = Phase.START
    taken: list[tuple[Phase, Event, Phase, tuple[Act, ...]]] = []
    for event in events:
        if not takes(phase, event):
            continue
        after, acts = move(phase, event)
        taken.append((phase, event, after, acts))
        phase = after
    return taken


def test_every_event_phase_and_act_is_in_the_table() -> None:
    assert {event for _, event in MOVES} == set(Event)
    assert {phase for phase, _ in MOVES} | {Phase.LEAVING} == set(Phase)
    assert {act for _, acts in MOVES.values() for act in acts} == set(Act)
    assert set(SLOTS) == set(Phase) - {Phase.START}


def test_a_start_knows_every_find_and_nothing_else() -> None:
    assert {event for phase, event in MOVES if phase is Phase.START} == set(FOUND)
    assert not any(event in FOUND for phase, event in MOVES if phase is not Phase.START)


@given(EVENTS)
def test_no_system_is_committed_without_its_window(events: list[Event]) -> None:
    window = False
    for before, event, _, acts in follow(events):
        if Act.START_WINDOW in acts:
            window = True
        if Act.STOP_WINDOW in acts:
            window = False
        if Act.COMMIT in acts:
            assert window
            assert event is Event.WINDOW_OVER
            assert before is Phase.TESTING


@given(EVENTS)
def test_a_slot_is_marked_only_once_it_was_written_and_sealed_for(events: list[Event]) -> None:
    ready = False
    for _, event, _, acts in follow(events):
        ready = (ready or event in (Event.WRITTEN, Event.FORCED)) and Act.WRITE not in acts
        if Act.MARK in acts:
            assert ready
            assert event is Event.SEALED
        if Act.DROP in acts:
            ready = False


@given(EVENTS)
def test_nothing_writes_while_a_system_is_on_trial(events: list[Event]) -> None:
    for before, _, _, acts in follow(events):
        if before in TRIAL:
            assert not {Act.WRITE, Act.MARK, Act.DROP, Act.ANNOUNCE} & {*acts}


@given(EVENTS)
def test_a_machine_that_leaves_a_system_does_nothing_else(events: list[Event]) -> None:
    taken = follow(events)
    assert all(before is not Phase.LEAVING for before, _, _, _ in taken)


@pytest.mark.parametrize("event", [Event.PUT_OFF, Event.LOST])
def test_a_gap_begins_the_window_anew_and_does_not_end_the_trial(event: Event) -> None:
    assert move(Phase.TESTING, event) == (Phase.WAITING, (Act.STOP_WINDOW,))
    assert move(Phase.WAITING, event) == (Phase.WAITING, ())


@pytest.mark.parametrize("phase", [Phase.WAITING, Phase.TESTING])
@pytest.mark.parametrize(
    ("event", "act"),
    [
        (Event.SILENCE, Act.FALL_BACK),
        (Event.UNHEALTHY, Act.FALL_BACK),
        (Event.VAULT_LATE, Act.FALL_BACK_VAULT),
    ],
)
def test_what_a_trial_does_not_survive(phase: Phase, event: Event, act: Act) -> None:
    assert move(phase, event) == (Phase.LEAVING, (act,))


@pytest.mark.parametrize("phase", TRIAL)
def test_a_second_update_waits_for_the_first(phase: Phase) -> None:
    assert move(phase, Event.OTHER_WANTED) == (phase, (Act.DEFER,))


def test_a_move_that_the_table_does_not_have_is_a_fault() -> None:
    with pytest.raises(ImpossibleMove, match=r"idle.*WRITTEN"):
        move(Phase.IDLE, Event.WRITTEN)


@pytest.mark.parametrize(("current", "other"), PAIRS)
def test_whatever_a_cut_left_is_taken_for_a_pair_of_the_table(current: Slot, other: Slot) -> None:
    pair = mended(current, other)
    assert any(pair[0] is slots[0] and pair[1] in slots[1] for slots in SLOTS.values())
    assert mended(*pair) == pair


@pytest.mark.parametrize(("current", "other"), PAIRS)
@pytest.mark.parametrize("tried", [False, True])
def test_a_start_finds_a_phase_that_fits_the_slots(current: Slot, other: Slot, tried: bool) -> None:  # noqa: FBT001 - a parameter of the table
    pair = mended(current, other)
    phase, acts = move(Phase.START, found(*pair, tried=tried))
    seen = (pair[0], Slot.UNUSED if Act.DROP in acts else pair[1])
    assert seen[0] is SLOTS[phase][0]
    assert seen[1] in SLOTS[phase][1]


@given(st.lists(st.booleans(), max_size=20), st.sampled_from(PAIRS))
def test_a_trial_that_ends_uncommitted_leads_back(
    ends: list[bool], pair: tuple[Slot, Slot]
) -> None:
    current, other = mended(*pair)
    for _ in ends:
        good_before = current is Slot.ACTIVE or other is Slot.ACTIVE
        current, other = loaded(current, other)
        assert good_before
        assert Slot.ACTIVE in (current, other)
        if current is Slot.INPROGRESS:
            assert loaded(current, other) == (Slot.ACTIVE, Slot.INPROGRESS)


def test_the_slots_of_an_update_that_goes_well() -> None:
    current, other = loaded(Slot.ACTIVE, Slot.UPDATING)
    assert (current, other) == (Slot.INPROGRESS, Slot.ACTIVE)
    assert loaded(Slot.ACTIVE, Slot.UNUSED) == (Slot.ACTIVE, Slot.UNUSED)
    # A commit marks the running slot first; cut there, both are good.
    assert mended(Slot.ACTIVE, Slot.ACTIVE) == (Slot.ACTIVE, Slot.UNUSED)
