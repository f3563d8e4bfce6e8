"""What a device accepts as its controller, and the certificates it makes for itself."""

import os
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from wire.peer import NOW, Issued, issue

from eaves.evapi.certs import (
    ControllerCerts,
    ZCert,
    ZCertType,
    ZControllerCert,
    cert_hash,
    check_edge_node_cert,
    published,
    verify_controller_certs,
)
from eaves.evapi.device_certs import Chance, device_certificate, edge_node_certificate
from eaves.evapi.errors import (
    CertificateError,
    CertificateListRefused,
    CertificateNotTrusted,
    CertificateTimeInvalid,
    UnreadableCertificate,
    UnusableKey,
)
from eaves.evapi.flows.trust import Trust
from eaves.evapi.pem import load_certificate, load_private_key

SIGNING = ZCertType.CERT_TYPE_CONTROLLER_SIGNING
INTERMEDIATE = ZCertType.CERT_TYPE_CONTROLLER_INTERMEDIATE
ECDH = ZCertType.CERT_TYPE_CONTROLLER_ECDH_EXCHANGE

ROOT = issue("root", ca=True)
MIDDLE = issue("intermediate", ROOT, ca=True)
LEAF = issue("signing", MIDDLE)
EXCHANGE = issue("ecdh", MIDDLE)


def listed(*certs: tuple[Issued, ZCertType]) -> ZControllerCert:
    return ZControllerCert(certs=tuple(published(c.pem, t) for c, t in certs))


def verified(*certs: tuple[Issued, ZCertType], roots: bytes = ROOT.pem) -> ControllerCerts:
    return verify_controller_certs(listed(*certs), roots, NOW)


def test_leaves_chain_through_the_intermediate_or_straight_to_the_root() -> None:
    both = verified((LEAF, SIGNING), (EXCHANGE, ECDH), (MIDDLE, INTERMEDIATE))
    assert [e.pem for e in both.ecdh] == [EXCHANGE.pem]
    assert both.ecdh_by_hash(cert_hash(EXCHANGE.pem)) == both.ecdh[0]
    assert both.ecdh_by_hash(b"") is None
    verified((issue("s", ROOT), SIGNING), (issue("e", ROOT), ECDH))


def test_several_roots_and_several_ecdh_certificates_are_fine() -> None:
    roots = issue("other", ca=True).pem + ROOT.pem
    certs = verified(
        (LEAF, SIGNING),
        (EXCHANGE, ECDH),
        (issue("new ecdh", ROOT), ECDH),
        (MIDDLE, INTERMEDIATE),
        roots=roots,
    )
    assert len(certs.ecdh) == 2


@pytest.mark.parametrize(
    ("certs", "why"),
    [
        pytest.param([(EXCHANGE, ECDH)], "0 signing", id="no-signing"),
        pytest.param([(LEAF, SIGNING)], "no ECDH", id="no-ecdh"),
        pytest.param(
            [(LEAF, SIGNING), (LEAF, SIGNING), (EXCHANGE, ECDH)], "2 signing", id="two-signing"
        ),
        pytest.param(
            [(LEAF, SIGNING), (EXCHANGE, ECDH), (ROOT, ZCertType(10))], "type 10", id="foreign-type"
        ),
        pytest.param(
            [(LEAF, SIGNING), (EXCHANGE, ECDH), (ROOT, ZCertType(0))], "type 0", id="no-type"
        ),
    ],
)
def test_a_list_that_breaks_the_numbers_is_refused(
    certs: list[tuple[Issued, ZCertType]], why: str
) -> None:
    with pytest.raises(CertificateListRefused, match=why):
        verified(*certs)


def bad_leaf(**how: object) -> Callable[[], Issued]:
    return lambda: issue("signing", ROOT, **how)  # type: ignore[arg-type]  # passed through


@pytest.mark.parametrize(
    ("make", "error"),
    [
        pytest.param(lambda: issue("s", issue("r", ca=True)), CertificateNotTrusted, id="root"),
        pytest.param(lambda: issue("s", issue("no ca", ROOT)), CertificateNotTrusted, id="no-ca"),
        pytest.param(
            bad_leaf(usages=(ExtendedKeyUsageOID.CLIENT_AUTH,)), CertificateNotTrusted, id="eku"
        ),
        pytest.param(bad_leaf(end=NOW - timedelta(days=1)), CertificateTimeInvalid, id="expired"),
        pytest.param(bad_leaf(begin=NOW + timedelta(days=1)), CertificateTimeInvalid, id="not-yet"),
        pytest.param(bad_leaf(curve=ec.SECP521R1()), UnusableKey, id="curve"),
    ],
)
def test_a_signing_certificate_that_no_device_accepts_is_refused(
    make: Callable[[], Issued], error: type[Exception]
) -> None:
    with pytest.raises(error):
        verified((make(), SIGNING), (EXCHANGE, ECDH), (MIDDLE, INTERMEDIATE))


def test_time_is_blamed_only_when_nothing_else_is_wrong() -> None:
    both = issue("s", ROOT, end=NOW - timedelta(days=1), usages=(ExtendedKeyUsageOID.CLIENT_AUTH,))
    with pytest.raises(CertificateNotTrusted):
        verified((both, SIGNING), (EXCHANGE, ECDH), (MIDDLE, INTERMEDIATE))


