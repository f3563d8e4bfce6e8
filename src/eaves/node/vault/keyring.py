"""Which keys open the vault, and who holds what of them.  Pure; the document holds no secret.

    data key      32 random bytes, for as long as the data lives; the kernel's key follows from it
    vault key     32 random bytes that wrap the data key; a rotation makes another one
    shares        of the vault key, one for each holder; any `needed` of them give it back

    holder        its share lies
    tpm           here, sealed to PCR values by this machine's TPM
    escrow        at the controller, wrapped for this machine, given back after attestation
    recovery      here, under a key that was printed

With `needed` 1 each share is the vault key.  So holders come and go, and the vault key changes,
without a byte of the data being written again.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from eaves.errors import Rejected
from eaves.evapi.attest import AttestPolicyPcrList
from eaves.node.vault.recovery import Enclosed
from eaves.node.vault.shamir import share_at, split

Random = Callable[[int], bytes]
"""`os.urandom`, or another source of as many bytes as are asked for."""

KEY_BYTES: Final = 32
_FSCRYPT_BYTES: Final = 64
_NONCE_BYTES: Final = 12
DEFAULT_PCRS: Final = (0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14)
"""Those of EVE: 5 (the partition table) changes by itself, 15 belongs to the running system."""
MEASURED: Final = (0, 4)  # a machine that measures its boot has these


class Holder(StrEnum):
    TPM = "tpm"
    ESCROW = "escrow"
    RECOVERY = "recovery"


NUMBER: Final = {Holder.TPM: 1, Holder.ESCROW: 2, Holder.RECOVERY: 3}


class PlanUnusable(Rejected):
    """How many of whom are to open the vault cannot be so."""


class KeysUnreadable(Rejected):
    def __init__(self, reason: str) -> None:
        super().__init__(f"the keys file of the vault cannot be read: {reason}")


class Wrapped(msgspec.Struct, frozen=True):
    nonce: bytes
    data: bytes


class Sealed(msgspec.Struct, frozen=True):
    """The TPM's share, sealed to the values of some PCRs, which stand beside it."""

    private: bytes  # no secret outside that TPM
    public: bytes
    values: dict[int, bytes]
    expected: bool = False  # of a system that may boot yet: an update, or what a trial may end in


class Plan(msgspec.Struct, frozen=True):
    """`needed` of `holders` open the vault."""

    needed: int = 1
    holders: tuple[Holder, ...] = (Holder.TPM, Holder.ESCROW)


class Former(msgspec.Struct, frozen=True):
    """The vault key before a rotation: it opens until the controller keeps a share of the new."""

    data_key: Wrapped
    generation: int
    needed: int


class Keyring(msgspec.Struct, frozen=True):
    """What lies on the disk, in the clear, beside the vault."""

    vault: bytes  # names it: 16 random bytes, bound into all that is wrapped
    data_key: Wrapped  # under the vault key
    plan: Plan = Plan()
    generation: int = 1  # of the vault key
    pcrs: tuple[int, ...] = DEFAULT_PCRS
    policy_id: int = 0  # of the list of PCRs that the controller sent; 0: the default
    sealed: tuple[Sealed, ...] = ()
    recovery_public: bytes = b""
    recovery: Enclosed | None = None
    escrowed: bytes = b""  # SHA-256 of the share that the controller has said to keep
    former: Former | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """In memory only."""

    vault_key: bytes = field(repr=False)
    data_key: bytes = field(repr=False)
    shares: Mapping[Holder, bytes] = field(repr=False)

    def escrow_digest(self) -> bytes:
        return hashlib.sha256(self.shares[Holder.ESCROW]).digest()


def check_plan(plan: Plan) -> None:
    if Holder.TPM not in plan.holders:
        raise PlanUnusable("the TPM must be one of those that open the vault")
    if len(set(plan.holders)) != len(plan.holders):
        raise PlanUnusable("each holder can be named once")
    if not 1 <= plan.needed <= len(plan.holders):
        raise PlanUnusable(
            f"{plan.needed} of {', '.join(plan.holders)} cannot be asked for: there are"
            f" {len(plan.holders)}"
        )


