"""The machine's side of an entry: finding its interfaces, looking at them, setting them up.

Interfaces of the host's own network are only looked at.  Those that were handed over are set up:
links, then addresses as the DHCP client and the configuration give them, then routes and rules.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from eaves.errors import EavesError, Transient
from eaves.evapi.evecommon import DHCPType, NetworkType
from eaves.node.host import dhcp, uplink_state, wpa
from eaves.node.host.files import read_or_none
from eaves.node.host.inventory import Sysfs
from eaves.node.host.links import ip_batch
from eaves.node.host.process import CommandFailed
from eaves.node.refs import Position
from eaves.node.uplinks import identify, layout
from eaves.node.uplinks.authenticator import (
    Asked,
    Authenticator,
    FindCredentials,
    asked_of,
    nothing_enrolled,
)
from eaves.node.uplinks.conflicts import Conflict, Key, asked_again, asking_lines
from eaves.node.uplinks.leases import lease_of
from eaves.node.uplinks.leases6 import Asking as Asking6
from eaves.node.uplinks.leases6 import Leases6
from eaves.node.uplinks.model import (
    Adapter,
    Bond,
    Device,
    Entry,
    IpPlan,
    Medium,
    Named,
    Option,
    PortPlan,
    Source,
    Vlan,
)
from eaves.node.uplinks.modems import Modems
from eaves.node.uplinks.radios import Radios
from eaves.node.uplinks.routers import Routers
from eaves.node.uplinks.seen import Lease, Link, Seen, SeenPort, Wanted, wanted
from eaves.node.uplinks.wireless import (
    OpenSecret,
    Supplicant,
    supplicant,
)

log = structlog.get_logger(__name__)

RESOLV_CONF = Path("/etc/resolv.conf")
_USB = re.compile(r"/(\d+)-([\d.]+):[\d.]+")
MAIN_TABLE = 254
WITH_IPV6 = frozenset({NetworkType.V6, NetworkType.V6Only, NetworkType.DualV4V6})
SETTINGS = (
    ("rp_filter", "2"),
    ("arp_ignore", "1"),
    ("arp_announce", "2"),
    ("promote_secondaries", "1"),
    ("ignore_routes_with_linkdown", "1"),
)
"""Two ports may be in one subnet: each answers and asks for itself only.  An address that goes
takes no other of its subnet along; a port without a cable leads nowhere."""
ON_OTHERS = frozenset({"vlan", "bond", "bridge", "macvlan"})


class NotSetUp(Transient):
    """The machine does not take an entry; the text is the port's error."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where what runs for the ports is kept; `name` tells nodes of one machine apart."""

    run_dir: Path
    name: str
    owned: bool = False  # all of this machine is the node's; its service spares what it started

    @property
    def mark(self) -> str:
        return f"eaves-{self.name}"

    def unit(self, kind: str, ifname: str) -> str:
        """A scope of its own takes long to make on a slow machine, and a boot waits for it."""
        return "" if self.owned else f"{self.mark}-{kind}-{ifname}"


