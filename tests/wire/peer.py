"""A small controller out of `evapi`, to hold the device's side of the conversations against.

It answers values; `serve` puts it behind real TLS.  What it shall refuse is set by the test.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from eaves.evapi.attest import (
    AttestStorageKeysResp,
    AttestStorageKeysResponseCode,
    AttestVolumeKey,
    ZAttestNonceResp,
    ZAttestQuoteResp,
    ZAttestReq,
    ZAttestReqType,
    ZAttestResponse,
    ZAttestResponseCode,
    ZAttestRespType,
    decode_z_attest_req,
    encode_z_attest_response,
)
from eaves.evapi.certs import ZCertType, ZControllerCert, encode_z_controller_cert, published
from eaves.evapi.envelope import (
    controller_sender,
    device_hash,
    onboarding_certificate,
    parse_envelope,
    seal,
)
from eaves.evapi.flows.steps import Flow, NoConnection, Received, Reply, Send, T, Wait
from eaves.evapi.keys import KeySigner
from eaves.evapi.paths import PROTOBUF, Endpoint, parse_path
from eaves.evapi.pem import certificate_key, load_certificate
from eaves.evapi.poll import PollResponse, decode_poll_request, encode_poll_response
from eaves.evapi.register import decode_z_register_msg, device_certificate_of
from eaves.evapi.uuid import UuidResponse, encode_uuid_response

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def clock() -> datetime:
    return NOW


@dataclass(frozen=True)
class Issued:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def issue(
    name: str,
    issuer: Issued | None = None,
    *,
    ca: bool = False,
    begin: datetime = NOW - timedelta(days=30),
    end: datetime = NOW + timedelta(days=3650),
    usages: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.SERVER_AUTH,),
    curve: ec.EllipticCurve | None = None,
) -> Issued:
    key = ec.generate_private_key(curve or ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
            ),
            critical=False,
        )
    )
    if usages and not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return Issued(key, builder.sign(key if issuer is None else issuer.key, hashes.SHA256()))


@dataclass
class Controller:
    """Knows one onboarding certificate; every registered device gets the same configuration."""

    root: Issued = field(default_factory=lambda: issue("test root", ca=True))
    signing: Issued = field(init=False)
    ecdh: Issued = field(init=False)
    onboard: Issued = field(default_factory=lambda: issue("onboarding"))
    config: bytes = b"\x0a\x00"
    config_hash: str = "hash-1"
    token: bytes = b""  # not empty: enforced
    stored: tuple[AttestVolumeKey, ...] = ()
    device_pem: bytes | None = None
    device_id: str = "11111111-2222-4333-8444-555555555555"
    quote_codes: list[ZAttestResponseCode] = field(default_factory=list[ZAttestResponseCode])
    refuse: dict[Endpoint, list[Reply]] = field(default_factory=dict[Endpoint, list[Reply]])
    seen: list[tuple[Endpoint, bytes]] = field(default_factory=list[tuple[Endpoint, bytes]])

    def __post_init__(self) -> None:
        self.rotate()

    def rotate(self) -> None:
        self.signing = issue("signing", self.root)
        self.ecdh = issue("ecdh", self.root)

    def reply(self, payload: bytes, status: int = 200) -> Received:
        sender = controller_sender(KeySigner(self.signing.key), self.signing.pem)
        return Received(status, PROTOBUF, seal(payload, sender))

    def listed(self) -> bytes:
        certs = (
            published(self.signing.pem, ZCertType.CERT_TYPE_CONTROLLER_SIGNING),
            published(self.ecdh.pem, ZCertType.CERT_TYPE_CONTROLLER_ECDH_EXCHANGE),
        )
        return encode_z_controller_cert(ZControllerCert(certs=certs))

    def answer(self, path: str, body: bytes) -> Reply:
        route = parse_path(path)
        if route is None:
            return Received(404)
        if queue := self.refuse.get(route.endpoint):
            return queue.pop(0)
        self.seen.append((route.endpoint, body))
        match route.endpoint:
            case Endpoint.CERTS:
                return self.reply(self.listed())
            case Endpoint.REGISTER:
                return self._register(body)
            case endpoint:
                return self._for_device(endpoint, body)

    def _register(self, body: bytes) -> Received:
        sealed = parse_envelope(body)
        pem = onboarding_certificate(sealed)
        if pem != self.onboard.pem:
            return Received(403)
        payload = sealed.verify(certificate_key(load_certificate(pem)))
        self.device_pem = device_certificate_of(decode_z_register_msg(payload))
        return Received(201, PROTOBUF)

    def _for_device(self, endpoint: Endpoint, body: bytes) -> Received:
        sealed = parse_envelope(body)
        if self.device_pem is None or not sealed.sent_by(device_hash(self.device_pem)):
            return Received(401)
        payload = sealed.verify(certificate_key(load_certificate(self.device_pem)))
        match endpoint:
            case Endpoint.UUID:
                return self.reply(encode_uuid_response(UuidResponse(uuid=self.device_id)))
            case Endpoint.CONFIG | Endpoint.WAIT:
                request = decode_poll_request(payload)
                if self.token and request.integrity_token != self.token:
                    return Received(403)
                if request.config_hash == self.config_hash:
                    return Received(304)
                if endpoint is Endpoint.WAIT:
                    return Received(200, PROTOBUF)
                answer = PollResponse(config=self.config, config_hash=self.config_hash)
                return self.reply(encode_poll_response(answer))
            case Endpoint.ATTEST:
                return self.reply(
                    encode_z_attest_response(self._attest(decode_z_attest_req(payload))), 201
                )
            case _:
                return Received(201, PROTOBUF)

    def _attest(self, request: ZAttestReq) -> ZAttestResponse:
        resp_type = ZAttestRespType(int(request.req_type))
        match request.req_type:
            case ZAttestReqType.ATTEST_REQ_NONCE:
                return ZAttestResponse(resp_type=resp_type, nonce=ZAttestNonceResp(nonce=b"n" * 16))
            case ZAttestReqType.ATTEST_REQ_QUOTE:
                code = ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_SUCCESS
                if self.quote_codes:
                    code = self.quote_codes.pop(0)
                verdict = ZAttestQuoteResp(
                    response=code, integrity_token=self.token or b"t" * 16, keys=self.stored
                )
                return ZAttestResponse(resp_type=resp_type, quote_resp=verdict)
            case ZAttestReqType.Z_ATTEST_REQ_TYPE_STORE_KEYS:
                assert request.storage_keys is not None
                self.stored = request.storage_keys.keys
                stored = AttestStorageKeysResponseCode.ATTEST_STORAGE_KEYS_RESPONSE_CODE_SUCCESS
                return ZAttestResponse(
                    resp_type=resp_type, storage_keys_resp=AttestStorageKeysResp(response=stored)
                )
            case _:
                return ZAttestResponse(resp_type=resp_type)


@dataclass
class Played:
    """What a flow did: its requests, its waits, in order."""

    steps: list[Send | Wait] = field(default_factory=list[Send | Wait])

    @property
    def endpoints(self) -> list[str]:
        return [str(s.endpoint) if isinstance(s, Send) else "wait" for s in self.steps]

    @property
    def waits(self) -> list[Wait]:
        return [s for s in self.steps if isinstance(s, Wait)]


def play(flow: Flow[T], answer: Callable[[Send], Reply], played: Played, most: int = 200) -> T:
    """Drive a flow to its end with values; time passes at once."""
    reply: Reply | None = None
    for _ in range(most):
        try:
            step = flow.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result
        played.steps.append(step)
        reply = answer(step) if isinstance(step, Send) else None
    raise AssertionError(f"the flow did not end: {played.endpoints}")


@asynccontextmanager
async def serve(controller: Controller, server: Issued, folder: Path) -> AsyncGenerator[str]:
    """`host:port` of the controller behind TLS; `folder` keeps key and certificate."""
    (folder / "cert.pem").write_bytes(server.pem)
    (folder / "key.pem").write_bytes(server.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            headers = {n.lower(): v.strip() for n, _, v in (x.partition(":") for x in lines[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            reply = controller.answer(lines[0].split()[1], body)
            assert not isinstance(reply, NoConnection)
            content = f"Content-Type: {reply.content_type}\r\n" if reply.content_type else ""
            writer.write(
                f"HTTP/1.1 {reply.status} -\r\n{content}"
                f"Content-Length: {len(reply.body)}\r\nConnection: close\r\n\r\n".encode()
                + reply.body
            )
            await writer.drain()
        except (OSError, EOFError):
            pass  # the peer went away: a test of refused connections does that
        finally:
            writer.transport.abort()

    listener = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    try:
        host, port = listener.sockets[0].getsockname()[:2]
        yield f"{host}:{port}"
    finally:
        listener.close()
        await listener.wait_closed()
