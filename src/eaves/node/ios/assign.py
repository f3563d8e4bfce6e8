"""Which app gets which adapters.  Pure.

What runs keeps what it has.  Of the others, the one with the lowest number goes first; who comes
too late waits, knows the holder, and starts by itself when the adapter is given back.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from eaves.evapi.config import Adapter, EdgeDevConfig, EthVF, PhysicalIO
from eaves.evapi.evecommon import PhyIoMemberUsage, PhyIoType
from eaves.ids import AppInstanceId
from eaves.node.host.inventory import Parts, Usb
from eaves.node.host.sriov import Function
from eaves.node.ios import can
from eaves.node.ios.items import CanInterface, PciDevice, VirtualFunctions
from eaves.node.ios.model import (
    BRIDGE_CLASS,
    Group,
    Member,
    address_text,
    function_of,
    groups_of,
    members_of,
)
from eaves.node.refs import AppInForce, Passed, Port, UsbRule

NO_PASSING = {
    PhyIoType.PhyIoNetEthPF: "an SR-IOV physical function stays with the host",
    PhyIoType.PhyIoLCAN: "a logical CAN interface, which joins others, is not built; name those",
}


@dataclass(frozen=True, slots=True)
class Assigned:
    """`holders` and `errors` are by label of the model's member."""

    passed: Mapping[AppInstanceId, Passed] = field(default_factory=dict[AppInstanceId, Passed])
    refusals: Mapping[AppInstanceId, str] = field(default_factory=dict[AppInstanceId, str])
    holders: Mapping[str, AppInstanceId] = field(default_factory=dict[str, AppInstanceId])
    errors: Mapping[str, str] = field(default_factory=dict[str, str])
    cards: tuple[VirtualFunctions, ...] = ()
    functions: Mapping[str, Function] = field(default_factory=dict[str, Function])  # by address
    cans: Mapping[str, CanInterface] = field(default_factory=dict[str, CanInterface])  # by name

    @property
    def items(self) -> tuple[PciDevice, ...]:
        return tuple(
            PciDevice(address, app, self.functions.get(address))
            for app, passed in self.passed.items()
            for address in passed.pci
        )

    @property
    def interfaces(self) -> tuple[CanInterface, ...]:
        """What the model does not tell any more stays as it is while an app has it."""
        return tuple(
            replace(self.cans.get(name, CanInterface(name)), app=app)
            for app, passed in self.passed.items()
            for name in passed.can
        )


def assign(
    config: EdgeDevConfig,
    apps: Sequence[AppInForce],
    containers: AbstractSet[AppInstanceId],
    running: Mapping[AppInstanceId, Passed],
    ports: Iterable[Port],
    parts: Parts,
) -> Assigned:
    """`running` tells what machines have that run as they are wished."""
    members = members_of(config.device_io_list, parts)
    groups = groups_of(members, parts)
    host = frozenset(n for port in ports for n in (port.logical_label, port.ifname) if n)
    names = {app.app: app.config.displayname or app.app for app in apps}
    functions: dict[str, Function] = {}
    given: dict[str, AppInstanceId] = {}  # by name of a group of the model
    passed: dict[AppInstanceId, Passed] = {}
    refusals: dict[AppInstanceId, str] = {}
    wanting = [app for app in apps if app.activate and app.config.adapters]
    for app in sorted(wanting, key=lambda app: (app.app not in running, app.number)):
        found: dict[Group, int] = {}  # with the order in which the app asks for it
        settings: dict[str, Function] = {}
        for adapter in app.config.adapters:
            group = _named(_name(adapter, members), members, groups)
            why = (
                group
                if isinstance(group, str)
                else _set(adapter, group, settings)
                or _refuse(app, group, given, names, host, parts, container=app.app in containers)
            )
            if why and app.app not in running:
                refusals[app.app] = f"adapter {adapter.name} of app {names[app.app]}: {why}"
                break
            if not isinstance(group, str):
                found.setdefault(group, adapter.interface_order)
        else:
            functions |= settings
            given |= {name: app.app for group in found for name in group.names}
            passed[app.app] = running.get(app.app) or _passed(found)
    return Assigned(
        passed,
        refusals,
        {m.label: given[m.group] for m in members if m.group in given},
        {m.label: m.trouble for m in members if m.trouble},
        tuple(VirtualFunctions(m.pci, m.functions) for m in members if m.functions),
        functions,
        {m.can: CanInterface(m.can, m.type is can.VIRTUAL, m.can_words) for m in members if m.can},
    )


def with_unplugged(assigned: Assigned, ios: Iterable[PhysicalIO], usb: Iterable[Usb]) -> Assigned:
    """USB devices that apps hold and that are not there any more, as errors of their adapters.

    The app keeps the adapter and goes on.  Source: node reference, section 22.
    """
    there = {name for one in usb for name in (f"{one.bus}:{one.port}", usb_kind(one))}
    gone: dict[str, str] = {}
    for io in ios:
        addresses = {key.lower(): value.strip().lower() for key, value in io.phyaddrs.items()}
        place = _usb_place(addresses.get("usbaddr", "")) or addresses.get("usbproduct")
        label = io.logicallabel or io.phylabel
        if place and label in assigned.holders and place not in there:
            gone[label] = f"no USB device {place} is plugged in; its app goes on without it"
    return replace(assigned, errors={**gone, **assigned.errors}) if gone else assigned


