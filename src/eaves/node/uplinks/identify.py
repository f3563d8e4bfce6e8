"""Which interface of this machine a port means.  Pure.

A PCI or USB place or a MAC says it for good.  A bare name is taken at its word once, and then
pinned to the place where it was seen first: a kernel that counts anew after a card was added must
not hand the address of one network to another.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eaves.node.uplinks.model import Named


@dataclass(frozen=True, slots=True)
class Nic:
    """`place`: path of the device in sysfs; blank for one without hardware."""

    ifname: str
    mac: str = ""
    pci: str = ""
    usb: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    ifname: str


@dataclass(frozen=True, slots=True)
class Missing:
    text: str


def find(named: Named, nics: Iterable[Nic], pinned: str = "") -> Found | Missing:
    """`pinned`: the place that the name was seen at first, if any."""
    here = list(nics)
    if named.pci or named.usb or named.mac:
        return _by_place(named, here)
    if pinned:
        there = next((n for n in here if n.place == pinned), None)
        if there is not None:
            return Found(there.ifname)
        taken = next((n for n in here if n.ifname == named.ifname and n.place), None)
        if taken is not None:
            return Missing(
                f"{named.ifname} is now the adapter at {taken.place}; the one that was there is"
                f" gone ({pinned}); plug it in again, or name the port by its PCI address or MAC"
            )
    found = next((n for n in here if n.ifname == named.ifname), None)
    if found is None:
        names = ", ".join(sorted(n.ifname for n in here)) or "none"
        return Missing(f"no interface {named.ifname}; this machine has {names}")
    return Found(found.ifname)


def _by_place(named: Named, here: list[Nic]) -> Found | Missing:
    """All that is told must fit; of several functions of one adapter, the name decides."""
    fits = [
        n
        for n in here
        if (not named.pci or n.pci.lower() == named.pci)
        and (not named.usb or n.usb == named.usb)
        and (not named.mac or n.mac.lower() == named.mac)
    ]
    told = ", ".join(
        f"{what} {text}"
        for what, text in (("PCI", named.pci), ("USB", named.usb), ("MAC", named.mac))
        if text
    )
    if not fits:
        return Missing(f"no network adapter at {told}; check the device's model")
    if len(fits) > 1:
        named_so = [n for n in fits if n.ifname == named.ifname]
        if not named_so:
            names = ", ".join(sorted(n.ifname for n in fits))
            return Missing(f"{told} has several interfaces ({names}); add the ifname of one")
        fits = named_so
    return Found(fits[0].ifname)


def pins(
    names: Mapping[str, Named], nics: Iterable[Nic], before: Mapping[str, str]
) -> dict[str, str]:
    """Place by label, for ports that a bare name identifies; what was pinned stays."""
    places = {n.ifname: n.place for n in nics}
    found: dict[str, str] = {}
    for label, named in names.items():
        if named.pci or named.usb or named.mac:
            continue
        place = before.get(f"{label}/{named.ifname}") or places.get(named.ifname, "")
        if place:
            found[f"{label}/{named.ifname}"] = place
    return found
