"""Secrets on their way to one device: sealed to its ECDH certificate, or left out with a reason.

A configuration rendered again from the same objects must have the same bytes, so the IV of a block
follows from key, place and plaintext (HMAC) instead of chance: equal only where all three are.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from eaves.controller.domain.inputs import ControllerFacts, DeviceInputs
from eaves.controller.domain.secrets import SecretName
from eaves.errors import Rejected
from eaves.evapi.cipher import cipher_context, cipher_key, encrypt
from eaves.evapi.config import encode_encryption_block
from eaves.evapi.evecommon import CipherBlock, CipherContext, EncryptionBlock

NO_ECDH = (
    "the device has not sent its ECDH certificate yet; it does so by itself after it registered"
)


AGREED_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Sealer:
    """Encrypts for one device.  Raises Rejected for a device whose certificate cannot be used."""

    context: CipherContext
    agree: Callable[[], bytes] = field(repr=False)  # costly: for those that have something to seal

    def seal(self, place: str, block: EncryptionBlock) -> CipherBlock:
        """`place` names the object and field: the same text elsewhere has another IV."""
        key, plaintext = self.agree(), encode_encryption_block(block)
        seed = hmac.digest(key, f"{place}\0".encode() + plaintext, "sha256")
        return encrypt(plaintext, key, self.context.context_id, lambda count: seed[:count])


@dataclass(frozen=True, slots=True)
class Secrets:
    """Access to the sealed values of the inputs; `sealer` None: nothing can be delivered yet."""

    inputs: DeviceInputs
    facts: ControllerFacts
    sealer: Sealer | None

    def has(self, object_id: str, field_name: str) -> bool:
        return SecretName(object_id, field_name) in self.inputs.secrets

    def clear(self, object_id: str, field_name: str) -> str:
        """Empty where nothing is stored."""
        name = SecretName(object_id, field_name)
        sealed = self.inputs.secrets.get(name)
        return "" if sealed is None else self.facts.open_secret(name.purpose, sealed).decode()


def open_secrets(inputs: DeviceInputs, facts: ControllerFacts) -> Secrets:
    return Secrets(inputs, facts, _sealer(inputs, facts))


def _sealer(inputs: DeviceInputs, facts: ControllerFacts) -> Sealer | None:
    if not inputs.ecdh_pem:
        return None

    def agree() -> bytes:
        known = facts.agreed.get(inputs.ecdh_pem)
        if known is None:
            known = _agree(inputs, facts)
            if len(facts.agreed) >= AGREED_KEPT:
                facts.agreed.clear()
            facts.agreed[inputs.ecdh_pem] = known
        return known

    return Sealer(cipher_context(facts.ecdh_hash, inputs.ecdh_hash), agree)


def _agree(inputs: DeviceInputs, facts: ControllerFacts) -> bytes:
    key = x509.load_pem_x509_certificate(inputs.ecdh_pem).public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Rejected(
            f"device {inputs.device.name!r}: its ECDH certificate has no EC key; "
            "the device must send another"
        )
    return cipher_key(facts.ecdh_key, key)
