"""What the kernel has, in the words of ports."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

from eaves.node.host.files import read_or_none
from eaves.node.host.uplink_state import Routing, SeenLink
from eaves.node.uplinks import layout
from eaves.node.uplinks.seen import Link

RESOLV_CONF: Final = Path("/etc/resolv.conf")
MAIN_TABLE: Final = 254


def kernel_of(routing: Routing) -> layout.Kernel:
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


def gateways_of(routing: Routing) -> Mapping[str, tuple[str, ...]]:
    """By interface, whoever set them."""
    found: dict[str, tuple[str, ...]] = {}
    for route in routing.routes:
        if route.destination == "default" and route.gateway and route.table == MAIN_TABLE:
            found[route.ifname] = (*found.get(route.ifname, ()), route.gateway)
    return found


def link_of(link: SeenLink, gateways: tuple[str, ...], usable: AbstractSet[str] | None) -> Link:
    """`usable`: of IPv4 no other address is; None: each is."""
    return Link(
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
        gateways,
    )


def nameservers(path: Path = RESOLV_CONF) -> tuple[str, ...]:
    """Of the host; those that are on the node itself are not for others to ask."""
    words = [
        line.split() for line in (read_or_none(path) or b"").decode(errors="replace").splitlines()
    ]
    found = (w[1] for w in words if len(w) > 1 and w[0] == "nameserver")
    return tuple(n for n in found if not n.startswith("127.") and n != "::1")