def test_no_extended_key_usage_or_any_is_fine() -> None:
    for usages in ((), (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)):
        leaf = issue("s", ROOT, usages=usages)
        verified((leaf, SIGNING), (EXCHANGE, ECDH), (MIDDLE, INTERMEDIATE))


def test_an_ecdh_certificate_is_on_p256_and_chains_too() -> None:
    for wrong in (issue("e", ROOT, curve=ec.SECP384R1()), issue("e", issue("r", ca=True))):
        with pytest.raises((UnusableKey, CertificateNotTrusted)):
            verified((LEAF, SIGNING), (wrong, ECDH), (MIDDLE, INTERMEDIATE))


def test_a_listed_certificate_is_exactly_one() -> None:
    two = ZCert(type=SIGNING, cert=LEAF.pem + MIDDLE.pem)
    with pytest.raises(UnreadableCertificate, match="2 certificates"):
        verify_controller_certs(
            ZControllerCert(certs=(two, published(EXCHANGE.pem, ECDH))), ROOT.pem, NOW
        )


def test_certificates_that_all_sign_each_other_cost_a_bounded_effort() -> None:
    circle = [issue("loop", ROOT, ca=True)]
    key, subject = circle[0].key, circle[0].certificate.subject
    for n in range(24):
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(n + 1)
            .not_valid_before(NOW)
            .not_valid_after(NOW + timedelta(days=1))
        )
        from_itself = builder.sign(key, circle[0].certificate.signature_hash_algorithm)  # type: ignore[arg-type]  # EC: never None
        circle.append(Issued(key, from_itself))
    leaf = issue("signing", Issued(key, circle[0].certificate))
    with pytest.raises(CertificateError):
        verified(
            (leaf, SIGNING),
            (EXCHANGE, ECDH),
            *((c, INTERMEDIATE) for c in circle[1:]),
            roots=ROOT.pem,
        )


def test_the_same_set_in_another_order_is_no_change() -> None:
    first = verified((LEAF, SIGNING), (EXCHANGE, ECDH), (MIDDLE, INTERMEDIATE))
    second = verified((EXCHANGE, ECDH), (MIDDLE, INTERMEDIATE), (LEAF, SIGNING))
    other = verified((issue("s", ROOT), SIGNING), (EXCHANGE, ECDH), (MIDDLE, INTERMEDIATE))
    trust = Trust(ROOT.pem, first, b"")
    assert trust.renewed(second, b"").previous is None
    assert trust.renewed(other, b"").previous == first


# --- the device's own


def test_the_device_certificate_has_the_profile_of_the_api() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = load_certificate(device_certificate(key, Chance(NOW, os.urandom)))
    names = {n.oid: n.value for n in certificate.subject}
    assert names == {
        NameOID.ORGANIZATION_NAME: "The Linux Foundation",
        NameOID.COMMON_NAME: "EVE",
    }
    assert certificate.issuer == certificate.subject
    assert certificate.serial_number.bit_length() > 64
    assert certificate.not_valid_before_utc == NOW - timedelta(days=1)
    assert certificate.not_valid_after_utc > NOW + timedelta(days=19 * 365)
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.key_cert_sign
    extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(extended) == {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH}


@pytest.mark.parametrize("cert_type", [ZCertType(11), ZCertType(13)])
def test_an_edge_node_certificate_is_signed_by_its_device(cert_type: ZCertType) -> None:
    device, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chance = Chance(NOW, os.urandom)
    device_pem = device_certificate(device, chance)
    pem = edge_node_certificate(
        cert_type, other.public_key(), device, load_certificate(device_pem), chance
    )
    zcert = published(pem, cert_type)
    assert (len(zcert.cert_hash), zcert.hash_algo) == (16, 1)
    checked = check_edge_node_cert(zcert, device_pem)
    assert checked.issuer == load_certificate(device_pem).subject
    assert not checked.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    with pytest.raises(CertificateNotTrusted, match="not signed"):
        check_edge_node_cert(zcert, device_certificate(other, chance))
    with pytest.raises(UnreadableCertificate, match="certHash"):
        check_edge_node_cert(ZCert(type=cert_type, cert=pem, cert_hash=bytes(16)), device_pem)


@pytest.mark.parametrize(
    "form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]
)
@pytest.mark.parametrize("label", ["PRIVATE KEY", "EC PRIVATE KEY"])
def test_a_private_key_is_read_in_either_form_under_either_label(
    form: serialization.PrivateFormat, label: str
) -> None:
    pem = ROOT.key.private_bytes(
        serialization.Encoding.PEM,
        form,
        serialization.NoEncryption(),
    ).decode()
    body = pem.splitlines()[1:-1]
    relabelled = "\n".join([f"-----BEGIN {label}-----", *body, f"-----END {label}-----", ""])
    assert load_private_key(relabelled.encode()).public_key() == ROOT.key.public_key()


def test_what_is_no_private_key_is_refused() -> None:
    with pytest.raises(UnusableKey):
        load_private_key(b"nonsense")