@dataclass(slots=True)
class Machine:
    place: Place
    open_wifi: Callable[[PortPlan], Supplicant] = supplicant
    managed: frozenset[str] = frozenset()  # interfaces that were handed over
    pins: dict[str, str] = field(default_factory=dict[str, str])
    vendor_class: bool = True  # dhcp.enable.vendorclassid
    sysfs: Sysfs = field(default_factory=Sysfs)
    problems: dict[str, str] = field(default_factory=dict[str, str])  # by port label
    conflicts: dict[Key, Conflict] = field(default_factory=dict[Key, Conflict])

    open_secret: OpenSecret | None = None
    modems: Modems = field(init=False)
    silent: bool = False  # no radio may send
    radios: Radios = field(default_factory=Radios)
    radio_problems: tuple[str, ...] = ()  # of those that do not do as they should
    credentials: FindCredentials = nothing_enrolled
    access: Authenticator = field(init=False)
    routers: Routers = field(default_factory=Routers)
    leases6: Leases6 = field(init=False)

    def __post_init__(self) -> None:
        self.leases6 = Leases6(self.place.run_dir / "dhcp6")
        self.modems = Modems(self.open_secret)
        self.access = Authenticator(
            self.place.run_dir, self.place.mark, lambda: datetime.now(UTC), self.credentials
        )

    # Looking

    async def look(self, entry: Entry | None) -> Seen:
        routing = await uplink_state.routing()
        own = frozenset(a.partition("/")[0] for link in routing.links for a in link.addresses)
        if entry is None:
            return Seen((), own)
        names = self._names(entry, routing)
        links = {link.name: link for link in routing.links}
        gateways: dict[str, tuple[str, ...]] = {}
        for route in routing.routes:
            if route.destination == "default" and route.gateway and route.table == MAIN_TABLE:
                gateways[route.ifname] = (*gateways.get(route.ifname, ()), route.gateway)
        ports = tuple(self._port(p, entry, names, links, gateways) for p in entry.ports)
        return Seen(ports, own)

    def _names(
        self, entry: Entry, routing: uplink_state.Routing
    ) -> Mapping[str, identify.Found | identify.Missing]:
        """Interface by label of a device; places of bare names are pinned on the way."""
        nics = self._nics(routing)
        adapters = [d for d in entry.devices if isinstance(d, Adapter)]
        kept = self.pins if entry.source is not Source.LAST_RESORT else {}  # made of what is there
        kept |= identify.pins({a.label: a.named for a in adapters}, nics, kept)
        found: dict[str, identify.Found | identify.Missing] = {}
        for device in entry.devices:
            match device:
                case Adapter(label, named):
                    pinned = kept.get(f"{label}/{named.ifname}", "")
                    found[label] = identify.find(named, nics, pinned)
                case Vlan(label=label, ifname=ifname) | Bond(label=label, ifname=ifname):
                    there = any(link.name == ifname for link in routing.links)
                    missing = identify.Missing(f"interface {ifname} is not there")
                    found[label] = identify.Found(ifname) if there else missing
        return found

    async def interfaces_of(self, nameds: Iterable[Named]) -> frozenset[str]:
        """Of those that are there."""
        asked = tuple(nameds)
        if not asked:
            return frozenset()
        nics = self._nics(await uplink_state.routing())
        found = (identify.find(named, nics) for named in asked)
        return frozenset(one.ifname for one in found if isinstance(one, identify.Found))

    def _nics(self, routing: uplink_state.Routing) -> tuple[identify.Nic, ...]:
        pci = {n.ifname: n.pci for n in self.sysfs.nics()}
        nics: list[identify.Nic] = []
        for link in routing.links:
            if link.kind in ON_OTHERS:
                continue  # with the MAC of what is below
            place = uplink_state.device_place(link.name)
            usb = _USB.search(place)
            nics.append(
                identify.Nic(
                    link.name,
                    link.own_mac or link.mac,
                    _pci_text(pci.get(link.name)),
                    f"{usb[1]}:{usb[2]}" if usb else "",
                    place,
                )
            )
        return tuple(nics)

    def _port(
        self,
        plan: PortPlan,
        entry: Entry,
        names: Mapping[str, identify.Found | identify.Missing],
        links: Mapping[str, uplink_state.SeenLink],
        gateways: Mapping[str, tuple[str, ...]],
    ) -> SeenPort:
        name = names.get(plan.device)
        silent = self.silent and _is_wireless(entry, plan)
        if not isinstance(name, identify.Found):
            text = name.text if name is not None else f"no device {plan.device}"
            return SeenPort(plan, problem=f"port {plan.label}: {text}", silent=silent)
        link = links[name.ifname]
        ours = self._is_ours(plan.device, entry, names)
        told = self._wanted(plan, name.ifname) if ours else None
        usable = set(told.addresses) if told is not None else None
        conflict = self._conflict(link, usable)
        problem = self.problems.get(plan.label, "") or conflict
        announced = tuple(g for g in gateways.get(link.name, ()) if ":" in g)
        seen = Link(
            link.name,
            link.index,
            link.up and link.carrier,
            link.mac,
            link.mtu,
            tuple(
                a
                for a in link.addresses
                if not a.startswith("fe80:") and a not in link.untried
                if usable is None or ":" in a or a in usable
            ),
            tuple(dict.fromkeys((*told.gateways, *announced)))
            if told is not None
            else gateways.get(link.name, ()),
        )
        if told is None:
            dns = plan.ip.dns if plan.ip else ()
            return SeenPort(
                plan,
                seen,
                dns or _nameservers(),
                plan.ip.domain if plan.ip else "",
                plan.ip.ntp if plan.ip else (),
                problem=problem,
                host_resolves=True,
                wireless=_is_wireless(entry, plan),
                silent=silent,
            )
        lease = self._lease(name.ifname)
        return SeenPort(
            plan,
            seen,
            told.dns,
            told.domain,
            told.ntp,
            lease.wpad_url if lease else "",
            problem,
            wireless=_is_wireless(entry, plan),
            managed=True,
            silent=silent,
            providers=self.modems.providers.get(name.ifname, ()),
            access=self.access.seen.get(name.ifname) if plan.access else None,
            conflict=conflict,
        )

    def _conflict(self, link: uplink_state.SeenLink, wanted: AbstractSet[str] | None) -> str:
        """Who else has an address; `wanted`: what the interface is to have, if it is ours."""
        ours = wanted or frozenset[str]()
        taken = link.taken | {a for a in ours - link.free if (link.name, a) in self.conflicts}
        if not taken:
            return ""
        named = ", ".join(sorted(a.partition("/")[0] for a in taken))
        again = "; the node asks for it again" if taken & ours else ""
        return f"somebody else in its network has {named}{again}"

    def _is_ours(
        self,
        label: str,
        entry: Entry,
        names: Mapping[str, identify.Found | identify.Missing],
    ) -> bool:
        """Was the adapter, or every adapter below it, handed over?"""
        device = _device(entry, label)
        match device:
            case Adapter():
                name = names.get(label)
                return isinstance(name, identify.Found) and name.ifname in self.managed
            case Vlan(parent=parent):
                return self._is_ours(parent, entry, names)
            case Bond(members=members):
                # One that is gone takes the others along nowhere.
                there = [m for m in members if isinstance(names.get(m), identify.Found)]
                ours = [m for m in there if self._is_ours(m, entry, names)]
                return bool(ours) and (self.place.owned or ours == there)
            case None:
                return False

    def _folder(self, ifname: str) -> Path:
        return self.place.run_dir / "dhcp" / ifname

    def _lease(self, ifname: str) -> Lease | None:
        if ifname in self.modems.bearers:
            return self.modems.bearers[ifname]
        told = dhcp.told(self._folder(ifname))
        return lease_of(told.event, told.values) if told else None

    def _wanted(self, plan: PortPlan, ifname: str) -> Wanted:
        if plan.ip is None:
            return Wanted()
        told = wanted(plan.ip, self._lease(ifname))
        if not _hears_routers(plan.ip):
            return told
        lease = self.leases6.lease(ifname)
        addresses, dns = told.addresses, told.dns
        if lease is not None and Option.ADDRESS not in plan.ip.only:
            addresses += (f"{lease.address}/128",)
        if Option.DNS not in plan.ip.only:
            dns += (*self.routers.servers(ifname), *(lease.dns if lease is not None else ()))
        return replace(
            told,
            addresses=tuple(dict.fromkeys(addresses)),
            dns=tuple(dict.fromkeys(dns)),
        )

    async def lease6(self, entry: Entry, now: float) -> bool:
        """Where a router says so, an address is asked for by DHCPv6; True: one is another."""
        there: dict[str, Asking6] = {}
        asked, wished = set[str](), set[str]()
        if self.managed and any(p.ip and _hears_routers(p.ip) for p in entry.ports):
            routing = await uplink_state.routing()
            links = {one.name: one for one in routing.links if one.up and one.carrier}
            asked = {name for name, one in links.items() if one.dhcp6}
            wished = {
                port.ifname
                for port in self._layout(entry, routing).ports
                if port.plan.ip and _hears_routers(port.plan.ip)
            }
            there = {
                name: Asking6(one.index, one.mac) for name, one in links.items() if name in wished
            }
        return self.leases6.round(there, asked, now, wished)

    def ask_routers(self, seen: Seen, now: float) -> None:
        """Behind ports that hear them, and have an address but know no DNS server."""
        for port in seen.ports:
            asks = port.plan.ip is not None and _hears_routers(port.plan.ip)
            if asks and port.managed and port.link and port.sources and not port.dns:
                self.routers.ask(port.link.ifname, now)

    # Setting up

    async def apply(self, entry: Entry) -> None:
        """Bring the links of `entry` into being and have addresses asked for.

        Raises EavesError when the machine does not take it; what could be done is done.
        """
        failed: EavesError | None = None
        try:
            await self.switch_radios(entry)
        except EavesError as error:  # cables do not wait for a modem
            failed = error
            self.radio_problems = (str(error),)
        if not self.managed:
            return
        routing = await uplink_state.routing()
        wished = self._layout(entry, routing)
        lines = layout.first_lines(wished, _kernel(routing))
        if lines:
            log.info("ports_set_up", lines=lines)
            try:
                await ip_batch(lines, force=True)
            except CommandFailed as error:  # one port that does not come holds up no other
                failed = error
        await self._start_clients(entry)
        try:
            await self.settle(entry)
        except CommandFailed:
            await self.settle(entry)  # what was to be taken away went by itself meanwhile
        if failed is not None:
            raise failed

    async def revive(self, entry: Entry) -> None:
        """DHCP clients that ended are started again."""
        if not self.managed:
            return
        routing = await uplink_state.routing()
        index = {link.name: link.index for link in routing.links}
        asking = [
            port.ifname
            for port in self._layout(entry, routing).ports
            if port.plan.ip and port.plan.cellular is None and _asks_for_lease(port.plan.ip)
        ]
        dead = [n for n in asking if n in index and not dhcp.serves(self._folder(n), index[n])]
        if dead:
            log.info("dhcp_started_again", interfaces=dead)
            await self._start_clients(entry)

    def renew(self, seen: SeenPort) -> None:
        """Its cable came back, from the same network or from another."""
        asks = seen.plan.ip is not None and _asks_for_lease(seen.plan.ip)
        if seen.managed and asks and seen.link and self._lease(seen.link.ifname):
            log.info("dhcp_asked_again", interface=seen.link.ifname)
            dhcp.renew(self._folder(seen.link.ifname))

    async def switch_radios(self, entry: Entry) -> None:
        """What is wrong with them stands in `radio_problems`."""
        names = self._names(entry, await uplink_state.routing())
        found = [names.get(p.device) for p in entry.ports if p.wifi or p.cellular]
        used = {one.ifname for one in found if isinstance(one, identify.Found)}
        self.radio_problems = await self.radios.switch(self.managed, used, silent=self.silent)

    async def missing_links(self, entry: Entry) -> tuple[str, ...]:
        """What `apply` would do to links; something, when one went and came back."""
        if not self.managed:
            return ()
        routing = await uplink_state.routing()
        return layout.first_lines(self._layout(entry, routing), _kernel(routing))

    async def mend_modems(self, entry: Entry, now: float) -> bool:
        """Modems that lost their network connect again; True: one has another address, or none."""
        mobile = await self._mobile(entry)
        return bool(mobile) and await self.modems.mend(mobile, now)

    async def authenticate(self, entry: Entry, now: float) -> bool:
        """Ports that are to authenticate themselves do; True: one says something new."""
        asked: tuple[Asked, ...] = ()
        if self.managed and any(p.access for p in entry.ports):
            asked = asked_of(self._layout(entry, await uplink_state.routing()))
        leases = {name: self._lease(name) for one in asked for name in one.over}
        addresses = {name: lease.address for name, lease in leases.items() if lease}
        return await self.access.round(asked, addresses, now)

    async def locate(self, entry: Entry, now: datetime) -> Position | None:
        return await self.modems.locate(await self._mobile(entry), now)

    async def _mobile(self, entry: Entry) -> dict[str, PortPlan]:
        """By interface."""
        wished = self._layout(entry, await uplink_state.routing())
        return {p.ifname: p.plan for p in wished.ports if p.plan.cellular is not None}

    async def settle(self, entry: Entry) -> bool:
        """Addresses, routes and rules as leases and configuration say; True: something changed."""
        if not self.managed:
            return False
        routing = await uplink_state.routing()
        wished, kernel = self._layout(entry, routing), _kernel(routing)
        changed = False
        failed: CommandFailed | None = None
        for version in (4, 6):
            if lines := layout.last_lines(wished, kernel, version):
                log.info("addresses_set", lines=lines)
                changed = True
                try:
                    await ip_batch(lines, ipv6=version == 6)
                except CommandFailed as error:  # the other version is no worse for it
                    failed = failed or error
        if failed is not None:
            raise failed
        return changed

    async def ask_again(self, entry: Entry, now: float) -> bool:
        """Addresses that somebody else had are asked for again in their time; True: one is."""
        if not self.managed or not any(p.ip and ":" in p.ip.address for p in entry.ports):
            self.conflicts = {}
            return False
        routing = await uplink_state.routing()
        ports = self._layout(entry, routing).ports
        due, self.conflicts = asked_again(
            self.conflicts,
            [(p.ifname, a) for p in ports for a in p.wanted.addresses if ":" in a],
            {(link.name, a) for link in routing.links for a in link.taken},
            {(link.name, a) for link in routing.links for a in link.free},
            now,
        )
        if due:
            log.info("addresses_asked_again", addresses=due)
            await ip_batch(asking_lines(due), ipv6=True)
        return bool(due)

    def _layout(self, entry: Entry, routing: uplink_state.Routing) -> layout.Layout:
        names = self._names(entry, routing)
        there = {k: v.ifname for k, v in names.items() if isinstance(v, identify.Found)}
        for device in entry.devices:
            if isinstance(device, Vlan | Bond):
                there[device.label] = device.ifname  # it will be
        ours = {d.label for d in entry.devices if self._is_ours(d.label, entry, names)}
        used = {p.device for p in entry.ports if not p.wrong}
        used |= {d.parent for d in entry.devices if isinstance(d, Vlan) and d.label in used}
        return layout.Layout(
            self.place.mark,
            self.managed,
            tuple(
                layout.Port(p, there[p.device], self._wanted(p, there[p.device]))
                for p in entry.ports
                if not p.wrong and p.device in ours and p.device in there
                if not (self.silent and _is_wireless(entry, p))
            ),
            tuple(
                layout.NewVlan(d, there[d.parent])
                for d in entry.devices
                if isinstance(d, Vlan) and d.label in ours & used and d.parent in there
            ),
            tuple(
                layout.NewBond(d, tuple(there[m] for m in d.members if m in ours))
                for d in entry.devices
                if isinstance(d, Bond) and d.label in ours & used
            ),
        )

    async def _start_clients(self, entry: Entry) -> None:
        """One DHCP client for each port that asks for an address, one supplicant for each Wi-Fi."""
        routing = await uplink_state.routing()
        wished = self._layout(entry, routing)
        index = {link.name: link.index for link in routing.links}
        asking: set[str] = set()
        joining: set[str] = set()
        self.problems.clear()
        for port in wished.ports:
            if port.plan.ip is None or port.ifname not in index:
                continue
            try:
                for setting, value in SETTINGS:
                    uplink_state.set_interface(port.ifname, setting, value)
                for setting, value in _ipv6_settings(port):
                    with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
                        uplink_state.set_interface(port.ifname, setting, value, "ipv6")
                if self._joins(port.plan, entry):
                    joining.add(port.ifname)
                    await self._start_wifi(port.plan, port.ifname)
                if port.plan.cellular is not None:
                    await self.modems.start(port.plan, port.ifname)
                elif _asks_for_lease(port.plan.ip):
                    asking.add(port.ifname)
                    await dhcp.ensure(
                        self._folder(port.ifname),
                        port.ifname,
                        index[port.ifname],
                        dhcp.VENDOR_CLASS if self.vendor_class else "",
                        self.place.unit("dhcp", port.ifname),
                    )
            except (EavesError, OSError) as error:
                self.problems[port.plan.label] = str(error)
                log.warning("port_not_set_up", port=port.plan.label, error=str(error))
        await dhcp.stop_others(self.place.run_dir / "dhcp", frozenset(asking))
        await wpa.stop_others(self.place.run_dir / "wifi", frozenset(joining))

    def _joins(self, plan: PortPlan, entry: Entry) -> bool:
        device = _device(entry, plan.device)
        wireless = isinstance(device, Adapter) and device.medium is Medium.WIFI
        return wireless and bool(plan.wifi)

    async def _start_wifi(self, plan: PortPlan, ifname: str) -> None:
        given = self.open_wifi(plan)
        unit = self.place.unit("wifi", ifname)
        await wpa.ensure(self.place.run_dir / "wifi" / ifname, ifname, given.text, unit)

    def leases(self) -> Mapping[str, str]:
        """What each client said last, to notice a change: interface -> text."""
        root = self.place.run_dir / "dhcp"
        folders = root.iterdir() if root.is_dir() else ()
        told = {p.name: dhcp.told(p) for p in folders}
        return {
            name: json.dumps([t.event, *sorted(t.values.items())])
            for name, t in told.items()
            if t is not None
        }


