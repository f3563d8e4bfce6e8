"""Configuration in, items and refusals out."""

from dataclasses import replace
from pathlib import Path
from typing import TypeVar, cast

import msgspec
import pytest
from support.network_node import ace, allocations, app, device, interface, network, port_map

from eaves.errors import Rejected
from eaves.evapi.config import ACE, ACEAction, NetworkInstanceConfig, ZNetworkInstType
from eaves.evapi.evecommon import IpRange, Ipspec
from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node.network.acl import resolve
from eaves.node.network.addresses import (
    BadSubnet,
    addressing,
    automatic_subnet,
    bridge_mac,
    dns_name,
    ipv4_networks,
    is_unicast_mac,
    vif_mac,
)
from eaves.node.network.dhcp import conf_text, parse_leases
from eaves.node.network.intent import intent
from eaves.node.network.items import (
    TYPES,
    Action,
    AppFirewall,
    Bridge,
    DhcpDns,
    Nat,
    NetworkItem,
    Vif,
    VifKind,
)
from eaves.node.refs import Allocations, AppInForce, Port
from eaves.reconcile.graph import graph_of, needs_first

N1, N2 = "11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002"
PORT = Port(
    "eth0",
    "eth0",
    True,
    "02:00:00:00:00:01",
    1500,
    ("192.0.2.10/24",),
    ("192.0.2.1",),
    ("192.0.2.53",),
    True,
    0,
    frozenset({"all", "uplink", "freeuplink"}),
)


def ip_range(start: str, end: str) -> IpRange:
    return IpRange(start=start, end=end)


SWITCHED = {"switch", "switch-rules", "switch-firewall"}


def decide(
    networks: list[NetworkInstanceConfig],
    apps: list[AppInForce] | None = None,
    *,
    ports: tuple[Port, ...] = (PORT,),
    numbers: Allocations | None = None,
) -> tuple[tuple[NetworkItem, ...], dict[str, str]]:
    apps = apps or []
    config = device(networks, apps)
    items, refusals = intent(
        config,
        tuple(apps),
        numbers or allocations(config, apps),
        ports,
        containers={a.app for a in apps},
        table="eaves-test",
    )
    return items, dict(refusals)


T = TypeVar("T")


def only(items: tuple[NetworkItem, ...], kind: type[T]) -> T:
    (found,) = [i for i in items if isinstance(i, kind)]
    return found


def test_every_item_can_be_written_down_and_read_back() -> None:
    apps = [app(1, "a", interface(N1, port_map(1, 8080, 80), ace(2, host="example.test")))]
    items, refusals = decide([network(N1, "10.1.0.0/24", dns=[("db", "10.1.0.9")])], apps)
    assert refusals == {}
    assert {i.ref.kind for i in items} == set(TYPES) - SWITCHED
    for item in items:
        assert msgspec.json.decode(msgspec.json.encode(item), type=type(item)) == item


def test_no_app_is_connected_before_its_firewall_lease_and_bridge() -> None:
    items, _ = decide([network(N1)], [app(1, "a", interface(N1))])
    graph = graph_of(items)
    assert all(need in graph for item in items for need in item.needs())
    order = [ref.kind for ref in needs_first(graph)]
    assert order.index("vif") > max(order.index(k) for k in ("firewall", "dhcp-host", "bridge"))


def test_a_firewall_knows_which_entries_another_interface_of_its_app_has_too() -> None:
    one = app(1, "a", interface(N1, ace(5), ace(6)), interface(N2, ace(6), ace(7)))
    other = app(2, "b", interface(N1, ace(5)))
    items, refusals = decide([network(N1), network(N2)], [one, other])
    assert refusals == {}
    found = [i.elsewhere for i in items if isinstance(i, AppFirewall)]
    assert sorted(found) == [(), (6,), (6,)]


def test_addresses_follow_from_the_subnet_and_the_numbers() -> None:
    apps = [app(1, "a", interface(N1)), app(2, "b", interface(N1, addr="10.1.0.5"))]
    ni = network(N1, "10.1.0.0/24")
    ranged = replace(
        ni, ip=Ipspec(subnet="10.1.0.0/24", dhcp_range=ip_range("10.1.0.100", "10.1.0.200"))
    )
    items, refusals = decide([ranged], apps)
    assert refusals == {}
    assert only(items, Bridge).address == "10.1.0.1/24"
    vifs = {v.app[-1]: v for v in items if isinstance(v, Vif)}
    assert (vifs["1"].address, vifs["2"].address) == ("10.1.0.100/24", "10.1.0.5/24")
    assert vifs["1"].gateway == "10.1.0.1"


