"""Which interface of this machine each device of an entry is, and is it the node's to set up."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from eaves.node.host import uplink_state
from eaves.node.host.inventory import Sysfs
from eaves.node.host.uplink_state import Routing
from eaves.node.uplinks.identify import Found, Missing, Nic, find, pins
from eaves.node.uplinks.model import Adapter, Bond, Entry, Vlan

_USB = re.compile(r"/(\d+)-([\d.]+):[\d.]+")
ON_OTHERS: Final = frozenset({"vlan", "bond", "bridge", "macvlan"})

Names = Mapping[str, Found | Missing]
"""Interface by label of a device."""


def nics_of(routing: Routing, sysfs: Sysfs) -> tuple[Nic, ...]:
    pci = {n.ifname: n.pci for n in sysfs.nics()}
    nics: list[Nic] = []
    for link in routing.links:
        if link.kind in ON_OTHERS:
            continue  # with the MAC of what is below
        place = uplink_state.device_place(link.name, sysfs.root / "sys")
        usb = _USB.search(place)
        nics.append(
            Nic(
                link.name,
                link.own_mac or link.mac,
                _pci_text(pci.get(link.name)),
                f"{usb[1]}:{usb[2]}" if usb else "",
                place,
            )
        )
    return tuple(nics)


def _pci_text(address: tuple[int, int, int, int] | None) -> str:
    if address is None:
        return ""
    domain, bus, device, function = address
    return f"{domain:04x}:{bus:02x}:{device:02x}.{function:x}"


def interfaces(entry: Entry, routing: Routing, sysfs: Sysfs, pinned: dict[str, str]) -> Names:
    """Places of bare names are pinned on the way, in `pinned`."""
    nics = nics_of(routing, sysfs)
    there = {link.name for link in routing.links}
    adapters = {d.label: d.named for d in entry.devices if isinstance(d, Adapter)}
    pinned |= pins(adapters, nics, pinned)
    found: dict[str, Found | Missing] = {}
    for device in entry.devices:
        match device:
            case Adapter(label, named):
                found[label] = find(named, nics, pinned.get(f"{label}/{named.ifname}", ""))
            case Vlan(label=label, ifname=ifname) | Bond(label=label, ifname=ifname):
                missing = Missing(f"interface {ifname} is not there")
                found[label] = Found(ifname) if ifname in there else missing
    return found


def is_handed_over(
    label: str, entry: Entry, names: Names, managed: AbstractSet[str], *, owned: bool
) -> bool:
    """Was the adapter, or every adapter below it?

    `managed`: interfaces that were.  `owned`: all of the machine is the node's.
    """
    device = entry.device(label)
    match device:
        case Adapter():
            name = names.get(label)
            return isinstance(name, Found) and name.ifname in managed
        case Vlan(parent=parent):
            return is_handed_over(parent, entry, names, managed, owned=owned)
        case Bond(members=members):
            # One that is gone takes the others along nowhere.
            there = [m for m in members if isinstance(names.get(m), Found)]
            ours = [m for m in there if is_handed_over(m, entry, names, managed, owned=owned)]
            return bool(ours) and (owned or ours == there)
        case None:
            return False
