"""The hardware inventory as an info message.  Pure: parts in, message out."""

from eaves import __version__
from eaves.evapi.info import ZInfoHardware
from eaves.evapi.info.hardware import (
    BIOS,
    CPU,
    TPM,
    BusParent,
    CANDevice,
    CPUInfo,
    HardwareInventory,
    NetworkDevice,
    NetworkDeviceType,
    PCIAddress,
    PCIDevice,
    USBAddress,
    USBDevice,
)
from eaves.node.host.inventory import Can, Nic, Parts, Pci, Usb
from eaves.node.host.machine import MIB, Machine

Address = tuple[int, int, int, int]


def hardware_info(machine: Machine, parts: Parts) -> ZInfoHardware:
    return ZInfoHardware(
        eve_release=f"eaves-{__version__}",
        kernel_version=machine.kernel,
        kernel_cmdline=parts.kernel_cmdline,
        eve_platform=machine.arch,
        partition="IMGA",
        inventory=HardwareInventory(
            pci_devices=tuple(_pci(p) for p in parts.pci),
            usb_devices=tuple(_usb(u) for u in parts.usb),
            network_devices=tuple(_nic(n) for n in parts.nics),
            can_devices=tuple(_can(c) for c in parts.cans),
            bios=BIOS(vendor=machine.bios_vendor, version=machine.bios_version),
            cpu_info=CPUInfo(
                cpus=tuple(
                    CPU(id=c.number, vendor=c.vendor, model=c.model, freq=c.mhz) for c in parts.cpus
                )
            ),
            total_memory_bytes=machine.memory_mib * MIB,
            total_storage_bytes=parts.disk_bytes,
            watchdog_present=machine.watchdog,
            tpm=TPM(present=machine.tpm),
        ),
    )


def _pci(part: Pci) -> PCIDevice:
    return PCIDevice(
        address=_address(part.address),
        parent_pci_device_address=_address(part.parent) if part.parent else None,
        vendor_id=part.vendor,
        device_id=part.device,
        subsystem_id=part.subsystem,
        revision=part.revision,
        class_id=part.class_code >> 16,
        subclass_id=part.class_code >> 8 & 0xFF,
        driver=part.driver,
        iommu_group=part.iommu_group,
    )


def _usb(part: Usb) -> USBDevice:
    return USBDevice(
        bus_port=USBAddress(bus=part.bus, port=part.port),
        vendor_id=part.vendor,
        product_id=part.product,
        class_id=part.device_class,
        driver=part.driver,
    )


def _nic(part: Nic) -> NetworkDevice:
    kind = (
        NetworkDeviceType.NETWORK_DEVICE_TYPE_WIFI
        if part.wireless
        else NetworkDeviceType.NETWORK_DEVICE_TYPE_ETHERNET
    )
    return NetworkDevice(
        parent=BusParent(pci_parent=_address(part.pci)) if part.pci else None,
        ifname=part.ifname,
        type=kind,
        mac_address=part.mac,
        speed_mbps=part.speed_mbps,
    )


def _can(part: Can) -> CANDevice:
    parent = BusParent(pci_parent=_address(part.pci)) if part.pci else None
    return CANDevice(parent=parent, ifname=part.ifname)


def _address(parts: Address) -> PCIAddress:
    domain, bus, device, function = parts
    return PCIAddress(domain=domain, bus=bus, device=device, function=function)
