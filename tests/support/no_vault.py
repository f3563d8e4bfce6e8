"""The vault of a node without a TPM: a folder, and nothing in escrow."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from eaves.node.comms.identity import Identity
from eaves.node.runtime.safekeeping import Safekeeping
from eaves.node.vault.keeper import Vault


def no_vault(folder: Path, identity: Identity) -> Safekeeping:
    vault = Vault(folder / "vault", None, "no TPM", os.urandom)
    vault.start()
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return Safekeeping(
        vault, identity.ecdh, key, opened=lambda: None, due=lambda: None, changed=lambda: None
    )
