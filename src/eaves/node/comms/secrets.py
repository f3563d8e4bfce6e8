"""Opening what the controller encrypted for this node: only when it is used, never stored open."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from eaves.errors import Rejected
from eaves.evapi.certs import ControllerCerts
from eaves.evapi.cipher import check_context, cipher_key, decrypt
from eaves.evapi.config import (
    CipherBlock,
    CipherContext,
    EdgeDevConfig,
    EncryptionBlock,
    decode_encryption_block,
)
from eaves.evapi.keys import KeyAgreement


class CipherContextUnknown(Rejected):
    def __init__(self, context_id: str, reason: str) -> None:
        super().__init__(
            f"a secret of the configuration is encrypted under context {context_id or '(none)'},"
            f" {reason}; the controller has to encrypt it again"
        )


def contexts_of(config: EdgeDevConfig | None) -> Mapping[str, CipherContext]:
    return {c.context_id: c for c in (config.cipher_contexts if config else ())}


@dataclass(frozen=True, slots=True)
class Decryptor:
    contexts: Mapping[str, CipherContext]
    certs: Callable[[], tuple[ControllerCerts, ...]] = field(repr=False)  # current, then previous
    own: KeyAgreement = field(repr=False)
    own_hashes: frozenset[bytes]  # of the certificates of that key

    def open(self, block: CipherBlock) -> EncryptionBlock:
        """Raises CipherContextUnknown or the cipher's own errors; all are Rejected."""
        return decode_encryption_block(self.clear(block))

    def clear(self, block: CipherBlock) -> bytes:
        """The plaintext, of whichever message it is.  Raises as `open` does."""
        context = self.contexts.get(block.cipher_context_id)
        if context is None:
            raise CipherContextUnknown(block.cipher_context_id, "which the configuration lacks")
        check_context(context)
        if context.device_cert_hash not in self.own_hashes:
            raise CipherContextUnknown(
                context.context_id, "which is for another certificate than this device has"
            )
        for certs in self.certs():
            peer = certs.ecdh_by_hash(context.controller_cert_hash)
            if peer is not None:
                return decrypt(block, cipher_key(self.own, peer.key))
        raise CipherContextUnknown(
            block.cipher_context_id, "whose controller certificate is not published any more"
        )
