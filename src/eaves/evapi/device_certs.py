"""The certificates a device makes for itself: device, ECDH, attestation and, with a TPM, EK.

All devices have the same subject, so a device is known by the hash of its certificate, never by a
name.  The device certificate is its own CA and signs the others.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from eaves.evapi.certs import ZCert, ZCertMetaData, ZCertMetaDataType, ZCertType, published
from eaves.evapi.cipher import RandomBytes

_ORGANISATION = "The Linux Foundation"
_VALID_FOR = timedelta(days=20 * 365)
_BACKDATED = timedelta(days=1)  # for controllers whose clock is behind
_DEVICE_SUBJECT = x509.Name(
    [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANISATION),
        x509.NameAttribute(NameOID.COMMON_NAME, "EVE"),
    ]
)
_COMMON_NAMES = {
    ZCertType.CERT_TYPE_DEVICE_ECDH_EXCHANGE: "Device ECDH certificate",
    ZCertType.CERT_TYPE_DEVICE_RESTRICTED_SIGNING: "Device Attestation certificate",
    ZCertType.CERT_TYPE_DEVICE_ENDORSEMENT_RSA: "Device Endorsement Key certificate",
}


@dataclass(frozen=True, slots=True)
class Chance:
    """Time and randomness for one certificate."""

    now: datetime
    random: RandomBytes


def device_certificate(key: ec.EllipticCurvePrivateKey, chance: Chance) -> bytes:
    """The PEM text of the self-signed certificate of a device."""
    builder = (
        _builder(chance)
        .subject_name(_DEVICE_SUBJECT)
        .issuer_name(_DEVICE_SUBJECT)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True, key_cert_sign=True), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
            ),
            critical=False,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _pem(builder.sign(key, hashes.SHA256()))


def edge_node_certificate(
    cert_type: ZCertType,
    public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    device_key: ec.EllipticCurvePrivateKey,
    device_cert: x509.Certificate,
    chance: Chance,
) -> bytes:
    """The PEM text of an ECDH, attestation or EK certificate, signed by the device key."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, "CA"),
            x509.NameAttribute(NameOID.LOCALITY_NAME, "San Francisco"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, _COMMON_NAMES[cert_type]),
        ]
    )
    builder = (
        _builder(chance)
        .subject_name(subject)
        .issuer_name(device_cert.subject)
        .public_key(public_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True, key_encipherment=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(device_key.public_key()),
            critical=False,
        )
    )
    return _pem(builder.sign(device_key, hashes.SHA256()))


def edge_node_certs(ecdh_pem: bytes, attest_pem: bytes) -> tuple[ZCert, ...]:
    """What a device without TPM uploads; with one, the endorsement certificate joins them."""
    return (
        published(ecdh_pem, ZCertType.CERT_TYPE_DEVICE_ECDH_EXCHANGE),
        published(attest_pem, ZCertType.CERT_TYPE_DEVICE_RESTRICTED_SIGNING),
    )


def endorsement_cert(ek_pem: bytes, public_area: bytes) -> ZCert:
    """What a device with a TPM uploads besides; `public_area` of the EK is a TPM2B_PUBLIC."""
    area = ZCertMetaData(
        type=ZCertMetaDataType.Z_CERT_META_DATA_TYPE_TPM2_PUBLIC, meta_data=public_area
    )
    found = published(ek_pem, ZCertType.CERT_TYPE_DEVICE_ENDORSEMENT_RSA)
    return replace(found, meta_data_items=(area,))


def _builder(chance: Chance) -> x509.CertificateBuilder:
    # 128 bits; the top bit stays clear so that the DER integer is positive in 16 bytes
    serial = int.from_bytes(chance.random(16), "big") >> 1 or 1
    begin = chance.now - _BACKDATED
    return (
        x509.CertificateBuilder()
        .serial_number(serial)
        .not_valid_before(begin)
        .not_valid_after(chance.now + _VALID_FOR)
    )


def _usage(
    *, digital_signature: bool, key_cert_sign: bool = False, key_encipherment: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
