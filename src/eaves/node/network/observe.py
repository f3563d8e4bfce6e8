"""What is really there: every record checked against the kernel, and ports as they are now."""

import asyncio
import time
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

from eaves.evapi.config import EdgeDevConfig, PhysicalIO, SystemAdapter
from eaves.evapi.evecommon import PhyIoType
from eaves.node.host import bridging, dhcp, dnsmasq, links, nft
from eaves.node.host.files import read_or_none
from eaves.node.network.configurators import bridge_settings
from eaves.node.network.dhcp import (
    BadConfLine,
    conf_text,
    dhcp_host_line,
    hosts_line,
    leased_address,
    parse_leases,
)
from eaves.node.network.items import (
    AppFirewall,
    AppNetns,
    Bridge,
    DhcpDns,
    DhcpHost,
    Nat,
    NetworkItem,
    NftBase,
    Routes,
    Switch,
    SwitchFirewall,
    SwitchRules,
    Sysctl,
    Tracking,
    Vif,
)
from eaves.node.network.nftlang import Program
from eaves.node.network.programs import FAMILIES, programs, shown
from eaves.node.network.switches import switch_settings
from eaves.node.network.tables import is_in_force, wanted_rules
from eaves.node.network.workshop import Workshop
from eaves.node.refs import Port
from eaves.reconcile.item import Item, ItemRef, Observation

RESOLV_CONF = "/etc/resolv.conf"
WIRELESS = frozenset({PhyIoType.PhyIoNetWLAN, PhyIoType.PhyIoNetWWAN})
ETHERNET = WIRELESS | {PhyIoType.PhyIoNetEth}


@dataclass(frozen=True, slots=True)
class Seen:
    interfaces: links.Interfaces
    tables: Mapping[str, nft.SeenTable | None]
    routing: links.Routing


async def see(workshop: Workshop) -> Observation:
    """Items that are there, as recorded if they are whole.

    A damaged one is told with an attribute that no intention has: making it again mends it in
    place, and when it is no longer wanted it is still taken down.
    """
    tables = await asyncio.gather(*(nft.list_table(f, workshop.table) for f in FAMILIES))
    seen = Seen(
        await links.interfaces(),
        dict(zip(FAMILIES, tables, strict=True)),
        await links.routing(),
    )
    present: dict[ItemRef, Item] = {}
    for item in workshop.records.all():
        found = item if await is_there(item, seen, workshop) else damaged(item, seen, workshop)
        if found is not None:
            present[item.ref] = found
    return Observation(present, {})


def damaged(item: NetworkItem, seen: Seen, workshop: Workshop) -> NetworkItem | None:
    """What is left of an item that is not whole; None when nothing is."""
    links_seen = seen.interfaces.links
    match item:
        case Nat():
            return replace(item, subnet="") if _chains_left(item, seen) else None
        case AppFirewall():
            return replace(item, mac="") if _chains_left(item, seen) else None
        case SwitchRules():
            return replace(item, number=0) if _chains_left(item, seen) else None
        case SwitchFirewall():
            return replace(item, zone=0) if _chains_left(item, seen) else None
        case Bridge() | Switch():
            return replace(item, mtu=0) if item.name in links_seen else None
        case Routes():
            left = set(wanted_rules(item)) & seen.routing.rules
            return replace(item, routes=()) if left else None
        case Vif():
            return replace(item, mtu=0) if item.name in links_seen else None
        case DhcpDns():
            folder = workshop.dnsmasq_folder(item.bridge)
            return replace(item, netmask="") if dnsmasq.running(folder) else None
        case DhcpHost() | NftBase() | Sysctl() | AppNetns():
            return None


def _chains_left(item: NetworkItem, seen: Seen) -> bool:
    for program in programs(item):
        table = seen.tables.get(program.family)
        if table and any(chain.name in table.chains for chain in program.chains):
            return True
    return False


