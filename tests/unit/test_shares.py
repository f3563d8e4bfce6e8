"""What several runs of the tests divide is run once, whole files by one of them."""

from pathlib import Path

from support.shares import take_in, taken


def file_of(item: str) -> str:
    return item.partition("::")[0]


def test_two_runs_that_ask_by_turns_have_each_item_once(tmp_path: Path) -> None:
    items = ["a::1", "a::2", "b::1", "c::1", "c::2", "d::1"]
    first = taken(items, file_of, take_in(tmp_path))
    second = taken(items, file_of, take_in(tmp_path))
    assert [next(first), next(second), next(second)] == ["a::1", "b::1", "c::1"]
    assert [*first] == ["a::2", "d::1"]
    assert [*second] == ["c::2"]


def test_a_share_is_not_taken_before_its_turn(tmp_path: Path) -> None:
    items = ["a::1", "b::1"]
    first = taken(items, file_of, take_in(tmp_path))
    assert next(first) == "a::1"
    assert [*taken(items, file_of, take_in(tmp_path))] == ["b::1"]
    assert [*first] == []
