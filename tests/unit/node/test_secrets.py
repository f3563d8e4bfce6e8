"""What a configuration encloses for this device opens here, and only as it says."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.network_node import app

from eaves.errors import Rejected
from eaves.evapi.certs import ControllerCerts, EcdhCert
from eaves.evapi.cipher import cipher_context, cipher_key, encrypt
from eaves.evapi.config import (
    DatastoreConfig,
    EdgeDevConfig,
    decode_edge_dev_config,
    encode_edge_dev_config,
    encode_encryption_block,
)
from eaves.evapi.evecommon import (
    CipherBlock,
    CipherContext,
    EncryptionBlock,
    EncryptionScheme,
    HashAlgorithm,
    KeyExchangeScheme,
)
from eaves.evapi.keys import SoftKeyAgreement
from eaves.node.comms.secrets import Decryptor, contexts_of
from eaves.node.compose import datastore_secret
from eaves.node.runtime.wish import open_user_data
from eaves.node.storage.authorizers import Credentials

CONTROLLER, DEVICE = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
THEIRS, OURS = b"c" * 16, b"d" * 16
CERTS: Final = ControllerCerts(
    signing_hash=bytes(32),
    signing_key=CONTROLLER.public_key(),
    signing_not_before=datetime(2026, 1, 1, tzinfo=UTC),
    ecdh=(EcdhCert(THEIRS, b"", CONTROLLER.public_key()),),
    cert_hashes=frozenset({THEIRS}),
)
CONTEXT: Final = cipher_context(THEIRS, OURS)


def enclosed(secret: EncryptionBlock) -> CipherBlock:
    key = cipher_key(SoftKeyAgreement(CONTROLLER), DEVICE.public_key())
    return encrypt(encode_encryption_block(secret), key, CONTEXT.context_id, os.urandom)


def store(block: CipherBlock | None) -> DatastoreConfig:
    return DatastoreConfig(id="store", cipher_data=block)


def opened(given: DatastoreConfig, context: CipherContext = CONTEXT) -> Credentials | None:
    """As the node reads it from the bytes of its configuration."""
    told = EdgeDevConfig(datastores=(given,), cipher_contexts=(context,))
    config = decode_edge_dev_config(encode_edge_dev_config(told))
    decryptor = Decryptor(
        contexts_of(config), lambda: (CERTS,), SoftKeyAgreement(DEVICE), frozenset({OURS})
    )
    return datastore_secret("datastore/store", config, decryptor)


BLOCK: Final = enclosed(EncryptionBlock(ds_api_key="user", ds_password="word"))


def test_what_is_enclosed_for_a_datastore_opens() -> None:
    assert opened(store(BLOCK)) == Credentials("user", "word")


def test_what_stands_in_clear_is_taken_too() -> None:
    assert opened(replace(store(None), api_key="user", password="word")) == Credentials(
        "user", "word"
    )


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"hash_scheme": HashAlgorithm.HASH_ALGORITHM_SHA256_32BYTES}, "hash 2 is not 1"),
        ({"key_exchange_scheme": KeyExchangeScheme.KEA_NONE}, "key exchange 0 is not 1"),
        ({"encryption_scheme": EncryptionScheme.SA_NONE}, "encryption 0 is not 1"),
        ({"device_cert_hash": b"e" * 16}, "another certificate than this device has"),
        ({"controller_cert_hash": b"e" * 16}, "not published any more"),
        ({"context_id": "another"}, "which the configuration lacks"),
    ],
)
def test_a_context_that_is_not_ours_is_refused(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(Rejected, match=says):
        opened(store(BLOCK), replace(CONTEXT, **changed))


def test_what_was_changed_on_its_way_is_refused() -> None:
    with pytest.raises(Rejected, match="SHA-256"):
        opened(store(replace(BLOCK, clear_text_sha256=bytes(32))))


def test_user_data_comes_out_of_its_block_or_stands_in_clear() -> None:
    locked, plain = app(1, "locked"), app(2, "plain")
    block = CipherBlock(cipher_data=b"x")
    locked = replace(locked, config=replace(locked.config, cipher_data=block))
    plain = replace(plain, config=replace(plain.config, user_data="cGxhaW4="))

    def reveal(_block: CipherBlock) -> EncryptionBlock:
        return EncryptionBlock(protected_user_data="c2VjcmV0")

    clear, wrong = open_user_data((locked, plain), reveal)
    assert (clear, wrong) == ({locked.app: "secret", plain.app: "plain"}, {})
