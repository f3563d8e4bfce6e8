"""The AuthContainer around every payload: who sent it, and that it was not changed on the way.

The signature covers SHA-256 of the payload bytes and nothing else: no URL, no time, no hash.  It
proves origin, not freshness.  senderCertHash differs by direction, and both rules stand here:

- a device is named by SHA-256 of its certificate's DER bytes;
- a controller is named by SHA-256 of the exact PEM bytes it published under `certs`, where a
  trailing newline more or less makes another hash.

Source: EVE API v2, section 4.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import NamedTuple

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from eaves.evapi import cipher
from eaves.evapi.codec import Codec
from eaves.evapi.direct import varint
from eaves.evapi.errors import (
    BadSignature,
    MalformedMessage,
    MissingPayload,
    UnknownHashAlgorithm,
    UnknownSender,
    UnreadableCertificate,
    UnusableCipherContext,
    WrongHashLength,
    WrongSenderCertificate,
)
from eaves.evapi.evecommon import CipherBlock, CipherContext, HashAlgorithm
from eaves.evapi.keys import Signer, VerifyingKey, signature_fits
from eaves.evapi.pb.auth import auth_pb2
from eaves.evapi.pb.evecommon import acipherinfo_pb2
from eaves.evapi.pem import certificate_der

_CONTEXT = Codec(CipherContext, acipherinfo_pb2.CipherContext)
_BLOCK = Codec(CipherBlock, acipherinfo_pb2.CipherBlock)

SHA256_16 = HashAlgorithm.HASH_ALGORITHM_SHA256_16BYTES
SHA256_32 = HashAlgorithm.HASH_ALGORITHM_SHA256_32BYTES
_HASH_BYTES = {1: 16, 2: 32}
# of AuthContainer: protectedPayload (and payload in it), algo, senderCertHash, signatureHash,
# senderCert
_BYTES_1, _NUMBER_2, _BYTES_3, _BYTES_4, _BYTES_5 = b"\x0a", b"\x10", b"\x1a", b"\x22", b"\x2a"


@dataclass(frozen=True, slots=True)
class Sender:
    """One who seals envelopes: the key, and what names its certificate to the receiver."""

    signer: Signer
    cert_hash: bytes
    algo: HashAlgorithm = SHA256_32
    sender_cert: bytes = b""


def device_hash(certificate_pem: bytes) -> bytes:
    """What names a device or onboarding certificate in an envelope: SHA-256 of its DER."""
    return hashlib.sha256(certificate_der(certificate_pem)).digest()


def controller_hash(signing_cert_pem: bytes, algo: HashAlgorithm = SHA256_32) -> bytes:
    """What names a controller's certificate: SHA-256 of the PEM bytes exactly as published."""
    return hashlib.sha256(signing_cert_pem).digest()[: _HASH_BYTES[algo]]


def device_sender(signer: Signer, device_cert_pem: bytes) -> Sender:
    return Sender(signer, device_hash(device_cert_pem))


def onboarding_sender(signer: Signer, onboard_cert_pem: bytes) -> Sender:
    """Who seals `register`: the certificate file travels along, as base64 of all its bytes."""
    return Sender(
        signer, device_hash(onboard_cert_pem), sender_cert=base64.b64encode(onboard_cert_pem)
    )


def controller_sender(
    signer: Signer, signing_cert_pem: bytes, algo: HashAlgorithm = SHA256_32
) -> Sender:
    return Sender(signer, controller_hash(signing_cert_pem, algo), algo)


def seal(payload: bytes, sender: Sender) -> bytes:
    """The serialized AuthContainer around `payload`, which may be empty.

    Spliced from its parts: made for every request of a device, and a payload may be large.
    """
    signature = sender.signer.sign_digest(hashlib.sha256(payload).digest())
    body = b"".join((_BYTES_1, varint(len(payload)), payload)) if payload else b""
    parts = [_BYTES_1, varint(len(body)), body]
    if sender.algo:
        parts += (_NUMBER_2, varint(int(sender.algo)))
    for tag, part in (
        (_BYTES_3, sender.cert_hash),
        (_BYTES_4, signature),
        (_BYTES_5, sender.sender_cert),
    ):
        if part:
            parts += (tag, varint(len(part)), part)
    return b"".join(parts)


