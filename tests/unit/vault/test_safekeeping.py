"""Who is to open the vault: what the controller asks for, and what an update has of it."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace
from support.os_updates import Release

from eaves.evapi.keys import SoftKeyAgreement
from eaves.node.baseos.bundle import Manifest
from eaves.node.runtime.os_updates import NotLetIn, let_in
from eaves.node.runtime.safekeeping import Safekeeping
from eaves.node.vault.keeper import Standing, Vault
from eaves.node.vault.keyring import Holder, Keyring, Plan, Wrapped
from eaves.node.vault.states import Phase

KEYRING = Keyring(b"v" * 16, Wrapped(b"", b""))


class OpenVault(Vault):
    """Two holders have its key; `asked` is called while it is asked whether it is encrypted."""

    def __init__(
        self, folder: Path, asked: Callable[[], None] = lambda: None, keyring: Keyring = KEYRING
    ) -> None:
        super().__init__(folder, None, "no TPM", os.urandom)
        self._asked = asked
        self._keyring = keyring

    @property
    def encrypted(self) -> bool:
        self._asked()
        return True

    def closed(self) -> str:
        return ""

    def standing(self) -> Standing:
        return Standing(Phase.OPEN, "", keyring=self._keyring)


async def test_an_error_stands_until_it_is_known_to_be_gone(tmp_path: Path) -> None:
    meanwhile: list[str] = []
    changes: list[str] = []
    key = ec.generate_private_key(ec.SECP256R1())
    keeping: Safekeeping = Safekeeping(
        OpenVault(tmp_path / "vault", lambda: meanwhile.append(keeping.seen().plan_error)),
        SoftKeyAgreement(key),
        key.public_key(),
        opened=lambda: None,
        due=lambda: None,
        changed=lambda: changes.append(keeping.seen().plan_error),
    )
    for needed in (3, 3, 1):
        await keeping.require(needed)
    told = changes[0]
    assert "print a recovery key" in told
    assert meanwhile == ["", told, told]
    assert changes == [told, ""]


def manifest(version: str) -> Manifest:
    key = ec.generate_private_key(ec.SECP256R1())
    return msgspec.json.decode(Release(version, key).manifest(), type=Manifest)


@pytest.mark.parametrize(
    ("needed", "holders", "escrowed", "waits"),
    [
        (1, (Holder.TPM, Holder.ESCROW), b"digest", ""),
        (1, (Holder.TPM, Holder.ESCROW, Holder.RECOVERY), b"digest", ""),
        (1, (Holder.TPM, Holder.ESCROW), b"", "does not keep the present share"),
        (1, (Holder.TPM, Holder.RECOVERY), b"digest", "none of those that open it"),
        (2, (Holder.TPM, Holder.ESCROW), b"digest", "2 holders must agree"),
        (2, (Holder.TPM, Holder.ESCROW, Holder.RECOVERY), b"digest", "2 holders must agree"),
    ],
)
async def test_an_update_whose_values_are_not_known_boots_where_escrow_alone_opens_the_vault(
    tmp_path: Path, needed: int, holders: tuple[Holder, ...], escrowed: bytes, waits: str
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    keyring = replace(KEYRING, plan=Plan(needed, holders), escrowed=escrowed)
    keeping = Safekeeping(
        OpenVault(tmp_path / "vault", keyring=keyring),
        SoftKeyAgreement(key),
        key.public_key(),
        opened=lambda: None,
        due=lambda: None,
        changed=lambda: None,
    )
    log_of_boot = tmp_path / "binary_bios_measurements"
    update = partial(let_in, keeping, log_of_boot, manifest("1"), manifest("2"))
    if not waits:
        await update()
        return
    with pytest.raises(NotLetIn, match=waits) as told:
        await update()
    assert "version 2 waits" in str(told.value)
    assert str(log_of_boot) in str(told.value)
