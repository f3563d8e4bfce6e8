"""Datastores and images."""

from pydantic import Field

from eaves.controller.domain.contract.base import Contract, Int64Text, JsonObject, OpenEnum, wire
from eaves.controller.domain.contract.catalogue import ModelArchType
from eaves.controller.domain.contract.envelope import (
    Cursor,
    ObjectDetail,
    ObjectRevision,
    Origin,
    Summary,
)


class CertificateChain(Contract):
    certificates: tuple[JsonObject, ...] = ()


class DatastoreStatus(OpenEnum):
    UNSPECIFIED = "DATASTORE_STATUS_UNSPECIFIED"
    CREATED = "DATASTORE_STATUS_CREATED"
    VERIFYING = "DATASTORE_STATUS_VERIFYING"
    ACTIVE = "DATASTORE_STATUS_ACTIVE"
    INACTIVE = "DATASTORE_STATUS_INACTIVE"
    FAILED = "DATASTORE_STATUS_FAILED"


class DatastoreType(OpenEnum):
    UNSPECIFIED = "DATASTORE_TYPE_UNSPECIFIED"
    HTTP = "DATASTORE_TYPE_HTTP"
    HTTPS = "DATASTORE_TYPE_HTTPS"
    AWSS3 = "DATASTORE_TYPE_AWSS3"
    SFTP = "DATASTORE_TYPE_SFTP"
    CONTAINERREGISTRY = "DATASTORE_TYPE_CONTAINERREGISTRY"
    AZUREBLOB = "DATASTORE_TYPE_AZUREBLOB"
    ZEDEDAS3 = "DATASTORE_TYPE_ZEDEDAS3"
    ZEDEDABLOB = "DATASTORE_TYPE_ZEDEDABLOB"
    FILE_STORAGE = "DATASTORE_TYPE_FILE_STORAGE"


class DatastoreInfoSecrets(Contract):
    api_key: str = ""
    api_passwd: str = ""


class DatastoreInfo(Contract):
    api_key: str = ""
    certificate_chain: CertificateChain | None = None
    crypto_key: str = ""
    description: str = ""
    ds_err: str = ""
    ds_fqdn: str = wire("dsFQDN", "")
    ds_path: str = ""
    ds_status: DatastoreStatus = DatastoreStatus.UNSPECIFIED
    ds_type: DatastoreType = DatastoreType.UNSPECIFIED
    encrypted_secrets: dict[str, str] = Field(default_factory=dict)
    enterprise_id: str = ""
    id: str = ""
    name: str = ""
    need_clear_text: bool = False
    origin_type: Origin = Origin.UNSPECIFIED
    project_access_list: tuple[str, ...] = ()
    region: str = ""
    revision: ObjectRevision | None = None
    secret: DatastoreInfoSecrets | None = None
    title: str = ""


class Datastores(Contract):
    list: tuple[DatastoreInfo, ...] = ()
    next: Cursor | None = None
    summary_by_category: Summary | None = None
    summary_by_origin: Summary | None = None
    summary_by_type: Summary | None = None


class DatastoreProjectList(Contract):
    next: Cursor | None = None
    project_details: tuple[ObjectDetail, ...] = ()
    total_count: int = 0


class ImageFormat(OpenEnum):
    FmtUnknown = "FmtUnknown"
    RAW = "RAW"
    QCOW = "QCOW"
    QCOW2 = "QCOW2"
    VHD = "VHD"
    VMDK = "VMDK"
    OVA = "OVA"
    VHDX = "VHDX"
    CONTAINER = "CONTAINER"
    ISO = "ISO"
    PVC = "PVC"


class ImageStatus(OpenEnum):
    UNSPECIFIED = "IMAGE_STATUS_UNSPECIFIED"
    CREATED = "IMAGE_STATUS_CREATED"
    PENDING = "IMAGE_STATUS_PENDING"
    UPLOADING = "IMAGE_STATUS_UPLOADING"
    READY = "IMAGE_STATUS_READY"
    INUSE = "IMAGE_STATUS_INUSE"
    ARCHIVED = "IMAGE_STATUS_ARCHIVED"
    MAX = "IMAGE_STATUS_MAX"
    FAILED = "IMAGE_STATUS_FAILED"
    UPLINKING = "IMAGE_STATUS_UPLINKING"


class ImageType(OpenEnum):
    UNSPECIFIED = "IMAGE_TYPE_UNSPECIFIED"
    EVE = "IMAGE_TYPE_EVE"
    APPLICATION = "IMAGE_TYPE_APPLICATION"
    EVEPRIVATE = "IMAGE_TYPE_EVEPRIVATE"
    ARTIFACT = "IMAGE_TYPE_ARTIFACT"
    DOCKER_COMPOSE_TAR = "IMAGE_TYPE_DOCKER_COMPOSE_TAR"
    DOCKER_RUNTIME = "IMAGE_TYPE_DOCKER_RUNTIME"
    ZKS_RUNTIME = "IMAGE_TYPE_ZKS_RUNTIME"


class ImageConfig(Contract):
    datastore_id: str = ""
    datastore_id_list: tuple[str, ...] = ()
    description: str = ""
    id: str = ""
    image_arch: ModelArchType = ModelArchType.UNSPECIFIED
    image_error: str = ""
    image_format: ImageFormat = ImageFormat.FmtUnknown
    image_local: str = ""
    image_rel_url: str = ""
    image_sha256: str = ""
    image_size_bytes: Int64Text = 0
    image_status: ImageStatus = ImageStatus.UNSPECIFIED
    image_type: ImageType = ImageType.UNSPECIFIED
    image_version: str = ""
    is_lts: bool = wire("isLTS", False)
    name: str = ""
    origin_type: Origin = Origin.UNSPECIFIED
    project_access_list: tuple[str, ...] = ()
    revision: ObjectRevision | None = None
    title: str = ""


class Images(Contract):
    list: tuple[ImageConfig, ...] = ()
    next: Cursor | None = None
    summary_by_image_arch: Summary | None = None
    summary_by_image_format: Summary | None = None
    summary_by_image_status: Summary | None = None
    summary_by_image_type: Summary | None = None
    summary_by_origin: Summary | None = None
    terse: Summary | None = None


class ImageProjectList(Contract):
    next: Cursor | None = None
    project_details: tuple[ObjectDetail, ...] = ()
    total_count: int = 0
