"""Routes of network instances: which there are, which apps are told, and who carries them."""

from dataclasses import replace
from ipaddress import IPv4Network

import pytest
from support.network_node import network

from eaves.evapi.config.netinst import IPRoute, NetworkInstanceConfig, PortProbe
from eaves.evapi.evecommon import ConnectivityProbe, ConnectivityProbeMethod, ProbeEndpoint
from eaves.ids import NetworkInstanceId
from eaves.node.host.links import SeenRoute, SeenRule
from eaves.node.network.items import Route, Routes, Way
from eaves.node.network.probing import Probes, Standing, after, choose
from eaves.node.network.routing import (
    EVERYWHERE,
    UserProbe,
    Wanted,
    has_default,
    own_routes,
    plan_routes,
    routes_of,
    told_routes,
    ways_of,
)
from eaves.node.network.tables import lines_for, moved
from eaves.node.refs import Port

SUBNET = IPv4Network("10.1.0.0/24")
GATEWAY = "10.1.0.1"


def port(name: str, third: int, cost: int = 0, *, management: bool = True) -> Port:
    return Port(
        name,
        name,
        True,
        "02:00:00:00:00:01",
        1500,
        (f"192.0.{third}.10/24",),
        (f"192.0.{third}.1",),
        (),
        management,
        cost,
        frozenset({"all", "uplink"}),
    )


ONE, TWO = port("eth0", 2), port("eth1", 3, cost=5)


def with_routes(*routes: IPRoute, connected: bool = False) -> NetworkInstanceConfig:
    return replace(
        network("n", "10.1.0.0/24"), static_routes=routes, propagate_connected_routes=connected
    )


def test_without_a_default_route_any_port_may_carry_one_and_free_gateways_are_asked() -> None:
    plan = plan_routes(with_routes(), (ONE, TWO), SUBNET, "controller.test")
    (default,) = plan.wanted
    assert (default.destination, default.ports, default.ping_gateway) == (
        EVERYWHERE,
        (ONE, TWO),
        True,
    )
    assert default.probe == UserProbe(tcp=True, host="controller.test", port=443)


def test_a_static_route_goes_by_its_gateway_or_its_label() -> None:
    by_gateway = IPRoute(destination_network="172.16.0.0/12", gateway="192.0.3.7")
    by_label = IPRoute(destination_network="203.0.113.0/24", port="eth0")
    plan = plan_routes(with_routes(by_gateway, by_label), (ONE, TWO), SUBNET)
    found = {w.destination: (w.gateway, [p.ifname for p in w.ports]) for w in plan.wanted}
    assert found["172.16.0.0/12"] == ("192.0.3.7", ["eth1"])
    assert found["203.0.113.0/24"] == ("", ["eth0"])
    assert EVERYWHERE in found


def test_a_route_whose_gateway_is_an_app_stays_within_the_network() -> None:
    route = IPRoute(destination_network="172.16.0.0/12", gateway="10.1.0.5")
    plan = plan_routes(with_routes(route), (ONE,), SUBNET)
    assert plan.by_app == (("172.16.0.0/12", "10.1.0.5"),)


@pytest.mark.parametrize(
    ("route", "reason"),
    [
        (IPRoute(destination_network="x", port="eth0"), "no IPv4 network"),
        (IPRoute(destination_network="10.0.0.0/8", gateway="x"), "no IPv4 address"),
        (IPRoute(destination_network="10.0.0.0/8", port="nowhere"), "has the label 'nowhere'"),
        (IPRoute(destination_network="10.0.0.0/8", gateway="9.9.9.9"), "subnet of none"),
        (IPRoute(destination_network="10.0.0.0/8"), "neither a gateway nor a port"),
        (
            IPRoute(
                destination_network="10.0.0.0/8",
                port="eth0",
                probe=PortProbe(
                    custom_probe=ConnectivityProbe(
                        probe_method=ConnectivityProbeMethod.CONNECTIVITY_PROBE_METHOD_TCP,
                        probe_endpoint=ProbeEndpoint(host="a.test", port=0),
                    )
                ),
            ),
            "probe port 0",
        ),
    ],
)
def test_a_wrong_route_is_left_out_and_named(route: IPRoute, reason: str) -> None:
    plan = plan_routes(with_routes(route), (ONE,), SUBNET)
    (text,) = plan.wrong
    assert reason in text