def test_macs_are_fixed_for_all_releases() -> None:
    app_id, ni = AppInstanceId("app"), NetworkInstanceId("ni")
    assert vif_mac(app_id, ni, 0) == "02:7b:28:ca:30:63"
    assert bridge_mac("node", ni) == "02:37:12:fd:a6:19"
    assert is_unicast_mac(vif_mac(app_id, ni, 1))
    assert not is_unicast_mac("01:00:5e:00:00:01")


@pytest.mark.parametrize(
    ("display_name", "label"),
    [("Web Shop", "web-shop"), ("a_b.c", "a-b-c"), ("--", ""), ("ü1", "1"), ("x" * 70, "x" * 63)],
)
def test_a_display_name_becomes_a_label(display_name: str, label: str) -> None:
    assert dns_name(display_name) == label


def test_an_automatic_subnet_avoids_what_is_taken() -> None:
    assert str(automatic_subnet(3, ())) == "10.3.0.0/24"
    assert str(automatic_subnet(3, ipv4_networks(("10.0.0.1/8",)))) == "172.27.3.0/24"


@pytest.mark.parametrize(
    ("ip", "reason"),
    [
        (Ipspec(subnet="10.1.0.0/33"), "no IPv4 subnet"),
        (Ipspec(subnet="10.1.0.0/31"), "no room"),
        (Ipspec(subnet="10.1.0.0/24", gateway="10.2.0.1"), "no host address of subnet"),
        (Ipspec(subnet="10.1.0.0/24", gateway="x"), "no IPv4 address"),
        (Ipspec(subnet="10.1.0.0/24", dhcp_range=ip_range("10.1.0.9", "10.1.0.3")), "ends at"),
        (
            Ipspec(
                subnet="10.1.0.0/24",
                gateway="10.1.0.5",
                dhcp_range=ip_range("10.1.0.2", "10.1.0.9"),
            ),
            "inside the DHCP range",
        ),
    ],
)
def test_an_impossible_subnet_is_refused_with_the_reason(ip: Ipspec, reason: str) -> None:
    with pytest.raises(BadSubnet, match=reason):
        addressing(ip, None)


def test_overlaps_name_the_other_side_and_the_older_stays() -> None:
    items, refusals = decide(
        [network(N1, "10.1.0.0/24"), network(N2, "10.1.0.128/25")],
        numbers=Allocations({NetworkInstanceId(N1): 2, NetworkInstanceId(N2): 1}),
    )
    assert [b.network_instance for b in items if isinstance(b, Bridge)] == [N2]
    assert f"overlaps that of network instance {N2}" in refusals[N1]
    _, refusals = decide([network(N1, "192.0.2.128/25")])
    assert "overlaps that of port eth0 (eth0)" in refusals[N1]


def test_an_app_of_a_refused_network_hears_why_and_the_others_go_on() -> None:
    switch = replace(network(N1), inst_type=ZNetworkInstType.ZnetInstMesh)
    apps = [app(1, "a", interface(N1)), app(2, "b", interface(N2)), app(3, "c", interface("gone"))]
    items, refusals = decide([switch, network(N2)], apps)
    assert "not supported" in refusals[N1]
    assert refusals[apps[0].app].endswith(refusals[N1])
    assert "not part of the configuration" in refusals[apps[2].app]
    assert [v.app for v in items if isinstance(v, Vif)] == [apps[1].app]


@pytest.mark.parametrize(
    ("addr", "reason"),
    [
        ("10.9.0.4", "no host address of subnet 10.1.0.0/24"),
        ("10.1.0.1", "is the gateway's"),
        ("10.1.0.7", "lies inside the DHCP range"),
    ],
)
def test_a_bad_static_address_is_refused(addr: str, reason: str) -> None:
    apps = [app(1, "a", interface(N1, addr=addr))]
    items, refusals = decide([network(N1, "10.1.0.0/24")], apps)
    assert reason in refusals[apps[0].app]
    assert not [v for v in items if isinstance(v, Vif)]


def test_a_used_up_range_and_a_doubled_mac_are_refused() -> None:
    apps = [app(n, f"a{n}", interface(N1)) for n in (1, 2)]
    tiny = replace(
        network(N1), ip=Ipspec(subnet="10.1.0.0/24", dhcp_range=ip_range("10.1.0.2", "10.1.0.2"))
    )
    _, refusals = decide([tiny], apps)
    assert "is used up" in refusals[apps[1].app]
    twins = [app(n, f"a{n}", interface(N1, mac="02:00:00:00:00:07")) for n in (1, 2)]
    _, refusals = decide([network(N1)], twins)
    assert "is used by app a1 interface 0" in refusals[twins[1].app]


