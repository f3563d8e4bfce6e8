"""A certificate is enrolled, kept and renewed: against a real server, on loopback."""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from support.scep_controller import PassingController
from support.scep_server import CHALLENGE, FIRST_DAY, LIFE, ScepServer, scep_server, signer_of

from eaves.evapi.config import (
    CipherBlock,
    ConfigItem,
    CSRProfile,
    EdgeDevConfig,
    EncryptionBlock,
    KeyType,
    ScepHashAlgorithm,
    SCEPProfile,
    decode_edge_dev_config,
    encode_edge_dev_config,
)
from eaves.evapi.config_items import ItemValues, apply_items
from eaves.evapi.info import CertInfo, CertStatus
from eaves.node.enrolment.client import by_controller, exchange
from eaves.node.enrolment.decide import Server
from eaves.node.enrolment.enroller import Enroller, Means, NoCertificate
from eaves.node.enrolment.kept import Store
from eaves.node.enrolment.messages import MessageType, Signer
from eaves.node.enrolment.scep import Ask
from eaves.node.refs import Way

NAME = "office"
RETRY_S = 120
REQUEST = CSRProfile(
    common_name="device-1",
    organization="Works",
    organizational_unit="Line 4",
    country="DE",
    state="Saxony",
    locality="Leipzig",
    san_dns=("device-1.example",),
    san_ip=("192.0.2.7",),
    san_uri=("urn:device:1",),
    san_email=("one@example.com",),
    renew_period_percent=50,
    key_type=KeyType.KEY_TYPE_RSA_2048,
    hash_algorithm=ScepHashAlgorithm.HASH_ALGORITHM_SHA384,
)


@cache
def authority() -> Signer:
    return signer_of("authority")


@cache
def stranger() -> Signer:
    return signer_of("stranger")


@pytest.fixture
async def server() -> AsyncGenerator[ScepServer]:
    async with scep_server(authority()) as serving:
        yield serving


def profile(server: ScepServer) -> SCEPProfile:
    return SCEPProfile(
        profile_name=NAME,
        scep_url=server.url,
        scep_challenge_password=CipherBlock(cipher_context_id="one"),
        ca_cert_pem=(authority().certificate.public_bytes(Encoding.PEM),),
        csr_profile=REQUEST,
    )


class Device:
    """A node's part, on a clock of its own."""

    def __init__(self, folder: Path, closed: str = "") -> None:
        self.now: datetime = FIRST_DAY
        self.closed = closed
        self.items = ItemValues.before_any_config()
        self.changes = 0
        self.controller = PassingController()
        self.store = Store(folder)
        self.enroller = Enroller(
            Means(
                self.store,
                self._ask,
                lambda _: EncryptionBlock(scep_challenge_password=CHALLENGE),
                lambda: self.closed,
                lambda: self.items.seconds("scep.retry.interval"),
                lambda: self.now,
                self._changed,
            )
        )

    async def _ask(self, server: Server, ask: Ask) -> bytes:
        if server.by_controller:
            return await by_controller(server.profile, ask, self.controller.pass_on)
        return await exchange(server.url, ask, (Way(),))

    def _changed(self) -> None:
        self.changes += 1

    async def follow(self, *profiles: SCEPProfile) -> CertInfo:
        """As a configuration that came over the wire says."""
        item = ConfigItem(key="scep.retry.interval", value=str(RETRY_S))
        told = EdgeDevConfig(scep_profiles=profiles, config_items=(item,))
        config = decode_edge_dev_config(encode_edge_dev_config(told))
        self.items, _ = apply_items(config.config_items, self.items)
        self.enroller.follow(config.scep_profiles)
        return await self.after(0)

    async def after(self, seconds: float) -> CertInfo:
        self.now += timedelta(seconds=seconds)
        await self.enroller.round()
        return next((c for c in self.enroller.info() if c.status), CertInfo())

    def certificate(self) -> x509.Certificate:
        kept = self.store.load(NAME)
        assert kept is not None
        return kept.holder.certificate


def key_modes(folder: Path) -> list[int]:
    """Of each key that is kept."""
    return [p.stat().st_mode & 0o777 for p in folder.rglob("key.pem")]


def error_of(info: CertInfo) -> str:
    return info.err.description if info.err else ""


async def test_a_port_gets_the_certificate_of_its_profile_and_its_authority(
    server: ScepServer, tmp_path: Path
) -> None:
    device = Device(tmp_path)
    with pytest.raises(NoCertificate, match="add it"):
        device.enroller.credentials(NAME)
    server.approves = False
    await device.follow(profile(server))
    with pytest.raises(NoCertificate, match="yet"):
        device.enroller.credentials(NAME)
    server.approves = True
    await device.after(RETRY_S)
    given = device.enroller.credentials(NAME)
    assert given.chain.startswith(device.certificate().public_bytes(Encoding.PEM))
    assert given.trusted == authority().certificate.public_bytes(Encoding.PEM)
    assert given.key.read_bytes().startswith(b"-----BEGIN PRIVATE KEY")
    device.closed = "the vault is closed"
    with pytest.raises(NoCertificate, match="vault"):
        device.enroller.credentials(NAME)