def seal_encrypted(
    payload: bytes, sender: Sender, context: CipherContext, key: bytes, random: cipher.RandomBytes
) -> bytes:
    """As `seal`, with the payload readable only by the device of `context`; `key` is its key.

    Signed over the clear payload; the receiver checks the sender before it decrypts.
    """
    message = _signed(payload, sender)
    block = cipher.encrypt(payload, key, context.context_id, random)
    message.cipherContext.MergeFromString(_CONTEXT.encode(context))
    message.cipherData.MergeFromString(_BLOCK.encode(block))
    return message.SerializeToString()


def _signed(payload: bytes, sender: Sender) -> auth_pb2.AuthContainer:
    message = auth_pb2.AuthContainer(
        senderCertHash=sender.cert_hash,
        signatureHash=sender.signer.sign_digest(hashlib.sha256(payload).digest()),
        senderCert=sender.sender_cert,
    )
    # The stubs ask for the generated enum; the number is the same.
    message.algo = int(sender.algo)  # type: ignore[assignment]  # an enum field takes its number
    return message


@dataclass(frozen=True, slots=True)
class Sealed:
    """A parsed AuthContainer: well-formed, but neither verified nor, if encrypted, readable yet."""

    payload: bytes = field(repr=False)
    algo: HashAlgorithm
    sender_hash: bytes  # 16 or 32 bytes, as `algo` says
    signature: bytes
    sender_cert: bytes = field(default=b"", repr=False)
    cipher_context: CipherContext | None = None
    cipher_data: CipherBlock | None = None
    rest: bytes = field(default=b"", repr=False)  # unknown fields, serialized

    @property
    def encrypted(self) -> bool:
        return self.cipher_data is not None

    def sent_by(self, full_hash: bytes) -> bool:
        """Does this name the certificate whose 32-byte hash is `full_hash`?  In constant time."""
        return hmac.compare_digest(self.sender_hash, full_hash[: len(self.sender_hash)])

    def verify(self, key: VerifyingKey) -> bytes:
        """The payload, once its signature is checked.  Raises BadSignature.

        An encrypted envelope must go through `decrypted` first: the clear payload is signed.
        """
        if self.cipher_data is not None:
            raise MissingPayload("its payload is still encrypted")
        if not signature_fits(key, self.signature, self.payload):
            raise BadSignature(self.sender_hash)
        return self.payload

    def decrypted(self, key: bytes) -> "Sealed":
        """The same envelope with its payload in the clear.  Raises CipherError.

        Check the sender before: nobody else's bytes deserve a decryption.
        """
        if self.cipher_data is None:
            return self
        return Sealed(
            payload=cipher.decrypt(self.cipher_data, key),
            algo=self.algo,
            sender_hash=self.sender_hash,
            signature=self.signature,
            sender_cert=self.sender_cert,
            rest=self.rest,
        )


class Signed(NamedTuple):
    """The parts of an envelope in the clear that its check needs; not verified yet."""

    sender_hash: bytes  # 16 or 32 bytes
    signature: bytes
    payload: bytes


def parse_signed(data: bytes) -> Signed | None:
    """The short way for what devices send all the time: an envelope in the clear.

    None for anything else, well-formed or not; `parse_envelope` tells which.
    """
    try:
        message = auth_pb2.AuthContainer.FromString(data)
    except DecodeError:
        return None
    sender_hash = message.senderCertHash
    if (
        len(sender_hash) != _HASH_BYTES.get(message.algo)
        or not message.HasField("protectedPayload")
        or message.HasField("cipherData")
    ):
        return None
    return Signed(sender_hash, message.signatureHash, message.protectedPayload.payload)


