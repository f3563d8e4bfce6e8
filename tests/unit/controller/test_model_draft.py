"""Models drafted from what machines report."""

from eaves.controller.domain.admission import admit_model
from eaves.controller.domain.contract.catalogue import AdapterUsage, IoMember, IoType
from eaves.controller.domain.model_draft import Drafted, as_name, draft_model
from eaves.evapi.evecommon import PhyIoType
from eaves.evapi.info import (
    DevicePort,
    DevicePortStatus,
    SystemAdapterInfo,
    ZInfoDevice,
    ZInfoManufacturer,
    ZioBundle,
)
from eaves.evapi.info.hardware import (
    CPU,
    TPM,
    BusParent,
    CPUInfo,
    HardwareInventory,
    NetworkDevice,
    NetworkDeviceType,
    PCIAddress,
    PCIDevice,
    SerialPort,
)

ETHERNET = NetworkDeviceType.NETWORK_DEVICE_TYPE_ETHERNET


def at(bus: int, function: int = 0) -> PCIAddress:
    return PCIAddress(bus=bus, function=function)


def nic(
    ifname: str, address: PCIAddress | None, kind: NetworkDeviceType = ETHERNET
) -> NetworkDevice:
    parent = BusParent(pci_parent=address) if address is not None else None
    return NetworkDevice(ifname=ifname, type=kind, parent=parent)


def part(address: PCIAddress, class_id: int, subclass: int, group: str) -> PCIDevice:
    return PCIDevice(address=address, class_id=class_id, subclass_id=subclass, iommu_group=group)


INVENTORY = HardwareInventory(
    pci_devices=(
        part(at(1), 0x02, 0x00, "11"),
        part(at(2), 0x02, 0x00, "12"),
        part(at(3), 0x03, 0x00, "13"),
        part(at(3, 1), 0x04, 0x03, "13"),
        part(at(4), 0x0C, 0x03, "14"),
        part(at(5), 0x01, 0x08, "15"),
        part(at(6), 0x02, 0x00, "15"),
        part(at(7), 0x06, 0x04, "11"),
    ),
    network_devices=(
        nic("enp2s0", at(2)),
        nic("enp1s0", at(1)),
        nic("enp6s0", at(6)),
        nic("wlp9s0", None, NetworkDeviceType.NETWORK_DEVICE_TYPE_WIFI),
    ),
    serial_devices=(SerialPort(devpath="/dev/ttyS0", irq=4, ioport_range="3f8-3ff"),),
    cpu_info=CPUInfo(cpus=(CPU(model="Atom x5"), CPU(model="Atom x5"))),
    total_memory_bytes=(8 << 30) - 1,
    total_storage_bytes=64 << 30,
    tpm=TPM(present=True),
)
DEVICE = ZInfoDevice(
    machine_arch="x86_64",
    minfo=ZInfoManufacturer(manufacturer="ACME GmbH & Co.", product_name="Box 3/b"),
    system_adapter=SystemAdapterInfo(
        status=(DevicePortStatus(ports=(DevicePort(ifname="enp2s0", is_mgmt=True),)),)
    ),
)


def members(drafted: Drafted) -> dict[str, IoMember]:
    return {member.logicallabel: member for member in drafted.model.io_member_list}


def test_parts_get_addresses_groups_and_usages() -> None:
    drafted = draft_model(DEVICE, INVENTORY)
    found = members(drafted)
    assert found["enp1s0"].phyaddrs == {"Ifname": "enp1s0", "PciLong": "0000:01:00.0"}
    assert found["enp1s0"].assigngrp == "group11"
    assert found["enp2s0"].usage is AdapterUsage.MANAGEMENT
    assert found["enp1s0"].usage is AdapterUsage.APP_SHARED
    assert found["display0"].assigngrp == found["audio0"].assigngrp == "group13"
    assert found["display0"].ztype is IoType.HDMI
    assert found["usb0"].ztype is IoType.USB_CONTROLLER
    assert found["COM1"].phyaddrs == {"Serial": "/dev/ttyS0", "Irq": "4", "Ioports": "3f8-3ff"}
    assert found["nvme0"].assigngrp == ""
    assert found["enp6s0"].assigngrp == "", "it shares its group with the disk"
    assert (found["wlp9s0"].ztype, found["wlp9s0"].assigngrp) == (IoType.WLAN, "")
    assert any("group13 is one" in note for note in drafted.notes)
    assert any("share an IOMMU group with storage" in note for note in drafted.notes)


def test_a_draft_is_admitted_as_it_is() -> None:
    drafted = draft_model(DEVICE, INVENTORY)
    brand = drafted.brand.model_copy(update={"id": "b"})
    assert admit_model(drafted.model, None, brand=brand) == ()
    assert drafted.brand.name == "ACME-GmbH-Co"
    assert drafted.model.name == "ACME-GmbH-Co-Box-3-b"
    assert drafted.model.attr == {
        "memory": "8G",
        "storage": "64G",
        "Cpus": "2",
        "hsm": "1",
        "watchdog": "false",
        "leds": "0",
        "cpu": "Atom x5",
    }


def test_without_an_inventory_the_adapters_are_drafted_without_addresses() -> None:
    adapters = (
        ZioBundle(type=PhyIoType.PhyIoNetEth, name="eth1"),
        ZioBundle(type=PhyIoType.PhyIoNetEth, name="eth0"),
        ZioBundle(type=PhyIoType.PhyIoUSB, name="usb"),
    )
    drafted = draft_model(ZInfoDevice(machine_arch="aarch64", assignable_adapters=adapters), None)
    found = members(drafted)
    assert list(found) == ["eth0", "eth1", "usb"]
    assert found["eth0"].usage is AdapterUsage.MANAGEMENT
    assert drafted.model.type == "ARM64"
    assert any("no hardware inventory" in note for note in drafted.notes)
    assert any("eth0 was made the management port" in note for note in drafted.notes)


def test_names_are_made_of_whatever_firmware_says() -> None:
    assert as_name("Dell Inc.") == "Dell-Inc"
    assert as_name("  ") == "model-01"
    assert as_name("X1") == "X1-01"
    assert len(as_name("x" * 999)) == 256