def test_a_taken_outside_port_names_its_holder() -> None:
    apps = [
        app(2, "second", interface(N2, port_map(1, 8080, 81))),
        app(1, "first", interface(N1, port_map(1, 8080, 80))),
    ]
    items, refusals = decide([network(N1), network(N2)], apps)
    assert "tcp/8080 on eth0 is mapped to app first" in refusals[apps[0].app]
    assert apps[1].app not in refusals
    assert len([v for v in items if isinstance(v, Vif)]) == 1


def test_ports_are_found_by_label_and_none_means_air_gapped() -> None:
    for label in ("eth0", "uplink", "all"):
        items, refusals = decide([network(N1, port=label)])
        assert (only(items, Nat).ports, refusals) == (("eth0",), {})
    items, refusals = decide([network(N1, port="")])
    assert (only(items, Nat).ports, only(items, DhcpDns).upstreams, refusals) == ((), (), {})
    items, refusals = decide([network(N1, port="nowhere")])
    assert "no port has the label 'nowhere'" in refusals[N1]
    assert only(items, Nat).ports == ()


def test_the_mtu_is_that_of_the_lowest_port() -> None:
    low = replace(PORT, mtu=1400)
    assert only(decide([network(N1)], ports=(low,))[0], Bridge).mtu == 1400
    items, refusals = decide([replace(network(N1), mtu=9000)], ports=(low,))
    assert (only(items, Bridge).mtu, "MTU 9000 is above" in refusals[N1]) == (1400, True)
    assert "outside 1280" in decide([replace(network(N1), mtu=600)])[1][N1]


def test_a_virtual_machine_gets_a_tap_and_a_stopped_app_nothing() -> None:
    apps = [app(1, "vm", interface(N1)), app(2, "off", interface(N1), activate=False)]
    config = device([network(N1)], apps)
    numbers = allocations(config, apps)
    items, _ = intent(config, tuple(apps), numbers, (PORT,), containers=set(), table="t")
    vif = only(items, Vif)
    assert (vif.kind, vif.netns, vif.name) == (VifKind.TAP, "", "nbu0x1")
    assert len(numbers.vif_numbers) == 2


def test_upstream_servers_are_asked_through_their_port() -> None:
    assert only(decide([network(N1)])[0], DhcpDns).upstreams == ("192.0.2.53@eth0",)
    given = network(N1, servers=["9.9.9.9"])
    assert only(decide([given])[0], DhcpDns).upstreams == ("9.9.9.9",)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (ace(1, ACEAction(drop=True), ACEAction(limit=True)), "more than one action"),
        (ace(1, ACEAction(drop=True, portmap=True)), "together"),
        (ace(1, lport="80"), "a port needs protocol"),
        (ace(1, protocol="tcp", fport="70000"), "no port"),
        (ace(1, ip="10.0.0.300"), "no address or prefix"),
        (ace(1, eidset="", host="a.test"), "excludes"),
        (ace(1, adapter="uplink"), "for port maps only"),
        (ace(1, ACEAction(portmap=True, app_port=80)), "needs protocol"),
        (ace(1, ACEAction(portmap=True), protocol="tcp", lport="80"), "appPort"),
        (port_map(1, 80, 80, adapter="nowhere"), "matches no port"),
        (ace(1, ACEAction(limit=True, limitunit="s")), "is no rate"),
        (ace(1, colour="red"), "unknown match colour"),
        (ace(1, protocol="quic"), "unknown protocol"),
        (ace(1, protocol="9" * 5000), "unknown protocol"),
        (ace(1, protocol="tcp", lport="9" * 5000), "no port"),
        (ace(1, protocol="tcp", lport="²"), "no port"),
        (ace(1, ip="fe80::1%x\ny/64"), "no address or prefix"),
        (ace(1, host="a" * 64 + ".test"), "no domain name"),
        (ace(1, host="a.test/4#inet#other"), "no domain name"),
        (ace(1, host="a.test\nuser=root"), "no domain name"),
        (ace(1, host="bücher.test"), "xn--"),
        (ace(1, host="."), "no domain name"),
    ],
)
def test_a_wrong_entry_is_left_out_and_named(entry: ACE, reason: str) -> None:
    kept, wrong = resolve([entry, ace(2, protocol="6")], [PORT])
    restricts = any(a.drop or a.limit for a in entry.actions)
    assert [(a.number, a.protocol) for a in kept] == ([] if restricts else [(2, "tcp")])
    (text,) = wrong
    assert text.startswith("ACE 1 is wrong" if restricts else "ACE 1 ignored")
    assert reason in text


def test_entries_are_resolved() -> None:
    host, mapped = ace(1, host="10.0.0.1"), port_map(2, 8080, 80, adapter="uplink")
    kept, wrong = resolve([host, mapped, port_map(3, 8080, 81)], [PORT])
    assert (kept[0].prefix, kept[0].host) == ("10.0.0.1/32", "")
    assert (kept[1].action, kept[1].addresses) == (Action.PORTMAP, ("192.0.2.10",))
    assert "mapped by ACE 2 already" in wrong[0]


