"""Keys of the controller.  EVE API v2, section 5; security facts 1 and 7."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from eaves.controller.keys import KeyStore, Part, SecretUnreadable, open_keys
from eaves.controller.keys.issue import TLS_RENEWAL, names_of
from eaves.controller.keys.published import published_list
from eaves.controller.keys.store import OVERLAP
from eaves.controller.settings import OwnSigning, OwnTls, Settings
from eaves.evapi.certs import ZCertType, verify_controller_certs
from eaves.evapi.cipher import cipher_key, decrypt
from eaves.evapi.keys import SoftKeyAgreement

START = datetime(2026, 3, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "state", device_server="eaves.example:8443")


@pytest.fixture
def keys(settings: Settings, clock: Clock) -> KeyStore:
    return open_keys(settings, clock=clock)


def _check_published(keys: KeyStore, now: datetime) -> None:
    verify_controller_certs(published_list(keys.ring), keys.root_certificate_pem, now)


def test_what_is_published_passes_the_checks_of_a_device(keys: KeyStore) -> None:
    """Section 5: one signing, at least one ECDH, all chain to root-certificate.pem."""
    _check_published(keys, START)
    types = [cert.type for cert in published_list(keys.ring).certs]
    assert types.count(ZCertType.CERT_TYPE_CONTROLLER_SIGNING) == 1
    assert types.count(ZCertType.CERT_TYPE_CONTROLLER_ECDH_EXCHANGE) >= 1


def test_a_second_start_keeps_every_key(keys: KeyStore, settings: Settings, clock: Clock) -> None:
    again = open_keys(settings, clock=clock)
    assert again.controllercert_confighash == keys.controllercert_confighash
    assert again.root_certificate_pem == keys.root_certificate_pem
    assert again.tls.certificate.read_bytes() == keys.tls.certificate.read_bytes()
    assert again.open("test", keys.seal("test", b"secret")) == b"secret"


@pytest.mark.usefixtures("keys")
def test_only_the_owner_reads_key_files(settings: Settings) -> None:
    readable = [
        path
        for path in settings.state_dir.rglob("*")
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert [path.name for path in readable] == ["root-certificate.pem"]


def test_the_server_certificate_names_the_advertised_server_and_this_host(keys: KeyStore) -> None:
    """Section 2, "Server name": a SAN is required."""
    certificate = x509.load_pem_x509_certificate(keys.tls.certificate.read_bytes())
    assert {"eaves.example", "localhost", "127.0.0.1"} <= names_of(certificate)


@pytest.mark.usefixtures("keys")
def test_a_new_advertised_server_gets_a_new_server_certificate(
    settings: Settings, clock: Clock
) -> None:
    moved = Settings(state_dir=settings.state_dir, device_server="other.example")
    certificate = x509.load_pem_x509_certificate(
        open_keys(moved, clock=clock).tls.certificate.read_bytes()
    )
    assert "other.example" in names_of(certificate)


def test_the_server_certificate_is_renewed_before_it_expires(keys: KeyStore, clock: Clock) -> None:
    before = keys.tls.certificate.read_bytes()
    assert not keys.renew().tls
    clock.now += timedelta(days=365) - TLS_RENEWAL + timedelta(days=1)
    renewed = keys.renew()
    assert renewed.tls
    assert not renewed.signing
    assert keys.tls.certificate.read_bytes() != before
    assert not keys.renew().tls


def test_renewed_signing_certificates_change_the_hash_and_keep_the_old_exchange_key(
    keys: KeyStore, settings: Settings, clock: Clock
) -> None:
    """Section 5, "Rotation": a new list has another hash; the old ECDH certificate stays listed."""
    before = keys.ring
    sender_before = keys.sender
    clock.now += timedelta(days=5 * 365 + 1)
    assert keys.renew().signing
    assert keys.controllercert_confighash != before.controllercert_confighash
    assert keys.ring.signing.pem != before.signing.pem
    assert keys.ring.ecdh[1].pem == before.ecdh[0].pem
    assert keys.sender.cert_hash != sender_before.cert_hash
    _check_published(keys, clock.now)
    again = open_keys(settings, clock=clock)
    assert again.controllercert_confighash == keys.controllercert_confighash


def test_a_device_opens_what_is_encrypted_for_it(keys: KeyStore) -> None:
    """Security facts 5: both ends derive one key from the two ECDH certificates."""
    device = ec.generate_private_key(ec.SECP256R1())
    pem = _self_signed(device)
    context, block = keys.encrypt_for_device(pem, b"clear text")
    assert context.controller_cert_hash == keys.ring.ecdh[0].hash16
    assert block.cipher_context_id == context.context_id
    key = cipher_key(SoftKeyAgreement(device), keys.ring.ecdh[0].key.public_key())
    assert decrypt(block, key) == b"clear text"


def test_a_sealed_secret_opens_only_for_its_purpose(keys: KeyStore) -> None:
    sealed = keys.seal("datastore password 1", b"secret")
    assert b"secret" not in sealed
    with pytest.raises(SecretUnreadable):
        keys.open("datastore password 2", sealed)
    with pytest.raises(SecretUnreadable):
        keys.open("datastore password 1", sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(SecretUnreadable):
        keys.open("datastore password 1", b"")


def test_an_onboarding_identity_carries_its_key_as_common_name(keys: KeyStore) -> None:
    identity = keys.issue_onboarding("5d0767ee-0547-4569-b530-387e526f8cb9")
    certificate = x509.load_pem_x509_certificate(identity.certificate_pem)
    (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "5d0767ee-0547-4569-b530-387e526f8cb9"
    assert keys.is_own_onboarding(certificate)
    foreign = x509.load_pem_x509_certificate(_self_signed(ec.generate_private_key(ec.SECP256R1())))
    assert not keys.is_own_onboarding(foreign)


def test_own_server_certificates_are_watched_for_renewal(tmp_path: Path, clock: Clock) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    _write_pair(certificate, key, rsa.generate_private_key(65537, 2048))
    own = Settings(state_dir=tmp_path / "state", own_tls=OwnTls(certificate, key, certificate))
    keys = open_keys(own, clock=clock)
    assert keys.tls.certificate == certificate
    assert certificate.read_bytes().strip() in keys.root_certificate_pem
    assert not keys.renew().tls
    _write_pair(certificate, key, rsa.generate_private_key(65537, 2048))
    assert keys.renew().tls


def test_an_own_signing_chain_is_published_and_signs(tmp_path: Path, clock: Clock) -> None:
    """Section 4: an RSA key may sign for the controller."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    _write_pair(certificate, key, rsa.generate_private_key(65537, 2048))
    own = Settings(
        state_dir=tmp_path / "state", own_signing=OwnSigning(certificate, key, certificate)
    )
    keys = open_keys(own, clock=clock)
    assert keys.ring.signing.pem.strip() == certificate.read_bytes().strip()
    _check_published(keys, START)
    before = keys.controllercert_confighash
    _write_pair(certificate, key, rsa.generate_private_key(65537, 2048))
    assert keys.renew().signing
    assert keys.controllercert_confighash != before


def _self_signed(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "eaves.example")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START - timedelta(days=1))
        .not_valid_after(START + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def _write_pair(
    certificate: Path, key: Path, private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
) -> None:
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    certificate.write_bytes(_self_signed(private))


def test_encryption_certificates_stay_listed_for_who_was_away(keys: KeyStore, clock: Clock) -> None:
    """What a device keeps on its disk refers to the one of its day: see `OVERLAP`."""
    for _ in range(4):
        clock.now += timedelta(days=90)
        assert keys.adopt(keys.due((Part.ENCRYPTION,)))
    assert len(keys.ring.ecdh) == 5
    _check_published(keys, clock.now)
    signing = keys.ring.signing.pem
    clock.now += OVERLAP
    assert keys.adopt(keys.due((Part.SIGNING, Part.ENCRYPTION)))
    assert keys.ring.signing.pem != signing
    assert len(keys.ring.ecdh) == 2
    _check_published(keys, clock.now)
