"""The conversation with a SCEP server: it yields what to ask, and is sent the answer.

Nothing is encrypted to a server, and nothing believed of it, before its certificates were found
to be of an authority that the profile names.  Source: RFC 8894, section 4.
"""

import hmac
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs7

from eaves.errors import Rejected
from eaves.node.enrolment import der
from eaves.node.enrolment.messages import (
    FAIL_INFO,
    MESSAGE_TYPE,
    PKI_STATUS,
    RECIPIENT_NONCE,
    SENDER_NONCE,
    TRANSACTION_ID,
    MessageRefused,
    MessageType,
    Opened,
    Signer,
    octets,
    open_message,
    printable,
    sign,
)
from eaves.node.enrolment.request import Subject

NONCE_BYTES = 16
UNREADABLE = (ValueError, UnsupportedAlgorithm, x509.InvalidVersion)

FAILURES: Mapping[str, str] = {
    "0": "it does not know the algorithm",
    "1": "the request did not arrive as it was sent",
    "2": "it does not allow this request; check the challenge password and what the profile asks",
    "3": "the clock of this device and its own differ too much",
    "4": "it has no such certificate",
}


class EnrolmentRefused(Rejected):
    """The server, or what it sent, ends this try."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to the server; `message` is only sent with PKIOperation."""

    operation: str
    message: bytes = field(default=b"", repr=False)
    post: bool = False


@dataclass(frozen=True, slots=True)
class Issued:
    certificate: x509.Certificate
    authorities: tuple[x509.Certificate, ...]  # those of the server that the profile trusts


@dataclass(frozen=True, slots=True)
class Pending:
    """Somebody has to approve the request; it is asked after with the same key."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for, with which key; `holder` has a certificate that is to be renewed.

    `waits`: it was sent before, and the server said that it waits for approval.
    """

    subject: Subject
    key: rsa.RSAPrivateKey = field(repr=False)
    challenge: str = field(repr=False)
    trusted: tuple[x509.Certificate, ...]
    holder: Signer | None = None
    waits: bool = False


Flow = Generator[Ask, bytes, Issued | Pending]


@dataclass(frozen=True, slots=True)
class Server:
    posts: bool
    renews: bool
    certificates: tuple[x509.Certificate, ...]  # believed ones

    def recipient(self) -> x509.Certificate:
        """Requests are encrypted to the one that is no authority, where there is one."""
        for one in self.certificates:
            if not _is_authority(one):
                return one
        return self.certificates[0]

    def authorities(self) -> tuple[x509.Certificate, ...]:
        return tuple(c for c in self.certificates if _is_authority(c))


def enrol(wanted: Request, now: datetime, nonce: Callable[[int], bytes]) -> Flow:
    """Raises Rejected."""
    said = yield Ask("GetCACaps")
    words = frozenset(w.strip().upper() for w in said.decode("ascii", "replace").splitlines())
    modern = "SCEPSTANDARD" in words
    if not modern and not {"AES", "SHA-256"} <= words:
        raise EnrolmentRefused(
            "the server offers no AES with SHA-256: what it speaks is broken; update it"
        )
    certificates = believed(_certificates((yield Ask("GetCACert"))), wanted.trusted)
    server = Server(modern or "POSTPKIOPERATION" in words, "RENEWAL" in words, certificates)
    signer, kind, body = _request(wanted, server, now)
    sent = nonce(NONCE_BYTES)
    transaction = transaction_of(wanted.key)
    message = sign(
        _sealed(body, server.recipient()),
        {
            MESSAGE_TYPE: printable(kind),
            TRANSACTION_ID: printable(transaction),
            SENDER_NONCE: octets(sent),
        },
        signer,
        wanted.subject.hash,
    )
    answer = yield Ask("PKIOperation", message, server.posts)
    opened = open_message(answer, server.certificates)
    _check(opened, transaction, sent)
    return _outcome(opened, wanted, server, signer)


def transaction_of(key: rsa.RSAPrivateKey) -> str:
    """The same for each message about one key, so that a server knows a repeated one."""
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(public).hexdigest()


