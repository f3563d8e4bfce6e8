"""(configuration, apps in force, numbers, ports) -> network items, and what was refused.  Pure.

One bad object does not stop the others: what cannot be made is left out and named with the other
side of its conflict.  Of two that exclude each other the one with the lower number stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from ipaddress import IPv4Network

from eaves.evapi.config import AddressType, EdgeDevConfig, NetworkAdapter, NetworkInstanceConfig
from eaves.evapi.config import ZNetworkInstType as NiType
from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node.network.acl import resolve
from eaves.node.network.addresses import (
    Addressing,
    BadSubnet,
    addressing,
    app_address,
    automatic_subnet,
    bridge_mac,
    bridge_name,
    dns_name,
    ipv4_networks,
    is_unicast_mac,
    legacy_vif_mac,
    vif_mac,
)
from eaves.node.network.items import (
    FLOW_SETTINGS,
    FORWARDING,
    Ace,
    Action,
    AppFirewall,
    AppNetns,
    Bridge,
    DhcpDns,
    DhcpHost,
    Nat,
    NetworkItem,
    NftBase,
    Routes,
    Sysctl,
    Tracking,
    Vif,
    VifKind,
)
from eaves.node.network.marks import entry_of
from eaves.node.network.names import Names, plan_names
from eaves.node.network.refusals import (
    Facts,
    Refusals,
    mtu_of,
    network_instance_id,
    note_ports,
    ports_of,
)
from eaves.node.network.routing import (
    EVERYWHERE,
    FIRST_TABLE,
    Plan,
    has_default,
    own_routes,
    plan_routes,
    routes_of,
    told_routes,
    ways_of,
)
from eaves.node.network.switch_plan import plan_switches, switch_items
from eaves.node.refs import Allocations, AppInForce, Port, netns_name, vif_name

MOST_TOLD = 24  # routes: all stand in one line of dnsmasq and one DHCP option


@dataclass(frozen=True, slots=True)
class Local:
    """A LOCAL network instance with all that was left open filled in."""

    config: NetworkInstanceConfig
    id: NetworkInstanceId
    number: int
    net: Addressing
    ports: tuple[Port, ...]
    mtu: int
    names: Names
    plan: Plan
    told: tuple[tuple[str, str], ...]  # routes that its apps are told

    @property
    def routed(self) -> bool:
        """Do its apps get a default route?"""
        return bool(self.ports) and has_default(self.plan, self.ports)

    @property
    def flow_log(self) -> bool:
        return not self.config.disable_flowlog

    @property
    def bridge(self) -> str:
        return bridge_name(self.number)


@dataclass(frozen=True, slots=True)
class Attachment:
    """One vif that can be made."""

    app: AppInForce
    index: int
    local: Local
    address: str
    mac: str
    aces: tuple[Ace, ...]


ADDRESSED = frozenset({AddressType.First, AddressType.IPV4})  # nothing said, or what is given


def intent(
    config: EdgeDevConfig,
    apps: tuple[AppInForce, ...],
    allocations: Allocations,
    ports: tuple[Port, ...],
    *,
    containers: AbstractSet[AppInstanceId],
    table: str,
    facts: Facts = Facts(),  # noqa: B008 - frozen, and the same for all
) -> tuple[tuple[NetworkItem, ...], Mapping[str, str]]:
    """Items, and refusals by object id (network instance or app).

    `containers` are the apps that run under an OCI runtime; every other is a virtual machine.
    `table` names the node's nftables tables and seeds the bridge MACs.
    """
    refusals = Refusals()
    config = _activated(config, apps, refusals)
    switches = plan_switches(config, allocations, ports, facts.tracking, refusals)
    taken = {p.ifname: s.config.displayname for s in switches.values() for p in s.ports}
    free = tuple(p for p in ports if p.ifname not in taken)
    locals_ = plan_networks(config, allocations, free, refusals, facts.controller)
    attachments = plan_vifs(
        apps, locals_, switches.keys(), allocations, refusals, legacy_macs=facts.legacy_macs
    )
    tracking = facts.tracking if switches else Tracking.NONE
    items: list[NetworkItem] = [
        NftBase(table, tuple(sorted({p.ifname for p in ports})), facts.clamp_mss, tracking),
        *(Sysctl(name, "1", table) for name in (FORWARDING, *FLOW_SETTINGS)),
    ]
    for local in locals_.values():
        mine = [a for a in attachments if a.local.id == local.id]
        others = [o.net.subnet for o in locals_.values() if o.id != local.id]
        items += _network_items(local, mine, table)
        items.append(_routes(local, others, facts))
    outside = tuple(sorted(n.bridge for n in locals_.values() if n.ports))
    for attachment in attachments:
        kind = VifKind.VETH if attachment.app.app in containers else VifKind.TAP
        items += _vif_items(attachment, kind, outside, table)
    items += switch_items(switches, apps, containers, table, facts.tracking, refusals)
    items += [
        AppNetns(app.app, netns_name(table, app.number))
        for app in apps
        if app.activate and app.app in containers
    ]
    found = (
        replace(i, each_packet=_each_packet(items)) if isinstance(i, NftBase) else i for i in items
    )
    return tuple(found), refusals.as_mapping()


def _activated(
    config: EdgeDevConfig, apps: Sequence[AppInForce], refusals: Refusals
) -> EdgeDevConfig:
    """Without the network instances that are not to be made; an app that needs one is told."""
    used = {n.network_id for app in apps if app.activate for n in app.config.interfaces}
    for ni in config.network_instances:
        ni_id = network_instance_id(ni)
        if not ni.activate and ni_id in used:
            refusals.add(
                ni_id,
                f"network instance {ni.displayname}: it is not activated, and an app has an "
                "interface in it; activate it",
            )
    return replace(
        config, network_instances=tuple(ni for ni in config.network_instances if ni.activate)
    )


def _each_packet(items: Iterable[NetworkItem]) -> bool:
    """Does an entry limit a rate, or do replies have to find their way back?"""
    return any(
        (isinstance(i, AppFirewall) and any(ace.action is Action.LIMIT for ace in i.aces))
        or (isinstance(i, Nat) and bool(i.ways))
        for i in items
    )


def _routes(local: Local, others: Sequence[IPv4Network], facts: Facts) -> Routes:
    chosen = {d: name for (ni, d), name in facts.chosen.items() if ni == local.id}
    routes = routes_of(
        local.plan,
        chosen,
        bridge=local.bridge,
        subnet=local.net.subnet,
        ports=local.ports,
        others=others,
    )
    ways = ways_of(local.number, local.ports)
    return Routes(local.id, local.bridge, FIRST_TABLE + local.number, routes, ways)


# Network instances


def plan_networks(
    config: EdgeDevConfig,
    allocations: Allocations,
    ports: Sequence[Port],
    refusals: Refusals,
    controller: str = "",
) -> dict[NetworkInstanceId, Local]:
    """LOCAL network instances that can be made, the oldest bridge number first."""
    unnumbered = 1 << 30
    candidates = sorted(
        (n for n in config.network_instances if n.inst_type != NiType.ZnetInstSwitch),
        key=lambda ni: allocations.bridge_numbers.get(network_instance_id(ni), unnumbered),
    )
    fixed = [
        network
        for ni in candidates
        for network in _given_subnet(ni)
        if ni.inst_type == NiType.ZnetInstLocal
    ]
    taken: list[tuple[IPv4Network, str]] = [
        (network, f"port {port.logical_label} ({port.ifname})")
        for port in ports
        for network in ipv4_networks(port.addresses)
    ]
    made: dict[NetworkInstanceId, Local] = {}
    for ni in candidates:
        ni_id = network_instance_id(ni)
        try:
            subnets = [*fixed, *(t for t, _ in taken)]
            local = _plan_network(ni, ni_id, allocations, ports, subnets, controller)
        except BadSubnet as error:
            refusals.add(ni_id, f"network instance {ni.displayname}: {error}")
            continue
        clash = next((w for t, w in taken if t.overlaps(local.net.subnet)), None)
        if clash:
            refusals.add(
                ni_id,
                f"network instance {ni.displayname}: subnet {local.net.subnet} overlaps that of"
                f" {clash}; give it another subnet",
            )
            continue
        _note_faults(local, refusals)
        taken.append((local.net.subnet, f"network instance {ni.displayname}"))
        made[ni_id] = local
    return made


def _given_subnet(ni: NetworkInstanceConfig) -> tuple[IPv4Network, ...]:
    try:
        return (IPv4Network(ni.ip.subnet, strict=False),) if ni.ip and ni.ip.subnet else ()
    except ValueError:
        return ()


def _plan_network(
    ni: NetworkInstanceConfig,
    ni_id: NetworkInstanceId,
    allocations: Allocations,
    ports: Sequence[Port],
    taken: Iterable[IPv4Network],
    controller: str,
) -> Local:
    if ni.inst_type != NiType.ZnetInstLocal:
        raise BadSubnet(f"type {ni.inst_type.name} is not supported; use a local one")
    if ni.ip_type not in ADDRESSED:
        raise BadSubnet(f"its apps cannot be given {ni.ip_type.name} addresses; use IPV4")
    number = allocations.bridge_numbers.get(ni_id)
    if number is None:
        raise BadSubnet("no bridge number is free (255 at most); remove a network instance")
    given = ni.ip is not None and bool(ni.ip.subnet)
    automatic = None if given else automatic_subnet(number, taken)
    chosen = ports_of(ni, ports)
    mtu = mtu_of(ni, chosen)
    net, names = addressing(ni.ip, automatic), plan_names(ni, chosen)
    plan = plan_routes(ni, chosen, net.subnet, controller)
    told = told_routes(ni, plan, chosen, str(net.gateway))
    return Local(ni, ni_id, number, net, chosen, mtu, names, plan, told)


def _note_faults(local: Local, refusals: Refusals) -> None:
    """What is wrong without keeping the network instance from working."""
    ni = local.config
    note_ports(ni, local.id, local.ports, refusals)
    for text in local.plan.wrong:
        refusals.add(local.id, f"network instance {ni.displayname}: {text}")
    if len(local.told) > MOST_TOLD:
        refusals.add(
            local.id,
            f"network instance {ni.displayname}: apps are told {MOST_TOLD} routes at most;"
            f" {len(local.told) - MOST_TOLD} are left out of DHCP",
        )
    for text in local.names.wrong:
        refusals.add(local.id, f"network instance {ni.displayname}: {text}")


def _network_items(
    local: Local, attachments: Sequence[Attachment], table: str
) -> tuple[NetworkItem, ...]:
    net, names = local.net, local.names
    hosts = tuple(sorted({ace.host for a in attachments for ace in a.aces if ace.host}))
    ifnames = tuple(sorted({p.ifname for p in local.ports}))
    nat = Nat(
        local.id,
        table,
        local.bridge,
        str(net.subnet),
        str(net.gateway),
        ifnames,
        hosts,
        tuple(sorted({a for _, a in names.entries if ":" not in a})),
        local.flow_log,
        ways_of(local.number, local.ports),
    )
    bridge = Bridge(
        local.id,
        local.number,
        local.bridge,
        f"{net.gateway}/{net.subnet.prefixlen}",
        bridge_mac(table, local.id),
        local.mtu,
    )
    dhcp = DhcpDns(
        local.id,
        table,
        local.bridge,
        str(net.gateway),
        str(net.subnet.netmask),
        str(net.first),
        str(net.last),
        names.domain,
        names.upstreams,
        names.entries,
        names.ntp,
        local.mtu,
        local.routed,
        hosts,
        local.told[:MOST_TOLD],
        tuple(sorted({gateway for _, gateway in local.plan.by_app})),
    )
    return (nat, bridge, dhcp)


# Apps


def plan_vifs(
    apps: Sequence[AppInForce],
    locals_: Mapping[NetworkInstanceId, Local],
    elsewhere: AbstractSet[NetworkInstanceId],
    allocations: Allocations,
    refusals: Refusals,
    *,
    legacy_macs: bool = False,
) -> tuple[Attachment, ...]:
    """Vifs of activated apps that can be made, lower app numbers first.

    `elsewhere` are the network instances whose vifs others make.
    """
    made: list[Attachment] = []
    for app in sorted(apps, key=lambda a: a.number):
        if not app.activate:
            continue
        for index, adapter in enumerate(app.config.interfaces):
            who = f"app {app.config.displayname} interface {adapter.name or index}"
            if adapter.network_id in elsewhere:
                continue
            local = locals_.get(NetworkInstanceId(adapter.network_id))
            if local is None:
                refusals.add(app.app, f"{who}: {_why_no_network(adapter, refusals)}")
                continue
            try:
                legacy = legacy_vif_mac(app.number, index) if legacy_macs else ""
                attachment = _attach(app, index, adapter, local, allocations, legacy)
                _check_unique(attachment, made)
            except BadSubnet as error:
                refusals.add(app.app, f"{who}: {error}")
                continue
            aces, wrong = resolve(adapter.acls, local.ports)
            for text in wrong:
                refusals.add(app.app, f"{who}: {text}")
            attachment = replace(attachment, aces=aces)
            clash = _port_map_clash(attachment, made)
            if clash:
                refusals.add(app.app, f"{who}: {clash}")
                continue
            made.append(attachment)
    return tuple(made)


def _why_no_network(adapter: NetworkAdapter, refusals: Refusals) -> str:
    texts = refusals.texts.get(adapter.network_id)
    if texts:
        return "; ".join(texts)
    return f"network instance {adapter.network_id} is not part of the configuration"


def _attach(
    app: AppInForce,
    index: int,
    adapter: NetworkAdapter,
    local: Local,
    allocations: Allocations,
    mac: str,
) -> Attachment:
    """`mac` is that of another scheme, for an adapter that has none of its own."""
    number = allocations.vif_numbers.get((local.id, app.app, index))
    address = app_address(local.net, adapter.addr, number)
    mac = adapter.mac_address.lower() or mac or vif_mac(app.app, local.id, index)
    if not is_unicast_mac(mac):
        raise BadSubnet(f"{mac!r} is no unicast MAC address")
    return Attachment(app, index, local, str(address), mac, ())


def _check_unique(new: Attachment, made: Sequence[Attachment]) -> None:
    for other in made:
        if other.local.id != new.local.id:
            continue
        holder = f"app {other.app.config.displayname} interface {other.index}"
        if other.address == new.address:
            raise BadSubnet(f"address {new.address} is used by {holder}")
        if other.mac == new.mac:
            raise BadSubnet(f"MAC {new.mac} is used by {holder}")


def _port_map_clash(new: Attachment, made: Sequence[Attachment]) -> str:
    """Empty, or who holds an outside port that this vif wants."""
    for ace in new.aces:
        if ace.action is not Action.PORTMAP:
            continue
        for other in made:
            for held in other.aces:
                same = (held.action, held.protocol, held.lport) == (
                    Action.PORTMAP,
                    ace.protocol,
                    ace.lport,
                )
                if same and set(held.ports) & set(ace.ports):
                    return (
                        f"outside port {ace.protocol}/{ace.lport} on"
                        f" {', '.join(sorted(set(held.ports) & set(ace.ports)))} is mapped to app"
                        f" {other.app.config.displayname}; choose another or remove that one"
                    )
    return ""


def _vif_items(
    attachment: Attachment, kind: VifKind, outside: tuple[str, ...], table: str
) -> tuple[NetworkItem, ...]:
    app, index, local = attachment.app, attachment.index, attachment.local
    name = vif_name(app.number, index)
    adapter = app.config.interfaces[index]
    names = (dns_name(adapter.hostname), dns_name(app.config.displayname))
    maps = any(ace.action is Action.PORTMAP for ace in attachment.aces)
    host = DhcpHost(
        app.app,
        index,
        local.id,
        local.bridge,
        attachment.mac,
        attachment.address,
        " ".join(dict.fromkeys(name for name in names if name)),
    )
    firewall = AppFirewall(
        app.app,
        index,
        local.id,
        table,
        local.bridge,
        name,
        attachment.mac,
        attachment.address,
        attachment.aces,
        outside if maps else (),
        app.number,
        local.flow_log,
        _elsewhere(app.config.interfaces, index),
    )
    told = own_routes(local.told[:MOST_TOLD], attachment.address) if kind is VifKind.VETH else ()
    vif = Vif(
        app.app,
        index,
        local.id,
        name,
        kind,
        local.bridge,
        attachment.mac,
        f"{attachment.address}/{local.net.subnet.prefixlen}",
        # One default route per app: that of its first interface.
        str(local.net.gateway) if local.routed and index == 0 else "",
        local.mtu,
        netns_name(table, app.number) if kind is VifKind.VETH else "",
        tuple((d, gateway) for d, gateway in told if d != EVERYWHERE),
    )
    return (host, firewall, vif)


def _elsewhere(interfaces: Sequence[NetworkAdapter], index: int) -> tuple[int, ...]:
    """The mark of a connection tells app and entry: not which of two interfaces with that entry."""
    own = {entry_of(ace.id) for ace in interfaces[index].acls}
    others = (a for n, a in enumerate(interfaces) if n != index)
    return tuple(sorted(own & {entry_of(ace.id) for adapter in others for ace in adapter.acls}))


# Numbers


def wanted_vifs(
    config: EdgeDevConfig, apps: Sequence[AppInForce]
) -> tuple[tuple[NetworkInstanceId, AppInstanceId, int], ...]:
    """Vifs that need an address number, for the checkpoint to allocate; stopped apps keep theirs.

    A vif with a static address needs none.
    """
    known = {network_instance_id(ni) for ni in config.network_instances}
    return tuple(
        (NetworkInstanceId(adapter.network_id), app.app, index)
        for app in sorted(apps, key=lambda a: a.number)
        for index, adapter in enumerate(app.config.interfaces)
        if not adapter.addr and adapter.network_id in known
    )
