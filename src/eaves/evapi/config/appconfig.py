"""What an app instance is.  config/appconfig.proto."""

from dataclasses import dataclass, field

from eaves.evapi.codec import OpenEnum
from eaves.evapi.config.devcommon import Adapter, UUIDandVersion
from eaves.evapi.config.netconfig import NetworkAdapter
from eaves.evapi.config.storage import Drive
from eaves.evapi.config.vm import VmConfig
from eaves.evapi.evecommon import CipherBlock
from eaves.frozen import quick


class MetaDataType(OpenEnum):
    MetaDataDrive = 0
    MetaDataNone = 1
    MetaDataOpenStack = 2
    MetaDataDriveMultipart = 3


class SnapshotType(OpenEnum):
    SNAPSHOT_TYPE_UNSPECIFIED = 0
    SNAPSHOT_TYPE_APP_UPDATE = 1
    SNAPSHOT_TYPE_IMMEDIATE = 2


class AffinityType(OpenEnum):
    AFFINITY_TYPE_PREFERRED = 0
    AFFINITY_TYPE_REQUIRED = 1


class AppRuntimeType(OpenEnum):
    APP_RUNTIME_TYPE_UNSPECIFIED = 0
    APP_RUNTIME_TYPE_DOCKER = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceOpsCmd:
    counter: int = 0  # a value that differs from the last one triggers
    ops_time: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotDesc:
    id: str = ""
    type: SnapshotType = SnapshotType.SNAPSHOT_TYPE_UNSPECIFIED
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotConfig:
    active_snapshot: str = ""
    rollback_cmd: InstanceOpsCmd | None = None
    max_snapshots: int = 0
    snapshots: tuple[SnapshotDesc, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeRef:
    uuid: str = ""
    generation_count: int = 0
    mount_dir: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchEnvelopeRef:
    name: str = ""
    id: str = ""
    rest: bytes = field(default=b"", repr=False)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class AppInstanceConfig:
    uuidandversion: UUIDandVersion | None = None
    displayname: str = ""
    fixedresources: VmConfig | None = None
    drives: tuple[Drive, ...] = ()  # obsolete, see volume_ref_list
    activate: bool = False  # False: prepared but not started
    interfaces: tuple[NetworkAdapter, ...] = ()
    adapters: tuple[Adapter, ...] = ()
    restart: InstanceOpsCmd | None = None
    purge: InstanceOpsCmd | None = None
    user_data: str = field(default="", repr=False)  # base64
    remote_console: bool = False
    cipher_data: CipherBlock | None = None  # an EncryptionBlock with protected_user_data
    collect_stats_ip_addr: str = ""  # where nested container counters are asked for
    volume_ref_list: tuple[VolumeRef, ...] = ()
    meta_data_type: MetaDataType = MetaDataType.MetaDataDrive
    profile_list: tuple[str, ...] = ()  # empty: in every profile
    start_delay_in_seconds: int = 0
    service: bool = False
    cloud_init_version: int = 0
    snapshot: SnapshotConfig | None = None
    patch_ref: PatchEnvelopeRef | None = None
    designated_node_id: str = ""
    vm_resolution: str = ""
    runtime_type: AppRuntimeType = AppRuntimeType.APP_RUNTIME_TYPE_UNSPECIFIED
    affinity: AffinityType = AffinityType.AFFINITY_TYPE_PREFERRED
    rest: bytes = field(default=b"", repr=False)
