"""Signatures of images: what was signed, and whether a trusted key did it.  Pure.

Two forms.  *cosign*: a JSON payload ("simple signing") names the digest of a container image, and
the signature is over the bytes of that payload.  *Detached*: no payload; the signature is over the
file itself, as `openssl dgst -sha256 -sign` and `cosign sign-blob` make it, and is checked by the
file's digest alone: ECDSA (DER) and RSA (PKCS #1 v1.5) sign the SHA-256 digest anyway.  Ed25519
signs no digest, so that a detached one is over the 32 bytes of it.

An image may have several signatures; one by one trusted key is enough.  On their way to a node they
are a JSON list in `SignatureInfo.signature`, each as `cosign download signature` prints it:
`{"Base64Signature": "...", "Payload": "..."}`, both base64, no `Payload` for a detached one.

A trusted key is a public key in PEM.  What a policy asks for reaches a node as two configuration
properties, `POLICY` and `KEYS`.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, cast

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from eaves.errors import Rejected

POLICY: Final = "image.policy"
KEYS: Final = "image.trusted.keys"  # PEM, one after the other
SIGNED_ONLY: Final = "signed-only"
ANY: Final = "any"

MOST_SIGNATURES: Final = 16
MOST_SIGNATURE_BYTES: Final = 1024  # an RSA key of 8192 bits makes one of that length
MOST_PAYLOAD_BYTES: Final = 16 << 10
MOST_KEYS: Final = 32
LEAST_RSA_BITS: Final = 2048
COSIGN_TYPE: Final = "cosign container image signature"

_DIGEST: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_PEM: Final = re.compile(r"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)
_SHA256: Final = hashes.SHA256()
_PREHASHED: Final = Prehashed(_SHA256)
_PKCS1: Final = padding.PKCS1v15()

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


class BadSignatureText(Rejected):
    """Signatures that cannot be read, or a public key that is none."""


@dataclass(frozen=True, slots=True)
class ImageSignature:
    """`payload` is empty for a detached signature."""

    signature: bytes
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Trusted:
    """A key whose signatures count."""

    key: PublicKey = field(compare=False, repr=False)  # it cannot be hashed; its fingerprint can
    fingerprint: str  # SHA-256 of its SubjectPublicKeyInfo, hex
    name: str = ""

    @property
    def shown(self) -> str:
        return self.name or f"key {self.fingerprint[:16]}"


@dataclass(frozen=True, slots=True)
class Signed:
    by: Trusted


@dataclass(frozen=True, slots=True)
class NotSigned:
    why: str


Verdict = Signed | NotSigned


@lru_cache(maxsize=1024)
def read_key(pem: str, name: str = "") -> Trusted:
    """A public key: EC P-256, P-384 or P-521, RSA of 2048 bits and more, Ed25519."""
    what = f"trusted key {name!r}" if name else "trusted key"
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadSignatureText(
            f"{what} is no public key in PEM; send what `cosign public-key` or `openssl pkey "
            "-pubout` prints"
        ) from error
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        raise BadSignatureText(
            f"{what} is RSA of {key.key_size} bits; sign with one of {LEAST_RSA_BITS} or more"
        )
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
        raise BadSignatureText(
            f"{what} is of a kind that signs no images; sign with an EC, RSA or Ed25519 key"
        )
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Trusted(key, hashlib.sha256(der).hexdigest(), name)


def read_keys(text: str) -> tuple[Trusted, ...]:
    """Every key of a text with PEM blocks.  Raises BadSignatureText for one that cannot be used."""
    blocks = _PEM.findall(text)
    rest = _PEM.sub("", text).strip()
    if rest or len(blocks) > MOST_KEYS:
        what = f"{len(blocks)} keys, at most {MOST_KEYS}" if not rest else "more than public keys"
        raise BadSignatureText(f"the list of trusted keys holds {what}; correct it")
    return tuple(read_key(block + "\n") for block in blocks)


def keys_text(pems: Iterable[str]) -> str:
    """The value of the property: the same keys give the same text."""
    return "".join(sorted({pem.strip() + "\n" for pem in pems}))


def encode_signatures(signatures: Sequence[ImageSignature]) -> bytes:
    """As they stand in `SignatureInfo.signature`."""
    return msgspec.json.encode([as_json(one) for one in signatures])


def as_json(one: ImageSignature) -> dict[str, str]:
    told = {"Base64Signature": base64.b64encode(one.signature).decode()}
    if one.payload:
        told["Payload"] = base64.b64encode(one.payload).decode()
    return told


def decode_signatures(data: bytes) -> tuple[ImageSignature, ...]:
    """Raises BadSignatureText for anything else than such a list."""
    try:
        entries = msgspec.json.decode(data, type=list[dict[str, object]])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadSignatureText(f"the signatures of an image are no JSON list ({error})") from error
    return read_signatures(entries)


def read_signatures(entries: Sequence[Mapping[str, object]]) -> tuple[ImageSignature, ...]:
    if len(entries) > MOST_SIGNATURES:
        raise BadSignatureText(
            f"{len(entries)} signatures of one image, at most {MOST_SIGNATURES}; leave some out"
        )
    return tuple(_read(entry) for entry in entries)


def _read(entry: Mapping[str, object]) -> ImageSignature:
    signature = _bytes(entry.get("Base64Signature"), "Base64Signature", MOST_SIGNATURE_BYTES)
    if not signature:
        raise BadSignatureText("a signature of an image without Base64Signature; send both")
    return ImageSignature(
        signature, _bytes(entry.get("Payload") or "", "Payload", MOST_PAYLOAD_BYTES)
    )


def _bytes(value: object, member: str, most: int) -> bytes:
    if not isinstance(value, str) or len(value) > 2 * most:
        raise BadSignatureText(f"{member} of an image's signature is missing or too long")
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSignatureText(f"{member} of an image's signature is not base64") from error
    if len(data) > most:
        raise BadSignatureText(f"{member} of an image's signature has more than {most} bytes")
    return data


def payload_fault(payload: bytes, digest: str) -> str:
    """Why a payload does not speak of the image with this digest (64 hex); empty where it does."""
    try:
        said = msgspec.json.decode(payload, type=dict[str, object])
    except (msgspec.MsgspecError, RecursionError):
        return "its payload is no JSON object"
    critical = _object(said.get("critical"))
    if critical.get("type") != COSIGN_TYPE:
        return f"its payload is of type {str(critical.get('type'))[:60]!r}, not {COSIGN_TYPE!r}"
    if not isinstance(_object(critical.get("identity")).get("docker-reference"), str):
        return "its payload names no docker-reference"
    named = _object(critical.get("image")).get("docker-manifest-digest")
    if named != f"sha256:{digest}":
        return f"it is of another image: {str(named)[:80]}"
    return ""


def verify_image(
    digest: str, signatures: Sequence[ImageSignature], trusted: Sequence[Trusted]
) -> Verdict:
    """Did a trusted key sign the image with this SHA-256 digest (64 hex, lower case)?"""
    found = _DIGEST.fullmatch(digest)
    if found is None:
        return NotSigned("it is not pinned by a sha256, so that no signature can speak of it")
    if not signatures:
        return NotSigned("it has no signature")
    if not trusted:
        return NotSigned("no key is trusted")
    faults: list[str] = []
    for number, one in enumerate(signatures, start=1):
        verdict = _verify(found[1], one, trusted)
        if isinstance(verdict, Signed):
            return verdict
        faults.append(f"signature {number}: {verdict.why}" if len(signatures) > 1 else verdict.why)
    return NotSigned("; ".join(faults))


def _verify(digest: str, one: ImageSignature, trusted: Sequence[Trusted]) -> Verdict:
    if one.payload and (fault := payload_fault(one.payload, digest)):
        return NotSigned(fault)
    signer = next((key for key in trusted if _fits(key.key, one, bytes.fromhex(digest))), None)
    if signer is not None:
        return Signed(signer)
    names = ", ".join(key.shown for key in trusted)
    return NotSigned(f"its signature is by none of the trusted keys ({names})")


def _fits(key: PublicKey, one: ImageSignature, digest: bytes) -> bool:
    hashed = hashlib.sha256(one.payload).digest() if one.payload else digest
    try:
        match key:
            case ec.EllipticCurvePublicKey():
                key.verify(one.signature, hashed, ec.ECDSA(_PREHASHED))
            case rsa.RSAPublicKey():
                key.verify(one.signature, hashed, _PKCS1, _PREHASHED)
            case ed25519.Ed25519PublicKey():
                key.verify(one.signature, one.payload or digest)
    except InvalidSignature:
        return False
    return True


def _object(value: object) -> Mapping[str, object]:
    # JSON objects have only strings as keys; isinstance cannot say so.
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}
