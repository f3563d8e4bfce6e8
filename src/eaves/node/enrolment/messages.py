"""The SCEP message: signed data around an envelope, with what SCEP says as signed attributes.

`cryptography` makes and opens the envelope, but signs no attributes of others: that is done here.
Source: RFC 8894, section 3; RFC 5652, section 5.  Pure.
"""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from eaves.errors import Rejected
from eaves.node.enrolment import der

SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
DATA = der.oid("1.2.840.113549.1.7.1")
CONTENT_TYPE = der.oid("1.2.840.113549.1.9.3")
MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.4")
RSA_ENCRYPTION = der.oid("1.2.840.113549.1.1.1")
MESSAGE_TYPE = der.oid("2.16.840.1.113733.1.9.2")
PKI_STATUS = der.oid("2.16.840.1.113733.1.9.3")
FAIL_INFO = der.oid("2.16.840.1.113733.1.9.4")
SENDER_NONCE = der.oid("2.16.840.1.113733.1.9.5")
RECIPIENT_NONCE = der.oid("2.16.840.1.113733.1.9.6")
TRANSACTION_ID = der.oid("2.16.840.1.113733.1.9.7")

Hash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
HASHES: Mapping[bytes, Hash] = {
    der.oid("2.16.840.1.101.3.4.2.1"): hashes.SHA256(),
    der.oid("2.16.840.1.101.3.4.2.2"): hashes.SHA384(),
    der.oid("2.16.840.1.101.3.4.2.3"): hashes.SHA512(),
}


class MessageType(StrEnum):
    CERT_REP = "3"
    RENEWAL_REQ = "17"
    PKCS_REQ = "19"
    CERT_POLL = "20"


class MessageRefused(Rejected):
    def __init__(self, why: str) -> None:
        super().__init__(f"the SCEP message is not believed: {why}")


@dataclass(frozen=True, slots=True)
class Signer:
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """A message whose signature is that of `signer`."""

    signer: x509.Certificate
    attributes: Mapping[bytes, bytes]  # by DER of the OID
    content: bytes  # the envelope; empty where there is none

    def text(self, attribute: bytes) -> str:
        return self.attributes.get(attribute, b"").decode("ascii", errors="replace")


def printable(text: str) -> bytes:
    return der.element(der.PRINTABLE, text.encode("ascii"))


def octets(data: bytes) -> bytes:
    return der.element(der.OCTETS, data)


def sign(content: bytes, attributes: Mapping[bytes, bytes], signer: Signer, by: Hash) -> bytes:
    """A pkiMessage; `attributes` are values in DER by the DER of their OID."""
    digest = der.sequence(next(o for o, h in HASHES.items() if h.name == by.name))
    signed = {
        CONTENT_TYPE: DATA,
        MESSAGE_DIGEST: octets(_digest(by, content)),
        **attributes,
    }
    listed = [der.sequence(name, der.set_of(value)) for name, value in signed.items()]
    to_sign = der.set_of(*listed)
    certificate = signer.certificate
    signer_info = der.sequence(
        der.integer(1),
        der.sequence(certificate.issuer.public_bytes(), der.integer(certificate.serial_number)),
        digest,
        bytes((der.CONTEXT_0,)) + to_sign[1:],
        der.sequence(RSA_ENCRYPTION, der.element(der.NULL)),
        octets(signer.key.sign(to_sign, padding.PKCS1v15(), by)),
    )
    inside = (der.element(der.CONTEXT_0, octets(content)),) if content else ()
    signed_data = der.sequence(
        der.integer(1),
        der.set_of(digest),
        der.sequence(DATA, *inside),
        der.element(der.CONTEXT_0, certificate.public_bytes(serialization.Encoding.DER)),
        der.set_of(signer_info),
    )
    return der.sequence(SIGNED_DATA, der.element(der.CONTEXT_0, signed_data))


def open_message(message: bytes, known: Iterable[x509.Certificate] = ()) -> Opened:
    """By a signer among `known` or, where none is given, by one that the message names.

    Raises MessageRefused or NotDer.
    """
    try:
        return _open(message, tuple(known))
    except (IndexError, ValueError, x509.InvalidVersion) as error:
        raise MessageRefused("parts of it are missing or malformed") from error


def _open(message: bytes, known: tuple[x509.Certificate, ...]) -> Opened:
    kind, wrapped = der.read(message).only(der.SEQUENCE).parts()
    if kind.whole != SIGNED_DATA:
        raise MessageRefused("it is no signed data")
    _, _, inside, *others = wrapped.only(der.CONTEXT_0).parts()[0].only(der.SEQUENCE).parts()
    content = b""
    if len(inside.parts()) > 1:
        content = inside.parts()[1].parts()[0].only(der.OCTETS).content
    signer_info = others[-1].only(der.SET).parts()[0].parts()
    _, name, digest_kind, attributes, _, signature, *_ = signer_info
    by = HASHES.get(digest_kind.parts()[0].whole)
    if by is None:
        raise MessageRefused("its digest is none of SHA-256, SHA-384 and SHA-512")
    signer = _named(name, known or _sent(others))
    key = signer.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise MessageRefused("the key of its signer is no RSA key")
    to_verify = bytes((der.SET,)) + attributes.only(der.CONTEXT_0).whole[1:]
    try:
        key.verify(signature.only(der.OCTETS).content, to_verify, padding.PKCS1v15(), by)
    except InvalidSignature as error:
        raise MessageRefused("its signature does not verify") from error
    found = {
        a.parts()[0].whole: a.parts()[1].only(der.SET).parts()[0].content
        for a in attributes.parts()
    }
    if not hmac.compare_digest(found.get(MESSAGE_DIGEST, b""), _digest(by, content)):
        raise MessageRefused("its content is not what was signed")
    return Opened(signer, found, content)


def _sent(parts: Iterable[der.Element]) -> tuple[x509.Certificate, ...]:
    return tuple(
        x509.load_der_x509_certificate(c.whole)
        for part in parts
        if part.tag == der.CONTEXT_0
        for c in part.parts()
    )


def _named(name: der.Element, among: tuple[x509.Certificate, ...]) -> x509.Certificate:
    issuer, number = name.only(der.SEQUENCE).parts()
    serial = int.from_bytes(number.only(der.INTEGER).content)
    for one in among:
        if one.serial_number == serial and one.issuer.public_bytes() == issuer.whole:
            return one
    raise MessageRefused("its signer is none that GetCACert names")


def _digest(by: Hash, data: bytes) -> bytes:
    digest = hashes.Hash(by)
    digest.update(data)
    return digest.finalize()
