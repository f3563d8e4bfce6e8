"""A virtual machine as the node means it: plain values, no path and no accelerator.

    volume, vif <- domain

Everything a guest would notice takes a new machine; the runtime decides when a change may pass.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from eaves.ids import AppInstanceId, VolumeId
from eaves.node import refs
from eaves.node.refs import Passed
from eaves.reconcile.item import ItemRef

DOMAIN = "domain"
NOT_RUNNING = -1  # incarnation of something half made or ended: any wish replaces it


class Firmware(StrEnum):
    BIOS = "bios"
    UEFI = "uefi"


@dataclass(frozen=True, slots=True)
class Disk:
    volume: VolumeId
    generation: int

    @property
    def ref(self) -> ItemRef:
        return refs.volume(self.volume, self.generation)


@dataclass(frozen=True, slots=True)
class Nic:
    index: int
    ifname: str  # the tap, made by the network
    mac: str
    order: int = field(default=0, compare=False)  # as asked, among interfaces and PCI devices


@dataclass(frozen=True, slots=True)
class Vnc:
    display: int  # TCP port 5900 + display
    password: str = field(default="", repr=False, compare=False)
    everywhere: bool = field(default=False, compare=False)  # not on the loopback only


def overhead_kib(memory_kib: int, vcpus: int) -> int:
    """What the emulator needs beside the guest's memory.  Source: node reference 7.3."""
    return (350 + 20 + 3 * vcpus) * 1024 + memory_kib // 40


@dataclass(frozen=True, slots=True)
class Domain:
    app: AppInstanceId
    number: int
    incarnation: int
    memory_kib: int
    vcpus: int
    firmware: Firmware
    disks: tuple[Disk, ...]
    nics: tuple[Nic, ...]
    legacy_devices: bool = False  # emulated SATA and e1000 in place of virtio
    hide_hypervisor: bool = False
    vnc: Vnc | None = None
    seed: bool = True  # a NoCloud CD is attached
    passed: Passed = field(default_factory=Passed)
    kernel: Disk | None = None  # booted without firmware looking for it
    ramdisk: Disk | None = None
    arguments: str = ""  # of the kernel
    # Read at the next start only; a change alone is no reason to stop a guest, and a secret that
    # cannot be decrypted at the moment must not be one either.
    name: str = field(default="", compare=False)
    user_data: str = field(default="", repr=False, compare=False)
    seed_version: str = field(default="", compare=False)
    boot_order: str = field(default="", compare=False)  # "usb", "nousb"; blank: as firmware does
    overhead_kib: int = field(default=0, compare=False)  # 0: estimated
    resolution: str = field(default="", compare=False)  # "1024x768"; blank: as firmware chooses
    oem_licence: bool = field(default=False, compare=False)  # with the machine's own for Windows
    ordered: bool = field(default=False, compare=False)  # interfaces and devices as asked
    gdb: bool = field(default=False, compare=False)  # a debugger may connect
    pause_on_crash: bool = field(default=False, compare=False)
    keep_core: bool = field(default=True, compare=False)  # of an emulator that crashes
    keep_guest_core: bool = field(default=False, compare=False)  # of a guest that does
    guest_in_core: bool = field(default=False, compare=False)  # its memory too
    graphics_without_mmap: bool = field(default=False, compare=False)
    graphics_rom: str = field(default="", compare=False)  # base name of an option ROM
    traced: tuple[str, ...] = field(default=(), compare=False)  # events of the emulator
    firmware_log: bool = field(default=False, compare=False)
    multipart: bool = field(default=False, compare=False)  # user data is files of the seed
    vtpm: bool = field(default=False, compare=False)
    others: tuple[Disk, ...] = field(default=(), compare=False)  # not the guest's, yet the app's

    @property
    def ref(self) -> ItemRef:
        return refs.domain(self.app)

    def needs(self) -> frozenset[ItemRef]:
        files = [file for file in (self.kernel, self.ramdisk, *self.others) if file is not None]
        volumes = {disk.ref for disk in (*self.disks, *files)}
        devices = {refs.pci_device(address) for address in self.passed.pci}
        devices |= {refs.can_interface(name) for name in self.passed.can}
        return frozenset(volumes | devices | {refs.vif(self.app, nic.index) for nic in self.nics})

    def replaces(self, running: Self, /) -> bool:
        """Always: none of the compared fields can change under a running guest."""
        return True
