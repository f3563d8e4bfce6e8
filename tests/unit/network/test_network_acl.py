"""A list of rules that is wrong somewhere never opens more than a right one."""

import pytest

from eaves.evapi.config import ACE, ACEAction, ACEMatch
from eaves.node.network.acl import resolve

ALLOW_ALL = ACE(id=9)
WRONG = ACEMatch(type="protocol", value="no such thing\n")


@pytest.mark.parametrize(
    "action", [ACEAction(drop=True), ACEAction(limit=True)], ids=["drop", "limit"]
)
def test_a_wrong_restriction_lets_nothing_behind_it_through(action: ACEAction) -> None:
    first = ACE(id=1, matches=(ACEMatch(type="ip", value="10.0.0.0/8"),))
    wrong = ACE(id=2, matches=(WRONG,), actions=(action,))
    entries, said = resolve((first, wrong, ALLOW_ALL), ())
    assert [e.number for e in entries] == [1]
    assert "drop" in said[0]


def test_a_wrong_allowance_is_only_left_out() -> None:
    entries, said = resolve((ACE(id=1, matches=(WRONG,)), ALLOW_ALL), ())
    assert [e.number for e in entries] == [9]
    assert "ignored" in said[0]


def test_an_entry_without_an_id_is_refused() -> None:
    entries, said = resolve((ACE(id=0), ALLOW_ALL), ())
    assert [e.number for e in entries] == [9]
    assert "its id is 0" in said[0]


def test_an_id_may_be_any_number_of_the_wire() -> None:
    entries, said = resolve((ACE(id=2**32 - 1), ALLOW_ALL), ())
    assert ([e.number for e in entries], said) == ([2**32 - 1, 9], [])


def test_of_two_entries_with_one_id_the_first_stays() -> None:
    again = ACE(id=9, matches=(ACEMatch(type="ip", value="10.0.0.0/8"),))
    entries, said = resolve((ALLOW_ALL, again), ())
    assert [e.prefix for e in entries] == [""]
    assert "an entry before it has the same id" in said[0]


@pytest.mark.parametrize(
    "entry",
    [
        ACE(id=1, matches=(ACEMatch(type="host", value="a.test"),)),
        ACE(id=1, matches=(ACEMatch(type="eidset"),)),
    ],
    ids=["host", "eidset"],
)
def test_a_switch_knows_neither_names_nor_other_apps(entry: ACE) -> None:
    entries, said = resolve((entry, ALLOW_ALL), (), switch=True)
    assert [e.number for e in entries] == [9]
    assert "for local network instances only" in said[0]