async def test_the_key_of_a_port_is_there_and_is_not_read(
    server: ScepServer, tmp_path: Path
) -> None:
    device = Device(tmp_path)
    await device.follow(profile(server))
    given = device.enroller.credentials(NAME)
    kept = device.store.load(NAME)
    assert kept is not None
    chain = device.store.certificates(NAME)
    assert chain == (kept.holder.certificate, *kept.authorities)
    assert given.chain == b"".join(c.public_bytes(Encoding.PEM) for c in chain)
    given.key.write_bytes(b"no key")
    assert device.enroller.credentials(NAME) == given
    given.key.unlink()
    assert device.store.certificates(NAME) == ()
    with pytest.raises(NoCertificate, match="yet"):
        device.enroller.credentials(NAME)


async def test_a_certificate_says_what_its_profile_asks_for(
    server: ScepServer, tmp_path: Path
) -> None:
    device = Device(tmp_path)
    csr = replace(REQUEST, key_type=KeyType.KEY_TYPE_RSA_3072)
    asked = replace(profile(server), csr_profile=csr)
    told = await device.follow(asked)
    assert (told.status, error_of(told)) == (CertStatus.CERT_STATUS_AVAILABLE, "")
    assert told.cert_enrollment_profile_name == NAME
    subject = told.subject
    assert subject is not None
    assert (subject.common_name, subject.organization, subject.organizational_unit) == (
        "device-1",
        ("Works",),
        ("Line 4",),
    )
    assert (subject.country, subject.state_or_province, subject.locality) == (
        ("DE",),
        ("Saxony",),
        ("Leipzig",),
    )
    assert (told.san_dns, told.san_ip) == (("device-1.example",), (str(ip_address("192.0.2.7")),))
    assert (told.san_uri, told.san_email) == (("urn:device:1",), ("one@example.com",))
    assert told.expiration_timestamp == FIRST_DAY + LIFE
    assert told.renew_period_percent == 50
    (request,) = server.requests.values()
    key = request.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 3072
    by = request.signature_hash_algorithm
    assert by is not None
    assert by.name == "sha384"
    assert device.changes == 1
    assert await device.after(60) == told
    assert server.seen == [MessageType.PKCS_REQ]


async def test_it_is_renewed_at_its_share_of_the_life_by_the_old_one(
    server: ScepServer, tmp_path: Path
) -> None:
    device = Device(tmp_path)
    await device.follow(profile(server))
    first = device.certificate()
    await device.after(LIFE.total_seconds() * 0.49)
    assert device.certificate() == first
    server.now = device.now + LIFE * 0.02
    told = await device.after(LIFE.total_seconds() * 0.02)
    assert server.seen == [MessageType.PKCS_REQ, MessageType.RENEWAL_REQ]
    assert told.status == CertStatus.CERT_STATUS_AVAILABLE
    assert told.expiration_timestamp == device.now + LIFE
    assert device.certificate().public_key() != first.public_key()
    assert len(key_modes(tmp_path)) == 1  # the old key is gone


async def test_a_start_finds_what_was_kept(server: ScepServer, tmp_path: Path) -> None:
    await Device(tmp_path).follow(profile(server))
    again = Device(tmp_path)
    await again.after(0)
    assert key_modes(tmp_path) == [0o600]  # before there is a configuration, nothing is forgotten
    told = await again.follow(profile(server))
    assert told.status == CertStatus.CERT_STATUS_AVAILABLE
    assert len(server.seen) == 1
    assert key_modes(tmp_path) == [0o600]
    again.enroller.follow(())
    await again.after(0)
    assert key_modes(tmp_path) == []


async def test_a_request_that_waits_is_asked_after_with_its_key(
    server: ScepServer, tmp_path: Path
) -> None:
    server.approves = False
    told = await Device(tmp_path).follow(profile(server))
    assert told.status == CertStatus.CERT_STATUS_PENDING
    server.approves = True
    device = Device(tmp_path)  # after a start, too
    told = await device.follow(profile(server))
    assert told.status == CertStatus.CERT_STATUS_AVAILABLE
    assert server.seen == [MessageType.PKCS_REQ, MessageType.CERT_POLL]
    assert len(server.requests) == 1


async def test_a_failed_try_is_repeated_after_its_pause(server: ScepServer, tmp_path: Path) -> None:
    device = Device(tmp_path)
    none = replace(profile(server), scep_challenge_password=None)
    told = await device.follow(none)
    assert told.status == CertStatus.CERT_STATUS_ENROLLMENT_FAILED
    assert "challenge password" in error_of(told)
    await device.after(RETRY_S - 1)
    assert len(server.seen) == 1
    await device.after(2)
    assert len(server.seen) == 2


