"""Datastores, content trees and volumes.  config/storage.proto."""

from dataclasses import dataclass, field

from eaves.evapi.codec import OpenEnum
from eaves.evapi.config.devcommon import UUIDandVersion
from eaves.evapi.evecommon import CipherBlock, DiskDescription
from eaves.frozen import quick


class DsType(OpenEnum):
    DsUnknown = 0
    DsHttp = 1
    DsHttps = 2
    DsS3 = 3
    DsSFTP = 4
    DsContainerRegistry = 5
    DsAzureBlob = 6
    DsGoogleStorage = 7


class Format(OpenEnum):
    FmtUnknown = 0
    RAW = 1
    QCOW = 2
    QCOW2 = 3
    VHD = 4
    VMDK = 5
    OVA = 6
    VHDX = 7
    CONTAINER = 8
    ISO = 9
    PVC = 10


class Target(OpenEnum):
    TgtUnknown = 0
    Disk = 1
    Kernel = 2
    Initrd = 3
    RamDisk = 4
    AppCustom = 5


class DriveType(OpenEnum):
    Unclassified = 0
    CDROM = 1
    HDD = 2
    NET = 3
    HDD_EMPTY = 4


class VolumeAccessProtocols(OpenEnum):
    VAP_NONE = 0
    VAP_9P = 1


class VolumeContentOriginType(OpenEnum):
    VCOT_UNKNOWN = 0
    VCOT_BLANK = 1
    VCOT_DOWNLOAD = 2


class DiskConfigType(OpenEnum):
    DISK_CONFIG_TYPE_UNSPECIFIED = 0
    DISK_CONFIG_TYPE_EVEOS = 1
    DISK_CONFIG_TYPE_PERSIST = 2
    DISK_CONFIG_TYPE_ZFS_ONLINE = 3
    DISK_CONFIG_TYPE_ZFS_OFFLINE = 4
    DISK_CONFIG_TYPE_APPDIRECT = 5
    DISK_CONFIG_TYPE_UNUSED = 6


class DisksArrayType(OpenEnum):
    DISKS_ARRAY_TYPE_UNSPECIFIED = 0
    DISKS_ARRAY_TYPE_RAID0 = 1
    DISKS_ARRAY_TYPE_RAID1 = 2
    DISKS_ARRAY_TYPE_RAID5 = 3
    DISKS_ARRAY_TYPE_RAID6 = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureInfo:
    intercertsurl: str = ""
    signercerturl: str = ""
    signature: bytes = b""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatastoreConfig:
    id: str = ""
    d_type: DsType = DsType.DsUnknown
    fqdn: str = ""
    api_key: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    dpath: str = ""  # path or bucket below fqdn
    region: str = ""
    cipher_data: CipherBlock | None = None
    ds_cert_pem: tuple[bytes, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    uuidandversion: UUIDandVersion | None = None
    name: str = ""
    sha256: str = ""
    iformat: Format = Format.FmtUnknown
    siginfo: SignatureInfo | None = None
    ds_id: str = ""
    size_bytes: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    image: Image | None = None
    readonly: bool = False
    preserve: bool = False
    drvtype: DriveType = DriveType.Unclassified
    target: Target = Target.TgtUnknown
    maxsizebytes: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentTree:
    uuid: str = ""
    ds_id: str = ""
    url: str = ""  # relative to the datastore
    iformat: Format = Format.FmtUnknown
    sha256: str = ""
    max_size_bytes: int = 0
    siginfo: SignatureInfo | None = None
    display_name: str = ""
    generation_count: int = 0  # another value: create again
    custom_meta_data: str = ""
    ds_ids_list: tuple[str, ...] = ()  # tried in order; else ds_id
    designated_node_id: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeContentOrigin:
    type: VolumeContentOriginType = VolumeContentOriginType.VCOT_UNKNOWN
    download_content_tree_id: str = ""
    rest: bytes = field(default=b"", repr=False)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    uuid: str = ""
    origin: VolumeContentOrigin | None = None
    protocols: tuple[VolumeAccessProtocols, ...] = ()
    generation_count: int = 0  # another value: create again
    maxsizebytes: int = 0  # 0: as its content
    readonly: bool = False
    display_name: str = ""
    clear_text: bool = False
    target: Target = Target.TgtUnknown
    designated_node_id: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskConfig:
    disk: DiskDescription | None = None
    old_disk: DiskDescription | None = None
    disk_config: DiskConfigType = DiskConfigType.DISK_CONFIG_TYPE_UNSPECIFIED
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DisksConfig:
    disks: tuple[DiskConfig, ...] = ()
    array_type: DisksArrayType = DisksArrayType.DISKS_ARRAY_TYPE_UNSPECIFIED
    children: "tuple[DisksConfig, ...]" = ()
    rest: bytes = field(default=b"", repr=False)