def parse_envelope(data: bytes) -> Sealed:
    """Raises MalformedMessage or EnvelopeError; an encrypted envelope may raise CipherError."""
    try:
        message = auth_pb2.AuthContainer.FromString(data)
    except DecodeError as error:
        raise MalformedMessage("AuthContainer", f"{len(data)} bytes, {error}") from error
    algo, sender_hash = int(message.algo), message.senderCertHash
    wanted = _HASH_BYTES.get(algo)
    if wanted is None:
        raise UnknownHashAlgorithm(algo)
    if len(sender_hash) != wanted:
        raise WrongHashLength(len(sender_hash), wanted)
    context = block = None
    if message.HasField("cipherData"):
        context, block = _cipher_parts(message)
    elif not message.HasField("protectedPayload"):
        raise MissingPayload("it has neither payload nor cipher data")
    return Sealed(
        payload=message.protectedPayload.payload,
        algo=HashAlgorithm(algo),
        sender_hash=sender_hash,
        signature=message.signatureHash,
        sender_cert=message.senderCert,
        cipher_context=context,
        cipher_data=block,
        rest=_unknown_fields(message),
    )


def _cipher_parts(message: auth_pb2.AuthContainer) -> tuple[CipherContext, CipherBlock]:
    if not message.HasField("cipherContext"):
        raise MissingPayload("its payload is encrypted, but it names no cipher context")
    context = _CONTEXT.decode(message.cipherContext.SerializeToString())
    block = _BLOCK.decode(message.cipherData.SerializeToString())
    if context.context_id != block.cipher_context_id:
        raise UnusableCipherContext(
            context.context_id, f"the encrypted data names context {block.cipher_context_id!r}"
        )
    cipher.check_context(context)
    return context, block


def _unknown_fields(message: auth_pb2.AuthContainer) -> bytes:
    if not UnknownFieldSet(message):
        return b""
    remainder = auth_pb2.AuthContainer()
    remainder.CopyFrom(message)
    for known in message.DESCRIPTOR.fields:
        remainder.ClearField(known.name)
    return remainder.SerializeToString()


def encode_sealed(sealed: Sealed) -> bytes:
    """The bytes of a parsed envelope again, signature and all."""
    message = auth_pb2.AuthContainer(
        senderCertHash=sealed.sender_hash,
        signatureHash=sealed.signature,
        senderCert=sealed.sender_cert,
    )
    message.algo = int(sealed.algo)  # type: ignore[assignment]  # an enum field takes its number
    if sealed.cipher_data is None:
        message.protectedPayload.payload = sealed.payload
    else:
        message.cipherData.MergeFromString(_BLOCK.encode(sealed.cipher_data))
        if sealed.cipher_context is not None:
            message.cipherContext.MergeFromString(_CONTEXT.encode(sealed.cipher_context))
    message.MergeFromString(sealed.rest)
    return message.SerializeToString()


def open_known(data: bytes, certificate_hash: bytes, key: VerifyingKey) -> bytes:
    """Parse and verify an envelope that must come from one known device or controller.

    `certificate_hash` is the 32-byte hash by the rule of the direction.  Raises EnvelopeError.
    """
    sealed = parse_envelope(data)
    if not sealed.sent_by(certificate_hash):
        raise UnknownSender(sealed.sender_hash, "another certificate was expected here")
    return sealed.verify(key)


def onboarding_certificate(sealed: Sealed) -> bytes:
    """The PEM bytes of the onboarding certificate that a `register` envelope carries.

    Checked to be the one that the sender hash names; the signature is still to be verified with
    its key.  Raises WrongSenderCertificate.
    """
    if not sealed.sender_cert:
        raise WrongSenderCertificate("is absent")
    try:
        pem = base64.b64decode(sealed.sender_cert, validate=True)
        named = device_hash(pem)
    except (binascii.Error, ValueError) as error:
        raise WrongSenderCertificate(f"is not base64 of a file: {error}") from error
    except UnreadableCertificate as error:
        raise WrongSenderCertificate(f"is no certificate: {error.__cause__ or error}") from error
    if not sealed.sent_by(named):
        raise WrongSenderCertificate(
            f"has hash {named.hex()}, senderCertHash is {sealed.sender_hash.hex()}"
        )
    return pem
