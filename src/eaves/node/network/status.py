"""What is told about network instances, vifs and ports.  Pure.

A state is what was observed, never what was asked for; an address of a virtual machine is told
only once it took its lease.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_interface

from eaves.evapi.config import EdgeDevConfig, NetworkInstanceConfig
from eaves.evapi.info import (
    DeviceEntity,
    Entity,
    ErrorInfo,
    IPRoute,
    Severity,
    ZInfoNetworkInstance,
    ZmetIPAssignmentEntry,
    ZmetVifInfo,
    ZNetworkInstanceState,
)
from eaves.evapi.metrics import (
    NetworkMetric,
    NetworkStats,
    VlanInfo,
    ZMetricNetworkInstance,
    ZMetricNetworkStats,
)
from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node.host.links import Traffic
from eaves.node.network.items import (
    Bridge,
    NetworkItem,
    Route,
    Routes,
    Switch,
    Vif,
    VifKind,
    dnsmasq_ref,
    nat_ref,
    switch_rules_ref,
)
from eaves.node.network.learning import Leases
from eaves.node.network.observe import Counters, VifDrops
from eaves.node.network.refusals import network_instance_id, ports_of
from eaves.node.refs import Port, bridge, switch
from eaves.reconcile.item import ItemRef
from eaves.reconcile.report import ItemState, Report


@dataclass(frozen=True, slots=True)
class VifStatus:
    """One interface of an app as it is now."""

    app: AppInstanceId
    index: int
    network_instance: NetworkInstanceId
    name: str
    mac: str
    addresses: tuple[str, ...]  # empty: the guest has not taken its lease
    up: bool


def vif_statuses(
    items: Iterable[NetworkItem], report: Report, leases: Leases
) -> tuple[VifStatus, ...]:
    """A container's own address is set by the node with the vif."""
    found: list[VifStatus] = []
    for item in items:
        if isinstance(item, Vif):
            up = _state(report, item.ref) is ItemState.PRESENT
            own = str(ip_interface(item.address).ip) if item.address else ""
            fixed = own and item.kind is VifKind.VETH
            addresses = (own,) if fixed else leases.get(item.mac, ())
            found.append(
                VifStatus(
                    item.app,
                    item.index,
                    item.network_instance,
                    item.name,
                    item.mac,
                    addresses if up else (),
                    up,
                )
            )
    return tuple(found)


def addresses_of(
    app: AppInstanceId, items: Iterable[NetworkItem], leases: Leases
) -> frozenset[str]:
    """Of its interfaces, as they were given or taken."""
    vifs = [item for item in items if isinstance(item, Vif) and item.app == app]
    given = {str(ip_interface(one.address).ip) for one in vifs if one.address}
    return frozenset(given.union(*(leases.get(one.mac, ()) for one in vifs)))


def network_instance_infos(
    config: EdgeDevConfig,
    items: Sequence[NetworkItem],
    report: Report,
    *,
    refusals: Mapping[str, str],
    ports: Sequence[Port],
    leases: Leases,
    now: datetime,
) -> tuple[ZInfoNetworkInstance, ...]:
    """One message for each configured network instance, also for one that was refused."""
    bridges = {i.network_instance: i for i in items if isinstance(i, Bridge | Switch)}
    routes = {i.network_instance: i.routes for i in items if isinstance(i, Routes)}
    vifs = [v for v in vif_statuses(items, report, leases) if v.up]
    return tuple(
        _info(
            ni,
            bridges.get(network_instance_id(ni)),
            [v for v in vifs if v.network_instance == network_instance_id(ni)],
            ports_of(ni, ports),
            _errors(
                ni,
                bridges.get(network_instance_id(ni)),
                report,
                refusals.get(network_instance_id(ni), ""),
                now,
            ),
            report,
            routes.get(network_instance_id(ni), ()),
        )
        for ni in config.network_instances
    )


