"""The info message: one object of the device in each.  info/info.proto."""

from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.codec import OpenEnum
from eaves.evapi.info.apps import ZInfoApp, ZInfoAppInstMetaData
from eaves.evapi.info.device import ZInfoDevice
from eaves.evapi.info.disks import StorageDiskInfo
from eaves.evapi.info.hardware import HardwareInventory
from eaves.evapi.info.network_instances import ZInfoNetworkInstance
from eaves.evapi.info.ntpsources import ZInfoNTPSources
from eaves.evapi.info.patch_envelope import ZInfoPatchEnvelope
from eaves.evapi.info.states import ZInfoTypes
from eaves.evapi.info.volumes import ZInfoBlobList, ZInfoContentTree, ZInfoVolume


class LocReliability(OpenEnum):
    LOC_RELIABILITY_UNSPECIFIED = 0
    LOC_RELIABILITY_VERY_LOW = 1
    LOC_RELIABILITY_LOW = 2
    LOC_RELIABILITY_MEDIUM = 3
    LOC_RELIABILITY_HIGH = 4


class ZInfoClusterNodeStatus(OpenEnum):
    Z_INFO_CLUSTER_NODE_STATUS_UNSPECIFIED = 0
    Z_INFO_CLUSTER_NODE_STATUS_READY = 1
    Z_INFO_CLUSTER_NODE_STATUS_NOTREADY = 2
    Z_INFO_CLUSTER_NODE_STATUS_DOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoClusterNode:
    node_status: ZInfoClusterNodeStatus = (
        ZInfoClusterNodeStatus.Z_INFO_CLUSTER_NODE_STATUS_UNSPECIFIED
    )
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoEdgeview:
    expire_time: datetime | None = None
    started_time: datetime | None = None
    count_dev: int = 0
    count_app: int = 0
    count_ext: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoLocation:
    latitude: float = 0.0
    longitude: float = 0.0
    altitude: float = 0.0
    utc_timestamp: datetime | None = None
    horizontal_reliability: LocReliability = LocReliability.LOC_RELIABILITY_UNSPECIFIED
    vertical_reliability: LocReliability = LocReliability.LOC_RELIABILITY_UNSPECIFIED
    horizontal_uncertainty: float = 0.0
    vertical_uncertainty: float = 0.0
    logicallabel: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoHardware:
    disks: tuple[StorageDiskInfo, ...] = ()  # deprecated
    eve_release: str = ""
    inventory: HardwareInventory | None = None
    kernel_flavor: str = ""
    kernel_version: str = ""
    eve_platform: str = ""
    partition: str = ""
    kernel_cmdline: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoMsg:
    ztype: ZInfoTypes = ZInfoTypes.ZiNop
    dev_id: str = ""
    dinfo: ZInfoDevice | None = None
    ainfo: ZInfoApp | None = None
    niinfo: ZInfoNetworkInstance | None = None
    vinfo: ZInfoVolume | None = None
    cinfo: ZInfoContentTree | None = None
    binfo: ZInfoBlobList | None = None
    amdinfo: ZInfoAppInstMetaData | None = None
    evinfo: ZInfoEdgeview | None = None
    hwinfo: ZInfoHardware | None = None
    locinfo: ZInfoLocation | None = None
    patch_info: ZInfoPatchEnvelope | None = None
    cluster_node: ZInfoClusterNode | None = None
    ntp_sources: ZInfoNTPSources | None = None
    at_time_stamp: datetime | None = None
    rest: bytes = field(default=b"", repr=False)
