"""What this machine is and how it fares: read from /proc and /sys, nothing is changed.

Reads below a root directory, so that a recorded machine can stand in for a real one.
"""

import os
import platform
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Machine:
    """What stays the same while the machine is up."""

    arch: str  # uname machine: "x86_64", "aarch64"
    cpus: int
    memory_mib: int
    kernel: str
    boot_id: str
    manufacturer: str = ""
    product_name: str = ""
    product_version: str = ""
    serial: str = ""
    uuid: str = ""
    bios_vendor: str = ""
    bios_version: str = ""
    bios_date: str = ""
    hw_virtualization: bool = False
    watchdog: bool = False
    tpm: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """How the machine fares at one moment; counters run since it was started."""

    uptime_s: float
    cpu_total_s: float  # busy time of all CPUs
    memory_total_mib: int
    memory_available_mib: int


@dataclass(frozen=True, slots=True)
class Disk:
    mount_path: str
    device: str
    total_mib: int
    used_mib: int
    free_mib: int


@dataclass(frozen=True, slots=True)
class LinkCounters:
    ifname: str
    rx_bytes: int = 0
    tx_bytes: int = 0
    rx_packets: int = 0
    tx_packets: int = 0
    rx_dropped: int = 0
    tx_dropped: int = 0
    rx_errors: int = 0
    tx_errors: int = 0


@dataclass(frozen=True, slots=True)
class Host:
    root: Path = field(default=Path("/"))

    def machine(self) -> Machine:
        flags = self._text("proc/cpuinfo")
        return Machine(
            arch=platform.machine(),
            cpus=os.cpu_count() or 1,
            memory_mib=self._meminfo().get("MemTotal", 0),
            kernel=self._text("proc/sys/kernel/osrelease").strip(),
            boot_id=self._text("proc/sys/kernel/random/boot_id").strip(),
            manufacturer=self._dmi("sys_vendor"),
            product_name=self._dmi("product_name"),
            product_version=self._dmi("product_version"),
            serial=self._dmi("product_serial"),
            uuid=self._dmi("product_uuid"),
            bios_vendor=self._dmi("bios_vendor"),
            bios_version=self._dmi("bios_version"),
            bios_date=self._dmi("bios_date"),
            hw_virtualization=any(f" {flag} " in flags for flag in ("vmx", "svm")),
            watchdog=(self.root / "dev/watchdog0").exists(),
            tpm=(self.root / "dev/tpmrm0").exists(),
        )

    def load(self) -> Load:
        memory = self._meminfo()
        cpu = [int(n) for n in self._text("proc/stat").splitlines()[0].split()[1:]]
        ticks = os.sysconf("SC_CLK_TCK")
        busy = sum(cpu) - cpu[3] - (cpu[4] if len(cpu) > 4 else 0)
        return Load(
            uptime_s=float(self._text("proc/uptime").split()[0]),
            cpu_total_s=busy / ticks,
            memory_total_mib=memory.get("MemTotal", 0),
            memory_available_mib=memory.get("MemAvailable", 0),
        )

    def disk(self, path: Path) -> Disk:
        """The file system that holds `path`."""
        at = os.statvfs(path)
        best = ("/", "")
        for line in self._text("proc/self/mounts").splitlines():
            device, mount = line.split()[:2]
            inside = (
                str(path).startswith(mount if mount == "/" else mount + "/") or str(path) == mount
            )
            if inside and len(mount) >= len(best[0]):
                best = (mount, device)
        total, free = at.f_blocks * at.f_frsize, at.f_bavail * at.f_frsize
        used = (at.f_blocks - at.f_bfree) * at.f_frsize
        return Disk(best[0], best[1], total // MIB, used // MIB, free // MIB)

    def link(self, ifname: str) -> LinkCounters | None:
        """Counters of one interface of this network namespace; None when it is not there."""
        for line in self._text("proc/net/dev").splitlines()[2:]:
            name, _, numbers = line.partition(":")
            if name.strip() == ifname:
                n = [int(v) for v in numbers.split()]
                return LinkCounters(ifname, n[0], n[8], n[1], n[9], n[3], n[11], n[2], n[10])
        return None

    def own_memory_mib(self) -> int:
        """Resident memory of this process."""
        for line in self._text("proc/self/status").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) // 1024
        return 0

    def _meminfo(self) -> dict[str, int]:
        """Figures of /proc/meminfo in MiB."""
        figures: dict[str, int] = {}
        for line in self._text("proc/meminfo").splitlines():
            key, _, value = line.partition(":")
            words = value.split()
            if words and words[0].isdigit():
                figures[key] = int(words[0]) // 1024
        return figures

    def _dmi(self, name: str) -> str:
        return self._text(f"sys/class/dmi/id/{name}").strip()

    def _text(self, name: str) -> str:
        """Empty when the file is not there or may not be read: no machine has them all."""
        try:
            return (self.root / name).read_text(errors="replace")
        except OSError:
            return ""
