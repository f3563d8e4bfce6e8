"""What of a profile becomes the key and the request for a certificate.  Pure but for the key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import AttributeOID, NameOID

from eaves.errors import Rejected
from eaves.evapi.config import CSRProfile, KeyType, ScepHashAlgorithm
from eaves.node.enrolment.messages import Hash, Signer

EXPONENT = 65537
PROVISIONAL = timedelta(days=7)  # life of the certificate that signs the first request
KEY_BITS: Mapping[KeyType, int] = {
    KeyType.KEY_TYPE_UNSPECIFIED: 2048,
    KeyType.KEY_TYPE_RSA_2048: 2048,
    KeyType.KEY_TYPE_RSA_3072: 3072,
    KeyType.KEY_TYPE_RSA_4096: 4096,
}
HASHES: Mapping[ScepHashAlgorithm, Hash] = {
    ScepHashAlgorithm.HASH_ALGORITHM_UNSPECIFIED: hashes.SHA256(),
    ScepHashAlgorithm.HASH_ALGORITHM_SHA256: hashes.SHA256(),
    ScepHashAlgorithm.HASH_ALGORITHM_SHA384: hashes.SHA384(),
    ScepHashAlgorithm.HASH_ALGORITHM_SHA512: hashes.SHA512(),
}


class ProfileUnusable(Rejected):
    """No certificate can be asked for as the profile says; it has to be changed."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a certificate is to say, and of what kind its key is."""

    name: x509.Name
    alternatives: tuple[x509.GeneralName, ...]
    key_bits: int
    hash: Hash

    def request(self, key: rsa.RSAPrivateKey, challenge: str) -> x509.CertificateSigningRequest:
        made = x509.CertificateSigningRequestBuilder().subject_name(self.name)
        if self.alternatives:
            names = x509.SubjectAlternativeName(self.alternatives)
            made = made.add_extension(names, critical=False)
        if challenge:
            made = made.add_attribute(AttributeOID.CHALLENGE_PASSWORD, challenge.encode())
        return made.sign(key, self.hash)

    def provisional(self, key: rsa.RSAPrivateKey, now: datetime) -> Signer:
        """Who signs a first request: the key itself.  Source: RFC 8894, section 2.3."""
        certificate = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - PROVISIONAL)
            .not_valid_after(now + PROVISIONAL)
            .sign(key, self.hash)
        )
        return Signer(certificate, key)


def new_key(subject: Subject) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(EXPONENT, subject.key_bits)


def subject_of(asked: CSRProfile) -> Subject:
    """Raises ProfileUnusable."""
    bits, by = KEY_BITS.get(asked.key_type), HASHES.get(asked.hash_algorithm)
    if bits is None:
        raise ProfileUnusable(
            f"key type {asked.key_type.name}: the answer of a SCEP server is encrypted to the key,"
            " which needs RSA; choose one of 2048, 3072 or 4096 bits"
        )
    if by is None:
        raise ProfileUnusable(f"hash algorithm {asked.hash_algorithm.name} is not known")
    parts = (
        (NameOID.COUNTRY_NAME, asked.country),
        (NameOID.STATE_OR_PROVINCE_NAME, asked.state),
        (NameOID.LOCALITY_NAME, asked.locality),
        (NameOID.ORGANIZATION_NAME, asked.organization),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, asked.organizational_unit),
        (NameOID.COMMON_NAME, asked.common_name),
    )
    try:
        name = x509.Name([x509.NameAttribute(kind, text) for kind, text in parts if text])
        alternatives = _alternatives(asked)
    except ValueError as error:
        raise ProfileUnusable(f"the request cannot be made: {error}") from error
    if not name.rdns and not alternatives:
        raise ProfileUnusable("the profile names nobody: give it a common name")
    return Subject(name, alternatives, bits, by)


def _alternatives(asked: CSRProfile) -> tuple[x509.GeneralName, ...]:
    makers: tuple[tuple[Callable[[str], x509.GeneralName], tuple[str, ...]], ...] = (
        (x509.DNSName, asked.san_dns),
        (lambda text: x509.IPAddress(ip_address(text)), asked.san_ip),
        (x509.UniformResourceIdentifier, asked.san_uri),
        (x509.RFC822Name, asked.san_email),
    )
    return tuple(make(text) for make, texts in makers for text in texts)