async def is_there(item: NetworkItem, seen: Seen, workshop: Workshop) -> bool:
    net = seen.interfaces
    match item:
        case NftBase() | Nat() | AppFirewall() | SwitchRules() | SwitchFirewall():
            return all(_loaded(p, told, seen.tables.get(p.family)) for p, told in shown(item))
        case Sysctl():
            return links.get_sysctl(item.name) == item.value
        case Bridge():
            link = net.links.get(item.name)
            return (
                link is not None
                and (link.kind, link.mac, link.mtu, link.up) == ("bridge", item.mac, item.mtu, True)
                and item.address in net.addresses.get(link.index, ())
                and all(links.get_sysctl(n) == value for n, value in bridge_settings(item.name))
            )
        case Switch():
            return _switch_is_there(item, net)
        case Routes():
            return is_in_force(item, seen.routing.rules, seen.routing.routes)
        case DhcpDns():
            return _dnsmasq_runs(item, net, workshop)
        case DhcpHost():
            folder = workshop.dnsmasq_folder(item.bridge)
            name = f"{item.app}-{item.index}"
            return read_or_none(folder / "hosts" / name) == hosts_line(item).encode() and (
                read_or_none(folder / "dhcp-hosts" / name) == dhcp_host_line(item).encode()
            )
        case AppNetns():
            return await workshop.adopt_netns(item.name)
        case Vif():
            return (
                _vif_is_there(item, net)
                and (not item.netns or await workshop.adopt_netns(item.netns))
                and (not item.asks or _is_asked_for(item, net, workshop))
            )


def _switch_is_there(item: Switch, net: links.Interfaces) -> bool:
    """A port that is gone for now does not make it broken; one that came back is taken in."""
    link = net.links.get(item.name)
    if link is None or (link.kind, link.mac, link.mtu, link.up) != (
        "bridge",
        item.mac,
        item.mtu,
        True,
    ):
        return False
    there = (net.links[p.ifname] for p in item.ports if p.ifname in net.links)
    return all(port.master == link.index for port in there) and all(
        links.get_sysctl(name) == value for name, value in switch_settings(item)
    )


def _vif_is_there(item: Vif, net: links.Interfaces) -> bool:
    link, bridge = net.links.get(item.name), net.links.get(item.bridge)
    return (
        link is not None
        and bridge is not None
        and link.master == bridge.index
        and link.up
        and link.mtu == item.mtu
    )


def _is_asked_for(item: Vif, net: links.Interfaces, workshop: Workshop) -> bool:
    return dhcp.serves(workshop.dhcp_folder(item.name), net.links[item.name].index)


def _dnsmasq_runs(item: DhcpDns, net: links.Interfaces, workshop: Workshop) -> bool:
    """Alive, with this configuration, and bound to the bridge that is there now."""
    folder, bridge = workshop.dnsmasq_folder(item.bridge), net.links.get(item.bridge)
    found = dnsmasq.running(folder)
    if found is None or bridge is None or found.ifindex != bridge.index:
        return False
    try:
        return found.conf == conf_text(item, folder, dnsmasq.user_for(folder))
    except BadConfLine:
        return False  # recorded by a release that checked less


def _loaded(program: Program, told: Mapping[str, list[str]], table: nft.SeenTable | None) -> bool:
    if table is None:
        return False
    for chain in program.chains:
        if [r.comment for r in table.chains.get(chain.name, ())] != told[chain.name]:
            return False
    if any(c.name not in table.elements for c in program.containers):
        return False
    return all(table.elements.get(e.container, {}).get(e.key) == e.goto for e in program.elements)


def read_leases(workshop: Workshop) -> Mapping[str, str]:
    """MAC -> address over all network instances."""
    leases: dict[str, str] = {}
    folder = workshop.folder / "dnsmasq"
    for path in sorted(folder.glob("*/leases")) if folder.is_dir() else ():
        leases |= parse_leases((read_or_none(path) or b"").decode(errors="replace"), time.time())
    asking = (i for i in workshop.records.all() if isinstance(i, Vif) and i.asks)
    for vif in asking:
        told = dhcp.told(workshop.dhcp_folder(vif.name))
        address = leased_address(told.event, told.values) if told else ""
        leases |= {vif.mac: address} if address else {}
    return leases


async def find_tracking(table: str) -> Tracking:
    if await bridging.has_bridge_tracking(table):
        return Tracking.BRIDGE
    return Tracking.INET if await bridging.has_bridge_netfilter() else Tracking.NONE


# Counters


@dataclass(frozen=True, slots=True)
class VifDrops:
    """Packets dropped by the list and by its limits; tx is from the app, rx towards it."""

    tx_acl: int = 0
    rx_acl: int = 0
    tx_limit: int = 0
    rx_limit: int = 0


