"""The machine's side of an entry: finding its interfaces, looking at them, setting them up.

Interfaces of the host's own network are only looked at.  Those that were handed over are set up:
links, then addresses as the DHCP client and the configuration give them, then routes and rules.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog

from eaves.errors import EavesError, Transient
from eaves.node.host import dhcp, uplink_state, wpa
from eaves.node.host.inventory import Sysfs
from eaves.node.host.links import ip_batch
from eaves.node.host.process import CommandFailed
from eaves.node.host.uplink_state import Routing, SeenLink
from eaves.node.refs import Position
from eaves.node.uplinks import identify, layout
from eaves.node.uplinks.assigned import Assigned
from eaves.node.uplinks.authenticator import (
    Asked,
    Authenticator,
    FindCredentials,
    asked_of,
    nothing_enrolled,
)
from eaves.node.uplinks.conflicts import Conflict, Key, asked_again, asking_lines, conflict_text
from eaves.node.uplinks.devices import Names, interfaces, is_handed_over, nics_of
from eaves.node.uplinks.kernel import gateways_of, kernel_of, link_of, nameservers
from eaves.node.uplinks.leases6 import Asking as Asking6
from eaves.node.uplinks.leases6 import Leases6
from eaves.node.uplinks.model import Bond, Entry, Medium, Named, PortPlan, Source, Vlan
from eaves.node.uplinks.modems import Modems
from eaves.node.uplinks.radios import Radios
from eaves.node.uplinks.routers import Routers
from eaves.node.uplinks.seen import Seen, SeenPort
from eaves.node.uplinks.wireless import OpenSecret, Supplicant, supplicant

log = structlog.get_logger(__name__)

SETTINGS = (
    ("rp_filter", "2"),
    ("arp_ignore", "1"),
    ("arp_announce", "2"),
    ("promote_secondaries", "1"),
    ("ignore_routes_with_linkdown", "1"),
)
"""Two ports may be in one subnet: each answers and asks for itself only.  An address that goes
takes no other of its subnet along; a port without a cable leads nowhere."""


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
    assigned: Assigned = field(init=False)

    def __post_init__(self) -> None:
        run_dir = self.place.run_dir
        self.modems = Modems(self.open_secret)
        self.assigned = Assigned(
            run_dir / "dhcp", self.modems, Routers(), Leases6(run_dir / "dhcp6")
        )
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
        gateways = gateways_of(routing)
        ports = tuple(self._port(p, entry, names, links, gateways) for p in entry.ports)
        return Seen(ports, own)

    def _names(self, entry: Entry, routing: Routing) -> Names:
        # the last resort is made of what is there
        pinned = self.pins if entry.source is not Source.LAST_RESORT else {}
        return interfaces(entry, routing, self.sysfs, pinned)

    async def interfaces_of(self, nameds: Iterable[Named]) -> frozenset[str]:
        """Of those that are there."""
        asked = tuple(nameds)
        if not asked:
            return frozenset()
        nics = nics_of(await uplink_state.routing(), self.sysfs)
        found = (identify.find(named, nics) for named in asked)
        return frozenset(one.ifname for one in found if isinstance(one, identify.Found))

    def _port(
        self,
        plan: PortPlan,
        entry: Entry,
        names: Names,
        links: Mapping[str, SeenLink],
        gateways: Mapping[str, tuple[str, ...]],
    ) -> SeenPort:
        name = names.get(plan.device)
        silent = self._is_silent(entry, plan)
        if not isinstance(name, identify.Found):
            text = name.text if name is not None else f"no device {plan.device}"
            return SeenPort(plan, problem=f"port {plan.label}: {text}", silent=silent)
        link, wireless = links[name.ifname], entry.medium(plan) is not Medium.ETHERNET
        by_kernel = gateways.get(link.name, ())
        if not self._is_ours(plan.device, entry, names):
            conflict = conflict_text(link.name, frozenset(), link.taken, link.free, frozenset())
            ip = plan.ip
            return SeenPort(
                plan,
                link_of(link, by_kernel, None),
                (ip.dns if ip else ()) or nameservers(),
                ip.domain if ip else "",
                ip.ntp if ip else (),
                problem=self.problems.get(plan.label, "") or conflict,
                host_resolves=True,
                wireless=wireless,
                silent=silent,
            )
        told, lease = self.assigned.wanted(plan, link.name), self.assigned.lease(link.name)
        usable = frozenset(told.addresses)
        conflict = conflict_text(link.name, usable, link.taken, link.free, self.conflicts.keys())
        announced = (g for g in by_kernel if ":" in g)
        return SeenPort(
            plan,
            link_of(link, tuple(dict.fromkeys((*told.gateways, *announced))), usable),
            told.dns,
            told.domain,
            told.ntp,
            lease.wpad_url if lease else "",
            self.problems.get(plan.label, "") or conflict,
            wireless=wireless,
            managed=True,
            silent=silent,
            providers=self.modems.providers.get(link.name, ()),
            access=self.access.seen.get(link.name) if plan.access else None,
            conflict=conflict,
        )

    def _is_silent(self, entry: Entry, plan: PortPlan) -> bool:
        return self.silent and entry.medium(plan) is not Medium.ETHERNET

    def _is_ours(self, label: str, entry: Entry, names: Names) -> bool:
        return is_handed_over(label, entry, names, self.managed, owned=self.place.owned)

    async def lease6(self, entry: Entry, now: float) -> bool:
        """Where a router says so, an address is asked for by DHCPv6; True: one is another."""
        there: dict[str, Asking6] = {}
        asked, wished = set[str](), set[str]()
        if self.managed and any(p.hears_routers for p in entry.ports):
            routing = await uplink_state.routing()
            links = {one.name: one for one in routing.links if one.up and one.carrier}
            asked = {name for name, one in links.items() if one.dhcp6}
            wished = {
                port.ifname
                for port in self._layout(entry, routing).ports
                if port.plan.hears_routers
            }
            there = {
                name: Asking6(one.index, one.mac) for name, one in links.items() if name in wished
            }
        return self.assigned.leases6.round(there, asked, now, wished)

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
        lines = layout.first_lines(wished, kernel_of(routing))
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
        ports = self._layout(entry, routing).ports
        asking = [p.ifname for p in ports if p.plan.asks_for_lease and p.plan.cellular is None]
        if dead := self.assigned.dead(asking, routing.links):
            log.info("dhcp_started_again", interfaces=dead)
            await self._start_clients(entry)

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
        return layout.first_lines(self._layout(entry, routing), kernel_of(routing))

    async def mend_modems(self, entry: Entry, now: float) -> bool:
        """Modems that lost their network connect again; True: one has another address, or none."""
        mobile = await self._mobile(entry)
        return bool(mobile) and await self.modems.mend(mobile, now)

    async def authenticate(self, entry: Entry, now: float) -> bool:
        """Ports that are to authenticate themselves do; True: one says something new."""
        asked: tuple[Asked, ...] = ()
        if self.managed and any(p.access for p in entry.ports):
            asked = asked_of(self._layout(entry, await uplink_state.routing()))
        leases = {name: self.assigned.lease(name) for one in asked for name in one.over}
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
        wished, kernel = self._layout(entry, routing), kernel_of(routing)
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

    def _layout(self, entry: Entry, routing: Routing) -> layout.Layout:
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
                layout.Port(p, there[p.device], self.assigned.wanted(p, there[p.device]))
                for p in entry.ports
                if not p.wrong and p.device in ours and p.device in there
                if not self._is_silent(entry, p)
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
                if port.plan.wifi and entry.medium(port.plan) is Medium.WIFI:
                    joining.add(port.ifname)
                    await self._start_wifi(port.plan, port.ifname)
                if port.plan.cellular is not None:
                    await self.modems.start(port.plan, port.ifname)
                elif port.plan.asks_for_lease:
                    asking.add(port.ifname)
                    await dhcp.ensure(
                        self.assigned.client(port.ifname),
                        port.ifname,
                        index[port.ifname],
                        dhcp.VENDOR_CLASS if self.vendor_class else "",
                        self.place.unit("dhcp", port.ifname),
                    )
            except (EavesError, OSError) as error:
                self.problems[port.plan.label] = str(error)
                log.warning("port_not_set_up", port=port.plan.label, error=str(error))
        await dhcp.stop_others(self.assigned.folder, frozenset(asking))
        await wpa.stop_others(self.place.run_dir / "wifi", frozenset(joining))

    async def _start_wifi(self, plan: PortPlan, ifname: str) -> None:
        given = self.open_wifi(plan)
        unit = self.place.unit("wifi", ifname)
        await wpa.ensure(self.place.run_dir / "wifi" / ifname, ifname, given.text, unit)


def _ipv6_settings(port: layout.Port) -> Iterable[tuple[str, str]]:
    """A machine that forwards, as ours do for apps, hears routers only when it is told to."""
    if port.plan.hears_routers or any(":" in a for a in port.wanted.addresses):
        yield "disable_ipv6", "0"
    if port.plan.hears_routers:
        yield "accept_ra", "2"