def _device(entry: Entry, label: str) -> Device | None:
    return next((d for d in entry.devices if d.label == label), None)


def _is_wireless(entry: Entry, plan: PortPlan) -> bool:
    device = _device(entry, plan.device)
    return isinstance(device, Adapter) and device.medium is not Medium.ETHERNET


def _kernel(routing: uplink_state.Routing) -> layout.Kernel:
    return layout.Kernel(
        {
            link.name: layout.KernelLink(
                link.name,
                link.index,
                link.kind,
                link.master,
                link.parent,
                link.vlan,
                link.mtu,
                link.up,
                link.alias,
            )
            for link in routing.links
        },
        {link.name: link.addresses for link in routing.links},
        frozenset(
            layout.Route(r.table, r.destination, r.gateway, r.ifname, r.metric)
            for r in routing.routes
            if r.protocol == layout.PROTOCOL
        ),
        frozenset(
            layout.Rule(r.source, r.table) for r in routing.rules if r.protocol == layout.PROTOCOL
        ),
    )


def _ipv6_settings(port: layout.Port) -> Iterable[tuple[str, str]]:
    """A machine that forwards, as ours do for apps, hears routers only when it is told to."""
    plan = port.plan.ip
    if plan is None:
        return
    if _hears_routers(plan) or any(":" in a for a in port.wanted.addresses):
        yield "disable_ipv6", "0"
    if _hears_routers(plan):
        yield "accept_ra", "2"


def _hears_routers(plan: IpPlan) -> bool:
    return plan.dhcp == DHCPType.Client and plan.family in WITH_IPV6


def _asks_for_lease(plan: IpPlan) -> bool:
    return plan.dhcp == DHCPType.Client and plan.family is not NetworkType.V6Only


def _pci_text(address: tuple[int, int, int, int] | None) -> str:
    if address is None:
        return ""
    domain, bus, device, function = address
    return f"{domain:04x}:{bus:02x}:{device:02x}.{function:x}"


def _nameservers(path: Path = RESOLV_CONF) -> tuple[str, ...]:
    """Of the host; those that are on the node itself are not for others to ask."""
    words = [
        line.split() for line in (read_or_none(path) or b"").decode(errors="replace").splitlines()
    ]
    found: Iterable[str] = (w[1] for w in words if len(w) > 1 and w[0] == "nameserver")
    return tuple(n for n in found if not n.startswith("127.") and n != "::1")
