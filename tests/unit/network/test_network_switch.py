"""Switches: their ports and VLANs, and the rules of their apps on both kinds of kernel."""

from dataclasses import replace

import pytest
from support.network_node import ace, allocations, app, device, interface, network, port_map

from eaves.evapi.config import ACE, ACEAction, NetworkInstanceConfig, ZNetworkInstType
from eaves.evapi.config.netinst import SpanningTreeProtocol, VlanAccessPort
from eaves.node.host import links
from eaves.node.network.dhcp import leased_address
from eaves.node.network.intent import intent
from eaves.node.network.items import (
    Bridge,
    NetworkItem,
    NftBase,
    Switch,
    SwitchFirewall,
    SwitchPort,
    SwitchRules,
    Tracking,
    Vif,
)
from eaves.node.network.marks import log_group
from eaves.node.network.nftlang import program_text
from eaves.node.network.programs import programs
from eaves.node.network.refusals import Facts
from eaves.node.network.switches import UNSURE, port_vlans, switch_lines, without
from eaves.node.refs import AppInForce, Port
from eaves.reconcile.graph import graph_of

N1, N2 = "11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002"
BOTH = (Tracking.BRIDGE, Tracking.INET)


def port(name: str, **other: object) -> Port:
    made = Port(
        name,
        name,
        True,
        "02:00:00:00:00:01",
        1500,
        (),
        (),
        (),
        False,
        0,
        frozenset({"all", "shared"}),
        managed=True,
    )
    return replace(made, **other)  # type: ignore[arg-type]  # columns of a table of cases


def switch(ni: str = N1, label: str = "shared") -> NetworkInstanceConfig:
    return network(ni, port=label, kind=ZNetworkInstType.ZnetInstSwitch)


def decide(
    networks: list[NetworkInstanceConfig],
    apps: tuple[AppInForce, ...] = (),
    ports: tuple[Port, ...] = (port("eth1"),),
    tracking: Tracking = Tracking.INET,
) -> tuple[tuple[NetworkItem, ...], dict[str, str]]:
    config = device(networks, apps)
    items, refusals = intent(
        config,
        apps,
        allocations(config, apps),
        ports,
        containers={a.app for a in apps},
        table="eaves-test",
        facts=Facts(tracking),
    )
    return items, dict(refusals)


def the_switch(items: tuple[NetworkItem, ...]) -> Switch:
    (found,) = [item for item in items if isinstance(item, Switch)]
    return found


def rules_text(items: tuple[NetworkItem, ...], *kinds: type[NetworkItem]) -> str:
    found = [p for item in items if isinstance(item, kinds) for p in programs(item)]
    return "\n".join(program_text(program) for program in found)


def test_an_app_on_a_switch_needs_nothing_of_a_local_network() -> None:
    items, refusals = decide([switch()], (app(1, "a", interface(N1, ace(1))),))
    assert refusals == {}
    graph = graph_of(items)
    assert all(need in graph for item in items for need in item.needs())
    assert not [item for item in items if isinstance(item, Bridge)]
    (vif,) = [item for item in items if isinstance(item, Vif)]
    assert (vif.bridge, vif.address, vif.gateway) == ("bn1", "", "")
    assert vif.mac.startswith("02:16:3e:")


@pytest.mark.parametrize(
    ("ports", "reason"),
    [
        ((port("eth1", managed=False),), "belongs to the host; hand it over"),
        ((port("eth1", wireless=True),), "wireless"),
        ((port("eth1", addresses=("192.0.2.10/24",)),), "has the address 192.0.2.10/24"),
        (
            (port("eth1"), port("eth2", management=True)),
            "leads to the controller",
        ),
    ],
)
def test_a_port_that_cannot_be_part_of_a_switch_is_left_out_and_named(
    ports: tuple[Port, ...], reason: str
) -> None:
    items, refusals = decide([switch()], ports=ports)
    assert reason in refusals[N1]
    assert ports[-1].ifname not in {p.ifname for p in the_switch(items).ports}


def test_a_port_is_part_of_one_switch_and_of_no_local_network() -> None:
    items, refusals = decide([switch(N1), switch(N2)])
    assert "it belongs to the switch" in refusals[N2]
    assert [len(i.ports) for i in items if isinstance(i, Switch)] == [1, 0]
    _, refusals = decide([switch(N1), network(N2, "10.1.0.0/24", port="shared")])
    assert "no port has the label 'shared'" in refusals[N2]


def test_a_kernel_that_follows_nothing_in_a_bridge_makes_no_switch() -> None:
    apps = (app(1, "a", interface(N1, ace(1))),)
    items, refusals = decide([switch()], apps, tracking=Tracking.NONE)
    assert "load nf_conntrack_bridge or br_netfilter" in refusals[N1]
    assert refusals[apps[0].app].endswith(refusals[N1])
    assert not [i for i in items if isinstance(i, Switch | Vif)]


