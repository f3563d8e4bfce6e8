"""The hardware inventory.  info/hardware.proto."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from eaves.evapi.codec import OpenEnum


class NetworkDeviceType(OpenEnum):
    NETWORK_DEVICE_TYPE_UNKNOWN = 0
    NETWORK_DEVICE_TYPE_ETHERNET = 1
    NETWORK_DEVICE_TYPE_WIFI = 5
    NETWORK_DEVICE_TYPE_WWAN = 6
    NETWORK_DEVICE_TYPE_ETH_PF = 11
    NETWORK_DEVICE_TYPE_ETH_VF = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class USBAddress:
    bus: int = 0
    port: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PCIAddress:
    domain: int = 0
    bus: int = 0
    device: int = 0
    function: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BusParent:
    pci_parent: PCIAddress | None = None
    usb_parent: USBAddress | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class USBDevice:
    parent: BusParent | None = None
    vendor_id: int = 0
    product_id: int = 0
    bus_port: USBAddress | None = None
    driver: str = ""
    class_id: int = 0
    suggested_assigngrp: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PCIDevice:
    parent_pci_device_address: PCIAddress | None = None
    driver: str = ""
    address: PCIAddress | None = None
    vendor_id: int = 0
    device_id: int = 0
    revision: int = 0
    subsystem_id: int = 0
    class_id: int = 0
    subclass_id: int = 0
    iommu_group: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialPort:
    parent: BusParent | None = None
    ioport_range: str = ""
    irq: int = 0
    devpath: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CANDevice:
    parent: BusParent | None = None
    ifname: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDevice:
    parent: BusParent | None = None
    ifname: str = ""
    type: NetworkDeviceType = NetworkDeviceType.NETWORK_DEVICE_TYPE_UNKNOWN
    mac_address: str = ""
    speed_mbps: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BIOS:
    vendor: str = ""
    version: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CPU:
    model: str = ""
    vendor: str = ""
    id: int = 0
    freq: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CPUInfo:
    cpus: tuple[CPU, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TPM:
    present: bool = False
    manufacturer: str = ""
    firmware_version: str = ""
    spec_version: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareInventory:
    pci_devices: tuple[PCIDevice, ...] = ()
    usb_devices: tuple[USBDevice, ...] = ()
    serial_devices: tuple[SerialPort, ...] = ()
    network_devices: tuple[NetworkDevice, ...] = ()
    can_devices: tuple[CANDevice, ...] = ()
    bios: BIOS | None = None
    cpu_info: CPUInfo | None = None
    total_memory_bytes: int = 0
    total_storage_bytes: int = 0
    watchdog_present: bool = False
    tpm: TPM | None = None
    status_led_present: bool = False
    misc: Mapping[str, str] = field(default_factory=dict[str, str])
    rest: bytes = field(default=b"", repr=False)
