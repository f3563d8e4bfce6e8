"""The virtual machine an app runs in.  config/vm.proto."""

from dataclasses import dataclass, field

from eaves.evapi.codec import OpenEnum
from eaves.evapi.evecommon import BootOrder


class VmMode(OpenEnum):
    PV = 0
    HVM = 1
    Filler = 2
    FML = 3
    NOHYPER = 4
    LEGACY = 5


class VmBootMode(OpenEnum):
    VM_BOOT_MODE_UNSPECIFIED = 0
    VM_BOOT_MODE_LEGACY = 1
    VM_BOOT_MODE_UEFI = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class VmConfig:
    kernel: str = ""
    ramdisk: str = ""
    memory: int = 0  # KiB
    maxmem: int = 0  # KiB
    vcpus: int = 0
    maxcpus: int = 0
    rootdev: str = ""
    extraargs: str = ""
    bootloader: str = ""
    cpus: str = ""
    devicetree: str = ""
    dtdev: tuple[str, ...] = ()
    irqs: tuple[int, ...] = ()
    iomem: tuple[str, ...] = ()
    virtualization_mode: VmMode = VmMode.PV
    enable_vnc: bool = False
    vnc_display: int = 0  # 5900 + this is the TCP port
    vnc_passwd: str = field(default="", repr=False)
    disable_logs: bool = False  # the output of the app stays on the device
    pin_cpu: bool = False
    vmm_maxmem: int = 0  # overhead of the emulator, KiB; 0: estimated
    enable_vnc_shim_vm: bool = False
    boot_mode: VmBootMode = VmBootMode.VM_BOOT_MODE_UNSPECIFIED
    enforce_network_interface_order: bool = False
    enable_oem_win_license_key: bool = False
    disable_vtpm: bool = False
    boot_order: BootOrder = BootOrder.BOOT_ORDER_UNSPECIFIED
    rest: bytes = field(default=b"", repr=False)
