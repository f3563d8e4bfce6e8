"""A SCEP server in this process, on a port of loopback: it answers as RFC 8894 says."""

import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import AttributeOID, NameOID

from eaves.node.enrolment.messages import (
    FAIL_INFO,
    MESSAGE_TYPE,
    PKI_STATUS,
    RECIPIENT_NONCE,
    SENDER_NONCE,
    TRANSACTION_ID,
    MessageType,
    Opened,
    Signer,
    octets,
    open_message,
    printable,
    sign,
)

CHALLENGE = "open-sesame"
LIFE = timedelta(days=100)
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def signer_of(name: str, by: Signer | None = None) -> Signer:
    """An authority, or what one certified to answer for it."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(FIRST_DAY)
        .not_valid_after(FIRST_DAY + 10 * LIFE)
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .sign(by.key if by else key, hashes.SHA256())
    )
    return Signer(certificate, key)


@dataclass(slots=True)
class ScepServer:
    """`approves`: off, requests wait until it is on.  `seen`: the types of messages, in order."""

    authority: Signer
    now: datetime = FIRST_DAY
    registration: Signer | None = None
    capabilities: str = "SCEPStandard\nRenewal\n"
    approves: bool = True
    wrong_nonce: bool = False
    impostor: Signer | None = None  # signs in place of the one that GetCACert names
    url: str = ""
    seen: list[str] = field(default_factory=list[str])
    methods: list[str] = field(default_factory=list[str])
    requests: dict[str, x509.CertificateSigningRequest] = field(
        default_factory=dict[str, x509.CertificateSigningRequest]
    )

    @property
    def answering(self) -> Signer:
        return self.registration or self.authority

    async def serve(self, request: web.Request) -> web.Response:
        match request.query.get("operation"):
            case "GetCACaps":
                return web.Response(text=self.capabilities)
            case "GetCACert":
                return web.Response(body=self._certificates())
            case "PKIOperation":
                self.methods.append(request.method)
                told = request.query.get("message", "")
                message = await request.read() or base64.b64decode(told)
                return web.Response(body=self.answer(message))
            case _:
                return web.Response(status=404)

    def _certificates(self) -> bytes:
        if self.registration is None:
            return self.authority.certificate.public_bytes(Encoding.DER)
        both = [self.registration.certificate, self.authority.certificate]
        return pkcs7.serialize_certificates(both, Encoding.DER)

    def answer(self, message: bytes) -> bytes:
        opened = open_message(message)
        kind, transaction = opened.text(MESSAGE_TYPE), opened.text(TRANSACTION_ID)
        self.seen.append(kind)
        us = self.answering
        inside = pkcs7.pkcs7_decrypt_der(opened.content, us.certificate, us.key, [])
        if kind != MessageType.CERT_POLL:
            request = x509.load_der_x509_csr(inside)
            if not self._allows(opened, request):
                return self._reply(opened, {PKI_STATUS: printable("2"), FAIL_INFO: printable("2")})
            self.requests[transaction] = request
        if not self.approves:
            return self._reply(opened, {PKI_STATUS: printable("3")})
        issued = self._issue(self.requests[transaction])
        sealed = (
            pkcs7.PKCS7EnvelopeBuilder()
            .set_data(pkcs7.serialize_certificates([issued], Encoding.DER))
            .add_recipient(opened.signer)
            .set_content_encryption_algorithm(algorithms.AES256)
            .encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])
        )
        return self._reply(opened, {PKI_STATUS: printable("0")}, sealed)

    def _allows(self, opened: Opened, request: x509.CertificateSigningRequest) -> bool:
        if opened.text(MESSAGE_TYPE) == MessageType.RENEWAL_REQ:
            opened.signer.verify_directly_issued_by(self.authority.certificate)
            return True
        try:
            told = request.attributes.get_attribute_for_oid(AttributeOID.CHALLENGE_PASSWORD)
        except x509.AttributeNotFound:
            return False
        return told.value == CHALLENGE.encode()

    def _issue(self, request: x509.CertificateSigningRequest) -> x509.Certificate:
        made = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(self.authority.certificate.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now)
            .not_valid_after(self.now + LIFE)
        )
        for extension in request.extensions:
            made = made.add_extension(extension.value, extension.critical)
        return made.sign(self.authority.key, hashes.SHA256())

    def _reply(self, to: Opened, attributes: dict[bytes, bytes], sealed: bytes = b"") -> bytes:
        nonce = bytes(16) if self.wrong_nonce else to.attributes[SENDER_NONCE]
        said = {
            MESSAGE_TYPE: printable(MessageType.CERT_REP),
            TRANSACTION_ID: printable(to.text(TRANSACTION_ID)),
            SENDER_NONCE: octets(b"n" * 16),
            RECIPIENT_NONCE: octets(nonce),
            **attributes,
        }
        return sign(sealed, said, self.impostor or self.answering, hashes.SHA256())


@asynccontextmanager
async def scep_server(authority: Signer) -> AsyncGenerator[ScepServer]:
    server = ScepServer(authority)
    app = web.Application()
    app.router.add_route("*", "/scep", server.serve)
    async with TestServer(app, host="127.0.0.1") as listening:
        server.url = str(listening.make_url("/scep"))
        yield server
