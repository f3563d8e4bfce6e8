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
