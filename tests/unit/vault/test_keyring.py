"""Who opens the vault: any `needed` of the holders, nobody else, and a rotation ends the old."""

import itertools
import os
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eaves.evapi.attest import AttestPolicyPcrList
from eaves.node.vault.keyring import (
    Former,
    Holder,
    Keyring,
    Keys,
    KeysUnreadable,
    Plan,
    PlanUnusable,
    Sealed,
    accepted_pcrs,
    check_plan,
    decode_keyring,
    differing,
    encode_keyring,
    fscrypt_key,
    new_keys,
    not_measured,
    pcrs_text,
    stricter_plan,
    unlock,
    wrap,
)

VAULT = b"v" * 16
EVERYBODY = (Holder.TPM, Holder.ESCROW, Holder.RECOVERY)


def made(needed: int) -> tuple[Keyring, Keys]:
    plan = Plan(needed, EVERYBODY)
    keys = new_keys(plan, os.urandom)
    return Keyring(VAULT, wrap(keys, VAULT, 1, os.urandom), plan), keys


@pytest.mark.parametrize("needed", [1, 2, 3])
def test_any_that_are_enough_open_and_fewer_do_not(needed: int) -> None:
    keyring, keys = made(needed)
    for count in range(4):
        for chosen in itertools.combinations(EVERYBODY, count):
            found = unlock(keyring, {h: keys.shares[h] for h in chosen})
            assert (found is not None) == (count >= needed)
            if found is not None:
                assert found.keys == keys
                assert not found.former


@pytest.mark.parametrize("needed", [1, 2])
def test_a_wrong_share_among_enough_good_ones_does_no_harm(needed: int) -> None:
    keyring, keys = made(needed)
    for wrong in EVERYBODY:
        shares = {**keys.shares, wrong: os.urandom(32)}
        found = unlock(keyring, shares)
        assert found is not None
        assert found.keys == keys
    assert unlock(keyring, dict.fromkeys(EVERYBODY, b"short")) is None


def test_after_a_rotation_the_old_shares_open_only_until_it_is_settled() -> None:
    keyring, old = made(1)
    new = new_keys(keyring.plan, os.urandom, old.data_key)
    rotated = replace(
        keyring,
        data_key=wrap(new, VAULT, 2, os.urandom),
        generation=2,
        former=Former(keyring.data_key, 1, 1),
    )
    assert new.data_key == old.data_key
    assert new.vault_key != old.vault_key
    by_old = unlock(rotated, {Holder.ESCROW: old.shares[Holder.ESCROW]})
    assert by_old is not None
    assert by_old.former
    settled = replace(rotated, former=None)
    assert unlock(settled, old.shares) is None
    by_new = unlock(settled, {Holder.TPM: new.shares[Holder.TPM]})
    assert by_new is not None
    assert fscrypt_key(by_new.keys) == fscrypt_key(old)


def test_what_is_wrapped_belongs_to_one_vault_and_one_generation() -> None:
    keyring, keys = made(1)
    for other in (replace(keyring, vault=b"w" * 16), replace(keyring, generation=2)):
        assert unlock(other, keys.shares) is None


def test_the_document_is_read_back_and_holds_no_key() -> None:
    keyring, keys = made(2)
    keyring = replace(keyring, sealed=(Sealed(b"private", b"public", {0: b"\1" * 32, 4: b"x"}),))
    data = encode_keyring(keyring)
    assert decode_keyring(data) == keyring
    text = repr(keys) + repr(unlock(keyring, keys.shares))
    for secret in (keys.vault_key, keys.data_key, *keys.shares.values()):
        assert secret not in data
        assert repr(secret) not in text


@pytest.mark.parametrize("data", [b"", b"{", b"{}", b"[]", b"\xff" * 20])
def test_a_document_that_is_none_is_told(data: bytes) -> None:
    with pytest.raises(KeysUnreadable):
        decode_keyring(data)


@pytest.mark.parametrize(
    "plan",
    [
        Plan(0, EVERYBODY),
        Plan(4, EVERYBODY),
        Plan(1, (Holder.ESCROW, Holder.RECOVERY)),
        Plan(1, (Holder.TPM, Holder.TPM)),
    ],
)
def test_a_plan_without_the_tpm_or_with_too_many_is_refused(plan: Plan) -> None:
    with pytest.raises(PlanUnusable):
        check_plan(plan)


def _sealed(values: Mapping[int, bytes]) -> Sealed:
    return Sealed(b"", b"", dict(values))


@pytest.mark.parametrize("holders", [EVERYBODY[:2], EVERYBODY], ids=len)
@pytest.mark.parametrize("before", [1, 2])
@pytest.mark.parametrize("asked", range(4))
def test_a_controller_asks_for_more_holders_and_never_for_fewer(
    holders: tuple[Holder, ...], before: int, asked: int
) -> None:
    plan = Plan(before, holders)
    if asked > len(holders):
        with pytest.raises(PlanUnusable, match="recovery-key"):
            stricter_plan(plan, asked)
    else:
        assert (stricter_plan(plan, asked) or plan) == Plan(max(before, asked), holders)


def test_the_pcrs_named_are_those_of_the_nearest_seal() -> None:
    present = {0: b"a", 4: b"b", 7: b"c"}
    far, near = _sealed({0: b"x", 4: b"y", 7: b"c"}), _sealed({0: b"a", 4: b"y", 7: b"c"})
    assert differing((far, near), present) == (4,)
    assert differing((far, near, _sealed(present)), present) == ()
    assert pcrs_text((4,)) == "PCR 4 differs"
    assert pcrs_text((0, 4, 9)) == "PCRs 0, 4 and 9 differ"


def test_a_machine_that_measures_nothing_is_told() -> None:
    assert not_measured({0: bytes(32), 4: b"\1" * 32}) == (0,)
    assert not_measured({0: b"\1" * 32, 4: b"\1" * 32}) == ()


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ((0, 2, 4, 7), (0, 2, 4, 7)),
        ((7, 0), (0, 7)),
        ((), None),
        ((2, 4), None),
        ((0, 5), None),
        ((0, 0), None),
        ((0, 16), None),
        (tuple(range(16)), None),
    ],
)
def test_a_list_of_pcrs_is_taken_only_as_the_api_allows(
    asked: tuple[int, ...], taken: tuple[int, ...] | None
) -> None:
    assert accepted_pcrs(AttestPolicyPcrList(pcr_indices=asked, policy_id=1)) == taken


@given(st.binary(min_size=32, max_size=32))
def test_the_key_of_the_kernel_follows_from_the_data_key_alone(data_key: bytes) -> None:
    first, second = (new_keys(Plan(), os.urandom, data_key) for _ in range(2))
    assert fscrypt_key(first) == fscrypt_key(second)
    assert len(fscrypt_key(first)) == 64
    assert data_key not in fscrypt_key(first)
