"""YAML that unfolds to more than anybody writes is refused before it unfolds."""

import itertools
import time

import pytest
import yaml

from eaves.bounded_yaml import TooMuch, load_bounded
from eaves.errors import Rejected
from eaves.node.containers.environment import parse_user_data


def grown(first: str, each: str) -> str:
    names = "abcdefghijk"
    return f"a: &a {first}\n" + "".join(
        f"{new}: &{new} {each.format(','.join(['*' + old] * 10))}\n"
        for old, new in itertools.pairwise(names)
    )


BOMBS = {
    "lists": grown("[x, x]", "[{}]"),
    "merges": grown("{x: 1}", "{{<<: [{}]}}"),
    "a list in itself": "a: &a [*a]",
    "a mapping in itself": "&a {b: {c: *a}}",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_bomb_of_aliases_is_refused_at_once(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(TooMuch, match="unfold to more than"):
        load_bounded(text)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "a: [1, 2.5, yes, null, 2026-01-01]",
        "x-common: &c {a: 1}\ns: {<<: *c, b: [*c, *c]}",
    ],
)
def test_what_people_write_is_read_as_ever(text: str) -> None:
    assert load_bounded(text) == yaml.safe_load(text)


def test_nothing_but_plain_values_is_made() -> None:
    with pytest.raises(yaml.YAMLError):
        load_bounded("!!python/object/apply:os.system [true]")


def test_a_node_refuses_user_data_that_unfolds_without_end() -> None:
    with pytest.raises(Rejected, match="unfold to more than"):
        parse_user_data("#cloud-config\n" + BOMBS["lists"])
