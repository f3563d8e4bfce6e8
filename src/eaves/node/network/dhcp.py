"""What dnsmasq is told.  Pure, but for `parse_leases` nothing comes back."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from pathlib import Path

from eaves.errors import Rejected
from eaves.node.network.items import DhcpDns, DhcpHost
from eaves.node.network.routing import own_routes
from eaves.node.network.rules import host_set

LEASE_S = 3600
CACHE_S = 3600
HELD = frozenset({"bound", "renew"})  # what a client tells while it has a lease
LONGEST_LINE = 1000  # bytes; what follows would be read as a line of its own


class BadConfLine(Rejected):
    """The last line of defence: `names` lets nothing through that comes here."""

    def __init__(self, bridge: str, line: str) -> None:
        super().__init__(
            f"dnsmasq for {bridge}: line {line[:80]!r} holds a control character or is over"
            f" {LONGEST_LINE} bytes; correct the network instance"
        )


def conf_text(item: DhcpDns, folder: Path, user: str) -> str:
    """Known MACs only: the range is `static`, leases come from the host files."""
    lines = [
        "# made by the node; changes are overwritten",
        "no-resolv",
        "no-hosts",
        "no-poll",
        "bind-dynamic",
        f"interface={item.bridge}",
        "except-interface=lo",
        f"user={user}",
        f"pid-file={folder / 'pid'}",
        f"dhcp-leasefile={folder / 'leases'}",
        f"dhcp-hostsdir={folder / 'dhcp-hosts'}",
        f"hostsdir={folder / 'hosts'}",
        "dhcp-authoritative",
        "dhcp-no-override",
        f"max-cache-ttl={CACHE_S}",
        "local-ttl=10",
        "log-facility=-",
        "quiet-dhcp",
        "quiet-ra",
        f"dhcp-range={item.range_start},static,{item.netmask},{LEASE_S}",
        f"dhcp-option=option:router{f',{item.gateway}' if item.routed else ''}",
        f"dhcp-option=option:dns-server,{item.gateway}",
        f"dhcp-option=option:mtu,{item.mtu}",
        f"host-record=router,{item.gateway}",
    ]
    if item.routes:
        lines += _route_options(item)
    if item.domain:
        lines += [f"domain={item.domain}", f"local=/{item.domain}/", "expand-hosts"]
    if item.ntp:
        lines.append(f"dhcp-option=option:ntp-server,{','.join(item.ntp)}")
    lines += [f"host-record={name},{address}" for name, address in item.entries]
    lines += [f"server={upstream}" for upstream in item.upstreams]
    lines += [
        f"nftset=/{host}/4#inet#{item.table}#{host_set(item.bridge, host)}" for host in item.hosts
    ]
    for line in lines:
        if len(line.encode()) > LONGEST_LINE or not line.isprintable():
            raise BadConfLine(item.bridge, line)
    return "\n".join(lines) + "\n"


def _route_options(item: DhcpDns) -> list[str]:
    """Option 121 for all, and for each app that is a gateway one without its own routes."""
    lines = [_route_option("", item.routes)]
    for address in item.gateway_apps:
        kept = own_routes(item.routes, address)
        if kept:
            lines.append(_route_option(f"tag:{gateway_tag(address)},", kept))
    return lines


def _route_option(tag: str, routes: Sequence[tuple[str, str]]) -> str:
    pairs = ",".join(f"{destination},{gateway}" for destination, gateway in routes)
    return f"dhcp-option={tag}option:classless-static-route,{pairs}"


def gateway_tag(address: str) -> str:
    """The more tags an option has, the earlier dnsmasq takes it."""
    return f"via-{address.replace('.', '-')}"


def dhcp_host_line(item: DhcpHost) -> str:
    """Each host carries a tag of its address; only those of gateways are asked for."""
    return f"{item.mac},set:{gateway_tag(item.address)},{item.address},{LEASE_S}\n"


def hosts_line(item: DhcpHost) -> str:
    return f"{item.address} {item.host_name}\n" if item.host_name else ""


def parse_leases(text: str, now: float) -> Mapping[str, str]:
    """MAC -> address of leases that run; a line is `expiry MAC address name client-id`."""
    leases: dict[str, str] = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 3 and fields[0].isdecimal():
            expiry = int(fields[0])
            if expiry == 0 or expiry > now:
                leases[fields[1].lower()] = fields[2]
    return leases


def leased_address(event: str, values: Mapping[str, str]) -> str:
    """What a DHCP client holds, as it told last; empty for nothing, or for what is no address."""
    try:
        return str(IPv4Address(values.get("ip", ""))) if event in HELD else ""
    except ValueError:
        return ""