def stricter_plan(plan: Plan, needed: int) -> Plan | None:
    """At least so many holders must agree; None: it is so.  Raises PlanUnusable.

    What was decided on the machine is never weakened.
    """
    if needed <= plan.needed:
        return None
    if needed > len(plan.holders):
        raise PlanUnusable(
            f"{needed} holders are to agree and there are {len(plan.holders)}"
            f" ({', '.join(plan.holders)}): print a recovery key, `eaves node vault recovery-key`"
        )
    return Plan(needed, plan.holders)


def new_keys(plan: Plan, random: Random, data_key: bytes | None = None) -> Keys:
    """A new vault key, and a new data key unless one is given."""
    check_plan(plan)
    vault_key = random(KEY_BYTES)
    shares = split(vault_key, plan.needed, NUMBER.values(), random)
    return Keys(vault_key, data_key or random(KEY_BYTES), {h: shares[x] for h, x in NUMBER.items()})


def wrap(keys: Keys, vault: bytes, generation: int, random: Random) -> Wrapped:
    nonce = random(_NONCE_BYTES)
    sealed = AESGCM(keys.vault_key).encrypt(nonce, keys.data_key, _bound(vault, generation))
    return Wrapped(nonce, sealed)


@dataclass(frozen=True, slots=True)
class Unlocked:
    keys: Keys
    former: bool  # by a vault key that a rotation replaced


def unlock(keyring: Keyring, shares: Mapping[Holder, bytes]) -> Unlocked | None:
    """The keys, if some of these shares are enough; wrong and outdated ones do no harm."""
    current = Former(keyring.data_key, keyring.generation, keyring.plan.needed)
    for one in (current, keyring.former):
        if one is not None:
            keys = _unlock(keyring.vault, one, shares)
            if keys is not None:
                return Unlocked(keys, one is keyring.former)
    return None


def _unlock(vault: bytes, one: Former, shares: Mapping[Holder, bytes]) -> Keys | None:
    usable = {h: s for h, s in shares.items() if len(s) == KEY_BYTES}
    bound = _bound(vault, one.generation)
    for chosen in combinations(sorted(usable), one.needed):
        some = {NUMBER[holder]: usable[holder] for holder in chosen}
        vault_key = share_at(some, 0)
        try:
            data_key = AESGCM(vault_key).decrypt(one.data_key.nonce, one.data_key.data, bound)
        except InvalidTag:
            continue
        return Keys(vault_key, data_key, {h: share_at(some, x) for h, x in NUMBER.items()})
    return None


def fscrypt_key(keys: Keys) -> bytes:
    """What the kernel is given."""
    derived = HKDF(hashes.SHA512(), _FSCRYPT_BYTES, None, b"eaves vault, fscrypt")
    return derived.derive(keys.data_key)


def _bound(vault: bytes, generation: int) -> bytes:
    return b"eaves vault data key" + vault + generation.to_bytes(4, "big")


# PCRs


def differing(sealed: Iterable[Sealed], present: Mapping[int, bytes]) -> tuple[int, ...]:
    """The PCRs that keep the vault locked: those of the nearest sealing; empty: none does."""
    differences = [
        tuple(sorted(i for i, value in one.values.items() if present.get(i) != value))
        for one in sealed
    ]
    return min(differences, key=len, default=())


def pcrs_text(pcrs: Iterable[int]) -> str:
    named = [str(i) for i in pcrs]
    if len(named) == 1:
        return f"PCR {named[0]} differs"
    return f"PCRs {', '.join(named[:-1])} and {named[-1]} differ"


def not_measured(present: Mapping[int, bytes]) -> tuple[int, ...]:
    """Of 0 and 4, those that hold nothing: a seal to them would say nothing about the boot."""
    return tuple(i for i in MEASURED if not any(present.get(i, b"")))


def accepted_pcrs(asked: AttestPolicyPcrList | None) -> tuple[int, ...] | None:
    """The PCRs that a controller asks to seal to; None: it asks for none that may be used."""
    return tuple(sorted(asked.pcr_indices)) if asked is not None and asked.is_taken else None


def encode_keyring(keyring: Keyring) -> bytes:
    return msgspec.json.format(msgspec.json.encode(keyring), indent=1)


def decode_keyring(data: bytes) -> Keyring:
    """Raises KeysUnreadable."""
    try:
        found = msgspec.json.decode(data, type=Keyring)
    except msgspec.MsgspecError as error:
        raise KeysUnreadable(str(error)) from error
    try:
        check_plan(found.plan)
    except PlanUnusable as error:
        raise KeysUnreadable(str(error)) from error
    return found
