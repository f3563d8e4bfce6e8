"""What networks gave the node's interfaces, and what of it each port is to have."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from eaves.node.host import dhcp
from eaves.node.host.uplink_state import SeenLink
from eaves.node.uplinks.leases import lease_of
from eaves.node.uplinks.leases6 import Leases6
from eaves.node.uplinks.model import Option, PortPlan
from eaves.node.uplinks.modems import Modems
from eaves.node.uplinks.routers import Routers
from eaves.node.uplinks.seen import Lease, Seen, SeenPort, Wanted, wanted

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Assigned:
    """`folder`: one below it for each DHCP client."""

    folder: Path
    modems: Modems
    routers: Routers
    leases6: Leases6

    def client(self, ifname: str) -> Path:
        return self.folder / ifname

    def lease(self, ifname: str) -> Lease | None:
        if ifname in self.modems.bearers:
            return self.modems.bearers[ifname]
        told = dhcp.told(self.client(ifname))
        return lease_of(told.event, told.values) if told else None

    def wanted(self, plan: PortPlan, ifname: str) -> Wanted:
        if plan.ip is None:
            return Wanted()
        told = wanted(plan.ip, self.lease(ifname))
        if not plan.hears_routers:
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

    def dead(self, ifnames: Iterable[str], links: Iterable[SeenLink]) -> list[str]:
        """Of interfaces that ask for a lease those that are there and whose client ended."""
        index = {link.name: link.index for link in links}
        there = (name for name in ifnames if name in index)
        return [name for name in there if not dhcp.serves(self.client(name), index[name])]

    def renew(self, seen: SeenPort) -> None:
        """Its cable came back, from the same network or from another."""
        asks = seen.managed and seen.plan.asks_for_lease
        if asks and seen.link and self.lease(seen.link.ifname):
            log.info("dhcp_asked_again", interface=seen.link.ifname)
            dhcp.renew(self.client(seen.link.ifname))

    def ask_routers(self, seen: Seen, now: float) -> None:
        """Behind ports that hear them, and have an address but know no DNS server."""
        for port in seen.ports:
            asks = port.managed and port.plan.hears_routers
            if asks and port.link and port.sources and not port.dns:
                self.routers.ask(port.link.ifname, now)

    def told(self) -> Mapping[str, str]:
        """What each client said last, to notice a change: interface -> text."""
        folders = self.folder.iterdir() if self.folder.is_dir() else ()
        told = {p.name: dhcp.told(p) for p in folders}
        return {
            name: json.dumps([t.event, *sorted(t.values.items())])
            for name, t in told.items()
            if t is not None
        }
