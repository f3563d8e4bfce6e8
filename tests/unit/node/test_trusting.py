"""Whom a node believes over TLS: what its root file holds, as devices of the EVE API do."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from eaves.evapi.flows.steps import Cause, NoConnection, Received, Reply, Send
from eaves.evapi.paths import Endpoint
from eaves.node.comms.transport import Limits, Transport
from eaves.node.host.tls import trusting
from eaves.node.storage.transport import tls_context

PING = Send(Endpoint.PING, "GET", "/ping")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Issued:
    """A certificate with nothing but what a private authority may be content with."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def issued(name: str, by: Issued | None = None, *, ca: bool = True) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    else:
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        builder = builder.add_extension(names, False)
    return Issued(builder.sign(key if by is None else by.key, hashes.SHA256()), key)


@dataclass(frozen=True)
class Site:
    """A server and the chain that it shows: its own certificate and the authority above it."""

    port: int
    roots: dict[str, bytes]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    root = issued("root")
    middle = issued("middle", root)
    own = issued("server", middle, ca=False)
    key = own.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "shown.pem").write_bytes(own.pem + middle.pem + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "shown.pem")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return  # the node does not believe what it is shown
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    roots = {"root": root.pem, "middle": middle.pem, "own": own.pem, "other": issued("other").pem}
    yield Site(int(server.sockets[0].getsockname()[1]), roots)
    server.close()
    await server.wait_closed()


async def ask(site: Site, roots: Sequence[str]) -> Reply:
    pem = b"".join(site.roots[name] for name in roots)
    made = Transport(
        f"https://127.0.0.1:{site.port}", pem, lambda: datetime.now(UTC), Limits(30, 30)
    )
    try:
        return await made.perform(PING)
    finally:
        await made.close()


@pytest.mark.parametrize("roots", [["root"], ["middle"], ["own"], ["other", "middle"]])
async def test_what_the_root_file_holds_is_an_anchor_whoever_issued_it(
    site: Site, roots: list[str]
) -> None:
    assert await ask(site, roots) == Received(200)


async def test_an_authority_that_the_root_file_does_not_hold_is_not_believed(site: Site) -> None:
    reply = await ask(site, ["other"])
    assert isinstance(reply, NoConnection)
    assert reply.cause is Cause.UNKNOWN_CA


@pytest.mark.parametrize("context", [trusting(), tls_context(())], ids=["controller", "datastore"])
def test_every_python_judges_a_chain_alike(context: ssl.SSLContext) -> None:
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
