"""Switch network instances: (configuration, apps, ports) -> items, and what was refused.  Pure.

A port of a switch belongs to the segment, so only a port that the host handed over may be one.
One port may stand in one switch only; where a switch has several, none of them has an address,
for a node between two segments that it joins would be reached through either.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from eaves.evapi.config import EdgeDevConfig, NetworkAdapter, NetworkInstanceConfig
from eaves.evapi.config import ZNetworkInstType as NiType
from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node.network.acl import resolve
from eaves.node.network.addresses import (
    BadSubnet,
    bridge_mac,
    bridge_name,
    is_unicast_mac,
    switch_vif_mac,
)
from eaves.node.network.items import (
    NetworkItem,
    Switch,
    SwitchFirewall,
    SwitchPort,
    SwitchRules,
    Tracking,
    Vif,
    VifKind,
)
from eaves.node.network.refusals import (
    Refusals,
    mtu_of,
    network_instance_id,
    note_ports,
    ports_of,
)
from eaves.node.refs import Allocations, AppInForce, Port, netns_name, vif_name

MOST_VLAN = 4094
NO_TRACKING = (
    "this kernel follows no connections within a bridge, so rules could not be kept; load"
    " nf_conntrack_bridge or br_netfilter, or use a local network instance"
)


@dataclass(frozen=True, slots=True)
class PlannedSwitch:
    config: NetworkInstanceConfig
    id: NetworkInstanceId
    number: int
    ports: tuple[Port, ...]
    access: Mapping[str, int]  # interface name of a port -> its access VLAN
    guarded: frozenset[str]  # interface names of ports that take no spanning tree frames
    mtu: int

    @property
    def bridge(self) -> str:
        return bridge_name(self.number)


def plan_switches(
    config: EdgeDevConfig,
    allocations: Allocations,
    ports: Sequence[Port],
    tracking: Tracking,
    refusals: Refusals,
) -> dict[NetworkInstanceId, PlannedSwitch]:
    """Those that can be made, the oldest bridge number first."""
    made: dict[NetworkInstanceId, PlannedSwitch] = {}
    holder: dict[str, str] = {}
    wanted = [n for n in config.network_instances if n.inst_type == NiType.ZnetInstSwitch]
    unnumbered = 1 << 30
    for ni in sorted(
        wanted, key=lambda n: allocations.bridge_numbers.get(network_instance_id(n), unnumbered)
    ):
        ni_id = network_instance_id(ni)
        chosen, texts = _usable(ports_of(ni, ports), holder)
        access, wrong = _access_vlans(ni, chosen)
        try:
            number = _number(allocations.bridge_numbers.get(ni_id), tracking)
            mtu = mtu_of(ni, chosen)
        except BadSubnet as error:
            refusals.add(ni_id, f"network instance {ni.displayname}: {error}")
            continue
        for text in (*texts, *wrong):
            refusals.add(ni_id, f"network instance {ni.displayname}: {text}")
        if not texts:
            note_ports(ni, ni_id, chosen, refusals)
        holder |= {p.ifname: ni.displayname for p in chosen}
        made[ni_id] = PlannedSwitch(ni, ni_id, number, chosen, access, _guarded(ni, chosen), mtu)
    return made


def _number(number: int | None, tracking: Tracking) -> int:
    if tracking is Tracking.NONE:
        raise BadSubnet(NO_TRACKING)
    if number is None:
        raise BadSubnet("no bridge number is free (255 at most); remove a network instance")
    return number


def _usable(
    wanted: Sequence[Port], holder: Mapping[str, str]
) -> tuple[tuple[Port, ...], list[str]]:
    """The ports that may be part of a switch, and a sentence for each that may not."""
    chosen: list[Port] = []
    texts: list[str] = []
    several = len(wanted) > 1
    for port in wanted:
        why = _hindrance(port, holder, several=several)
        if why:
            texts.append(f"port {port.logical_label} is left out: {why}")
        else:
            chosen.append(port)
    return tuple(chosen), texts


def _hindrance(port: Port, holder: Mapping[str, str], *, several: bool) -> str:
    if port.ifname in holder:
        return f"it belongs to the switch {holder[port.ifname]}; a port is part of one switch only"
    if port.wireless:
        return "a wireless port carries no addresses but its own; use a local network instance"
    if not port.managed:
        return (
            f"interface {port.ifname} belongs to the host; hand it over with"
            " `--host-network=managed`, or use a local network instance"
        )
    if port.addresses:
        return f"it has the address {port.addresses[0]}; give the network no address" + (
            ", as for every port of a switch with several" if several else ""
        )
    if several and port.management:
        return "it leads to the controller; a switch with several ports takes ports for apps only"
    return ""


def _access_vlans(
    ni: NetworkInstanceConfig, ports: Sequence[Port]
) -> tuple[dict[str, int], list[str]]:
    found: dict[str, int] = {}
    wrong: list[str] = []
    for entry in ni.vlan_access_ports:
        if not 1 <= entry.vlan_id <= MOST_VLAN:
            wrong.append(f"access VLAN {entry.vlan_id} is outside 1 to {MOST_VLAN}")
            continue
        label = entry.access_port
        named = [p for p in ports if label == p.logical_label or label in p.labels]
        if not named:
            wrong.append(f"access port {label[:80]!r} of VLAN {entry.vlan_id} is none of its ports")
        wrong += [
            f"port {port.logical_label} is access port of VLAN {found[port.ifname]} and of"
            f" {entry.vlan_id}; the first is used"
            for port in named
            if found.setdefault(port.ifname, entry.vlan_id) != entry.vlan_id
        ]
    return found, wrong


def _guarded(ni: NetworkInstanceConfig, ports: Sequence[Port]) -> frozenset[str]:
    label = ni.stp.ports_with_bpdu_guard if ni.stp else ""
    if not label:
        return frozenset()
    return frozenset(p.ifname for p in ports if label == p.logical_label or label in p.labels)


# Items


@dataclass(frozen=True, slots=True)
class SwitchVif:
    app: AppInForce
    index: int
    adapter: NetworkAdapter
    mac: str


def switch_items(
    switches: Mapping[NetworkInstanceId, PlannedSwitch],
    apps: Sequence[AppInForce],
    containers: AbstractSet[AppInstanceId],
    table: str,
    tracking: Tracking,
    refusals: Refusals,
) -> tuple[NetworkItem, ...]:
    items: list[NetworkItem] = []
    for planned in switches.values():
        vifs = _vifs(planned, apps, refusals)
        vlans = _vlans(planned, vifs)
        items += _segment(planned, vlans, table, tracking)
        for vif in vifs:
            kind = VifKind.VETH if vif.app.app in containers else VifKind.TAP
            items += _vif_items(planned, vif, vlans, kind, table, tracking, refusals)
    return tuple(items)


def _vifs(
    planned: PlannedSwitch, apps: Iterable[AppInForce], refusals: Refusals
) -> list[SwitchVif]:
    found: list[SwitchVif] = []
    for app in sorted(apps, key=lambda a: a.number):
        for index, adapter in enumerate(app.config.interfaces):
            if not app.activate or adapter.network_id != planned.id:
                continue
            who = f"app {app.config.displayname} interface {adapter.name or index}"
            mac = adapter.mac_address.lower() or switch_vif_mac(app.app, planned.id, index)
            holder = next((v for v in found if v.mac == mac), None)
            if not is_unicast_mac(mac):
                refusals.add(app.app, f"{who}: {mac[:40]!r} is no unicast MAC address")
            elif holder is not None:
                refusals.add(
                    app.app,
                    f"{who}: MAC {mac} is used by app {holder.app.config.displayname} interface"
                    f" {holder.index}",
                )
            elif adapter.access_vlan_id > MOST_VLAN:
                refusals.add(
                    app.app,
                    f"{who}: access VLAN {adapter.access_vlan_id} is outside 1 to {MOST_VLAN}",
                )
            else:
                found.append(SwitchVif(app, index, adapter, mac))
    return found


def _vlans(planned: PlannedSwitch, vifs: Sequence[SwitchVif]) -> tuple[int, ...]:
    """All that have an access port: only then are VLANs told apart at all."""
    of_vifs = (v.adapter.access_vlan_id for v in vifs)
    return tuple(sorted({v for v in (*planned.access.values(), *of_vifs) if v}))


def _segment(
    planned: PlannedSwitch, vlans: tuple[int, ...], table: str, tracking: Tracking
) -> tuple[NetworkItem, ...]:
    names = tuple(sorted(p.ifname for p in planned.ports))
    rules = SwitchRules(planned.id, table, planned.bridge, planned.number, tracking, names)
    bridge = Switch(
        planned.id,
        planned.number,
        planned.bridge,
        bridge_mac(table, planned.id),
        planned.mtu,
        tuple(SwitchPort(n, planned.access.get(n, 0), n in planned.guarded) for n in names),
        vlans,
        len(names) > 1,
        planned.config.forward_lldp,
        tracking,
    )
    return (rules, bridge)


def _vif_items(
    planned: PlannedSwitch,
    vif: SwitchVif,
    vlans: tuple[int, ...],
    kind: VifKind,
    table: str,
    tracking: Tracking,
    refusals: Refusals,
) -> tuple[NetworkItem, ...]:
    app, index = vif.app, vif.index
    name = vif_name(app.number, index)
    aces, wrong = resolve(vif.adapter.acls, planned.ports, switch=True)
    for text in wrong:
        who = f"app {app.config.displayname} interface {vif.adapter.name or index}"
        refusals.add(app.app, f"{who}: {text}")
    firewall = SwitchFirewall(
        app.app,
        index,
        planned.id,
        table,
        planned.bridge,
        name,
        app.number << 6 | index & 0x3F,
        aces,
        tracking,
        planned.number,
        app.number,
        not planned.config.disable_flowlog,
    )
    access = vif.adapter.access_vlan_id
    made = Vif(
        app.app,
        index,
        planned.id,
        name,
        kind,
        planned.bridge,
        vif.mac,
        "",
        "",
        planned.mtu,
        netns_name(table, app.number) if kind is VifKind.VETH else "",
        switched=True,
        vlan=access,
        vlans=() if access else vlans,
    )
    return (firewall, made)
