"""App instances.  info/info.proto."""

from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.codec import OpenEnum
from eaves.evapi.info.adapters import ZInfoNetwork, ZioBundle
from eaves.evapi.info.common import ErrorInfo
from eaves.evapi.info.states import SnapshotType, ZSwState


class AppInstMetaDataType(OpenEnum):
    APP_INST_META_DATA_TYPE_NONE = 0
    APP_INST_META_DATA_TYPE_KUBE_CONFIG = 1
    APP_INST_META_DATA_TYPE_CUSTOM_STATUS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoSW:
    sw_version: str = ""
    sw_hash: str = ""
    state: ZSwState = ZSwState.INVALID
    target: str = ""
    vdev: str = ""
    download_progress: int = 0
    image_name: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoSnapshot:
    id: str = ""
    config_id: str = ""
    config_version: str = ""
    create_time: datetime | None = None
    type: SnapshotType = SnapshotType.SNAPSHOT_TYPE_UNSPECIFIED
    snap_err: ErrorInfo | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoApp:
    app_id: str = ""  # alone: the app was deleted
    app_version: str = ""
    system_app: bool = False
    app_name: str = ""
    software_list: tuple[ZInfoSW, ...] = ()
    boot_time: datetime | None = None
    assigned_adapters: tuple[ZioBundle, ...] = ()
    app_err: tuple[ErrorInfo, ...] = ()  # the state stays where it got stuck
    state: ZSwState = ZSwState.INVALID
    network: tuple[ZInfoNetwork, ...] = ()
    volume_refs: tuple[str, ...] = ()
    snapshots: tuple[ZInfoSnapshot, ...] = ()
    cluster_app_running: bool = False
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoAppInstMetaData:
    uuid: str = ""
    type: AppInstMetaDataType = AppInstMetaDataType.APP_INST_META_DATA_TYPE_NONE
    data: bytes = b""
    rest: bytes = field(default=b"", repr=False)