async def test_a_failed_renewal_leaves_the_certificate_until_it_ends(
    server: ScepServer, tmp_path: Path
) -> None:
    device = Device(tmp_path)
    await device.follow(profile(server))
    server.wrong_nonce = True
    told = await device.after(LIFE.total_seconds() * 0.6)
    assert told.status == CertStatus.CERT_STATUS_RENEWAL_FAILED
    assert "nonce" in error_of(told)
    assert told.subject is not None
    told = await device.after(LIFE.total_seconds() * 0.5)
    assert told.status == CertStatus.CERT_STATUS_EXPIRED
    assert server.seen[-1] == MessageType.PKCS_REQ  # what expired proves nothing


async def test_a_registration_authority_answers_for_its_authority(
    server: ScepServer, tmp_path: Path
) -> None:
    server.registration = signer_of("registration", authority())
    server.capabilities = "AES\nSHA-256\n"  # no POST: by GET
    told = await Device(tmp_path).follow(profile(server))
    assert (told.status, error_of(told)) == (CertStatus.CERT_STATUS_AVAILABLE, "")
    assert server.methods == ["GET"]


async def test_a_server_of_another_authority_gets_no_request(
    server: ScepServer, tmp_path: Path
) -> None:
    server.authority = stranger()
    told = await Device(tmp_path).follow(profile(server))
    assert "no certificate of the server" in error_of(told)
    assert server.seen == []


async def test_an_answer_that_another_signed_is_not_believed(
    server: ScepServer, tmp_path: Path
) -> None:
    server.impostor = stranger()
    told = await Device(tmp_path).follow(profile(server))
    assert "its signer is none" in error_of(told)
    assert Store(tmp_path).load(NAME) is None


async def test_a_server_of_broken_algorithms_gets_no_request(
    server: ScepServer, tmp_path: Path
) -> None:
    server.capabilities = "POSTPKIOperation\nSHA-1\nDES3\n"
    told = await Device(tmp_path).follow(profile(server))
    assert "AES" in error_of(told)
    assert server.seen == []


async def test_nothing_is_asked_for_while_the_vault_is_locked(
    server: ScepServer, tmp_path: Path
) -> None:
    device = Device(tmp_path, closed="vault locked: the TPM is not there")
    told = await device.follow(profile(server))
    assert "vault locked" in error_of(told)
    assert server.seen == []
    device.closed = ""
    assert (await device.after(0)).status == CertStatus.CERT_STATUS_AVAILABLE


@pytest.mark.parametrize("posts", [True, False])
async def test_the_controller_passes_on_what_a_device_cannot_ask_itself(
    server: ScepServer, tmp_path: Path, *, posts: bool
) -> None:
    server.capabilities = f"SHA-256\nAES\n{'POSTPKIOperation' if posts else ''}\n"
    device = Device(tmp_path)
    device.controller.servers[NAME] = server.url
    unreachable = replace(
        profile(server), scep_url="http://127.0.0.1:1/", use_controller_proxy=True
    )
    told = await device.follow(unreachable)
    assert told.status == CertStatus.CERT_STATUS_AVAILABLE, error_of(told)
    assert {one.scep_profile_name for one in device.controller.asked} == {NAME}
    assert server.methods == ["POST" if posts else "GET"]


async def test_a_controller_that_passes_nothing_on_is_told(
    server: ScepServer, tmp_path: Path
) -> None:
    told = await Device(tmp_path).follow(replace(profile(server), use_controller_proxy=True))
    assert "not among those of this device" in error_of(told)
    assert server.seen == []


def unusable(good: SCEPProfile) -> Iterable[tuple[SCEPProfile, str]]:
    """Each with a word of what is said of it."""
    yield replace(good, ca_cert_pem=()), "ca_cert_pem"
    yield replace(good, ca_cert_pem=(b"-----BEGIN",)), "ca_cert_pem"
    yield replace(good, scep_url="ftp://there"), "http"
    yield replace(good, csr_profile=None), "common name"
    yield replace(good, csr_profile=replace(REQUEST, key_type=KeyType.KEY_TYPE_ECDSA_P256)), "RSA"
    yield replace(good, csr_profile=replace(REQUEST, country="Germany")), "request"
    yield replace(good, csr_profile=replace(REQUEST, san_ip=("here",))), "request"
    yield (
        replace(good, csr_profile=replace(REQUEST, renew_period_percent=100)),
        "renew_period_percent",
    )


async def test_a_profile_that_cannot_be_followed_says_why(
    server: ScepServer, tmp_path: Path
) -> None:
    for asked, word in unusable(profile(server)):
        told = await Device(tmp_path).follow(asked)
        assert told.status == CertStatus.CERT_STATUS_INVALID_CONFIG
        assert word in error_of(told)
    assert server.seen == []


async def test_a_server_that_is_away_is_named(tmp_path: Path) -> None:
    async with scep_server(authority()) as gone:
        asked = profile(gone)
    told = await Device(tmp_path).follow(asked)
    assert told.status == CertStatus.CERT_STATUS_ENROLLMENT_FAILED
    assert gone.url in error_of(told)
