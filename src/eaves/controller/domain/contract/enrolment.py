"""Profiles by which devices enrol certificates (SCEP)."""

from pydantic import Field

from eaves.controller.domain.contract.base import Contract, OpenEnum
from eaves.controller.domain.contract.envelope import Cursor, ObjectRevision


class HashAlgorithm(OpenEnum):
    UNSPECIFIED = "HASH_ALGORITHM_UNSPECIFIED"
    SHA256 = "HASH_ALGORITHM_SHA256"
    SHA384 = "HASH_ALGORITHM_SHA384"
    SHA512 = "HASH_ALGORITHM_SHA512"


class KeyType(OpenEnum):
    UNSPECIFIED = "KEY_TYPE_UNSPECIFIED"
    RSA_2048 = "KEY_TYPE_RSA_2048"
    RSA_3072 = "KEY_TYPE_RSA_3072"
    RSA_4096 = "KEY_TYPE_RSA_4096"


class CSRProfile(Contract):
    common_name: str = ""
    country: str = ""
    hash_algorithm: HashAlgorithm = HashAlgorithm.UNSPECIFIED
    key_type: KeyType = KeyType.UNSPECIFIED
    locality: str = ""
    organization: str = ""
    organizational_unit: str = ""
    renew_period_percent: int = 0
    san_email: tuple[str, ...] = ()
    san_uri: tuple[str, ...] = ()
    state: str = ""


class ProjectReference(Contract):
    project_id: str = ""
    project_name: str = ""


class SCEPProfileSecrets(Contract):
    challenge_password: str = Field(default="", repr=False)


class SCEPProfile(Contract):
    ca_cert_pem: tuple[str, ...] = ()  # each base64 of PEM, or PEM
    crypto_key: str = ""
    csr_profile: CSRProfile | None = None
    description: str = ""
    encrypted_secrets: dict[str, str] = Field(default_factory=dict)
    enterprise_id: str = ""
    id: str = ""
    name: str = ""
    projects_list: tuple[ProjectReference, ...] = ()
    revision: ObjectRevision | None = None
    scep_url: str = ""
    secret: SCEPProfileSecrets | None = None
    title: str = ""
    use_controller_proxy: bool = False


class SCEPProfiles(Contract):
    list: tuple[SCEPProfile, ...] = ()
    next: Cursor | None = None
