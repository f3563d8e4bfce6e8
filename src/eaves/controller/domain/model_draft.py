"""A model drafted from what a machine says of itself, so that any machine can be managed.

Rules: a part is told by its PCI address where the machine reports one; what shares an IOMMU group
goes to an app together, so it shares an assignment group; what has no IOMMU group, or shares it
with the storage that the host may run from, is given to nobody.  A draft is to be read by a person
before it is used: labels on the case are not known to any machine.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from eaves.controller.domain.contract.catalogue import (
    AdapterUsage,
    IoMember,
    IoType,
    ModelArchType,
    SysBrand,
    SysModel,
    SysModelState,
)
from eaves.controller.domain.contract.envelope import Origin
from eaves.evapi.evecommon import PhyIoMemberUsage, PhyIoType
from eaves.evapi.info import ZInfoDevice
from eaves.evapi.info.hardware import (
    BusParent,
    HardwareInventory,
    NetworkDevice,
    NetworkDeviceType,
    PCIAddress,
    PCIDevice,
    SerialPort,
)

GIB: Final = 1 << 30
BRIDGE: Final = 0x06  # classes of PCI
MASS_STORAGE: Final = 0x01
ARCHES: Final = {
    "x86_64": ModelArchType.AMD64,
    "amd64": ModelArchType.AMD64,
    "aarch64": ModelArchType.ARM64,
    "arm64": ModelArchType.ARM64,
}
NETWORK_TYPES: Final = {
    NetworkDeviceType.NETWORK_DEVICE_TYPE_WIFI: IoType.WLAN,
    NetworkDeviceType.NETWORK_DEVICE_TYPE_WWAN: IoType.WWAN,
    NetworkDeviceType.NETWORK_DEVICE_TYPE_ETH_PF: IoType.ETH_PF,
    NetworkDeviceType.NETWORK_DEVICE_TYPE_ETH_VF: IoType.ETH_VF,
}
# by class and, where it matters, subclass of PCI: type, and how such parts are called
PCI_PARTS: Final[Mapping[tuple[int, int | None], tuple[IoType, str]]] = {
    (0x01, 0x06): (IoType.STORAGE_SATA_DEVICE, "sata"),
    (0x01, 0x08): (IoType.STORAGE_NVME_DEVICE, "nvme"),
    (0x03, None): (IoType.HDMI, "display"),
    (0x04, None): (IoType.AUDIO, "audio"),
    (0x0C, 0x03): (IoType.USB_CONTROLLER, "usb"),
    (0x0B, 0x40): (IoType.OTHER, "coprocessor"),
    (0x12, None): (IoType.OTHER, "accelerator"),
}
STORAGE: Final = frozenset({IoType.STORAGE_SATA_DEVICE, IoType.STORAGE_NVME_DEVICE})
REPORTED: Final = {
    PhyIoType.PhyIoNetEth: IoType.ETH,
    PhyIoType.PhyIoNetWLAN: IoType.WLAN,
    PhyIoType.PhyIoNetWWAN: IoType.WWAN,
    PhyIoType.PhyIoUSB: IoType.USB,
    PhyIoType.PhyIoCOM: IoType.COM,
    PhyIoType.PhyIoAudio: IoType.AUDIO,
    PhyIoType.PhyIoHDMI: IoType.HDMI,
}
USAGES: Final = {
    PhyIoMemberUsage.PhyIoUsageMgmtAndApps: AdapterUsage.MANAGEMENT,
    PhyIoMemberUsage.PhyIoUsageShared: AdapterUsage.APP_SHARED,
    PhyIoMemberUsage.PhyIoUsageDedicated: AdapterUsage.APP_DIRECT,
    PhyIoMemberUsage.PhyIoUsageDisabled: AdapterUsage.DISABLED,
    PhyIoMemberUsage.PhyIoUsageMgmtOnly: AdapterUsage.MANAGEMENT,
}
ON_A_PORT: Final = frozenset({IoType.ETH, IoType.ETH_PF, IoType.ETH_VF, IoType.WLAN, IoType.WWAN})


@dataclass(frozen=True, slots=True)
class Drafted:
    """A brand and a model without ids, and what a person should look at."""

    brand: SysBrand
    model: SysModel
    notes: tuple[str, ...]


def draft_model(
    device: ZInfoDevice, inventory: HardwareInventory | None, name: str = ""
) -> Drafted:
    """`name`: of the model; else it is made of maker and product."""
    maker = device.minfo.manufacturer.strip() if device.minfo is not None else ""
    product = device.minfo.product_name.strip() if device.minfo is not None else ""
    notes: list[str] = []
    if not maker or not product:
        notes.append("the machine names no maker or product; choose names for brand and model")
    brand = SysBrand(
        name=as_name(maker or "unknown-maker"),
        title=maker or "Unknown maker",
        system_mfg_name=maker,
        origin_type=Origin.LOCAL,
        state=SysModelState.ACTIVE,
    )
    members = _members(device, inventory, notes)
    model = SysModel(
        name=name or as_name(f"{brand.name}-{product or 'machine'}"),
        title=(f"{maker} {product}".strip() or "Unknown machine")[:256],
        type=_arch(device, notes),
        state=SysModelState.ACTIVE,
        origin_type=Origin.LOCAL,
        brand_name=brand.name,
        attr=_attr(device, inventory),
        io_member_list=members,
    )
    return Drafted(brand, model, tuple(notes))


def as_name(text: str) -> str:
    """A name that objects may have: `Dell Inc.` becomes `Dell-Inc.`."""
    name = re.sub(r"[^a-zA-Z0-9_.-]+", "-", text).strip("-._")
    return name[:256] if len(name) >= 3 else f"{name or 'model'}-01"


def _arch(device: ZInfoDevice, notes: list[str]) -> ModelArchType:
    for word in (device.machine_arch, device.cpu_arch, device.platform):
        if word.lower() in ARCHES:
            return ARCHES[word.lower()]
    notes.append(f"architecture {device.machine_arch!r} is not one of AMD64 and ARM64; set type")
    return ModelArchType.UNDEFINED


def _attr(device: ZInfoDevice, inventory: HardwareInventory | None) -> dict[str, str]:
    """As catalogues write it: `memory` and `storage` in G, `Cpus`, what else is built in."""
    memory = (inventory.total_memory_bytes if inventory else 0) or device.memory << 20
    storage = (inventory.total_storage_bytes if inventory else 0) or device.storage << 20
    cpus = len(inventory.cpu_info.cpus) if inventory and inventory.cpu_info else 0
    found = {
        "memory": _size(memory),
        "storage": _size(storage),
        "Cpus": str(cpus or device.ncpu or ""),
    }
    if inventory is not None:
        tpm = inventory.tpm
        found["hsm"] = "1" if tpm is not None and tpm.present else "0"
        found["watchdog"] = "true" if inventory.watchdog_present else "false"
        found["leds"] = "1" if inventory.status_led_present else "0"
        if inventory.cpu_info is not None and inventory.cpu_info.cpus:
            found["cpu"] = inventory.cpu_info.cpus[0].model
    return {key: value for key, value in found.items() if value}


def _size(count: int) -> str:
    """In whole GiB, below one in MiB; what firmware keeps back is not subtracted twice."""
    if count >= GIB:
        return f"{-(-count // GIB)}G"
    return f"{count >> 20}M" if count else ""


def _members(
    device: ZInfoDevice, inventory: HardwareInventory | None, notes: list[str]
) -> tuple[IoMember, ...]:
    if inventory is None:
        notes.append(
            "the device sent no hardware inventory: addresses are missing, add phyaddrs and "
            "assigngrp where apps are to get ports directly"
        )
        found = _from_adapters(device)
    else:
        found = [*_from_inventory(inventory, notes)]
    usages = _usages(device)
    placed = [_with_usage(member, usages) for member in found]
    if not any(member.usage is AdapterUsage.MANAGEMENT for member in placed):
        placed = _manage_one(placed, notes)
    return tuple(placed)


def _from_inventory(inventory: HardwareInventory, notes: list[str]) -> Iterable[IoMember]:
    groups = _Groups(inventory.pci_devices)
    numbers: Counter[str] = Counter()
    for nic in sorted(inventory.network_devices, key=lambda nic: nic.ifname):
        yield _network(nic, groups)
    for part in sorted(inventory.pci_devices, key=lambda part: _key(part.address)):
        kind = PCI_PARTS.get((part.class_id, part.subclass_id)) or PCI_PARTS.get(
            (part.class_id, None)
        )
        if kind is None:
            continue
        ztype, word = kind
        label = f"{word}{numbers[word]}"
        numbers[word] += 1
        # a disk may be the one that the host runs from, which only a person knows
        group = "" if ztype in STORAGE else groups.of(part.address)
        if ztype in STORAGE:
            notes.append(f"{label}: give it an assigngrp only if the host does not run from it")
        yield _member(ztype, label, {"PciLong": pci_text(part.address)}, group)
    for number, port in enumerate(inventory.serial_devices):
        yield _serial(number, port, groups)
    for can in sorted(inventory.can_devices, key=lambda can: can.ifname):
        group = groups.of(_parent(can.parent))
        yield _member(IoType.CAN, can.ifname, {"Ifname": can.ifname}, group)
    notes.extend(groups.notes())


def _network(nic: NetworkDevice, groups: "_Groups") -> IoMember:
    address = _parent(nic.parent)
    addresses = {"Ifname": nic.ifname}
    if address is not None:
        addresses["PciLong"] = pci_text(address)
    ztype = NETWORK_TYPES.get(nic.type, IoType.ETH)
    return _member(ztype, nic.ifname, addresses, groups.of(address))


def _serial(number: int, port: SerialPort, groups: "_Groups") -> IoMember:
    addresses = {"Serial": port.devpath}
    if port.irq:
        addresses["Irq"] = str(port.irq)
    if port.ioport_range:
        addresses["Ioports"] = port.ioport_range
    label = f"COM{number + 1}"
    address = _parent(port.parent)
    # one on the board itself has no group of its own, but nothing shares it either
    group = groups.of(address) if address is not None else label
    return _member(IoType.COM, label, addresses, group)


def _member(ztype: IoType, label: str, addresses: Mapping[str, str], group: str) -> IoMember:
    return IoMember(
        ztype=ztype,
        phylabel=label,
        logicallabel=label,
        assigngrp=group,
        phyaddrs={key: value for key, value in addresses.items() if value},
    )


def _from_adapters(device: ZInfoDevice) -> list[IoMember]:
    """What the device calls its assignable adapters, without any address."""
    found: list[IoMember] = []
    for adapter in sorted(device.assignable_adapters, key=lambda adapter: adapter.name):
        ztype = REPORTED.get(adapter.type, IoType.OTHER)
        label = adapter.name or (adapter.members[0] if adapter.members else "")
        if not label:
            continue
        names = {"Ifname": label} if ztype in ON_A_PORT else {}
        found.append(_member(ztype, label, names, ""))
    return found


def _usages(device: ZInfoDevice) -> Mapping[str, AdapterUsage]:
    """How the device uses its ports now, by interface and by label."""
    adapters = device.system_adapter
    if adapters is None or not 0 <= adapters.current_index < len(adapters.status):
        return {}
    found: dict[str, AdapterUsage] = {}
    for port in adapters.status[adapters.current_index].ports:
        usage = AdapterUsage.MANAGEMENT if port.is_mgmt else USAGES.get(port.usage)
        if usage is not None:
            found |= {key: usage for key in (port.ifname, port.name) if key}
    return found


def _with_usage(member: IoMember, usages: Mapping[str, AdapterUsage]) -> IoMember:
    keys = (member.phyaddrs.get("Ifname", ""), member.logicallabel)
    reported = next((usages[key] for key in keys if key in usages), None)
    if reported is not None:
        usage = reported
    elif member.ztype in ON_A_PORT:
        usage = AdapterUsage.APP_SHARED
    else:
        usage = AdapterUsage.APP_DIRECT if member.assigngrp else AdapterUsage.UNSPECIFIED
    free = {"FreeUplink": True} if usage is AdapterUsage.MANAGEMENT else {}
    return member.model_copy(update={"usage": usage, "usage_policy": free})


def _manage_one(members: list[IoMember], notes: list[str]) -> list[IoMember]:
    """The first wired port, then any port: without one the controller is not reached."""
    ports = [m for m in members if m.ztype in ON_A_PORT]
    ports.sort(key=lambda member: (member.ztype is not IoType.ETH, member.logicallabel))
    if not ports:
        notes.append("no network port was reported; add the one that leads to the controller")
        return members
    chosen = ports[0]
    notes.append(f"{chosen.logicallabel} was made the management port; choose another if it is not")
    managed = chosen.model_copy(
        update={"usage": AdapterUsage.MANAGEMENT, "usage_policy": {"FreeUplink": True}}
    )
    return [managed if member is chosen else member for member in members]


Key = tuple[int, int, int, int]


def _key(address: PCIAddress | None) -> Key:
    if address is None:
        return (0, 0, 0, 0)
    return (address.domain, address.bus, address.device, address.function)


def pci_text(address: PCIAddress | None) -> str:
    """`0000:02:00.0`; empty without an address."""
    if address is None:
        return ""
    return f"{address.domain:04x}:{address.bus:02x}:{address.device:02x}.{address.function:x}"


def _parent(parent: BusParent | None) -> PCIAddress | None:
    return parent.pci_parent if parent is not None else None


class _Groups:
    """Assignment groups, from the IOMMU groups of the PCI devices."""

    def __init__(self, devices: Iterable[PCIDevice]) -> None:
        self._group_of: dict[Key, str] = {}
        self._in: defaultdict[str, list[PCIDevice]] = defaultdict(list)
        self._asked_in_vain = False
        for device in devices:
            if device.address is not None and device.iommu_group:
                self._group_of[_key(device.address)] = device.iommu_group
                self._in[device.iommu_group].append(device)

    def of(self, address: PCIAddress | None) -> str:
        """Empty: may be given to nobody."""
        group = self._group_of.get(_key(address)) if address is not None else None
        if group is None:
            self._asked_in_vain = True
            return ""
        return "" if self._holds_storage(group) else f"group{group}"

    def _holds_storage(self, group: str) -> bool:
        return any(part.class_id == MASS_STORAGE for part in self._in[group])

    def notes(self) -> list[str]:
        told: list[str] = []
        if self._asked_in_vain:
            told.append(
                "parts without an IOMMU group have no assigngrp, and no app gets them; switch the "
                "IOMMU (VT-d, AMD-Vi, SMMU) on in the firmware to change that"
            )
        for group, parts in sorted(self._in.items(), key=lambda item: item[0].zfill(6)):
            named = [pci_text(p.address) for p in parts if p.class_id != BRIDGE]
            if len(named) > 1 and self._holds_storage(group):
                told.append(
                    f"{', '.join(named)} share an IOMMU group with storage: no app gets them"
                )
            elif len(named) > 1:
                told.append(f"group{group} is one: {', '.join(named)} go to an app together")
        return told
