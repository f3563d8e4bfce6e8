"""Fields of network instances and of what apps have in them, each read from the configuration."""

import json
from dataclasses import replace
from ipaddress import IPv4Network

import pytest
from support.network_node import ace, allocations, app, device, interface, network

from eaves.evapi.config import (
    IPRoute,
    MetaDataType,
    NetworkInstanceConfig,
    PortProbe,
    ZNetworkInstType,
)
from eaves.evapi.config.devcommon import ConfigItem
from eaves.evapi.config.netinst import AddressType
from eaves.evapi.config_items import apply_items
from eaves.evapi.evecommon import (
    ConnectivityProbe,
    ConnectivityProbeMethod,
    EncryptionBlock,
    ProbeEndpoint,
)
from eaves.ids import NetworkInstanceId
from eaves.node.network.addresses import legacy_vif_mac
from eaves.node.network.dhcp import hosts_line
from eaves.node.network.items import (
    AppFirewall,
    Bridge,
    DhcpHost,
    NftBase,
    Switch,
    SwitchFirewall,
    Tracking,
    Vif,
)
from eaves.node.network.metadata import Caller, NodeFacts, Question, answer
from eaves.node.network.nftlang import program_text
from eaves.node.network.programs import programs
from eaves.node.network.refusals import Facts, clamps_mss, has_legacy_macs
from eaves.node.network.routing import UserProbe, Wanted, plan_routes
from eaves.node.refs import AppInForce, Port
from eaves.node.runtime.metadata_server import caller_of
from eaves.node.runtime.wish import Wish, make_wish
from eaves.reconcile.item import Item

NI = "11111111-0000-4000-8000-000000000001"


def port(name: str, third: int) -> Port:
    return Port(
        name,
        name,
        True,
        "02:00:00:00:00:01",
        1500,
        (f"192.0.{third}.10/24",),
        (f"192.0.{third}.1",),
        (),
        True,
        0,
        frozenset({"all", "uplink"}),
        managed=True,
    )


PORTS = (port("eth0", 2),)
INSTANCE = network(NI, "10.1.0.0/24")
ONE = app(1, "a", interface(NI, ace(1, ip="0.0.0.0/0")))


def wanted(route: IPRoute) -> Wanted:
    ni = replace(network(NI, "10.1.0.0/24"), static_routes=(route,))
    plan = plan_routes(ni, (port("eth0", 2), port("eth1", 3)), IPv4Network("10.1.0.0/24"))
    return next(w for w in plan.wanted if w.destination == "198.51.100.0/24")


ROUTE = IPRoute(destination_network="198.51.100.0/24", port="uplink")


def test_a_route_asks_the_gateway_of_ports_up_to_a_cost() -> None:
    told = wanted(replace(ROUTE, probe=PortProbe(enable_gw_ping=True, gw_ping_max_cost=7)))
    assert (told.ping_gateway, told.ping_most_cost) == (True, 7)


def test_a_route_asks_an_end_that_it_names() -> None:
    probe = ConnectivityProbe(
        probe_method=ConnectivityProbeMethod.CONNECTIVITY_PROBE_METHOD_TCP,
        probe_endpoint=ProbeEndpoint(host="192.0.2.77", port=443),
    )
    told = wanted(replace(ROUTE, probe=PortProbe(custom_probe=probe)))
    assert told.probe == UserProbe(tcp=True, host="192.0.2.77", port=443)


def test_a_route_prefers_what_it_says() -> None:
    told = wanted(replace(ROUTE, prefer_lower_cost=True, prefer_stronger_wwan_signal=True))
    assert (told.prefer_cost, told.prefer_signal) == (True, True)


TRACKED = Facts(tracking=Tracking.INET)


def made(ni: NetworkInstanceConfig, one: AppInForce, facts: Facts = TRACKED) -> Wish:
    config = device([ni], [one])
    return make_wish(
        config,
        (one,),
        allocations(config, [one]),
        PORTS,
        {},
        lambda _: EncryptionBlock(),
        "eaves-test",
        facts,
    )


def test_segments_of_tcp_fit_the_path_unless_a_property_says_otherwise() -> None:
    for value, clamps in (("true", True), ("false", False)):
        items, _ = apply_items([ConfigItem(key="app.enable.tcp.mss.clamping", value=value)])
        wish = made(INSTANCE, ONE, Facts(clamp_mss=clamps_mss(items)))
        (base,) = [i for i in wish.graph.values() if isinstance(i, NftBase)]
        text = "\n".join(program_text(program) for program in programs(base))
        assert ("maxseg size set rt mtu" in text) == clamps