def _info(
    ni: NetworkInstanceConfig,
    made: Bridge | Switch | None,
    vifs: Sequence[VifStatus],
    ports: Sequence[Port],
    errors: tuple[ErrorInfo, ...],
    report: Report,
    routes: Sequence[Route],
) -> ZInfoNetworkInstance:
    ni_id = network_instance_id(ni)
    state = _ni_state(ni, made, report)
    labels = {p.ifname: p.logical_label for p in ports}
    by_address = {address: v.app for v in vifs for address in v.addresses}
    online = state == ZNetworkInstanceState.ZNETINST_STATE_ONLINE
    return ZInfoNetworkInstance(
        network_id=ni_id,
        network_version=ni.uuidandversion.version if ni.uuidandversion else "",
        inst_type=int(ni.inst_type),
        displayname=ni.displayname,
        activated=online,
        ports=tuple(p.logical_label for p in ports),
        bridge_num=made.number if made else 0,
        bridge_name=made.name if made else "",
        bridge_ip_addr=str(ip_interface(made.address).ip) if isinstance(made, Bridge) else "",
        ip_assignments=tuple(
            ZmetIPAssignmentEntry(mac_address=v.mac, ip_address=v.addresses)
            for v in vifs
            if v.addresses
        ),
        vifs=tuple(ZmetVifInfo(vif_name=v.name, mac_address=v.mac, app_id=v.app) for v in vifs),
        ipv4_eid=not isinstance(made, Switch),
        network_err=errors,
        state=state,
        mtu=made.mtu if made else 0,
        ip_routes=tuple(
            IPRoute(
                destination_network=r.destination,
                gateway=r.gateway,
                port=labels.get(r.ifname, ""),
                gateway_app=by_address.get(r.gateway, ""),
            )
            for r in routes
            if r.gateway
        ),
    )


def _parts(ni_id: NetworkInstanceId, made: Bridge | Switch | None) -> tuple[ItemRef, ...]:
    if isinstance(made, Switch):
        return (switch_rules_ref(ni_id), switch(ni_id))
    return (nat_ref(ni_id), bridge(ni_id), dnsmasq_ref(ni_id), ItemRef("routes", ni_id))


def _state(report: Report, ref: ItemRef) -> ItemState | None:
    status = report.items.get(ref)
    return status.state if status else None


def _ni_state(
    ni: NetworkInstanceConfig, made: Bridge | Switch | None, report: Report
) -> ZNetworkInstanceState:
    if made is None and not ni.activate:
        return ZNetworkInstanceState.ZNETINST_STATE_INIT
    states = {_state(report, ref) for ref in _parts(network_instance_id(ni), made)}
    if made is None or ItemState.FAILED in states:
        return ZNetworkInstanceState.ZNETINST_STATE_ERROR
    if states == {ItemState.PRESENT}:
        return ZNetworkInstanceState.ZNETINST_STATE_ONLINE
    return ZNetworkInstanceState.ZNETINST_STATE_INIT


def _errors(
    ni: NetworkInstanceConfig,
    made: Bridge | Switch | None,
    report: Report,
    refusal: str,
    now: datetime,
) -> tuple[ErrorInfo, ...]:
    ni_id = network_instance_id(ni)
    entity = DeviceEntity(
        entity=Entity.ENTITY_NETWORK_INSTANCE, entity_id=ni_id, entity_name=ni.displayname
    )
    errors: list[ErrorInfo] = []
    if refusal:
        errors.append(
            ErrorInfo(
                description=refusal,
                timestamp=now,
                severity=Severity.SEVERITY_ERROR,
                entities=(entity,),
                retry_condition="when the configuration or the ports change",
            )
        )
    for ref in _parts(ni_id, made):
        status = report.items.get(ref)
        if status and status.fault:
            at = status.fault.retry_at
            errors.append(
                ErrorInfo(
                    description=status.fault.text,
                    timestamp=status.fault.at,
                    severity=Severity.SEVERITY_ERROR,
                    entities=(entity,),
                    retry_condition=f"tried again at {at:%Y-%m-%d %H:%M:%S} UTC" if at else "",
                )
            )
    return tuple(errors)


