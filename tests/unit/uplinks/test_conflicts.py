"""When an address that somebody else had is asked for again."""

from collections.abc import Mapping

import pytest

from eaves.node.uplinks.conflicts import (
    LONGEST_PAUSE_S,
    Conflict,
    Key,
    asked_again,
    asking_lines,
)

ADDRESS: Key = ("eth0", "2001:db8::7/64")
NOBODY: frozenset[Key] = frozenset()
TAKEN = frozenset({ADDRESS})


def test_what_is_found_taken_is_asked_for_first_after_a_pause() -> None:
    due, known = asked_again({}, [ADDRESS], TAKEN, NOBODY, 100.0)
    assert (due, known) == ((), {ADDRESS: Conflict(0, 130.0)})
    assert asked_again(known, [ADDRESS], TAKEN, NOBODY, 129.9) == ((), known)
    assert asked_again(known, [ADDRESS], TAKEN, NOBODY, 130.0)[0] == (ADDRESS,)


def test_pauses_grow_to_the_longest_and_no_further() -> None:
    known: Mapping[Key, Conflict] = {}
    now, pauses = 0.0, list[float]()
    for _ in range(9):
        _, known = asked_again(known, [ADDRESS], TAKEN, NOBODY, now)
        pauses.append(known[ADDRESS].due - now)
        now = known[ADDRESS].due
    assert pauses == [30, 60, 120, 240, 480, 600, 600, 600, 600]
    assert pauses[-1] == LONGEST_PAUSE_S


@pytest.mark.parametrize(
    ("wanted", "taken", "held", "left"),
    [
        pytest.param([ADDRESS], NOBODY, NOBODY, [ADDRESS], id="the kernel still asks"),
        pytest.param([ADDRESS], NOBODY, TAKEN, [], id="it is held"),
        pytest.param([], TAKEN, NOBODY, [], id="nobody wants it any more"),
    ],
)
def test_a_conflict_is_remembered_until_it_is_over(
    wanted: list[Key], taken: frozenset[Key], held: frozenset[Key], left: list[Key]
) -> None:
    due, after = asked_again({ADDRESS: Conflict(3, 10.0)}, wanted, taken, held, 99.0)
    assert due == ()
    assert after == dict.fromkeys(left, Conflict(3, 10.0))


def test_what_was_never_in_conflict_is_left_alone() -> None:
    assert asked_again({}, [ADDRESS], NOBODY, NOBODY, 0.0) == ((), {})


def test_the_kernel_asks_again_for_what_is_taken_away_and_set() -> None:
    assert asking_lines([ADDRESS]) == (
        "address delete 2001:db8::7/64 dev eth0",
        "address replace 2001:db8::7/64 dev eth0",
    )
