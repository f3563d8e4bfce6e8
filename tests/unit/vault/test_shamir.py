"""Shares of a secret: enough give it back, fewer could be of any other."""

import itertools
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eaves.node.vault.shamir import SharesUnusable, join, share_at, split

SECRETS = st.binary(min_size=1, max_size=40)


@st.composite
def shared(draw: st.DrawFn) -> tuple[bytes, int, dict[int, bytes]]:
    """A secret, how many shares it needs, and its shares."""
    secret = draw(SECRETS)
    numbers = draw(st.lists(st.integers(1, 255), min_size=1, max_size=6, unique=True))
    needed = draw(st.integers(1, len(numbers)))
    random = Random(draw(st.integers()))  # noqa: S311 - a test that can be repeated
    return secret, needed, split(secret, needed, numbers, random.randbytes)


@given(shared())
def test_any_that_are_enough_give_the_secret(case: tuple[bytes, int, dict[int, bytes]]) -> None:
    secret, needed, shares = case
    for chosen in itertools.combinations(shares, needed):
        assert join({x: shares[x] for x in chosen}) == secret


@given(shared())
def test_any_that_are_enough_give_every_other_share(
    case: tuple[bytes, int, dict[int, bytes]],
) -> None:
    _, needed, shares = case
    some = {x: shares[x] for x in list(shares)[:needed]}
    assert all(share_at(some, x) == share for x, share in shares.items())


@settings(max_examples=15)
@given(shared(), st.integers(0, 255))
def test_one_share_too_few_fits_every_secret(
    case: tuple[bytes, int, dict[int, bytes]], other: int
) -> None:
    """For each value of a byte there is exactly one missing share that would give it."""
    secret, needed, shares = case
    if needed == 1:
        return
    known = dict(list(shares.items())[: needed - 1])
    missing = next(x for x in range(1, 256) if x not in known)
    first = {x: share[:1] for x, share in known.items()}
    found = [v for v in range(256) if join({**first, missing: bytes([v])})[0] == other]
    assert len(found) == 1
    assert len(secret) == len(known[next(iter(known))])


def test_with_one_needed_every_share_is_the_secret() -> None:
    assert split(b"secret", 1, (1, 2, 3), lambda _: b"") == dict.fromkeys((1, 2, 3), b"secret")


def test_shares_are_those_of_the_field_of_aes() -> None:
    """Worked by hand: 0x42 + 0x53 x, with 0x53 * 2 = 0xa6 and 0x53 * 3 = 0xf5."""
    assert split(b"\x42", 2, (1, 2, 3), lambda _: b"\x53") == {
        1: b"\x11",
        2: b"\xe4",
        3: b"\xb7",
    }


@pytest.mark.parametrize(
    ("needed", "numbers"),
    [(0, (1, 2)), (3, (1, 2)), (1, ()), (1, (0, 1)), (2, (1, 1)), (1, (256,))],
)
def test_a_plan_that_cannot_be_is_refused(needed: int, numbers: tuple[int, ...]) -> None:
    with pytest.raises(SharesUnusable):
        split(b"secret", needed, numbers, bytes)


@pytest.mark.parametrize("shares", [{}, {0: b"a"}, {1: b"a", 2: b"bc"}, {300: b"a"}])
def test_shares_that_cannot_belong_together_are_refused(shares: dict[int, bytes]) -> None:
    with pytest.raises(SharesUnusable):
        join(shares)
