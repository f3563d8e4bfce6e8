"""The golden vectors: bytes that a foreign implementation made, and what they must decode to."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from eaves.evapi.keys import VerifyingKey
from eaves.evapi.pem import certificate_key, load_certificate

VECTORS = Path(__file__).parent / "vectors"
DEVICE_ID = "3f1d8c0a-6a5e-4b87-9f0e-2c6a1de4b001"
NOW = datetime(2025, 6, 1, tzinfo=UTC)  # when the certificates of the vectors are valid

NAMES = (
    "app_newlogs_request",
    "attest_certs_request",
    "attest_escrow_request",
    "attest_quote_request",
    "bootstrap_config",
    "certs_response",
    "cipher_block",
    "compound_config_encrypted",
    "config_request",
    "config_response",
    "newlogs_request",
    "register_request",
    "uuid_request",
    "uuid_response",
)


@cache
def data(name: str) -> bytes:
    """The vector's bytes, whole by its own SHA-256."""
    content = (VECTORS / f"{name}.bin").read_bytes()
    assert hashlib.sha256(content).hexdigest() == facts(name)["sha256"]
    return content


@cache
def facts(name: str) -> Mapping[str, Any]:
    facts: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text())
    return facts


def hexed(name: str, fact: str) -> bytes:
    return bytes.fromhex(facts(name)[fact])


@cache
def pem(name: str) -> bytes:
    return (VECTORS / "keys" / f"{name}.pem").read_bytes()


def certificate(name: str) -> x509.Certificate:
    return load_certificate(pem(f"{name}.cert"))


def public_key(name: str) -> VerifyingKey:
    return certificate_key(certificate(name))


def ec_public_key(name: str) -> ec.EllipticCurvePublicKey:
    key = public_key(name)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


@cache
def private_key(name: str) -> ec.EllipticCurvePrivateKey:
    scalars = json.loads((VECTORS / "keys" / "private-scalars.json").read_text())["keys"]
    return ec.derive_private_key(int(scalars[name]["private_scalar_hex"], 16), ec.SECP256R1())
