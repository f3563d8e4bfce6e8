"""Disks and pools of a device.  info/info.proto."""

from dataclasses import dataclass, field

from eaves.evapi.codec import OpenEnum
from eaves.evapi.evecommon import DiskDescription


class StorageStatus(OpenEnum):
    STORAGE_STATUS_UNSPECIFIED = 0
    STORAGE_STATUS_ONLINE = 1
    STORAGE_STATUS_DEGRADED = 2
    STORAGE_STATUS_FAULTED = 3
    STORAGE_STATUS_OFFLINE = 4
    STORAGE_STATUS_UNAVAIL = 5
    STORAGE_STATUS_REMOVED = 6
    STORAGE_STATUS_SUSPENDED = 7


class StorageRaidType(OpenEnum):
    STORAGE_RAID_TYPE_UNSPECIFIED = 0
    STORAGE_RAID_TYPE_RAID0 = 1
    STORAGE_RAID_TYPE_RAID1 = 2
    STORAGE_RAID_TYPE_RAID5 = 3
    STORAGE_RAID_TYPE_RAID6 = 4
    STORAGE_RAID_TYPE_RAID7 = 5
    STORAGE_RAID_TYPE_NORAID = 6


class StorageTypeInfo(OpenEnum):
    STORAGE_TYPE_INFO_UNSPECIFIED = 0
    STORAGE_TYPE_INFO_EXT4 = 1
    STORAGE_TYPE_INFO_ZFS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SmartAttr:
    id: int = 0
    value: int = 0
    worst: int = 0
    thresh: int = 0
    when_failed: str = ""
    raw_value: int = 0
    type: str = ""
    attribute_name: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageDiskInfo:
    disk_name: str = ""
    wwn: str = ""
    serial_number: str = ""
    model: str = ""
    collector_errors: str = ""
    smart_attr: tuple[SmartAttr, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageDiskState:
    disk_name: DiskDescription | None = None
    status: StorageStatus = StorageStatus.STORAGE_STATUS_UNSPECIFIED
    state: str = ""
    smart_status: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageChildren:
    current_raid: StorageRaidType = StorageRaidType.STORAGE_RAID_TYPE_UNSPECIFIED
    disks: tuple[StorageDiskState, ...] = ()
    children: "tuple[StorageChildren, ...]" = ()
    display_name: str = ""
    guid: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageInfo:
    pool_name: str = ""
    storage_type: StorageTypeInfo = StorageTypeInfo.STORAGE_TYPE_INFO_UNSPECIFIED
    zfs_version: str = ""
    current_raid: StorageRaidType = StorageRaidType.STORAGE_RAID_TYPE_UNSPECIFIED
    compression_ratio: float = 0.0
    zpool_size: int = 0
    count_zvols: int = 0
    storage_state: StorageStatus = StorageStatus.STORAGE_STATUS_UNSPECIFIED
    disks: tuple[StorageDiskState, ...] = ()
    collector_errors: str = ""
    children: tuple[StorageChildren, ...] = ()
    pool_status_msg: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoStorage:
    device: str = ""
    mount_path: str = ""
    total: int = 0  # MB
    storage_location: bool = False  # apps are stored here
    partition_label: str = ""
    partition_type_guid: str = ""
    partition_uuid: str = ""
    rest: bytes = field(default=b"", repr=False)
