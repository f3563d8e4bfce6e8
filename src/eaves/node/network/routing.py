"""Where the traffic of a network instance goes, and which routes its apps are told.  Pure.

A network instance has a table of its own: what its bridge receives is looked up there, never in
the table of the host, so that its traffic leaves by its ports whatever the host prefers.  Where
several ports could carry a route, exactly one does; `probing` says which.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_interface

from eaves.evapi.config import NetworkInstanceConfig
from eaves.evapi.config.netinst import IPRoute
from eaves.evapi.evecommon import ConnectivityProbeMethod
from eaves.node.network.addresses import ipv4_addresses, ipv4_networks
from eaves.node.network.items import Route, Way
from eaves.node.refs import Port

EVERYWHERE = "0.0.0.0/0"
METADATA_ROUTE = "169.254.169.254/32"
FIRST_TABLE = 7000  # of a network instance: this plus its number
FIRST_WAY_TABLE = 8000
WAYS_OF_ONE = 16  # ports of one network instance that replies find their way back by
WAY_MARKS = 0x45560000
CONTROLLER_PORT = 443


@dataclass(frozen=True, slots=True)
class UserProbe:
    tcp: bool  # else ICMP
    host: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """One route as configured, with the ports that could carry it."""

    destination: str  # CIDR text
    gateway: str  # empty: the gateway of the port
    ports: tuple[Port, ...]
    ping_gateway: bool = False
    ping_most_cost: int = 0  # ports above it are not pinged: each packet costs
    probe: UserProbe | None = None
    prefer_cost: bool = False
    prefer_signal: bool = False

    def gateway_of(self, port: Port) -> str:
        return self.gateway or next((g for g in port.gateways if ":" not in g), "")

    @property
    def probed(self) -> bool:
        return len(self.ports) > 1 and (self.ping_gateway or self.probe is not None)


@dataclass(frozen=True, slots=True)
class Plan:
    wanted: tuple[Wanted, ...]  # those that a port carries
    by_app: tuple[tuple[str, str], ...]  # (destination, address of the app that is its gateway)
    wrong: tuple[str, ...]


class BadRoute(ValueError):
    """The text says what is wrong with the route."""


def plan_routes(
    ni: NetworkInstanceConfig, ports: Sequence[Port], subnet: IPv4Network, controller: str = ""
) -> Plan:
    """`ports` are those of the network instance; `controller` is asked over a probed default."""
    wanted: list[Wanted] = []
    by_app: list[tuple[str, str]] = []
    wrong: list[str] = []
    for route in ni.static_routes:
        try:
            destination, gateway = _ends(route)
            if gateway and IPv4Address(gateway) in subnet:
                by_app.append((destination, gateway))
                continue
            wanted.append(_wanted(route, destination, gateway, ports))
        except BadRoute as error:
            wrong.append(f"route to {route.destination_network[:80]!r} left out: {error}")
    if ports and all(w.destination != EVERYWHERE for w in wanted):
        wanted.append(_default(ni, ports, controller))
    return Plan(tuple(wanted), tuple(by_app), tuple(wrong))


def _ends(route: IPRoute) -> tuple[str, str]:
    try:
        destination = str(IPv4Network(route.destination_network, strict=False))
    except ValueError as error:
        raise BadRoute("its destination is no IPv4 network") from error
    try:
        gateway = str(IPv4Address(route.gateway)) if route.gateway else ""
    except ValueError as error:
        raise BadRoute(f"gateway {route.gateway[:80]!r} is no IPv4 address") from error
    return destination, "" if gateway == "0.0.0.0" else gateway


def _wanted(route: IPRoute, destination: str, gateway: str, ports: Sequence[Port]) -> Wanted:
    label = route.port
    named = [p for p in ports if not label or label == p.logical_label or label in p.labels]
    if not named:
        raise BadRoute(
            f"no port of the network instance has the label {label[:80]!r}"
            if label
            else "the network instance has no port"
        )
    if gateway:
        named = [p for p in named if _reaches(p, gateway)]
        if not named:
            raise BadRoute(f"gateway {gateway} is in the subnet of none of its ports")
    elif not label:
        raise BadRoute("it names neither a gateway nor a port")
    probe = route.probe
    return Wanted(
        destination,
        gateway,
        tuple(named),
        ping_gateway=probe is not None and probe.enable_gw_ping,
        ping_most_cost=probe.gw_ping_max_cost if probe else 0,
        probe=_user_probe(route),
        prefer_cost=route.prefer_lower_cost,
        prefer_signal=route.prefer_stronger_wwan_signal,
    )


def _reaches(port: Port, gateway: str) -> bool:
    return any(IPv4Address(gateway) in network for network in ipv4_networks(port.addresses))


def _user_probe(route: IPRoute) -> UserProbe | None:
    custom = route.probe.custom_probe if route.probe else None
    if custom is None or custom.probe_endpoint is None or not custom.probe_endpoint.host:
        return None
    end = custom.probe_endpoint
    match custom.probe_method:
        case ConnectivityProbeMethod.CONNECTIVITY_PROBE_METHOD_ICMP:
            return UserProbe(tcp=False, host=end.host)
        case ConnectivityProbeMethod.CONNECTIVITY_PROBE_METHOD_TCP:
            if not 1 <= end.port <= 65535:
                raise BadRoute(f"probe port {end.port} is no port (1 to 65535)")
            return UserProbe(tcp=True, host=end.host, port=end.port)
        case _:
            return None


def _default(ni: NetworkInstanceConfig, ports: Sequence[Port], controller: str) -> Wanted:
    """Nobody gave one: any port, the free ones asked for their gateway."""
    label = ni.port.name if ni.port else ""
    over_uplinks = label in {"uplink", "freeuplink"} and controller
    return Wanted(
        EVERYWHERE,
        "",
        tuple(ports),
        ping_gateway=True,
        ping_most_cost=0,
        probe=UserProbe(tcp=True, host=controller, port=CONTROLLER_PORT) if over_uplinks else None,
        prefer_cost=True,
    )


def best_guess(wanted: Wanted) -> str:
    """Interface name before anything was probed; empty when no port could carry the route."""
    able = [p for p in wanted.ports if wanted.gateway_of(p)]
    ranked = sorted(able, key=lambda p: (not p.up, p.cost, p.ifname))
    return ranked[0].ifname if ranked else ""


def routes_of(
    plan: Plan,
    chosen: Mapping[str, str],  # destination -> interface name
    *,
    bridge: str,
    subnet: IPv4Network,
    ports: Sequence[Port],
    others: Iterable[IPv4Network],
) -> tuple[Route, ...]:
    """The table of one network instance, without doubles and sorted.

    `others` are the subnets of the other network instances: a connection through a port map of
    theirs goes on by the table of the host.
    """
    found = {str(subnet): Route(str(subnet), "", bridge)}
    for other in others:
        found.setdefault(str(other), Route(str(other), "", ""))
    for port in ports:
        for network in ipv4_networks(port.addresses) if port.up else ():
            found.setdefault(str(network), Route(str(network), "", port.ifname))
    for destination, gateway in plan.by_app:
        found[destination] = Route(destination, gateway, bridge)
    for wanted in plan.wanted:
        ifname = chosen.get(wanted.destination) or best_guess(wanted)
        chosen_port = next((p for p in wanted.ports if p.ifname == ifname), None)
        if chosen_port is None:
            continue
        if gateway := wanted.gateway_of(chosen_port):
            found[wanted.destination] = Route(wanted.destination, gateway, ifname)
    return tuple(sorted(found.values(), key=lambda r: r.destination))


def ways_of(number: int, ports: Sequence[Port]) -> tuple[Way, ...]:
    """How replies of a port map leave by the port that was asked; none where there is one port."""
    if len(ports) < 2:
        return ()
    found: list[Way] = []
    for place, port in enumerate(sorted(ports, key=lambda p: p.ifname)[:WAYS_OF_ONE]):
        gateway = next((g for g in port.gateways if ":" not in g), "")
        addresses = ipv4_addresses(port.addresses)
        if gateway and addresses:
            at = number * WAYS_OF_ONE + place
            found.append(Way(port.ifname, gateway, addresses, WAY_MARKS + at, FIRST_WAY_TABLE + at))
    return tuple(found)


def has_default(plan: Plan, ports: Sequence[Port]) -> bool:
    """Are apps given a default route?  Not where all ports lead to networks of their own only."""
    static = any(w.destination == EVERYWHERE and w.gateway for w in plan.wanted)
    by_app = any(destination == EVERYWHERE for destination, _ in plan.by_app)
    return static or by_app or any(p.management or p.gateways for p in ports)


def told_routes(
    ni: NetworkInstanceConfig, plan: Plan, ports: Sequence[Port], gateway: str
) -> tuple[tuple[str, str], ...]:
    """(destination, gateway) for DHCP option 121 and for containers; empty: option 3 says it all.

    A client that understands option 121 ignores option 3, so the default stands in both.
    """
    found: dict[str, str] = {}
    if ni.propagate_connected_routes:
        for port in ports:
            found |= {str(network): gateway for network in ipv4_networks(port.addresses)}
    given = {str(IPv4Network(r.destination_network, strict=False)) for r in _readable(ni)}
    found |= {w.destination: gateway for w in plan.wanted if w.destination in given}
    found |= dict(plan.by_app)
    if not has_default(plan, ports):
        found.pop(EVERYWHERE, None)
        found[METADATA_ROUTE] = gateway
    elif found:
        found.setdefault(EVERYWHERE, gateway)
    return tuple(sorted(found.items()))


def _readable(ni: NetworkInstanceConfig) -> Iterable[IPRoute]:
    for route in ni.static_routes:
        try:
            _ends(route)
        except BadRoute:
            continue
        yield route


def own_routes(routes: Iterable[tuple[str, str]], address: str) -> tuple[tuple[str, str], ...]:
    """Without those whose gateway is the app itself.  `address` may be in CIDR text."""
    own = str(ip_interface(address).ip)
    return tuple(pair for pair in routes if pair[1] != own)