def test_a_switch_without_a_label_is_air_gapped() -> None:
    items, refusals = decide([switch(label="")])
    assert (the_switch(items).ports, refusals) == ((), {})


def test_trunks_carry_exactly_the_vlans_that_have_an_access_port() -> None:
    ni = replace(
        switch(),
        vlan_access_ports=(VlanAccessPort(vlan_id=10, access_port="eth1"),),
        stp=SpanningTreeProtocol(ports_with_bpdu_guard="eth2"),
    )
    on_twenty = replace(interface(N1), access_vlan_id=20)
    apps = (app(1, "a", on_twenty), app(2, "b", interface(N1)))
    items, refusals = decide([ni], apps, (port("eth1"), port("eth2")))
    made = the_switch(items)
    assert refusals == {}
    assert made.ports == (SwitchPort("eth1", 10), SwitchPort("eth2", 0, bpdu_guard=True))
    assert (made.vlans, made.stp) == ((10, 20), True)
    vifs = {v.app[-1]: (v.vlan, v.vlans) for v in items if isinstance(v, Vif)}
    assert vifs == {"1": (20, ()), "2": (0, (10, 20))}
    assert port_vlans(made, made.ports[0])[1:] == ["vlan add dev eth1 vid 10 pvid untagged"]
    assert port_vlans(made, made.ports[1])[1:] == [
        "vlan add dev eth2 vid 10",
        "vlan add dev eth2 vid 20",
    ]
    assert "vlan_filtering 1 vlan_default_pvid 0" in switch_lines(made, aware=False)[0]


def test_without_vlans_the_kernel_is_not_asked_for_them() -> None:
    made = the_switch(decide([switch()])[0])
    assert "vlan" not in " ".join(switch_lines(made, aware=False))
    assert port_vlans(made, made.ports[0]) == []


@pytest.mark.parametrize("vlan", [4095, 65536])
def test_a_vlan_that_is_none_is_refused(vlan: int) -> None:
    ni = replace(switch(), vlan_access_ports=(VlanAccessPort(vlan_id=vlan, access_port="eth1"),))
    apps = (app(1, "a", replace(interface(N1), access_vlan_id=vlan)),)
    _, refusals = decide([ni], apps)
    assert f"access VLAN {vlan} is outside 1 to 4094" in refusals[N1]
    assert f"access VLAN {vlan} is outside 1 to 4094" in refusals[apps[0].app]


def test_a_switch_is_whole_without_a_port_that_was_refused_and_not_as_intended() -> None:
    made = the_switch(decide([switch()], ports=(port("eth1"), port("eth2"), port("eth3")))[0])

    def link(index: int, name: str, master: int) -> links.Link:
        idle = links.Traffic()
        return links.Link(index, name, "", master, "", 1500, up=True, carrier=True, traffic=idle)

    there = (link(1, made.name, 0), link(2, "eth1", 1), link(3, "eth2", 1), link(4, "eth3", 9))
    seen = links.Interfaces({one.name: one for one in there}, {}, {})
    left = without(made, {"eth2": "no", "eth3": "no"}, seen)
    # What is plugged in all the same has to be taken out one day.
    assert left.ports == (SwitchPort("eth1"), SwitchPort("eth2", UNSURE))
    assert (left.whole, left.replaces(made)) == (True, False)


# Rules

ACES = (
    ace(1, ACEAction(drop=True), ip="203.0.113.0/24"),
    ace(2, protocol="tcp", fport="443"),
    ace(3, ip="2001:db8::/32"),
    ace(4, ip="::/0", protocol="udp"),
)


def rules_of(tracking: Tracking, *aces: ACE) -> str:
    items, refusals = decide([switch()], (app(1, "a", interface(N1, *aces)),), tracking=tracking)
    assert refusals == {}
    return rules_text(items, SwitchFirewall, SwitchRules)


@pytest.mark.parametrize("tracking", BOTH)
def test_a_list_reads_the_same_in_both_families(tracking: Tracking) -> None:
    assert """\
chain tx-nbu0x1
  udp dport { 67, 68 } accept
  udp dport 53 accept
  tcp dport 53 accept
  meta l4proto 58 accept
  udp dport { 546, 547 } accept
  ct state established, related accept
""" in rules_of(tracking, *ACES)
    text = rules_of(tracking, *ACES)
    for line in (
        '  ip daddr 203.0.113.0/24 counter name "tx-nbu0x1/ace-1" drop',
        '  tcp dport 443 counter name "tx-nbu0x1/ace-2" accept',
        '  tcp sport 443 counter name "rx-nbu0x1/ace-2" accept',
        '  ip6 saddr 2001:db8::/32 counter name "rx-nbu0x1/ace-3" accept',
        '  meta protocol ip6 meta l4proto udp counter name "tx-nbu0x1/ace-4" accept',
        '  counter name "rx-nbu0x1/default" drop',
    ):
        assert line in text.splitlines()


