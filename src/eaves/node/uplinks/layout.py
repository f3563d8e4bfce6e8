"""What a managed machine's links, addresses, routes and rules should be, and the way there.  Pure.

Each port has a routing table of its own, number 500 + index of its interface; a rule "from <address
of the port>" leads to it.  So what is sent from an address leaves by its port, also when two ports
are in one subnet.  The main table gets default routes for software that binds nothing, in the order
of cost.  Only interfaces that were handed over are touched, and of routes and rules only those that
bear our mark.  IPv4 and IPv6 each have their own.  Source: node reference, section 5.2.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from ipaddress import ip_interface

from eaves.evapi.evecommon import BondMode
from eaves.node.uplinks.model import Bond, PortPlan, Vlan
from eaves.node.uplinks.seen import Wanted

TABLE_BASE = 500
RULE_PREFERENCE = 15000
PROTOCOL = 145  # of our routes and rules; numbers above 128 are nobody's
MANAGEMENT_METRIC, APP_METRIC = 5000, 10000
METRIC = {4: 0, 6: 1024}  # what the kernel gives a route without one
MODES = {
    BondMode.BOND_MODE_BALANCE_RR: "balance-rr",
    BondMode.BOND_MODE_ACTIVE_BACKUP: "active-backup",
    BondMode.BOND_MODE_BALANCE_XOR: "balance-xor",
    BondMode.BOND_MODE_BROADCAST: "broadcast",
    BondMode.BOND_MODE_802_3AD: "802.3ad",
    BondMode.BOND_MODE_BALANCE_TLB: "balance-tlb",
    BondMode.BOND_MODE_BALANCE_ALB: "balance-alb",
}


@dataclass(frozen=True, slots=True)
class Route:
    table: int
    destination: str  # CIDR text, or "default"
    gateway: str
    ifname: str
    metric: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    source: str
    table: int


@dataclass(frozen=True, slots=True)
class KernelLink:
    name: str
    index: int
    kind: str = ""
    master: str = ""
    parent: str = ""  # of a VLAN
    vlan: int = 0
    mtu: int = 1500
    up: bool = False
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Kernel:
    """What is there; `routes` and `rules` only those with our mark."""

    links: Mapping[str, KernelLink] = field(default_factory=dict[str, KernelLink])
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    routes: frozenset[Route] = frozenset()
    rules: frozenset[Rule] = frozenset()


@dataclass(frozen=True, slots=True)
class Port:
    plan: PortPlan
    ifname: str
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class NewVlan:
    vlan: Vlan
    parent: str  # interface


@dataclass(frozen=True, slots=True)
class NewBond:
    bond: Bond
    members: tuple[str, ...]  # interfaces


@dataclass(frozen=True, slots=True)
class Layout:
    """`mark` stands in the alias of every link that we make."""

    mark: str
    managed: frozenset[str]  # interfaces that were handed over
    ports: tuple[Port, ...] = ()
    vlans: tuple[NewVlan, ...] = ()
    bonds: tuple[NewBond, ...] = ()

    @property
    def ours(self) -> frozenset[str]:
        made = {v.vlan.ifname for v in self.vlans} | {b.bond.ifname for b in self.bonds}
        return self.managed | made


def first_lines(layout: Layout, kernel: Kernel) -> tuple[str, ...]:
    """`ip` commands that bring links into being, in order; none when all is as it should be."""
    gone, left = _gone(layout, kernel), _leaving(layout, kernel)
    there = _afterwards(kernel, gone, left)
    return (
        *(f"link delete {name}" for name in gone),
        *(f"link set {name} nomaster" for name in left if kernel.links[name].master not in gone),
        *(line for bond in layout.bonds for line in _bond_lines(layout, bond, there)),
        *(line for vlan in layout.vlans for line in _vlan_lines(layout, vlan, there)),
        *(line for port in layout.ports for line in _link_lines(layout, port, there)),
    )


def _gone(layout: Layout, kernel: Kernel) -> list[str]:
    """Links of ours that nobody wants so; VLANs first: the bond below takes them along."""
    vlans = {
        new.vlan.ifname: ("vlan", new.parent, new.vlan.number)
        for new in layout.vlans
        if new.parent in layout.ours  # else it could not be made anew
    }
    gone: list[KernelLink] = []
    for link in kernel.links.values():
        shape = (link.kind, link.parent, link.vlan)
        unwanted = link.name not in layout.ours or vlans.get(link.name, shape) != shape
        if unwanted and link.alias == layout.mark:
            gone.append(link)
    return [link.name for link in sorted(gone, key=lambda link: link.kind == "bond")]


def _leaving(layout: Layout, kernel: Kernel) -> list[str]:
    """Interfaces in a bond of ours that is to be without them."""
    bonds = {m: b.bond.ifname for b in layout.bonds for m in b.members}
    return [
        link.name
        for link in kernel.links.values()
        if link.name in layout.managed
        and link.master in kernel.links
        and kernel.links[link.master].alias == layout.mark
        and bonds.get(link.name) != link.master
    ]


def _afterwards(kernel: Kernel, gone: Sequence[str], left: Sequence[str]) -> Kernel:
    """The kernel takes an interface down when it leaves a bond."""
    links = {
        name: replace(link, master="", up=False) if name in left else link
        for name, link in kernel.links.items()
        if name not in gone
    }
    return replace(kernel, links=links)


def _bond_lines(layout: Layout, new: NewBond, kernel: Kernel) -> Iterable[str]:
    bond, name = new.bond, new.bond.ifname
    if not set(new.members) <= layout.managed:
        return  # the port says so
    if name not in kernel.links:
        options = [f"mode {MODES.get(bond.mode, 'active-backup')}"]
        if bond.mii_interval:
            options.append(f"miimon {bond.mii_interval}")
            options += [f"updelay {bond.up_delay}"] if bond.up_delay else []
            options += [f"downdelay {bond.down_delay}"] if bond.down_delay else []
        elif bond.arp_interval and bond.arp_targets:
            options.append(f"arp_interval {bond.arp_interval}")
            options.append(f"arp_ip_target {','.join(bond.arp_targets)}")
        if bond.mode == BondMode.BOND_MODE_802_3AD:
            options.append(f"lacp_rate {'fast' if bond.lacp_fast else 'slow'}")
        yield f"link add {name} type bond {' '.join(options)}"
        yield f"link set {name} alias {layout.mark}"
    for member in new.members:
        link = kernel.links.get(member)
        if link is not None and link.master != name:
            yield f"link set {member} down"  # only such a one can be enslaved
            yield f"link set {member} master {name}"
            yield f"link set {member} up"
    seen = kernel.links.get(name)
    with_primary = bond.mode == BondMode.BOND_MODE_ACTIVE_BACKUP and new.members
    if seen is None and with_primary and new.members[0] in kernel.links:
        yield f"link set {name} type bond primary {new.members[0]}"


def _vlan_lines(layout: Layout, new: NewVlan, kernel: Kernel) -> Iterable[str]:
    name = new.vlan.ifname
    made_here = {b.bond.ifname for b in layout.bonds}
    if new.parent not in layout.managed | made_here:
        return
    parent = kernel.links.get(new.parent)
    if parent is None or not parent.up:
        yield f"link set {new.parent} up"
    if name not in kernel.links:
        yield f"link add link {new.parent} name {name} type vlan id {new.vlan.number}"
        yield f"link set {name} alias {layout.mark}"


def _link_lines(layout: Layout, port: Port, kernel: Kernel) -> Iterable[str]:
    if port.ifname not in layout.ours:
        return
    link = kernel.links.get(port.ifname)
    switched = link is not None and bool(link.master)  # its switch says how long a frame may be
    if port.plan.mtu and not switched and (link is None or link.mtu != port.plan.mtu):
        yield f"link set {port.ifname} mtu {port.plan.mtu}"
    if link is None or not link.up:
        yield f"link set {port.ifname} up"


def last_lines(layout: Layout, everything: Kernel, version: int = 4) -> tuple[str, ...]:
    """As above for addresses, routes and rules of one version of IP, of links that are there.

    What is new comes before what goes, so that no moment is without both.
    """
    kernel = _only(everything, version)
    ports = [
        replace(p, wanted=_of(p.wanted, version))
        for p in layout.ports
        if p.ifname in layout.ours and p.ifname in kernel.links
    ]
    routes = {r for p in ports for r in _routes(p, kernel.links[p.ifname], layout.ports)}
    rules = {r for p in ports for r in _rules(p, kernel.links[p.ifname])}
    bare = sorted(layout.managed) if version == 6 else ()  # there only what a rule of ours names
    wanted: dict[str, tuple[str, ...]] = dict.fromkeys((*_below(layout), *bare), ())
    wanted |= {p.ifname: p.wanted.addresses for p in ports}
    lines: list[str] = []
    for ifname, addresses in wanted.items():
        have = kernel.addresses.get(ifname, ())
        lines += [f"address replace {a} dev {ifname}" for a in addresses if a not in have]
    lines += [f"route replace {_route(r)}" for r in _sorted(routes - kernel.routes)]
    lines += [f"rule add {_rule(r)}" for r in sorted(rules - kernel.rules, key=repr)]
    lines += [f"rule delete {_rule(r)}" for r in sorted(kernel.rules - rules, key=repr)]
    replaced = {
        (r.table, r.destination, r.metric) for r in routes - kernel.routes
    }  # "replace" took them away
    lines += [
        f"route delete {_route(r)}"
        for r in _sorted(kernel.routes - routes)[::-1]
        if (r.table, r.destination, r.metric) not in replaced
    ]
    for ifname, addresses in wanted.items():
        have = _to_delete(kernel, ifname, version)
        lines += [f"address delete {a} dev {ifname}" for a in have if a not in addresses]
    return tuple(lines)


def _version(text: str) -> int:
    return 6 if ":" in text else 4


def _of(told: Wanted, version: int) -> Wanted:
    return replace(
        told,
        addresses=tuple(a for a in told.addresses if _version(a) == version),
        gateways=tuple(g for g in told.gateways if _version(g) == version),
    )


def _only(kernel: Kernel, version: int) -> Kernel:
    return replace(
        kernel,
        addresses={
            name: tuple(a for a in addresses if _version(a) == version)
            for name, addresses in kernel.addresses.items()
        },
        routes=frozenset(
            r for r in kernel.routes if _version(r.gateway or r.destination) == version
        ),
        rules=frozenset(r for r in kernel.rules if _version(r.source) == version),
    )


def _to_delete(kernel: Kernel, ifname: str, version: int) -> tuple[str, ...]:
    """Of IPv6 only what a rule of ours names: routers announce others, the kernel makes some."""
    have = kernel.addresses.get(ifname, ())
    if version == 4 or ifname not in kernel.links:
        return have
    table = TABLE_BASE + kernel.links[ifname].index
    ours = {r.source for r in kernel.rules if r.table == table}
    return tuple(a for a in have if a.partition("/")[0] in ours)


def _below(layout: Layout) -> Iterable[str]:
    """Interfaces under a bond or a VLAN: one that is no port itself has no address."""
    yield from (m for new in layout.bonds for m in new.members if m in layout.managed)
    yield from (new.parent for new in layout.vlans if new.parent in layout.ours)


def _routes(port: Port, link: KernelLink, all_ports: Sequence[Port]) -> Iterable[Route]:
    table = TABLE_BASE + link.index
    for address in port.wanted.addresses:
        subnet = ip_interface(address).network
        yield Route(table, str(subnet), "", port.ifname, METRIC[subnet.version])
    metric = _metric(port, all_ports)
    for gateway in port.wanted.gateways[:1]:
        yield Route(table, "default", gateway, port.ifname, METRIC[_version(gateway)])
        yield Route(254, "default", gateway, port.ifname, metric)


def _metric(port: Port, all_ports: Sequence[Port]) -> int:
    order = sorted(all_ports, key=lambda p: (not p.plan.management, p.plan.cost, p.plan.label))
    base = MANAGEMENT_METRIC if port.plan.management else APP_METRIC
    return base + [p.plan.label for p in order].index(port.plan.label)


def _rules(port: Port, link: KernelLink) -> Iterable[Rule]:
    for address in port.wanted.addresses:
        yield Rule(str(ip_interface(address).ip), TABLE_BASE + link.index)


def _sorted(routes: AbstractSet[Route]) -> list[Route]:
    """A gateway can be named once its subnet is known, so defaults come last."""
    return sorted(routes, key=lambda r: (r.destination == "default", repr(r)))


def _route(route: Route) -> str:
    via = f" via {route.gateway}" if route.gateway else ""
    scope = "" if route.gateway else " scope link"
    metric = f" metric {route.metric}" if route.metric else ""
    return (
        f"{route.destination}{via} dev {route.ifname}{scope} table {route.table}{metric}"
        f" proto {PROTOCOL}"
    )


def _rule(rule: Rule) -> str:
    return f"pref {RULE_PREFERENCE} from {rule.source} lookup {rule.table} protocol {PROTOCOL}"
