"""Memory errors and disk health.  hardwarehealth/hardware_health.proto."""

from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.codec import Codec
from eaves.evapi.info.disks import StorageDiskInfo
from eaves.evapi.pb.hardwarehealth import hardware_health_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class DimmRankInfo:
    rank_name: str = ""
    ce_count: int = 0
    ue_count: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ECCMemoryControllerInfo:
    controller_name: str = ""
    ce_count: int = 0
    ue_count: int = 0
    ranks: tuple[DimmRankInfo, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ECCMemoryReport:
    memory_controllers: tuple[ECCMemoryControllerInfo, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZHardwareHealth:
    dev_id: str = ""
    at_time_stamp: datetime | None = None
    mr: ECCMemoryReport | None = None
    disks: tuple[StorageDiskInfo, ...] = ()
    rest: bytes = field(default=b"", repr=False)


Z_HARDWARE_HEALTH = Codec(ZHardwareHealth, hardware_health_pb2.ZHardwareHealth)


def decode_z_hardware_health(data: bytes) -> ZHardwareHealth:
    return Z_HARDWARE_HEALTH.decode(data)


def encode_z_hardware_health(health: ZHardwareHealth) -> bytes:
    return Z_HARDWARE_HEALTH.encode(health)