def believed(
    sent: tuple[x509.Certificate, ...], trusted: tuple[x509.Certificate, ...]
) -> tuple[x509.Certificate, ...]:
    """Those that are trusted, or that a believed one issued.  Raises EnrolmentRefused for none."""
    found: list[x509.Certificate] = [c for c in sent if c in trusted]
    grown = True
    while grown:
        new = [
            c
            for c in sent
            if c not in found
            and any(_issued(c, by) for by in (*trusted, *found) if _is_authority(by))
        ]
        found += new
        grown = bool(new)
    if not found:
        raise EnrolmentRefused(
            "no certificate of the server is of an authority that the profile trusts;"
            " check its address and its list of certificates"
        )
    return tuple(found)


def _certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    """One certificate, or several in a message without signers."""
    try:
        parts = der.read(data).parts()
        if parts and parts[0].tag == der.OID:
            return tuple(pkcs7.load_der_pkcs7_certificates(data))
        return (x509.load_der_x509_certificate(data),)
    except UNREADABLE as error:
        raise EnrolmentRefused("what GetCACert brought is no certificate") from error


def _request(wanted: Request, server: Server, now: datetime) -> tuple[Signer, MessageType, bytes]:
    request = wanted.subject.request(wanted.key, wanted.challenge)
    first = wanted.subject.provisional(wanted.key, now)
    if wanted.waits:
        issuer = next(iter(server.authorities()), server.certificates[0]).subject
        about = der.sequence(issuer.public_bytes(), wanted.subject.name.public_bytes())
        return first, MessageType.CERT_POLL, about
    body = request.public_bytes(Encoding.DER)
    if wanted.holder is not None and server.renews:
        return wanted.holder, MessageType.RENEWAL_REQ, body
    return first, MessageType.PKCS_REQ, body


def _sealed(body: bytes, to: x509.Certificate) -> bytes:
    if not isinstance(to.public_key(), rsa.RSAPublicKey):
        raise EnrolmentRefused("the key of the server is no RSA key: nothing can be sent to it")
    return (
        pkcs7.PKCS7EnvelopeBuilder()
        .set_data(body)
        .add_recipient(to)
        .set_content_encryption_algorithm(algorithms.AES128)
        .encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])
    )


def _check(answer: Opened, transaction: str, sent: bytes) -> None:
    if answer.text(MESSAGE_TYPE) != MessageType.CERT_REP:
        raise MessageRefused("it is no answer to a request")
    if answer.text(TRANSACTION_ID) != transaction:
        raise MessageRefused("it answers another request")
    if not hmac.compare_digest(answer.attributes.get(RECIPIENT_NONCE, b""), sent):
        raise MessageRefused("it does not answer this try: its nonce is another")


def _outcome(answer: Opened, wanted: Request, server: Server, signer: Signer) -> Issued | Pending:
    match answer.text(PKI_STATUS):
        case "0":
            return Issued(_certificate(answer, wanted, server, signer), server.authorities())
        case "3":
            return Pending()
        case _:
            code = answer.text(FAIL_INFO)
            why = FAILURES.get(code, "it does not say why")
            raise EnrolmentRefused(f"the server refuses the request: {why}")


def _certificate(
    answer: Opened, wanted: Request, server: Server, signer: Signer
) -> x509.Certificate:
    try:
        inside = pkcs7.pkcs7_decrypt_der(answer.content, signer.certificate, signer.key, [])
        issued = pkcs7.load_der_pkcs7_certificates(inside)
    except UNREADABLE as error:
        raise EnrolmentRefused(
            f"the certificate in the answer cannot be opened: {error}"
        ) from error
    public = wanted.key.public_key()
    found = next((c for c in issued if c.public_key() == public), None)
    if found is None:
        raise EnrolmentRefused("the answer has no certificate of the key that was sent")
    if not any(_issued(found, by) for by in (*server.authorities(), *wanted.trusted)):
        raise EnrolmentRefused("the certificate was not issued by the authority of the server")
    return found


def _issued(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False