def test_where_frames_pass_the_rules_of_routed_packets_the_vif_is_their_mark() -> None:
    text = rules_of(Tracking.INET, *ACES)
    assert "table inet eaves-test" in text
    for version in ("ip", "ip6"):
        assert f"  meta protocol {version} meta mark set 0x45570080 return\n" in text
    assert f"@sw-tx-of {0x45570080} : goto tx-nbu0x1" in text
    assert f"@sw-rx-of {0x45570081} : goto rx-nbu0x1" in text
    assert "@sw-zone-of bn1 : jump sw-zone-bn1" in text
    assert "@sw-out-of eth1 : jump sw-port-bn1" in text


def test_where_bridges_follow_connections_the_lists_stand_in_the_bridge_family() -> None:
    text = rules_of(Tracking.BRIDGE, *ACES)
    assert "table inet" not in text
    assert "@sw-tx-of nbu0x1 : goto tx-nbu0x1" in text
    assert "@sw-zone-of eth1 : jump sw-zone-bn1" in text


@pytest.mark.parametrize("tracking", BOTH)
def test_other_frames_pass_only_where_everything_does(tracking: Tracking) -> None:
    assert 'counter name "sw-tx-nbu0x1/other-frame" drop' in rules_of(tracking, *ACES)
    assert "other-frame" not in rules_of(tracking, ace(9))
    assert "other-frame" in rules_of(tracking, ace(1, ACEAction(drop=True)), ace(9))


@pytest.mark.parametrize("tracking", BOTH)
def test_addresses_are_learned_from_arp_neighbour_discovery_and_leases(tracking: Tracking) -> None:
    text = rules_of(tracking, ace(1))
    log = f'log prefix "learn" group {log_group("eaves-test")} snaplen'
    log = f"limit rate 5/second burst 20 packets {log}"
    assert f"  meta protocol arp {log} 64\n" in text
    servers = "udp sport { 67, 547 } udp dport { 68, 546 }"
    assert f"chain rx-nbu0x1\n  {servers} {log} 1024\n" in text
    own = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }"
    others = "ip6 daddr ff02::1 icmpv6 type nd-neighbor-advert"
    for way, told in (("tx", own), ("rx", others)):
        chain = text[text.index(f"chain sw-{way}-nbu0x1\n") :].splitlines()
        assert chain[2] == f"  meta protocol ip6 meta l4proto 58 {told} {log} 64"


@pytest.mark.parametrize("tracking", BOTH)
def test_limits_count_each_packet_and_entries_above_them_go_free(tracking: Tracking) -> None:
    limit = ACEAction(limit=True, limitrate=10, limitunit="s", limitburst=5)
    text = rules_of(tracking, ace(1, ip="192.0.2.1"), ace(2, limit, protocol="udp", fport="99"))
    assert (
        """\
chain tx-limit-nbu0x1
  ip daddr 192.0.2.1 return
  udp dport 99 limit rate over 10/second burst 5 packets counter name\
 "tx-limit-nbu0x1/limit-2" drop
  udp dport 99 return
"""
        in text
    )
    assert "jump tx-limit-nbu0x1" in text


def test_names_other_apps_and_port_maps_are_refused() -> None:
    aces = (ace(1, host="a.test"), ace(2, eidset=""), port_map(3, 8080, 80), ace(4))
    apps = (app(1, "a", interface(N1, *aces)),)
    items, refusals = decide([switch()], apps)
    for number in (1, 2, 3):
        assert f"ACE {number} ignored: host, eidset and port maps" in refusals[apps[0].app]
    (firewall,) = [i for i in items if isinstance(i, SwitchFirewall)]
    assert [a.number for a in firewall.aces] == [4]


def test_the_base_knows_of_switches_only_where_there_is_one() -> None:
    without = rules_text(decide([network(N1)])[0], NftBase)
    assert "sw-" not in without
    with_one = rules_text(decide([switch()], tracking=Tracking.BRIDGE)[0], NftBase)
    assert "chain sw-received filter forward -150" in with_one


@pytest.mark.parametrize(
    ("event", "values", "address"),
    [
        ("bound", {"ip": "198.51.100.7"}, "198.51.100.7"),
        ("renew", {"ip": "198.51.100.7"}, "198.51.100.7"),
        ("deconfig", {"ip": "198.51.100.7"}, ""),
        ("bound", {"ip": "198.51.100.7; reboot"}, ""),
        ("bound", {}, ""),
    ],
)
def test_an_address_counts_only_while_it_is_leased(
    event: str, values: dict[str, str], address: str
) -> None:
    assert leased_address(event, values) == address
