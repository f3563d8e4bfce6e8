"""The printed key: what is typed back opens, a typing error is told, another key opens nothing."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.node.vault.recovery import (
    SEED_BYTES,
    RecoveryKeyUnusable,
    disclose,
    enclose,
    public_key,
    recovery_seed,
    recovery_text,
)

SEEDS = st.binary(min_size=SEED_BYTES, max_size=SEED_BYTES)
VAULT, SHARE = b"v" * 16, b"s" * 32


@given(SEEDS)
def test_what_is_typed_back_is_the_key(seed: bytes) -> None:
    text = recovery_text(seed)
    assert [len(group) for group in text.split("-")] == [4] * 9
    assert recovery_seed(text) == seed
    assert recovery_seed(f"  {text.lower().replace('-', ' ')}\n") == seed
    assert recovery_seed(text.replace("O", "0").replace("I", "1")) == seed


@given(SEEDS, st.integers(0, 31), st.integers(1, 31))
def test_one_wrong_letter_is_told(seed: bytes, at: int, by: int) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    plain = recovery_text(seed).replace("-", "")
    wrong = letters[(letters.index(plain[at]) + by) % 32]
    with pytest.raises(RecoveryKeyUnusable, match="typing error"):
        recovery_seed(plain[:at] + wrong + plain[at + 1 :])


@pytest.mark.parametrize("text", ["", "ABCD", "8" * 36, "A" * 35])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(RecoveryKeyUnusable):
        recovery_seed(text)


def test_only_the_printed_key_of_this_vault_opens() -> None:
    seed, other = bytes(range(SEED_BYTES)), bytes(SEED_BYTES)
    enclosed = enclose(SHARE, public_key(seed), VAULT, os.urandom)
    assert disclose(enclosed, seed, VAULT) == SHARE
    for key, vault in ((other, VAULT), (seed, b"w" * 16)):
        with pytest.raises(RecoveryKeyUnusable, match="another vault"):
            disclose(enclosed, key, vault)


def test_the_same_share_is_enclosed_in_other_bytes_each_time() -> None:
    public = public_key(bytes(SEED_BYTES))
    first, second = (enclose(SHARE, public, VAULT, os.urandom) for _ in range(2))
    assert first.data != second.data
    assert first.ephemeral != second.ephemeral