def _usb_place(told: str) -> str:
    """Bus and port; a bus may be written with zeros in front."""
    bus, _, port = told.partition(":")
    return f"{int(bus)}:{port}" if bus.isdecimal() else told


def usb_kind(one: Usb) -> str:
    return f"{one.vendor:04x}:{one.product:04x}"


def _name(adapter: Adapter, members: Sequence[Member]) -> str:
    """A virtual function may be named itself, or by its card and its number."""
    asked = adapter.eth_vf is not None or adapter.type == PhyIoType.PhyIoNetEthVF
    if not asked or any(m.function and adapter.name in m.names for m in members):
        return adapter.name
    return f"{adapter.name}vf{(adapter.eth_vf or EthVF()).index}"


def _set(adapter: Adapter, group: Group, settings: dict[str, Function]) -> str:
    """Note how the virtual functions of `group` are set; the app's word counts before the model's.

    Something: why they cannot be so.
    """
    for member in group.members:
        wanted: Function | str | None = member.function
        if member.function is None or not member.pci:
            continue
        if adapter.eth_vf is not None:
            told = replace(adapter.eth_vf, index=member.function.index)
            wanted = function_of(member.function.card, told)
        if isinstance(wanted, str):
            return wanted
        if wanted is not None:
            settings[member.pci] = wanted
    return ""


def _named(name: str, members: Sequence[Member], groups: Sequence[Group]) -> Group | str:
    """The group of that name, or of the member of that label; or why there is none."""
    for group in groups:
        if name in group.names or any(name in member.names for member in group.members):
            return group
    if any(name in member.names for member in members):
        return "it is in no assignment group, so it is given to nobody; give it one in the model"
    return "it is not in the model of this device; nothing unlisted is given to apps"


def _refuse(
    app: AppInForce,
    group: Group,
    given: Mapping[str, AppInstanceId],
    names: Mapping[AppInstanceId, str],
    host: AbstractSet[str],
    parts: Parts,
    *,
    container: bool,
) -> str:
    """Why the app cannot have the group; blank: it can."""
    if container:
        return "the app runs as a container; adapters are given to virtual machines"
    for member in group.members:
        if member.names & host:
            return f"{member.label} is a port of this node; take it out of group {group.name}"
        if member.usage in (
            PhyIoMemberUsage.PhyIoUsageDisabled,
            PhyIoMemberUsage.PhyIoUsageMgmtOnly,
        ):
            return f"the usage of {member.label} is {member.usage.name}; change it in the model"
        if member.type in NO_PASSING or member.functions:
            why = NO_PASSING.get(member.type, NO_PASSING[PhyIoType.PhyIoNetEthPF])
            return f"{member.label}: {why}"
        if member.trouble:
            return f"{member.label}: {member.trouble}"
        if not (member.pci or member.usb or member.product or member.serial or member.can):
            return f"{member.label} has no address that can be passed on; add it to the model"
        why = _refuse_pci(member, group, parts) if member.pci and not member.usb else ""
        if why:
            return why
    return _held(app, group, given, names)


def _held(
    app: AppInForce,
    group: Group,
    given: Mapping[str, AppInstanceId],
    names: Mapping[AppInstanceId, str],
) -> str:
    related = {*group.names, *(member.parent for member in group.members if member.parent)}
    for name in sorted(related):
        holder = given.get(name)
        if holder is not None and holder != app.app:
            return (
                f"group {name} is held by app {names[holder]}; stop that app or take the adapter "
                "from it, this one starts by itself then"
            )
    return ""


def _refuse_pci(member: Member, group: Group, parts: Parts) -> str:
    devices = {address_text(one.address): one for one in parts.pci}
    device = devices[member.pci]
    if not device.iommu_group:
        return (
            f"{member.pci} cannot be given: this machine shows no IOMMU; switch VT-d or AMD-Vi on "
            "in its firmware, and intel_iommu=on on the kernel's command line"
        )
    ours = {one.pci for one in group.members}
    for address, other in devices.items():
        beside = other.iommu_group == device.iommu_group and address not in ours
        if beside and other.class_code >> 16 != BRIDGE_CLASS and other.driver not in _FREE:
            return (
                f"{member.pci} shares IOMMU group {device.iommu_group} with {address} (driver "
                f"{other.driver}), which stays with the host; list both in one assignment group"
            )
    return ""


_FREE = frozenset({"", "vfio-pci", "pci-stub"})


def _passed(groups: Mapping[Group, int]) -> Passed:
    """In the order in which the app lists them, each with the place that it asks for."""
    pci: dict[str, int] = {}
    usb: list[UsbRule] = []
    serial: list[str] = []
    cans: list[str] = []
    for member, order in ((m, order) for group, order in groups.items() for m in group.members):
        if member.usb or member.product:
            bus, _, port = member.usb.partition(":")
            vendor, _, product = member.product.partition(":")
            # A place says it better than a kind; both together are too narrow for QEMU.
            usb.append(UsbRule(int(bus), port) if bus else UsbRule(0, "", vendor, product))
        elif member.pci:
            pci.setdefault(member.pci, order)
        elif member.serial:
            serial.append(member.serial)
        elif member.can:
            cans.append(member.can)
    orders = tuple(pci.values())
    return Passed(tuple(pci), tuple(dict.fromkeys(usb)), tuple(serial), tuple(cans), orders)