def test_a_table_holds_what_is_near_and_leaves_other_networks_to_the_host() -> None:
    plan = plan_routes(with_routes(), (ONE, TWO), SUBNET)
    routes = routes_of(
        plan,
        {EVERYWHERE: "eth1"},
        bridge="bn1",
        subnet=SUBNET,
        ports=(ONE, TWO),
        others=[IPv4Network("10.2.0.0/24")],
    )
    assert routes == (
        Route("0.0.0.0/0", "192.0.3.1", "eth1"),
        Route("10.1.0.0/24", "", "bn1"),
        Route("10.2.0.0/24", "", ""),
        Route("192.0.2.0/24", "", "eth0"),
        Route("192.0.3.0/24", "", "eth1"),
    )


def test_apps_are_told_static_routes_always_and_connected_ones_when_asked() -> None:
    route = IPRoute(destination_network="172.16.0.0/12", gateway="192.0.2.7")
    by_app = IPRoute(destination_network="172.32.0.0/16", gateway="10.1.0.5")
    ni = with_routes(route, by_app, connected=True)
    plan = plan_routes(ni, (ONE,), SUBNET)
    told = told_routes(ni, plan, (ONE,), GATEWAY)
    assert told == (
        ("0.0.0.0/0", GATEWAY),
        ("172.16.0.0/12", GATEWAY),
        ("172.32.0.0/16", "10.1.0.5"),
        ("192.0.2.0/24", GATEWAY),
    )
    assert ("172.32.0.0/16", "10.1.0.5") not in own_routes(told, "10.1.0.5/24")
    plain = with_routes()
    assert told_routes(plain, plan_routes(plain, (ONE,), SUBNET), (ONE,), GATEWAY) == ()


def test_apps_get_no_default_route_where_ports_lead_to_networks_of_their_own() -> None:
    shared = replace(ONE, management=False, gateways=())
    ni = with_routes()
    plan = plan_routes(ni, (shared,), SUBNET)
    assert not has_default(plan, (shared,))
    assert told_routes(ni, plan, (shared,), GATEWAY) == (("169.254.169.254/32", GATEWAY),)
    static = with_routes(IPRoute(destination_network=EVERYWHERE, gateway="192.0.2.9"))
    assert has_default(plan_routes(static, (shared,), SUBNET), (shared,))


def test_replies_have_a_way_back_only_where_there_are_several_ports() -> None:
    assert ways_of(1, (ONE,)) == ()
    ways = ways_of(1, (TWO, ONE))
    assert [(w.ifname, w.gateway, w.table_id) for w in ways] == [
        ("eth0", "192.0.2.1", 8016),
        ("eth1", "192.0.3.1", 8017),
    ]
    assert ways[0].mark != ways[1].mark


# Probes and the choice


def told(*answers: bool, start: Standing | None = None, hasty: bool = False) -> Standing:
    standing = start or Standing()
    for answered in answers:
        standing = after(standing, answered=answered, hasty=hasty)
    return standing


def test_a_port_is_down_after_five_failures_and_up_after_four_successes() -> None:
    assert told(True).up is True
    down = told(True, *[False] * 4)
    assert down.up is True
    down = told(False, start=down)
    assert down.up is False
    up = told(*[True] * 3, start=down)
    assert up.up is False
    assert told(True, start=up).up is True


def test_a_failure_between_does_not_add_up() -> None:
    assert told(True, *[False, False, False, False, True] * 5).up is True


def test_after_a_long_stable_time_one_answer_of_a_gateway_is_enough() -> None:
    stable = told(*[True] * 45)
    assert told(False, start=stable, hasty=True).up is False
    assert told(False, start=stable).up is True


WANTED = Wanted(EVERYWHERE, "", (ONE, TWO), ping_gateway=True, ping_most_cost=9)


def probes_of(**up: bool | None) -> dict[str, Probes]:
    return {name: Probes(gateway=Standing(state)) for name, state in up.items()}


