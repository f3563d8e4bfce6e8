"""Configurations of ports, and what they become, for tests."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from eaves.evapi.config import (
    EdgeDevConfig,
    NetworkConfig,
    PhysicalIO,
    SystemAdapter,
)
from eaves.evapi.config.devmodel import BondAdapter, VlanAdapter
from eaves.evapi.evecommon import DHCPType, Ipspec, NetworkType, PhyIoType, ProxyConfig
from eaves.node.uplinks.entries import controller_entry
from eaves.node.uplinks.model import Entry, IpPlan, Kept, Marks, PortPlan
from eaves.node.uplinks.seen import Link, Seen, SeenPort

T0 = datetime(2026, 5, 1, tzinfo=UTC)
DHCP = "00000000-0000-4000-8000-0000000000d1"


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def nic(label: str, **addresses: str) -> PhysicalIO:
    return PhysicalIO(
        ptype=PhyIoType.PhyIoNetEth,
        phylabel=label,
        logicallabel=label,
        phyaddrs=addresses or {"Ifname": label},
    )


def network(
    name: str = DHCP, ip: Ipspec | None = None, proxy: ProxyConfig | None = None, mtu: int = 0
) -> NetworkConfig:
    return NetworkConfig(
        id=name,
        type=NetworkType.V4,
        ip=ip or Ipspec(dhcp=DHCPType.Client),
        ent_proxy=proxy,
        mtu=mtu,
    )


def adapter(
    label: str, *, cost: int = 0, uplink: bool = True, net: str = DHCP, addr: str = ""
) -> SystemAdapter:
    return SystemAdapter(name=label, uplink=uplink, network_uuid=net, cost=cost, addr=addr)


def config(
    *adapters: SystemAdapter,
    networks: Sequence[NetworkConfig] = (),
    nics: Sequence[PhysicalIO] = (),
    vlans: Sequence[VlanAdapter] = (),
    bonds: Sequence[BondAdapter] = (),
) -> EdgeDevConfig:
    return EdgeDevConfig(
        device_io_list=tuple(nics) or tuple(nic(a.name) for a in adapters),
        system_adapter_list=adapters,
        networks=tuple(networks) or (network(),),
        vlans=tuple(vlans),
        bonds=tuple(bonds),
    )


def entry(*labels: str, seconds: float = 0) -> Entry:
    """Ports of DHCP; the cost of each is its place."""
    adapters = [adapter(label, cost=n) for n, label in enumerate(labels)]
    return controller_entry(config(*adapters), at(seconds))


def kept(one: Entry, *, worked: float | None = None, failed: float | None = None) -> Kept:
    return Kept(
        one,
        Marks(
            succeeded=None if worked is None else at(worked),
            failed=None if failed is None else at(failed),
        ),
    )


def plan(label: str, *, cost: int = 0, management: bool = True) -> PortPlan:
    return PortPlan(label, label, management, cost, ip=IpPlan(DHCPType.Client))


def link(label: str, *addresses: str, up: bool = True) -> Link:
    return Link(label, 7, up, "02:00:00:00:00:07", 1500, addresses, ("192.0.2.1",))


def seen_port(
    label: str,
    address: str = "192.0.2.7/24",
    *,
    cost: int = 0,
    up: bool = True,
    dns: tuple[str, ...] = ("192.0.2.53",),
    management: bool = True,
) -> SeenPort:
    addresses = (address,) if address else ()
    return SeenPort(
        plan(label, cost=cost, management=management), link(label, *addresses, up=up), dns
    )


def seen(*ports: SeenPort) -> Seen:
    return Seen(ports, frozenset())
