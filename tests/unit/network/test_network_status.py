"""What is told about a network instance follows from what is there."""

from datetime import UTC, datetime

import pytest
from support.network_node import allocations, app, device, interface, network

from eaves.evapi.config import EdgeDevConfig
from eaves.evapi.info import ZInfoNetworkInstance, ZNetworkInstanceState
from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node.host.links import Traffic
from eaves.node.network.intent import intent
from eaves.node.network.items import NetworkItem, Vif, dnsmasq_ref
from eaves.node.network.observe import Counters, VifDrops
from eaves.node.network.status import (
    app_metrics,
    network_instance_infos,
    network_instance_metrics,
    vif_statuses,
)
from eaves.reconcile.graph import graph_of
from eaves.reconcile.item import Fault, ItemRef
from eaves.reconcile.plan import plan
from eaves.reconcile.report import Report, report

NI = NetworkInstanceId("11111111-0000-4000-8000-000000000001")
NOW = datetime(2026, 1, 2, tzinfo=UTC)
APPS = (app(1, "container", interface(NI)), app(2, "vm", interface(NI)))


def wished(containers: set[AppInstanceId]) -> tuple[EdgeDevConfig, tuple[NetworkItem, ...]]:
    config = device([network(NI, "10.1.0.0/24", port="")], APPS)
    items, _ = intent(config, APPS, allocations(config, APPS), (), containers=containers, table="t")
    return config, items


def reported(
    items: tuple[NetworkItem, ...], missing: set[str], faults: dict[ItemRef, Fault]
) -> Report:
    graph = graph_of(items)
    current = {ref: item for ref, item in graph.items() if ref.kind not in missing}
    return report(graph, current, faults, {}, plan(graph, current, faults, set(), NOW))


def told(missing: set[str], faults: dict[ItemRef, Fault]) -> ZInfoNetworkInstance:
    config, items = wished({APPS[0].app})
    leases: dict[str, tuple[str, ...]] = {}
    (info,) = network_instance_infos(
        config,
        items,
        reported(items, missing, faults),
        refusals={},
        ports=(),
        leases=leases,
        now=NOW,
    )
    return info


@pytest.mark.parametrize(
    ("missing", "failed", "state"),
    [
        (set[str](), "", ZNetworkInstanceState.ZNETINST_STATE_ONLINE),
        ({"dnsmasq"}, "", ZNetworkInstanceState.ZNETINST_STATE_INIT),
        ({"dnsmasq"}, "dnsmasq for bn1 did not start", ZNetworkInstanceState.ZNETINST_STATE_ERROR),
    ],
)
def test_the_state_is_that_of_its_parts(
    missing: set[str], failed: str, state: ZNetworkInstanceState
) -> None:
    fault = Fault(failed, NOW, 1, NOW.replace(year=2027))
    info = told(missing, {dnsmasq_ref(NI): fault} if failed else {})
    assert info.state == state
    assert info.activated is (state == ZNetworkInstanceState.ZNETINST_STATE_ONLINE)
    assert [e.description for e in info.network_err] == ([failed] if failed else [])
    assert (info.bridge_name, info.bridge_ip_addr) == ("bn1", "10.1.0.1")


def test_a_refused_network_is_told_as_an_error_with_the_reason() -> None:
    config = device([network(NI)], ())
    (info,) = network_instance_infos(
        config, (), Report({}), refusals={NI: "overlap"}, ports=(), leases={}, now=NOW
    )
    assert info.state == ZNetworkInstanceState.ZNETINST_STATE_ERROR
    assert info.network_err[0].description == "overlap"


def test_a_guests_address_is_told_once_it_took_its_lease() -> None:
    _, items = wished({APPS[0].app})
    whole = reported(items, set(), {})
    guest = next(i for i in items if isinstance(i, Vif) and i.app == APPS[1].app)
    assert [v.addresses for v in vif_statuses(items, whole, {})] == [("10.1.0.2",), ()]
    leased = vif_statuses(items, whole, {guest.mac: ("10.1.0.3", "2001:db8::3")})
    assert [v.addresses for v in leased] == [("10.1.0.2",), ("10.1.0.3", "2001:db8::3")]
    assert not any(v.up for v in vif_statuses(items, reported(items, {"vif"}, {}), {}))


def test_an_app_is_told_its_own_side_of_the_traffic() -> None:
    config, items = wished(set())
    counters = Counters(
        {"nbu0x1": Traffic(rx_bytes=10, tx_bytes=20), "bn1": Traffic(rx_packets=3)},
        {"nbu0x1": VifDrops(tx_acl=1, rx_limit=2)},
        {},
    )
    (metric,) = app_metrics(APPS[0].app, items, counters)
    assert (metric.tx_bytes, metric.rx_bytes) == (10, 20)
    assert (metric.tx_acl_drops, metric.rx_acl_rate_limit_drops) == (1, 2)
    (network_metric,) = network_instance_metrics(config, items, counters)
    assert network_metric.network[0].rx_pkts == 3
