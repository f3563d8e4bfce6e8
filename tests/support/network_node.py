"""A node's network alone: the real subsystem under the real reconciler, and configs for it."""

import os
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast

from eaves.evapi.config import (
    ACE,
    ACEAction,
    ACEMatch,
    Adapter,
    AppInstanceConfig,
    EdgeDevConfig,
    NetworkAdapter,
    NetworkInstanceConfig,
    PhysicalIO,
    SystemAdapter,
    UUIDandVersion,
    ZNetworkInstType,
)
from eaves.evapi.evecommon import Ipspec, PhyIoType, ZnetStaticDNSEntry
from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node.network.intent import intent, wanted_vifs
from eaves.node.network.items import NetworkItem
from eaves.node.network.observe import observe_ports
from eaves.node.network.refusals import Facts
from eaves.node.network.subsystem import NetworkSubsystem
from eaves.node.refs import Allocations, AppInForce
from eaves.reconcile.apply import Reconciler
from eaves.reconcile.graph import graph_of
from eaves.reconcile.item import Item
from eaves.reconcile.report import Report

# Namespaces are named by it: two runs stand apart, and a child makes the names of its parent.
TABLE = os.environ.setdefault("EAVES_TEST_TABLE", f"eaves-test{os.getpid()}")


def network(
    ni: str,
    subnet: str = "",
    port: str = "uplink",
    *,
    dns: Sequence[tuple[str, str]] = (),
    servers: Sequence[str] = (),
    kind: ZNetworkInstType = ZNetworkInstType.ZnetInstLocal,
) -> NetworkInstanceConfig:
    return NetworkInstanceConfig(
        uuidandversion=UUIDandVersion(uuid=ni, version="1"),
        displayname=ni,
        inst_type=kind,
        activate=True,
        port=Adapter(name=port) if port else None,
        ip=Ipspec(subnet=subnet, dns=tuple(servers)),
        dns=tuple(ZnetStaticDNSEntry(host_name=n, address=(a,)) for n, a in dns),
    )


def ace(number: int, *actions: ACEAction, **matches: str) -> ACE:
    found = tuple(ACEMatch(type=kind, value=value) for kind, value in matches.items())
    return ACE(id=number, matches=found, actions=actions)


def port_map(number: int, outside: int, inside: int, **more: str) -> ACE:
    action = ACEAction(portmap=True, app_port=inside)
    return ace(number, action, protocol="tcp", lport=str(outside), **more)


def app(number: int, name: str, *interfaces: NetworkAdapter, activate: bool = True) -> AppInForce:
    app_id = AppInstanceId(f"00000000-0000-4000-8000-{number:012d}")
    config = AppInstanceConfig(
        uuidandversion=UUIDandVersion(uuid=app_id, version="1"),
        displayname=name,
        activate=activate,
        interfaces=interfaces,
    )
    return AppInForce(config, app_id, number, activate, 1)


def interface(ni: str, *aces: ACE, addr: str = "", mac: str = "") -> NetworkAdapter:
    return NetworkAdapter(name="eth0", network_id=ni, acls=aces, addr=addr, mac_address=mac)


def device(
    networks: Iterable[NetworkInstanceConfig],
    apps: Iterable[AppInForce] = (),
    ports: Sequence[str] = ("eth0",),
) -> EdgeDevConfig:
    """The first port is an uplink; every other one costs more."""
    return EdgeDevConfig(
        apps=tuple(a.config for a in apps),
        network_instances=tuple(networks),
        device_io_list=tuple(
            PhysicalIO(
                ptype=PhyIoType.PhyIoNetEth,
                phylabel=name,
                logicallabel=name,
                phyaddrs={"Ifname": name},
            )
            for name in ports
        ),
        system_adapter_list=tuple(
            SystemAdapter(name=name, uplink=True, cost=cost) for cost, name in enumerate(ports)
        ),
    )


def allocations(config: EdgeDevConfig, apps: Sequence[AppInForce]) -> Allocations:
    """Numbers in the order of the configuration."""
    bridges = {
        NetworkInstanceId(ni.uuidandversion.uuid if ni.uuidandversion else ""): n
        for n, ni in enumerate(config.network_instances, 1)
    }
    vifs: dict[tuple[NetworkInstanceId, AppInstanceId, int], int] = {}
    for key in wanted_vifs(config, apps):
        vifs[key] = sum(1 for other in vifs if other[0] == key[0])
    return Allocations(bridges, vifs)


class NetworkNode:
    """Runs in the namespace that the calling thread is in."""

    def __init__(
        self,
        run_dir: Path,
        ports: Sequence[str] = ("eth0",),
        managed: AbstractSet[str] = frozenset(),
    ) -> None:
        self.subsystem = NetworkSubsystem(TABLE, run_dir, partial(observe_ports, managed=managed))
        self.ports = ports
        self.chosen: dict[tuple[NetworkInstanceId, str], str] = {}
        self.reconciler = Reconciler(self.subsystem.configurators(), lambda: datetime.now(UTC))
        self.items: tuple[NetworkItem, ...] = ()
        self.refusals: dict[str, str] = {}

    async def bring(
        self,
        networks: Iterable[NetworkInstanceConfig],
        apps: Sequence[AppInForce] = (),
        virtual_machines: frozenset[AppInstanceId] = frozenset(),
    ) -> Report:
        """Observe, intend, settle; returns the report."""
        config = device(networks, apps, self.ports)
        ports = await self.subsystem.ports(config)
        self.items, refusals = intent(
            config,
            tuple(apps),
            allocations(config, apps),
            ports,
            containers={a.app for a in apps} - virtual_machines,
            table=TABLE,
            facts=Facts(self.subsystem.known_tracking, self.chosen),
        )
        self.refusals = dict(refusals)
        report = await self.again()
        assert report.unmet() == (), {c.text for o in report.unmet() for c in report.why(o.ref)}
        return report

    async def again(self) -> Report:
        """The same intention against what is there now."""
        self.reconciler.observed(self.subsystem.kinds, await self.subsystem.observe())
        self.reconciler.intend(graph_of(cast("tuple[Item, ...]", self.items)))
        return await self.reconciler.settle()

    async def tear_down(self) -> None:
        self.items = ()
        await self.again()
