"""What a simulated device knows of itself."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from eaves.evapi.info import BootReason

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MEMORY_MIB, DISK_MIB, CPUS = 8192, 65536, 4


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one device, since its last start."""

    number: int
    device_id: str
    serial: str
    booted_at: datetime
    boot_reason: BootReason
    restarts: int
    reboots: int  # counter of the configuration, as carried out

    @property
    def address(self) -> str:
        host = self.number + 1
        return f"10.{host >> 16 & 255}.{host >> 8 & 255}.{host & 255}"


def stamp_of(at: datetime) -> tuple[int, int]:
    """Seconds since 1970 and nanoseconds, as messages have a time."""
    since = at - EPOCH
    return since.days * 86_400 + since.seconds, since.microseconds * 1000
