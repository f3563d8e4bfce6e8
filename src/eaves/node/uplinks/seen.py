"""A port as it is now: what was planned of it, merged with what the network told.  Pure.

Static values stand beside those of a DHCP server; for gateway and domain a static one wins.  What
is marked as "from the configuration only" leaves out the server's word, also where the
configuration says nothing.  An address that is left out so stays on the interface, unused.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface

from eaves.evapi.evecommon import DHCPType, NetworkType
from eaves.evapi.info import ZCellularProvider
from eaves.node.uplinks.access import Access
from eaves.node.uplinks.model import IpPlan, Option, PortPlan
from eaves.node.uplinks.verify import Facts, Reason


@dataclass(frozen=True, slots=True)
class Lease:
    """What a DHCP server gave; addresses as CIDR text."""

    address: str = ""
    gateways: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    domain: str = ""
    ntp: tuple[str, ...] = ()
    wpad_url: str = ""  # option 252
    mtu: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """The interface of a port; `addresses` as CIDR text, without link-local ones."""

    ifname: str
    index: int = 0
    up: bool = False  # and with carrier
    mac: str = ""
    mtu: int = 0
    addresses: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """The addresses of a port and what belongs to them, before the kernel has them."""

    addresses: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    domain: str = ""
    ntp: tuple[str, ...] = ()


def wanted(plan: IpPlan, lease: Lease | None) -> Wanted:
    told = lease if lease is not None and plan.dhcp == DHCPType.Client else Lease()
    static = Lease(
        plan.address, (plan.gateway,) if plan.gateway else (), plan.dns, plan.domain, plan.ntp
    )
    return Wanted(
        _merged((static.address,), (told.address,), plan, Option.ADDRESS),
        static.gateways or (() if Option.GATEWAY in plan.only else told.gateways),
        _merged(static.dns, told.dns, plan, Option.DNS),
        static.domain or ("" if Option.DNS in plan.only else told.domain),
        _merged(static.ntp, told.ntp, plan, Option.NTP),
    )


def _merged(
    static: Sequence[str], told: Sequence[str], plan: IpPlan, option: Option
) -> tuple[str, ...]:
    both = (*static, *(() if option in plan.only else told))
    return tuple(dict.fromkeys(value for value in both if value))


@dataclass(frozen=True, slots=True)
class SeenPort:
    """`host_resolves`: the machine looks names up by itself, whatever `dns` says."""

    plan: PortPlan
    link: Link | None = None
    dns: tuple[str, ...] = ()
    domain: str = ""
    ntp: tuple[str, ...] = ()
    wpad_url: str = ""
    problem: str = ""  # why the interface is not there, or not as it should be
    host_resolves: bool = False
    wireless: bool = False
    managed: bool = False  # its interface was handed over
    silent: bool = False  # in radio silence
    providers: tuple[ZCellularProvider, ...] = ()  # that its modem hears
    access: Access | None = None  # 802.1X, where a supplicant is asked for
    conflict: str = ""  # who else has an address of it; others may be used all the same

    @property
    def sources(self) -> tuple[str, ...]:
        """Addresses to send from, those of the family that the plan prefers first."""
        if self.link is None or self.plan.ip is None or self.silent:
            return ()
        return in_order(self.link.addresses, self.plan.ip.family)

    @property
    def servers(self) -> tuple[str, ...]:
        """DNS servers to ask over the port; none: the machine looks names up by itself."""
        if not self.host_resolves:
            return self.dns
        return self.plan.ip.dns if self.plan.ip else ()

    def local_error(self) -> str:
        """What keeps it from reaching anything, as far as can be seen from here."""
        plan = self.plan
        if plan.wrong:
            return plan.wrong
        if self.silent:
            return f"port {plan.label}: its radio is off, radio silence is imposed"
        if self.link is None:
            return self.problem or f"port {plan.label}: its interface is missing"
        name = f"port {plan.label} ({self.link.ifname})"
        if not self.link.up:
            return f"{name} has no link; check the cable and what is at its other end"
        if plan.ip is None:
            return ""
        if not self.sources:
            dhcp = plan.ip.dhcp == DHCPType.Client
            what = "the network's DHCP server" if dhcp else "the address in its configuration"
            return f"{name} has no address; check {what}" + _because(self.problem)
        return ""

    def dns_error(self) -> str:
        if self.plan.ip is None or self.dns or self.host_resolves or self.plan.ip.names:
            return ""
        return (
            f"port {self.plan.label} knows no DNS server; write one into its network, or have the"
            " network's DHCP server tell one"
        )


def _because(problem: str) -> str:
    return f" ({problem})" if problem else ""


def in_order(addresses: Iterable[str], family: NetworkType) -> tuple[str, ...]:
    """Plain addresses without link-local ones."""
    plain = [ip_interface(a).ip for a in addresses]
    usable = [a for a in plain if not a.is_link_local and not a.is_loopback]
    match family:
        case NetworkType.V4Only:
            usable = [a for a in usable if a.version == 4]
        case NetworkType.V6Only:
            usable = [a for a in usable if a.version == 6]
        case NetworkType.V6:
            usable.sort(key=lambda a: a.version != 6)
        case _:
            usable.sort(key=lambda a: a.version)
    return tuple(str(a) for a in usable)


def facts(
    ports: Iterable[SeenPort],
    *,
    working: bool = False,
    held: str = "",
    modem: bool = False,
) -> Facts:
    """Of the entry whose ports these are.

    `working`: a change of the machine is under way; `modem`: one is being set up.
    """
    management = [p for p in ports if p.plan.reaches_controller]
    waits: set[Reason] = set()
    if working:
        waits.add(Reason.WORK)
    if modem:
        waits.add(Reason.MODEM)
    if any(p.link is None for p in management):
        waits.add(Reason.INTERFACE)
    if not any(p.sources and not p.dns_error() for p in management if p.link and p.link.up):
        waits.add(Reason.ADDRESS)
    return Facts(frozenset(waits), held)


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Seen:
    """The machine's side of the entry in force, from one look."""

    ports: tuple[SeenPort, ...] = ()
    own: frozenset[str] = field(default_factory=frozenset[str])  # every address of the machine

    def port(self, label: str) -> SeenPort | None:
        return next((p for p in self.ports if p.plan.label == label), None)
