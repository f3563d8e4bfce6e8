"""The TPM's share: sealed to PCR values, so that only the boot that had them opens it."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from msgspec.structs import replace

from eaves.errors import EavesError, Rejected
from eaves.node.tpm.device import SealedBlob
from eaves.node.vault.keyring import (
    Holder,
    Keyring,
    Keys,
    KeysUnreadable,
    Sealed,
    differing,
    not_measured,
)


class Sealer(Protocol):
    """What the vault asks of a TPM; `eaves.node.tpm.device.Tpm` is one."""

    def pcrs(self, selection: Iterable[int], /) -> dict[int, bytes]:
        """Of the SHA-256 bank, now."""
        ...

    def seal(self, data: bytes, pcr_values: Mapping[int, bytes], /) -> SealedBlob:
        """What only this TPM opens, and only while its PCRs have these values."""
        ...

    def unseal(self, blob: SealedBlob, /) -> bytes: ...


class NotSealable(Rejected):
    """PCR values that a seal would be worth nothing with, or could never open."""


def sealed(
    sealer: Sealer, keys: Keys, pcrs: tuple[int, ...], expected: Mapping[int, bytes] | None = None
) -> Sealed:
    """To the present values; `expected` replaces some of them.  Raises NotSealable."""
    present = sealer.pcrs(pcrs)
    empty = not_measured(present)
    if empty:
        raise NotSealable(
            f"PCR {' and '.join(map(str, empty))} is zero: the firmware of this machine does not"
            " measure what it boots, so a seal would hold nothing back"
        )
    outside = sorted(set(expected or ()) - set(pcrs))
    if outside:
        raise NotSealable(
            f"the vault is not sealed to PCR {', '.join(map(str, outside))}, but to"
            f" {', '.join(map(str, pcrs))}"
        )
    values = {**present, **(expected or {})}
    return _sealed(sealer, keys.shares[Holder.TPM], values, expected=expected is not None)


def _sealed(sealer: Sealer, share: bytes, values: Mapping[int, bytes], *, expected: bool) -> Sealed:
    blob = sealer.seal(share, values)
    return Sealed(blob.private, blob.public, dict(values), expected)


def sealed_beside(sealer: Sealer, keys: Keys, keyring: Keyring) -> tuple[Sealed, ...]:
    """To the present values too: any that is here may be what stays, and is expected."""
    present = sealed(sealer, keys, keyring.pcrs, {})
    others = (one for one in keyring.sealed if one.values != present.values)
    return (*(replace(one, expected=True) for one in others), present)


def sealed_again(
    sealer: Sealer, keys: Keys, keyring: Keyring, *, unsettled: bool = False
) -> tuple[Sealed, ...]:
    """Other keys, to the present values and to those of an update that is still to come.

    `unsettled`: to those of a system before this one as well.
    """
    present = sealed(sealer, keys, keyring.pcrs, {} if unsettled else None)
    others = (
        _sealed(sealer, keys.shares[Holder.TPM], one.values, expected=True)
        for one in keyring.sealed
        if (one.expected or unsettled) and one.values != present.values
    )
    return (present, *others)


def unsealed(sealer: Sealer, keyring: Keyring, present: Mapping[int, bytes]) -> bytes:
    """The share, by the nearest seal that opens.  Raises the error of the last when none does."""
    failure: EavesError = KeysUnreadable("they hold no share that is sealed to a TPM")
    for one in sorted(keyring.sealed, key=lambda one: len(differing((one,), present))):
        try:
            return sealer.unseal(SealedBlob(one.private, one.public, tuple(sorted(one.values))))
        except EavesError as error:
            failure = error
    raise failure
