"""The device's model: which members make an assignment group, and what each one is here.  Pure.

A group goes to one app as a whole.  What the hardware cannot part is one group even where the model
forgot it: functions of one PCI device, and devices of one IOMMU group.  Source: node reference 11.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from eaves.evapi.config import PhysicalIO
from eaves.evapi.evecommon import PhyIoMemberUsage, PhyIoType
from eaves.node.host.inventory import Parts, Pci

BRIDGE_CLASS = 0x06  # belongs to the machine: nothing to assign, nothing in the way
_PCI = re.compile(r"(?:([0-9a-f]{4}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])")
_USB_PLACE = re.compile(r"(\d+):(\d+(?:\.\d+)*)")
_USB_KIND = re.compile(r"([0-9a-f]{4}):([0-9a-f]{4})")


@dataclass(frozen=True, slots=True)
class Member:
    """One PhysicalIO; each address is blank where the model tells none."""

    label: str
    names: frozenset[str]  # by which ports and apps may name it
    type: PhyIoType
    group: str
    parent: str
    usage: PhyIoMemberUsage
    pci: str = ""
    usb: str = ""  # "bus:port.port"
    product: str = ""  # "vendor:product"
    serial: str = ""
    trouble: str = ""  # why it cannot be given to anybody


@dataclass(frozen=True, slots=True)
class Group:
    """What is given together."""

    names: tuple[str, ...]  # of the model's groups in it; more than one: the hardware joins them
    members: tuple[Member, ...]

    @property
    def name(self) -> str:
        return ", ".join(self.names)


def members_of(ios: Iterable[PhysicalIO], parts: Parts) -> tuple[Member, ...]:
    found = [_member(io, parts) for io in ios]
    return tuple(_with_collision(one, found) for one in found)


def _member(io: PhysicalIO, parts: Parts) -> Member:
    addresses = {key.lower(): value.strip() for key, value in io.phyaddrs.items()}
    label = io.logicallabel or io.phylabel
    pci, trouble = _pci_of(addresses.get("pcilong", ""), addresses.get("ifname", ""), parts)
    usb = addresses.get("usbaddr", "").lower()
    product = addresses.get("usbproduct", "").lower()
    if usb and not _USB_PLACE.fullmatch(usb):
        trouble = f"usbaddr {usb[:40]!r} is not bus:port; correct the model"
    if product and not _USB_KIND.fullmatch(product):
        trouble = f"usbproduct {product[:40]!r} is not vendor:product; correct the model"
    trouble = trouble or _virtual_functions(io)
    return Member(
        label,
        frozenset(n for n in (io.logicallabel, io.phylabel, addresses.get("ifname", "")) if n),
        io.ptype,
        io.assigngrp,
        io.parentassigngrp,
        io.usage,
        pci,
        usb,
        product,
        addresses.get("serial", ""),
        trouble,
    )


def _virtual_functions(io: PhysicalIO) -> str:
    if io.vflist is None or not (io.vflist.vf_count or io.vflist.data):
        return ""
    listed = "".join(f", number {vf.index}" for vf in io.vflist.data)
    return (
        f"{io.vflist.vf_count} virtual functions are asked for{listed}, and SR-IOV is not built "
        "yet; take vflist out of the model"
    )


def _pci_of(told: str, ifname: str, parts: Parts) -> tuple[str, str]:
    """The PCI address, and what is wrong with it."""
    if not told:
        nic = next((n for n in parts.nics if ifname and n.ifname == ifname), None)
        return (address_text(nic.pci), "") if nic is not None and nic.pci else ("", "")
    found = _PCI.fullmatch(told.lower())
    if found is None:
        return "", f"pcilong {told[:40]!r} is no PCI address; correct the model"
    address = f"{found[1] or '0000'}:{found[2]}:{found[3]}.{found[4]}"
    if all(address_text(one.address) != address for one in parts.pci):
        return address, f"there is no PCI device at {address}; check the card and the model"
    return address, ""


def _with_collision(member: Member, all_of_them: Sequence[Member]) -> Member:
    """Two entries of one address are an error of both, unless they make one group."""
    for other in all_of_them:
        if other is member or (other.group == member.group and member.group):
            continue
        for what in ("pci", "usb", "serial"):
            address = str(getattr(member, what))
            if address and address == getattr(other, what):
                text = f"{address} stands in the model also as {other.label}; name it once"
                return _troubled(member, text)
    return member


def _troubled(member: Member, text: str) -> Member:
    return Member(
        member.label,
        member.names,
        member.type,
        member.group,
        member.parent,
        member.usage,
        member.pci,
        member.usb,
        member.product,
        member.serial,
        text,
    )


def groups_of(members: Sequence[Member], parts: Parts) -> tuple[Group, ...]:
    """The groups that may be given; members without a group are in none."""
    by_address = {address_text(one.address): one for one in parts.pci}
    sets: list[tuple[set[str], set[str]]] = []  # names, and what the hardware cannot part
    for member in members:
        if not member.group:
            continue
        names, ties = {member.group}, set(_ties(by_address.get(member.pci)))
        apart: list[tuple[set[str], set[str]]] = []
        for one in sets:
            if one[0] & names or one[1] & ties:
                names, ties = names | one[0], ties | one[1]
            else:
                apart.append(one)
        sets = [*apart, (names, ties)]
    return tuple(
        Group(tuple(sorted(names)), tuple(m for m in members if m.group in names))
        for names, _ in sorted(sets, key=lambda one: sorted(one[0]))
    )


def _ties(device: Pci | None) -> Iterator[str]:
    if device is None:
        return
    domain, bus, slot, _ = device.address
    yield f"device {domain:04x}:{bus:02x}:{slot:02x}"
    if device.iommu_group:
        yield f"iommu {device.iommu_group}"


def address_text(address: tuple[int, int, int, int]) -> str:
    return f"{address[0]:04x}:{address[1]:02x}:{address[2]:02x}.{address[3]}"