# Metrics


def port_metrics(ports: Iterable[Port], counters: Counters) -> tuple[NetworkMetric, ...]:
    """As the node sees its ports."""
    return tuple(
        _metric(p.logical_label, p.ifname, counters.traffic[p.ifname])
        for p in ports
        if p.ifname in counters.traffic
    )


def app_metrics(
    app: AppInstanceId, items: Iterable[NetworkItem], counters: Counters
) -> tuple[NetworkMetric, ...]:
    """As the app sees its interfaces: what it sent is tx."""
    return tuple(
        _metric(
            item.name,
            item.name,
            _other_end(counters.traffic[item.name]),
            counters.drops.get(item.name, VifDrops()),
        )
        for item in items
        if isinstance(item, Vif) and item.app == app and item.name in counters.traffic
    )


def network_instance_metrics(
    config: EdgeDevConfig, items: Sequence[NetworkItem], counters: Counters
) -> tuple[ZMetricNetworkInstance, ...]:
    bridges = {i.network_instance: i for i in items if isinstance(i, Bridge | Switch)}
    found: list[ZMetricNetworkInstance] = []
    for ni in config.network_instances:
        made = bridges.get(network_instance_id(ni))
        traffic = counters.traffic.get(made.name) if made else None
        if made is None or traffic is None:
            continue
        found.append(
            ZMetricNetworkInstance(
                network_id=made.network_instance,
                network_version=ni.uuidandversion.version if ni.uuidandversion else "",
                inst_type=int(ni.inst_type),
                displayname=ni.displayname,
                activated=True,
                network=(_metric(made.name, made.name, traffic),),
                network_stats=_stats(traffic),
                vlan_info=_vlans(made, items) if isinstance(made, Switch) and made.vlans else None,
            )
        )
    return tuple(found)


def _vlans(made: Switch, items: Iterable[NetworkItem]) -> VlanInfo:
    """How many ports and apps are trunks, and how many are in each VLAN."""
    vifs = [i for i in items if isinstance(i, Vif) and i.network_instance == made.network_instance]
    access = [*(p.vlan for p in made.ports), *(v.vlan for v in vifs)]
    counts = {vlan: access.count(vlan) for vlan in made.vlans}
    return VlanInfo(num_trunk_ports=access.count(0), vlan_counts=counts)


def _other_end(t: Traffic) -> Traffic:
    return Traffic(
        rx_bytes=t.tx_bytes,
        tx_bytes=t.rx_bytes,
        rx_packets=t.tx_packets,
        tx_packets=t.rx_packets,
        rx_errors=t.tx_errors,
        tx_errors=t.rx_errors,
        rx_dropped=t.tx_dropped,
        tx_dropped=t.rx_dropped,
    )


def _metric(name: str, ifname: str, t: Traffic, drops: VifDrops | None = None) -> NetworkMetric:
    d = drops or VifDrops()
    return NetworkMetric(
        i_name=name,
        local_name=ifname,
        tx_bytes=t.tx_bytes,
        rx_bytes=t.rx_bytes,
        tx_drops=t.tx_dropped,
        rx_drops=t.rx_dropped,
        tx_pkts=t.tx_packets,
        rx_pkts=t.rx_packets,
        tx_errors=t.tx_errors,
        rx_errors=t.rx_errors,
        tx_acl_drops=d.tx_acl,
        rx_acl_drops=d.rx_acl,
        tx_acl_rate_limit_drops=d.tx_limit,
        rx_acl_rate_limit_drops=d.rx_limit,
    )


def _stats(t: Traffic) -> ZMetricNetworkStats:
    return ZMetricNetworkStats(
        rx=NetworkStats(
            total_packets=t.rx_packets,
            errors=t.rx_errors,
            drops=t.rx_dropped,
            total_bytes=t.rx_bytes,
        ),
        tx=NetworkStats(
            total_packets=t.tx_packets,
            errors=t.tx_errors,
            drops=t.tx_dropped,
            total_bytes=t.tx_bytes,
        ),
    )
