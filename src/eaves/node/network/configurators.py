"""Create, change and delete each kind of network item.  Every call bears being repeated."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from eaves.node.host import dhcp, dnsmasq, links
from eaves.node.host.files import atomic_write
from eaves.node.network.dhcp import conf_text, dhcp_host_line, hosts_line
from eaves.node.network.items import (
    AppNetns,
    Bridge,
    DhcpDns,
    DhcpHost,
    Sysctl,
    Vif,
    VifKind,
)
from eaves.node.network.switches import Switches, switch_vif_lines, switch_vif_vlans
from eaves.node.network.tables import RouteTables
from eaves.node.network.transactions import Rules
from eaves.node.network.workshop import BridgeGone, Made, Workshop
from eaves.reconcile.apply import Configurator

log = structlog.get_logger(__name__)

BRIDGE_NETFILTER = "net.bridge.bridge-nf-call-iptables"  # of this network namespace


class Settings(Made):
    async def make(self, item: Sysctl, running: Sysctl | None) -> None:
        links.set_sysctl(item.name, item.value)

    async def unmake(self, item: Sysctl) -> None:
        """Forwarding stays as it is: others on the machine may rely on it."""


class Bridges(Made):
    async def make(self, item: Bridge, running: Bridge | None) -> None:
        seen = await links.interfaces()
        name = item.name
        lines = [] if name in seen.links else [f"link add {name} type bridge stp_state 0"]
        lines.append(f"link set {name} address {item.mac} mtu {item.mtu}")
        index = seen.links[name].index if name in seen.links else 0
        have = seen.addresses.get(index, ())
        # The last address of a link takes all its routes along: the new one comes first.
        if item.address not in have:
            lines.append(f"addr add {item.address} dev {name}")
        lines += [f"addr del {a} dev {name}" for a in have if a != item.address and ":" not in a]
        await links.ip_batch([lines[0]] if not index else [])
        for setting, value in bridge_settings(name):
            links.set_sysctl(setting, value)
        await links.ip_batch([*(lines if index else lines[1:]), f"link set {name} up"])

    async def unmake(self, item: Bridge) -> None:
        if item.name in (await links.interfaces()).links:
            await links.ip_batch([f"link delete {item.name}"])


def bridge_settings(name: str) -> Iterator[tuple[str, str]]:
    """The bridge answers ARP for the whole subnet at once, so that apps meet only through it."""
    yield f"net.ipv4.conf.{name}.proxy_arp_pvlan", "1"
    yield f"net.ipv4.neigh.{name}.proxy_delay", "0"
    yield "net.ipv4.conf.all.send_redirects", "0"  # either one set would send them
    yield f"net.ipv4.conf.{name}.send_redirects", "0"
    if links.get_sysctl(BRIDGE_NETFILTER):
        # It translates frames within the bridge: a hairpin would never be routed.
        yield BRIDGE_NETFILTER, "0"
    if links.get_sysctl(f"net.ipv6.conf.{name}.disable_ipv6"):
        yield f"net.ipv6.conf.{name}.disable_ipv6", "1"


class Dnsmasqs(Made):
    async def make(self, item: DhcpDns, running: DhcpDns | None) -> None:
        folder = self.shop.dnsmasq_folder(item.bridge)
        prepare_dnsmasq_folder(folder)
        bridge = (await links.interfaces()).links.get(item.bridge)
        if bridge is None:
            raise BridgeGone(item.bridge)
        user = dnsmasq.user_for(folder)
        if user == "root":
            hindering = dnsmasq.hindering(folder)
            log.warning(
                "dnsmasq_runs_as_root",
                bridge=item.bridge,
                why=f"{hindering} is closed to other users; chmod o+x {hindering}"
                if hindering
                else "there is no user dnsmasq or nobody; add one",
            )
        conf = conf_text(item, folder, user)
        unit = f"{self.shop.table}-dnsmasq-{item.bridge}"
        await dnsmasq.start(folder, item.bridge, bridge.index, conf, unit)

    async def unmake(self, item: DhcpDns) -> None:
        folder = self.shop.dnsmasq_folder(item.bridge)
        await dnsmasq.stop(folder)
        (folder / "leases").unlink(missing_ok=True)


def prepare_dnsmasq_folder(folder: Path) -> None:
    """Reachable and readable by the user that dnsmasq becomes, whatever the umask.

    Its own folder and the two above it, `dnsmasq` and `network`, hold no secret.
    """
    above = (folder.parent.parent, folder.parent)
    for path in (*above, folder, folder / "dhcp-hosts", folder / "hosts"):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o755)


class DhcpHosts(Made):
    """Two files that a running dnsmasq notices by itself."""

    @staticmethod
    def _name(item: DhcpHost) -> str:
        return f"{item.app}-{item.index}"

    async def make(self, item: DhcpHost, running: DhcpHost | None) -> None:
        folder = self.shop.dnsmasq_folder(item.bridge)
        prepare_dnsmasq_folder(folder)
        for kind, text in (("hosts", hosts_line(item)), ("dhcp-hosts", dhcp_host_line(item))):
            atomic_write(folder / kind / self._name(item), text.encode(), mode=0o644)
        if running is not None and running != item:
            dnsmasq.reload(folder)  # it adds by itself, but forgets only when told

    async def unmake(self, item: DhcpHost) -> None:
        folder = self.shop.dnsmasq_folder(item.bridge)
        for kind in ("hosts", "dhcp-hosts"):
            (folder / kind / self._name(item)).unlink(missing_ok=True)
        dnsmasq.reload(folder)


class Namespaces(Made):
    async def make(self, item: AppNetns, running: AppNetns | None) -> None:
        await links.make_netns(item.name)
        inode = str(links.netns_inode(item.name)).encode()
        atomic_write(self.shop.netns_inode_file(item.name), inode)

    async def unmake(self, item: AppNetns) -> None:
        await links.remove_netns(item.name)
        self.shop.netns_inode_file(item.name).unlink(missing_ok=True)


class Vifs(Made):
    def begun(self, item: Vif) -> Vif:
        """VLANs, addresses and routes come last."""
        return replace(item, mtu=0)

    async def make(self, item: Vif, running: Vif | None) -> None:
        seen = await links.interfaces()
        if item.bridge not in seen.links:
            raise BridgeGone(item.bridge)
        there = seen.links.get(item.name)
        whole = there is not None and (item.kind is VifKind.TAP or await self._inside(item))
        lines = [f"link delete {item.name}"] if there is not None and not whole else []
        if not whole:
            lines += self._making(item)
        lines.append(f"link set {item.name} mtu {item.mtu} master {item.bridge}")
        if item.switched:
            lines += switch_vif_lines(item)
        else:
            lines.append(f"link set {item.name} type bridge_slave isolated on")
        lines.append(f"link set {item.name} up")
        await links.ip_batch(lines)
        if item.switched:
            await links.bridge_batch(switch_vif_vlans(item))
        if item.kind is VifKind.VETH:
            await links.ip_batch(self._addressing(item), netns=item.netns)
        if item.asks:
            await self._asking(item)

    @staticmethod
    async def _inside(item: Vif) -> bool:
        """Is the other end where it belongs?"""
        return await links.has_link(item.netns, item.inside)

    @staticmethod
    def _making(item: Vif) -> list[str]:
        if item.kind is VifKind.TAP:
            return [f"tuntap add dev {item.name} mode tap"]
        return [f"link add {item.name} type veth peer name {item.inside} netns {item.netns}"]

    async def _asking(self, item: Vif) -> None:
        made = (await links.interfaces()).links.get(item.name)
        if made is None:
            raise BridgeGone(item.name)
        await dhcp.ensure(
            self.shop.dhcp_folder(item.name),
            item.inside,
            made.index,
            "",
            f"{self.shop.table}-dhcp-{item.name}",
            dhcp.Inside(item.netns, default_route=item.index == 0),
        )

    @staticmethod
    def _addressing(item: Vif) -> Sequence[str]:
        lines = [
            "link set lo up",
            f"link set {item.inside} address {item.mac} mtu {item.mtu}",
            *([] if item.asks else [f"addr flush dev {item.inside} scope global"]),
            *([f"addr add {item.address} dev {item.inside}"] if item.address else []),
            f"link set {item.inside} up",
        ]
        if item.gateway:
            lines.append(f"route replace default via {item.gateway} dev {item.inside}")
        lines += [
            f"route replace {destination} via {gateway} dev {item.inside}"
            for destination, gateway in item.routes
        ]
        return lines

    async def unmake(self, item: Vif) -> None:
        if item.asks:
            await dhcp.stop(self.shop.dhcp_folder(item.name))
        if item.name in (await links.interfaces()).links:
            await links.ip_batch([f"link delete {item.name}"])


def configurators(workshop: Workshop) -> Mapping[str, Configurator]:
    rules = Rules(workshop)
    return {
        "nft-base": rules,
        "nat": rules,
        "firewall": rules,
        "switch-rules": rules,
        "switch-firewall": rules,
        "switch": Switches(workshop),
        "routes": RouteTables(workshop),
        "sysctl": Settings(workshop),
        "bridge": Bridges(workshop),
        "dnsmasq": Dnsmasqs(workshop),
        "dhcp-host": DhcpHosts(workshop),
        "netns": Namespaces(workshop),
        "vif": Vifs(workshop),
    }
