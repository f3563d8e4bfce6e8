"""Switches made: a bridge without address, its ports, VLANs and spanning tree."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from eaves.errors import Transient
from eaves.node.host import links
from eaves.node.host.process import CommandFailed
from eaves.node.network.items import Switch, SwitchPort, Tracking, Vif
from eaves.node.network.workshop import Made

LLDP_MASK = 1 << 14  # of 01-80-C2-00-00-0E, the nearest bridge
VLAN_TAGGED = "net.bridge.bridge-nf-filter-vlan-tagged"
UNSURE = -1  # no intention has it: the VLAN of a port that is plugged in, but not as it should be


class PortsRefused(Transient):
    def __init__(self, name: str, refusals: Mapping[str, str]) -> None:
        told = "; ".join(f"{port}: {why}" for port, why in refusals.items())
        super().__init__(f"switch {name} goes on without what is wrong with its ports: {told}")


class Switches(Made):
    """A port that cannot be plugged in is tried again; the others, and apps, do without it."""

    def begun(self, item: Switch) -> Switch:
        """Its ports come last."""
        return replace(item, mtu=0)

    async def make(self, item: Switch, running: Switch | None) -> None:
        seen = await links.interfaces()
        wanted = {port.ifname for port in item.ports}
        left = [p.ifname for p in running.ports if p.ifname not in wanted] if running else []
        lines = [] if item.name in seen.links else [f"link add {item.name} type bridge"]
        lines += [f"link set {name} nomaster" for name in left if name in seen.links]
        lines += switch_lines(item, aware=bool(running and running.vlans))
        await links.ip_batch([*lines, f"link set {item.name} up"])
        for name, value in switch_settings(item):
            links.set_sysctl(name, value)
        there = [p for p in item.ports if p.ifname in seen.links]
        if await _refusal(item, there):
            whys = {port.ifname: await _refusal(item, [port]) for port in there}
            refusals = {name: why for name, why in whys.items() if why}
            if refusals:
                self.shop.records.put(without(item, refusals, await links.interfaces()))
                raise PortsRefused(item.name, refusals)

    async def unmake(self, item: Switch) -> None:
        seen = await links.interfaces()
        lines = [f"link set {p.ifname} nomaster" for p in item.ports if p.ifname in seen.links]
        if item.name in seen.links:
            lines.append(f"link delete {item.name}")
        await links.ip_batch(lines)


async def _refusal(item: Switch, ports: Sequence[SwitchPort]) -> str:
    """Plug them in; empty: the kernel took them all."""
    try:
        await links.ip_batch([line for p in ports for line in port_lines(item, p)])
        await links.bridge_batch([line for p in ports for line in port_vlans(item, p)])
    except CommandFailed as error:
        return error.done.err.strip()[:200] or str(error)
    return ""


def without(item: Switch, refused: Mapping[str, str], seen: links.Interfaces) -> Switch:
    """What was made of it, which is whole as such, and not what was asked for."""
    made = seen.links.get(item.name)
    index = made.index if made is not None else 0
    plugged = {name for name in refused if name in seen.links and seen.links[name].master == index}
    ports = (p for p in item.ports if p.ifname not in refused.keys() - plugged)
    return replace(
        item, ports=tuple(replace(p, vlan=UNSURE) if p.ifname in plugged else p for p in ports)
    )


def switch_lines(item: Switch, *, aware: bool) -> list[str]:
    """Options of the bridge, as `ip` takes them; of VLANs only where they are or were used.

    A kernel without VLANs in its bridges refuses to hear of them at all.
    """
    options = [
        f"stp_state {int(item.stp)}",
        f"group_fwd_mask {LLDP_MASK if item.lldp else 0}",
        f"nf_call_iptables {int(item.tracking is Tracking.INET)}",
        f"nf_call_ip6tables {int(item.tracking is Tracking.INET)}",
    ]
    if item.vlans:
        options += ["vlan_filtering 1", "vlan_default_pvid 0"]
    elif aware:
        options.append("vlan_filtering 0")
    return [
        f"link set {item.name} type bridge {' '.join(options)}",
        f"link set {item.name} address {item.mac} mtu {item.mtu}",
    ]


def switch_settings(item: Switch) -> tuple[tuple[str, str], ...]:
    """The node itself is no member of the segment; tagged frames are filtered like others."""
    settings = [(f"net.ipv6.conf.{item.name}.disable_ipv6", "1")]
    if item.tracking is Tracking.INET and item.vlans:
        settings.append((VLAN_TAGGED, "1"))
    return tuple((name, value) for name, value in settings if links.get_sysctl(name))


def port_lines(item: Switch, port: SwitchPort) -> list[str]:
    guard = "on" if port.bpdu_guard else "off"
    return [
        f"link set {port.ifname} master {item.name} mtu {item.mtu}",
        f"link set {port.ifname} type bridge_slave guard {guard} isolated off",
        f"link set {port.ifname} up",
    ]


def port_vlans(item: Switch, port: SwitchPort) -> list[str]:
    return vlan_lines(port.ifname, port.vlan, item.vlans)


def vlan_lines(ifname: str, access: int, vlans: Sequence[int]) -> list[str]:
    """An access port carries its VLAN untagged, a trunk all that have an access port.

    What it carried before is taken away first: a VLAN that is not listed does not pass.
    """
    if not (access or vlans):
        return []
    none = f"vlan del dev {ifname} vid 1-4094"
    if access:
        return [none, f"vlan add dev {ifname} vid {access} pvid untagged"]
    return [none, *(f"vlan add dev {ifname} vid {vlan}" for vlan in vlans)]


def switch_vif_lines(item: Vif) -> list[str]:
    """An app is no switch: a frame of the spanning tree from it shuts its port."""
    return [f"link set {item.name} type bridge_slave guard on isolated off"]


def switch_vif_vlans(item: Vif) -> list[str]:
    return vlan_lines(item.name, item.vlan, item.vlans)