def test_port_maps_do_not_reach_an_air_gapped_network() -> None:
    apps = [app(1, "a", interface(N1, port_map(1, 80, 80)))]
    items, refusals = decide([network(N1, port="")], apps)
    assert "air-gapped" in refusals[apps[0].app]
    assert only(items, AppFirewall).aces == ()


def test_dnsmasq_is_told_the_range_the_names_and_the_sets() -> None:
    apps = [app(1, "a", interface(N1, ace(1, host="example.test")))]
    items, _ = decide([network(N1, "10.1.0.0/24", dns=[("db", "10.1.0.9")])], apps)
    lines = conf_text(only(items, DhcpDns), Path("/run/x"), "nobody").splitlines()
    assert "dhcp-range=10.1.0.2,static,255.255.255.0,3600" in lines
    assert "host-record=db,10.1.0.9" in lines
    assert "server=192.0.2.53@eth0" in lines
    assert any(line.startswith("nftset=/example.test/4#inet#eaves-test#dns-bn1-") for line in lines)


def test_bad_names_and_servers_are_left_out_and_named() -> None:
    injected = "h,10.9.9.9\ndhcp-script=/x\nhost-record=h2"
    dns = [
        (injected, "10.1.0.9"),
        ("a" * 64, "10.1.0.9"),
        ("10.9.9.9", "10.1.0.9"),
        ("db", "not-an-ip"),
        ("db", "fe80::1%x\nserver=9.9.9.9"),
        ("DB.", "10.1.0.8"),
    ]
    ni = network(N1, "10.1.0.0/24", dns=dns, servers=["9.9.9.9\nuser=root", "2001:db8::53"])
    spec = replace(
        cast("Ipspec", ni.ip),
        domain="x\nlog-facility=/x",
        ntp="time.example.org",
        more_ntp=("192.0.2.1", "2001:db8::1"),
    )
    items, refusals = decide([replace(ni, ip=spec)])
    told = only(items, DhcpDns)
    assert (told.domain, told.entries) == ("", (("db", "10.1.0.8"),))
    assert (told.ntp, told.upstreams) == (("192.0.2.1",), ("2001:db8::53",))
    assert only(items, Nat).static_eids == ("10.1.0.8",)
    for part in (
        "domain 'x\\nlog-facility",
        "DNS entry 'h,10.9.9.9\\ndhcp-script",
        "DNS entry 'aaa",
        "DNS entry '10.9.9.9'",
        "address 'not-an-ip' of DNS entry db",
        "address 'fe80::1%x\\n",
        "NTP server 'time.example.org' ignored",
        "NTP server '2001:db8::1' ignored",
        "DNS server '9.9.9.9\\nuser=root' ignored",
    ):
        assert part in refusals[N1]


def test_servers_of_a_port_are_checked_too() -> None:
    port = replace(PORT, dns_servers=("192.0.2.53\nuser=root", "fe80::1%eth0", "192.0.2.54"))
    items, refusals = decide([network(N1)], ports=(port,))
    assert only(items, DhcpDns).upstreams == ("fe80::1%eth0@eth0", "192.0.2.54@eth0")
    assert "DNS server '192.0.2.53\\nuser=root' ignored" in refusals[N1]


@pytest.mark.parametrize("text", ["x\nuser=root", "x\r", "a" * 2000])
def test_no_line_of_another_comes_into_the_file_of_dnsmasq(text: str) -> None:
    told = only(decide([network(N1)])[0], DhcpDns)
    for bad in (
        replace(told, domain=text),
        replace(told, entries=((text, "10.1.0.9"),)),
        replace(told, ntp=(text,)),
        replace(told, upstreams=(text,)),
        replace(told, hosts=(text,)),
    ):
        with pytest.raises(Rejected, match="dnsmasq for bn1"):
            conf_text(bad, Path("/run/x"), "nobody")


def test_more_ntp_servers_than_a_line_holds_are_left_out() -> None:
    ni = network(N1)
    many = tuple(f"192.0.2.{n}" for n in range(100))
    items, refusals = decide([replace(ni, ip=replace(cast("Ipspec", ni.ip), more_ntp=many))])
    assert only(items, DhcpDns).ntp == many[:32]
    assert "68 NTP servers ignored" in refusals[N1]


def test_leases_that_ran_out_do_not_count() -> None:
    text = "2000 02:00:00:00:00:AA 10.1.0.2 * *\n900 02:00:00:00:00:bb 10.1.0.3 * *\nduid x\n"
    assert parse_leases(text, 1000.0) == {"02:00:00:00:00:aa": "10.1.0.2"}
