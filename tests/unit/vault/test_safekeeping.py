"""What the controller asks of the vault's holders, on a vault that is open."""

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from eaves.evapi.keys import SoftKeyAgreement
from eaves.node.runtime.safekeeping import Safekeeping
from eaves.node.vault.keeper import Standing, Vault
from eaves.node.vault.keyring import Keyring, Wrapped
from eaves.node.vault.states import Phase

KEYRING = Keyring(b"v" * 16, Wrapped(b"", b""))


class OpenVault(Vault):
    """Two holders have its key; `asked` is called while it is asked whether it is encrypted."""

    def __init__(self, folder: Path, asked: Callable[[], None]) -> None:
        super().__init__(folder, None, "no TPM", os.urandom)
        self._asked = asked

    @property
    def encrypted(self) -> bool:
        self._asked()
        return True

    def closed(self) -> str:
        return ""

    def standing(self) -> Standing:
        return Standing(Phase.OPEN, "", keyring=KEYRING)


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