@pytest.mark.parametrize(
    ("up", "current", "prefer_cost", "chosen"),
    [
        ({"eth0": None, "eth1": None}, "", True, "eth0"),
        ({"eth0": None, "eth1": None}, "eth1", False, "eth1"),
        ({"eth0": False, "eth1": None}, "eth0", True, "eth1"),
        ({"eth0": True, "eth1": True}, "eth1", True, "eth0"),
        ({"eth0": True, "eth1": True}, "eth1", False, "eth1"),
        ({"eth0": False, "eth1": False}, "eth1", False, "eth1"),
    ],
)
def test_the_port_with_most_probes_up_is_taken_and_kept_on_ties(
    up: dict[str, bool | None],
    current: str,
    prefer_cost: bool,  # noqa: FBT001 - a column of the table
    chosen: str,
) -> None:
    wanted = replace(WANTED, prefer_cost=prefer_cost)
    probes = probes_of(**up)
    assert choose(wanted, lambda p: probes[p.ifname], current) == chosen


def test_the_stronger_signal_is_taken_when_asked_for() -> None:
    wanted = replace(WANTED, prefer_signal=True)
    signal = {"eth0": -90, "eth1": -60}
    assert choose(wanted, lambda _: Probes(), "eth0", signal) == "eth1"


def test_a_port_without_carrier_or_gateway_carries_nothing() -> None:
    wanted = replace(WANTED, ports=(replace(ONE, up=False), TWO))
    assert choose(wanted, lambda _: Probes(), "eth0") == "eth1"
    wanted = replace(WANTED, ports=(replace(ONE, gateways=()), TWO))
    assert choose(wanted, lambda _: Probes(), "eth0") == "eth1"


# What `ip` is told

ITEM = Routes(
    NetworkInstanceId("n"),
    "bn1",
    7001,
    (Route(EVERYWHERE, "192.0.2.1", "eth0"), Route("10.1.0.0/24", "", "bn1")),
    (),
)


def test_routes_are_there_before_the_rule_that_leads_to_them() -> None:
    assert lines_for(ITEM, None, (), ()) == [
        "route replace 0.0.0.0/0 via 192.0.2.1 dev eth0 table 7001",
        "route replace 10.1.0.0/24 dev bn1 table 7001",
        "route replace unreachable 0.0.0.0/0 table 7001 metric 4278198272",
        "rule add pref 7001 iif bn1 lookup 7001",
    ]


def test_only_what_differs_is_changed() -> None:
    rules = [SeenRule(7001, "bn1", 0, 7001)]
    routes = [
        SeenRoute(7001, EVERYWHERE, "192.0.3.1", "eth1", "unicast", 0),
        SeenRoute(7001, "10.1.0.0/24", "", "bn1", "unicast", 0),
        SeenRoute(7001, EVERYWHERE, "", "", "unreachable", 4278198272),
        SeenRoute(7001, "172.16.0.0/12", "192.0.3.1", "eth1", "unicast", 0),
        SeenRoute(7002, "172.16.0.0/12", "192.0.3.1", "eth1", "unicast", 0),
    ]
    assert lines_for(ITEM, None, rules, routes) == [
        "route replace 0.0.0.0/0 via 192.0.2.1 dev eth0 table 7001",
        "route del 172.16.0.0/12 via 192.0.3.1 dev eth1 table 7001",
    ]


def test_a_way_that_is_gone_takes_its_rule_along() -> None:
    way = Way("eth1", "192.0.3.1", ("192.0.3.10",), 0x45560010, 8016)
    before = replace(ITEM, ways=(way,))
    rule = SeenRule(6001, "bn1", 0x45560010, 8016)
    lines = lines_for(ITEM, before, [rule], [])
    assert "rule del pref 6001 iif bn1 fwmark 0x45560010 lookup 8016" in lines


def test_a_route_that_moved_is_known() -> None:
    other = replace(ITEM, routes=(Route(EVERYWHERE, "192.0.3.1", "eth1"), ITEM.routes[1]))
    assert moved(ITEM, other) == [other.routes[0]]
    assert moved(ITEM, ITEM) == []
