"""Certificate enrolment for 802.1X.  config/scep.proto."""

from dataclasses import dataclass, field

from eaves.evapi.codec import OpenEnum
from eaves.evapi.evecommon import CipherBlock


class KeyType(OpenEnum):
    KEY_TYPE_UNSPECIFIED = 0
    KEY_TYPE_RSA_2048 = 1
    KEY_TYPE_RSA_3072 = 2
    KEY_TYPE_RSA_4096 = 3
    KEY_TYPE_ECDSA_P256 = 10
    KEY_TYPE_ECDSA_P384 = 11
    KEY_TYPE_ECDSA_P521 = 12


class ScepHashAlgorithm(OpenEnum):
    HASH_ALGORITHM_UNSPECIFIED = 0
    HASH_ALGORITHM_SHA256 = 1
    HASH_ALGORITHM_SHA384 = 2
    HASH_ALGORITHM_SHA512 = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CSRProfile:
    common_name: str = ""
    organization: str = ""
    organizational_unit: str = ""
    country: str = ""
    state: str = ""
    locality: str = ""
    san_dns: tuple[str, ...] = ()
    san_ip: tuple[str, ...] = ()
    san_uri: tuple[str, ...] = ()
    san_email: tuple[str, ...] = ()
    renew_period_percent: int = 0
    key_type: KeyType = KeyType.KEY_TYPE_UNSPECIFIED
    hash_algorithm: ScepHashAlgorithm = ScepHashAlgorithm.HASH_ALGORITHM_UNSPECIFIED
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SCEPProfile:
    profile_name: str = ""
    scep_url: str = ""
    use_controller_proxy: bool = False
    scep_challenge_password: CipherBlock | None = None
    ca_cert_pem: tuple[bytes, ...] = ()
    csr_profile: CSRProfile | None = None
    rest: bytes = field(default=b"", repr=False)