def test_apps_have_macs_of_the_older_scheme_if_a_property_says_so() -> None:
    items, _ = apply_items([ConfigItem(key="network.local.legacy.mac.address", value="true")])
    told = Facts(legacy_macs=has_legacy_macs(items))
    (older,) = [i for i in made(INSTANCE, ONE, told).graph.values() if isinstance(i, Vif)]
    (usual,) = [i for i in made(INSTANCE, ONE).graph.values() if isinstance(i, Vif)]
    assert older.mac == "00:16:3e:00:00:01"
    assert usual.mac.startswith("02:")
    assert legacy_vif_mac(256, 0) == "", "the scheme has one byte for the number of an app"


@pytest.mark.parametrize("kind", [AddressType.IPV4, AddressType.IPV6, AddressType.CryptoIPV4])
def test_apps_have_ipv4_addresses_and_others_are_refused(kind: AddressType) -> None:
    wish = made(replace(INSTANCE, ip_type=kind), ONE)
    is_made = any(isinstance(item, Bridge) for item in wish.graph.values())
    assert is_made == (kind == AddressType.IPV4)
    told = wish.refusals.get(NI, "")
    assert (f"cannot be given {kind.name} addresses; use IPV4" in told) == (not is_made)


@pytest.mark.parametrize("kind", [ZNetworkInstType.ZnetInstLocal, ZNetworkInstType.ZnetInstSwitch])
def test_a_network_instance_is_made_once_it_is_activated(kind: ZNetworkInstType) -> None:
    def bridges(wish: Wish) -> list[Item]:
        return [i for i in wish.graph.values() if isinstance(i, Bridge | Switch)]

    ni = replace(INSTANCE, inst_type=kind)
    assert bridges(made(ni, ONE))
    idle = made(replace(ni, activate=False), ONE)
    assert not bridges(idle)
    assert "it is not activated" in idle.refusals[ONE.app]
    unused = made(replace(ni, activate=False), replace(ONE, activate=False))
    assert NI not in unused.refusals


def test_an_interface_is_called_by_its_host_name_and_that_of_its_app() -> None:
    named = replace(interface(NI, ace(1, ip="0.0.0.0/0")), hostname="Camera 1")
    wish = made(INSTANCE, app(1, "shop", named))
    (host,) = [i for i in wish.graph.values() if isinstance(i, DhcpHost)]
    assert hosts_line(host) == f"{host.address} camera-1 shop\n"


@pytest.mark.parametrize("quiet", [False, True])
def test_flows_of_a_network_instance_are_told_unless_it_says_no(*, quiet: bool) -> None:
    told = [
        item.flow_log
        for kind in (ZNetworkInstType.ZnetInstLocal, ZNetworkInstType.ZnetInstSwitch)
        for item in made(
            replace(INSTANCE, inst_type=kind, disable_flowlog=quiet), ONE
        ).graph.values()
        if isinstance(item, AppFirewall | SwitchFirewall)
    ]
    assert told == [not quiet] * 2


@pytest.mark.parametrize("forward", [False, True])
def test_a_switch_forwards_lldp_if_it_says_so(*, forward: bool) -> None:
    ni = replace(INSTANCE, inst_type=ZNetworkInstType.ZnetInstSwitch, forward_lldp=forward)
    (bridge,) = [i for i in made(ni, ONE).graph.values() if isinstance(i, Switch)]
    assert bridge.lldp is forward


@pytest.mark.parametrize("may", [False, True])
def test_an_interface_is_told_of_its_neighbours_if_it_may(*, may: bool) -> None:
    one = app(1, "a", replace(interface(NI, ace(1, ip="0.0.0.0/0")), allow_to_discover=may))
    wish = made(INSTANCE, one)
    items = wish.graph.values()
    (bridge,) = [i for i in items if isinstance(i, Bridge)]
    (firewall,) = [i for i in items if isinstance(i, AppFirewall)]
    gateway = bridge.address.partition("/")[0]
    caller = caller_of(wish, PORTS, gateway, (firewall.address, 40000))
    assert caller is not None
    assert caller.discovers is may


def test_the_network_data_of_openstack_has_the_interfaces_of_the_app() -> None:
    one = app(1, "a", interface(NI, mac="02:16:3e:00:00:09"))
    config = replace(one.config, meta_data_type=MetaDataType.MetaDataOpenStack)
    caller = Caller(one.app, config, NetworkInstanceId(NI), "10.1.0.2", 40000, "")
    question = Question("GET", "/openstack/latest/network_data.json")
    (link,) = json.loads(answer(question, caller, NodeFacts("device")).body)["links"]
    assert (link["id"], link["ethernet_mac_address"]) == ("eth0", "02:16:3e:00:00:09")