@dataclass(frozen=True, slots=True)
class Counters:
    traffic: Mapping[str, links.Traffic]  # by interface name, as the node sees the interface
    drops: Mapping[str, VifDrops]  # by vif name
    aces: Mapping[tuple[str, str], int]  # (chain, "ace=5"): packets


async def read_counters(workshop: Workshop) -> Counters:
    seen = await links.interfaces()
    tables = await asyncio.gather(*(nft.list_table(f, workshop.table) for f in FAMILIES))
    aces: dict[tuple[str, str], int] = {}
    chains = [chain for table in tables if table for chain in table.chains.items()]
    rules = [(c, rule) for c, found in chains for rule in found]
    for chain, rule in rules:
        label = rule.comment.partition(" ")[2].partition(" ")[2]
        if label:
            aces[chain, label] = rule.packets
    vifs = [i for i in workshop.records.all() if isinstance(i, AppFirewall | SwitchFirewall)]
    drops = {item.vif: _drops(item, aces) for item in vifs}
    return Counters({n: link.traffic for n, link in seen.links.items()}, drops, aces)


def _drops(item: AppFirewall | SwitchFirewall, aces: Mapping[tuple[str, str], int]) -> VifDrops:
    dropping = {"default", *(f"ace={a.number}" for a in item.aces if a.action == "drop")}

    def acl(way: str) -> int:
        return sum(
            n for (c, label), n in aces.items() if c == f"{way}-{item.vif}" and label in dropping
        )

    def limit(way: str) -> int:
        return sum(n for (c, _), n in aces.items() if c == f"{way}-limit-{item.vif}")

    return VifDrops(acl("tx"), acl("rx"), limit("tx"), limit("rx"))


# Ports


async def observe_ports(
    config: EdgeDevConfig,
    resolv_conf: str = RESOLV_CONF,
    *,
    managed: AbstractSet[str] = frozenset(),
) -> tuple[Port, ...]:
    """The ports that the configuration names and this machine has, as the host set them up.

    `managed` are the interface names that the host handed over.
    """
    seen = await links.interfaces()
    fallback = _nameservers((read_or_none(Path(resolv_conf)) or b"").decode(errors="replace"))
    by_label = {io.logicallabel: io for io in config.device_io_list if io.ptype in ETHERNET}
    networks = {network.id: network for network in config.networks}
    ports: list[Port] = []
    for adapter in config.system_adapter_list:
        io = by_label.get(adapter.lower_layer_name) or by_label.get(adapter.name)
        link = seen.links.get(_ifname(io)) if io else None
        if io is None or link is None:
            continue
        network = networks.get(adapter.network_uuid)
        dns = network.ip.dns if network and network.ip else ()
        port = _port(adapter, link, seen, tuple(dns) or fallback)
        ports.append(replace(port, managed=link.name in managed, wireless=io.ptype in WIRELESS))
    return tuple(ports)


def _port(
    adapter: SystemAdapter, link: links.Link, seen: links.Interfaces, dns: tuple[str, ...]
) -> Port:
    labels = {"all", *adapter.shared_labels}
    if adapter.uplink:
        labels |= {"uplink"} | ({"freeuplink"} if adapter.cost == 0 else set())
    addresses = seen.addresses.get(link.index, ())
    return Port(
        logical_label=adapter.name,
        ifname=link.name,
        up=link.up and link.carrier,
        mac=link.mac,
        mtu=link.mtu,
        addresses=tuple(a for a in addresses if not a.startswith("fe80:")),
        gateways=seen.gateways.get(link.index, ()),
        dns_servers=dns,
        management=adapter.uplink,
        cost=adapter.cost,
        labels=frozenset(labels),
    )


def _ifname(io: PhysicalIO) -> str:
    return next((v for k, v in io.phyaddrs.items() if k.lower() == "ifname"), io.logicallabel)


def _nameservers(resolv_conf: str) -> tuple[str, ...]:
    """Resolvers that are not on the node itself: those would be asked in a circle."""
    words = (line.split() for line in resolv_conf.splitlines())
    found = (w[1] for w in words if len(w) > 1 and w[0] == "nameserver")
    return tuple(n for n in found if not n.startswith("127.") and n != "::1")
