"""Whatever comes in, only errors of ours come out: written for a person, caught at one place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire.hostile import DOORS, Door, mutations, varint

from eaves.errors import EavesError

CASES = 100_000


def enter(door: Door, data: bytes) -> None:
    try:
        door.enter(data)
    except EavesError as error:
        assert str(error)  # noqa: PT017  # any of ours will do
    except Exception as error:
        raise AssertionError(f"{door.name}: {error!r} for {data.hex()}") from error


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name.replace(" ", "-"))
def test_a_mutated_message_raises_only_our_errors(door: Door) -> None:
    for data in mutations(door.seeds(), door.cases, door.name):
        enter(door, data)


def test_the_mutations_are_at_least_a_hundred_thousand() -> None:
    assert sum(door.cases for door in DOORS) >= CASES


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name.replace(" ", "-"))
def test_every_seed_passes_unless_it_is_refused_for_what_it_says(door: Door) -> None:
    for seed in door.seeds():
        enter(door, seed)


@given(st.sampled_from(DOORS), st.binary(max_size=300))
def test_random_bytes_raise_only_our_errors(door: Door, data: bytes) -> None:
    enter(door, data)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name.replace(" ", "-"))
def test_every_truncation_of_a_short_seed_raises_only_our_errors(door: Door) -> None:
    seed = min(door.seeds(), key=len)
    for end in range(min(len(seed), 400)):
        enter(door, seed[:end])


@pytest.mark.parametrize("depth", [10, 200, 5_000, 100_000])
def test_deep_nesting_raises_only_our_errors(depth: int) -> None:
    nested = b""
    for _ in range(depth):
        nested = b"\x0a" + varint(len(nested)) + nested
        if len(nested) > 60_000:
            break
    for door in DOORS:
        enter(door, nested)
        enter(door, b"\x0b" * depth)
