"""The device's model: which members make an assignment group, and what each one is here.  Pure.

A group goes to one app as a whole.  What the hardware cannot part is one group even where the model
forgot it: functions of one PCI device, and devices of one IOMMU group.  Source: node reference 11.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from eaves.evapi.config import EthVF, PhysicalIO, VfList
from eaves.evapi.evecommon import PhyIoMemberUsage, PhyIoType
from eaves.node.host.inventory import Parts, Pci
from eaves.node.host.sriov import Function
from eaves.node.ios import can

BRIDGE_CLASS = 0x06  # belongs to the machine: nothing to assign, nothing in the way
_PCI = re.compile(r"(?:([0-9a-f]{4}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])")
_USB_PLACE = re.compile(r"(\d+):(\d+(?:\.\d+)*)")
_MAC = re.compile(r"[0-9a-f][02468ace](:[0-9a-f]{2}){5}")
MOST_VLAN = 4094
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
    functions: int = 0  # virtual ones that the card is to have
    function: Function | None = None  # it is one of those, set as the model says
    can: str = ""  # interface
    can_words: tuple[str, ...] = ()  # how it is set


@dataclass(frozen=True, slots=True)
class Group:
    """What is given together."""

    names: tuple[str, ...]  # of the model's groups in it; more than one: the hardware joins them
    members: tuple[Member, ...]

    @property
    def name(self) -> str:
        return ", ".join(self.names)


def names_hardware(ios: Iterable[PhysicalIO]) -> bool:
    """Does the model tell what only the machine's parts confirm, whether an app asks or not?"""
    return any(io.vflist or any(key.lower() == "pcilong" for key in io.phyaddrs) for io in ios)


def members_of(ios: Iterable[PhysicalIO], parts: Parts) -> tuple[Member, ...]:
    found: list[Member] = []
    for io in ios:
        member = _member(io, parts)
        found += [member, *_functions(io, member, parts)]
    return tuple(_with_collision(one, found) for one in found)


def _member(io: PhysicalIO, parts: Parts) -> Member:
    addresses = {key.lower(): value.strip() for key, value in io.phyaddrs.items()}
    label = io.logicallabel or io.phylabel
    if io.ptype in (can.PHYSICAL, can.VIRTUAL):
        return _can_member(io, label, addresses.get("ifname", ""), parts)
    pci, trouble = _pci_of(addresses.get("pcilong", ""), addresses.get("ifname", ""), parts)
    usb = addresses.get("usbaddr", "").lower()
    product = addresses.get("usbproduct", "").lower()
    if usb and not _USB_PLACE.fullmatch(usb):
        trouble = f"usbaddr {usb[:40]!r} is not bus:port; correct the model"
    if product and not _USB_KIND.fullmatch(product):
        trouble = f"usbproduct {product[:40]!r} is not vendor:product; correct the model"
    count, why = _count(io, pci, parts)
    trouble = trouble or why
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
        count if not trouble else 0,
    )


def _can_member(io: PhysicalIO, label: str, ifname: str, parts: Parts) -> Member:
    """Its card stays with the host, whatever address the model tells."""
    words = can.words_of(io.cbattr)
    wrong = can.trouble_of(io.ptype, ifname, parts) or (words if isinstance(words, str) else "")
    return Member(
        label,
        frozenset(n for n in (io.logicallabel, io.phylabel, ifname) if n),
        io.ptype,
        io.assigngrp,
        io.parentassigngrp,
        io.usage,
        trouble=wrong,
        can=ifname,
        can_words=() if isinstance(words, str) or io.ptype is can.VIRTUAL else words,
    )


def _count(io: PhysicalIO, pci: str, parts: Parts) -> tuple[int, str]:
    """How many virtual functions the card is to have, and why it cannot have them."""
    told = io.vflist or VfList()
    if not told.vf_count:
        alone = "virtual functions are listed, and vf_count is 0; write their number"
        return 0, alone if told.data else ""
    beyond = next((vf.index for vf in told.data if vf.index >= told.vf_count), None)
    if beyond is not None:
        return 0, f"virtual function {beyond} is listed, and vf_count is {told.vf_count}"
    most = next((c.most_functions for c in parts.pci if address_text(c.address) == pci), 0)
    if most < told.vf_count:
        return 0, (
            f"{told.vf_count} virtual functions are asked for, and the card has {most} at most; "
            "switch SR-IOV on in the machine's firmware, or lower vf_count"
        )
    return told.vf_count, ""


def _functions(io: PhysicalIO, card: Member, parts: Parts) -> Iterator[Member]:
    """Each is a group of its own, named after its card."""
    there = next((c.functions for c in parts.pci if address_text(c.address) == card.pci), ())
    known = {address_text(c.address) for c in parts.pci}
    listed = {vf.index: vf for vf in (io.vflist or VfList()).data}
    for index in range(card.functions):
        pci = there[index] if index < len(there) else ""
        here = pci in known
        wanted = function_of(card.pci, listed.get(index, EthVF(index=index)))
        names = frozenset(f"{name}vf{index}" for name in card.names)
        yield Member(
            f"{card.label}vf{index}",
            names,
            PhyIoType.PhyIoNetEthVF,
            f"{card.label}vf{index}",
            "",
            PhyIoMemberUsage.PhyIoUsageNone,
            pci if here else "",
            trouble=wanted
            if isinstance(wanted, str)
            else ("" if here else "it is being made; it is given as soon as it is there"),
            function=None if isinstance(wanted, str) else wanted,
        )


def function_of(card: str, told: EthVF) -> Function | str:
    """As its card is to carry it; or what is wrong with it."""
    mac = told.mac.lower()
    if mac and not _MAC.fullmatch(mac):
        return f"virtual function {told.index}: {told.mac[:40]!r} is no MAC address of one machine"
    if not 0 <= told.vlan_id <= MOST_VLAN:
        return f"virtual function {told.index}: VLAN {told.vlan_id} is outside 0 to {MOST_VLAN}"
    return Function(card, told.index, mac, told.vlan_id)


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
        for what in ("pci", "usb", "serial", "can"):
            address = str(getattr(member, what))
            if address and address == getattr(other, what):
                text = f"{address} stands in the model also as {other.label}; name it once"
                return _troubled(member, text)
    return member


def _troubled(member: Member, text: str) -> Member:
    return replace(member, trouble=text)


def groups_of(members: Sequence[Member], parts: Parts) -> tuple[Group, ...]:
    """The groups that may be given; members without a group are in none."""
    by_address = {address_text(one.address): one for one in parts.pci}
    sets: list[tuple[set[str], set[str]]] = []  # names, and what the hardware cannot part
    for member in members:
        if not member.group:
            continue
        names, ties = {member.group}, set(_ties(by_address.get(member.pci), member))
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


def _ties(device: Pci | None, member: Member) -> Iterator[str]:
    """Virtual functions are made to be parted, wherever the card puts their addresses."""
    if device is None:
        return
    domain, bus, slot, _ = device.address
    if member.function is None:
        yield f"device {domain:04x}:{bus:02x}:{slot:02x}"
    if device.iommu_group:
        yield f"iommu {device.iommu_group}"


def address_text(address: tuple[int, int, int, int]) -> str:
    return f"{address[0]:04x}:{address[1]:02x}:{address[2]:02x}.{address[3]}"
