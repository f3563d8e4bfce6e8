"""(configuration, apps in force, numbers, ports) -> network items, and what was refused.  Pure.

One bad object does not stop the others: what cannot be made is left out and named with the other
side of its conflict.  Of two that exclude each other the one with the lower number stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network

from eaves.evapi.config import EdgeDevConfig, NetworkAdapter, NetworkInstanceConfig
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
    vif_mac,
)
from eaves.node.network.items import (
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
    Sysctl,
    Vif,
    VifKind,
)
from eaves.node.network.names import Names, plan_names
from eaves.node.refs import Allocations, AppInForce, Port, netns_name, vif_name

DEFAULT_MTU = 1500
LEAST_MTU, MOST_MTU = 1280, 65535


@dataclass(slots=True)
class Refusals:
    """Object id -> the sentences that say why it, or a part of it, is not made."""

    texts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def add(self, object_id: str, text: str) -> None:
        sentences = self.texts.setdefault(object_id, [])
        if text not in sentences:
            sentences.append(text)

    def as_mapping(self) -> Mapping[str, str]:
        return {object_id: "; ".join(texts) for object_id, texts in self.texts.items()}


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


def network_instance_id(config: NetworkInstanceConfig) -> NetworkInstanceId:
    return NetworkInstanceId(config.uuidandversion.uuid if config.uuidandversion else "")


def ports_of(config: NetworkInstanceConfig, ports: Sequence[Port]) -> tuple[Port, ...]:
    """The ports that the label of a network instance matches now."""
    label = config.port.name if config.port else ""
    if not label:
        return ()
    return tuple(p for p in ports if label == p.logical_label or label in p.labels)


def intent(
    config: EdgeDevConfig,
    apps: tuple[AppInForce, ...],
    allocations: Allocations,
    ports: tuple[Port, ...],
    *,
    containers: AbstractSet[AppInstanceId],
    table: str,
) -> tuple[tuple[NetworkItem, ...], Mapping[str, str]]:
    """Items, and refusals by object id (network instance or app).

    `containers` are the apps that run under an OCI runtime; every other is a virtual machine.
    `table` names the node's nftables tables and seeds the bridge MACs.
    """
    refusals = Refusals()
    locals_ = plan_networks(config, allocations, ports, refusals)
    attachments = plan_vifs(apps, locals_, allocations, refusals)
    items: list[NetworkItem] = [
        NftBase(table, tuple(sorted({p.ifname for p in ports}))),
        Sysctl(FORWARDING, "1", table),
    ]
    for local in locals_.values():
        mine = [a for a in attachments if a.local.id == local.id]
        items += _network_items(local, mine, table)
    outside = tuple(sorted(n.bridge for n in locals_.values() if n.ports))
    for attachment in attachments:
        kind = VifKind.VETH if attachment.app.app in containers else VifKind.TAP
        items += _vif_items(attachment, kind, outside, table)
    items += [
        AppNetns(app.app, netns_name(table, app.number))
        for app in apps
        if app.activate and app.app in containers
    ]
    return tuple(items), refusals.as_mapping()


# Network instances


def plan_networks(
    config: EdgeDevConfig, allocations: Allocations, ports: Sequence[Port], refusals: Refusals
) -> dict[NetworkInstanceId, Local]:
    """LOCAL network instances that can be made, the oldest bridge number first."""
    unnumbered = 1 << 30
    candidates = sorted(
        config.network_instances,
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
            local = _plan_network(ni, ni_id, allocations, ports, [*fixed, *(t for t, _ in taken)])
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
) -> Local:
    if ni.inst_type == NiType.ZnetInstSwitch:
        raise BadSubnet("switch network instances are not yet supported; use a local one")
    if ni.inst_type != NiType.ZnetInstLocal:
        raise BadSubnet(f"type {ni.inst_type.name} is not supported; use a local one")
    number = allocations.bridge_numbers.get(ni_id)
    if number is None:
        raise BadSubnet("no bridge number is free (255 at most); remove a network instance")
    given = ni.ip is not None and bool(ni.ip.subnet)
    automatic = None if given else automatic_subnet(number, taken)
    chosen = ports_of(ni, ports)
    lowest = min((p.mtu for p in chosen), default=DEFAULT_MTU)
    mtu = min(ni.mtu or lowest, lowest) if chosen else ni.mtu or DEFAULT_MTU
    if not LEAST_MTU <= mtu <= MOST_MTU:
        raise BadSubnet(f"MTU {mtu} is outside {LEAST_MTU} to {MOST_MTU}")
    net, names = addressing(ni.ip, automatic), plan_names(ni, chosen)
    return Local(ni, ni_id, number, net, chosen, mtu, names)


def _note_faults(local: Local, refusals: Refusals) -> None:
    """What is wrong without keeping the network instance from working."""
    ni = local.config
    label = ni.port.name if ni.port else ""
    if label and not local.ports:
        refusals.add(
            local.id,
            f"network instance {ni.displayname}: no port has the label {label!r}; it is"
            " air-gapped until one does",
        )
    low = min(local.ports, key=lambda p: p.mtu, default=None)
    if low and ni.mtu > low.mtu:
        refusals.add(
            local.id,
            f"network instance {ni.displayname}: MTU {ni.mtu} is above the {low.mtu} of port"
            f" {low.logical_label}; {low.mtu} is used",
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
        bool(local.ports),
        hosts,
    )
    return (nat, bridge, dhcp)


# Apps


def plan_vifs(
    apps: Sequence[AppInForce],
    locals_: Mapping[NetworkInstanceId, Local],
    allocations: Allocations,
    refusals: Refusals,
) -> tuple[Attachment, ...]:
    """Vifs of activated apps that can be made, lower app numbers first."""
    made: list[Attachment] = []
    for app in sorted(apps, key=lambda a: a.number):
        if not app.activate:
            continue
        for index, adapter in enumerate(app.config.interfaces):
            who = f"app {app.config.displayname} interface {adapter.name or index}"
            local = locals_.get(NetworkInstanceId(adapter.network_id))
            if local is None:
                refusals.add(app.app, f"{who}: {_why_no_network(adapter, refusals)}")
                continue
            try:
                attachment = _attach(app, index, adapter, local, allocations)
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
    app: AppInForce, index: int, adapter: NetworkAdapter, local: Local, allocations: Allocations
) -> Attachment:
    number = allocations.vif_numbers.get((local.id, app.app, index))
    address = app_address(local.net, adapter.addr, number)
    mac = adapter.mac_address.lower() or vif_mac(app.app, local.id, index)
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
    maps = any(ace.action is Action.PORTMAP for ace in attachment.aces)
    host = DhcpHost(
        app.app,
        index,
        local.id,
        local.bridge,
        attachment.mac,
        attachment.address,
        dns_name(app.config.displayname),
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
    )
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
        str(local.net.gateway) if local.ports and index == 0 else "",
        local.mtu,
        netns_name(table, app.number) if kind is VifKind.VETH else "",
    )
    return (host, firewall, vif)


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
