"""The rules of a firewall, as a person reads them; and the same as nft takes them."""

from dataclasses import replace

import pytest

from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node.host.nft import parse_table
from eaves.node.network.items import Ace, Action, AppFirewall, Nat, NftBase, Way
from eaves.node.network.marks import MOST_ENTRY, entry_of, log_group
from eaves.node.network.nftlang import comments, dynamic_sets, load_commands, program_text
from eaves.node.network.rules import base_programs, firewall_programs, host_set, nat_programs
from eaves.node.network.transactions import (
    assumed,
    changes,
    removal,
    stale,
    without_conflicts,
)


def firewall(*aces: Ace) -> AppFirewall:
    return AppFirewall(
        AppInstanceId("app"),
        0,
        NetworkInstanceId("ni"),
        "eaves-test",
        "bn1",
        "nbu0x1",
        "02:00:00:00:00:02",
        "10.1.0.2",
        aces,
        ("bn1", "bn2"),
        app_number=1,
    )


PORT_MAP = Ace(
    1,
    Action.PORTMAP,
    protocol="tcp",
    lport=8080,
    app_port=80,
    ports=("eth0",),
    addresses=("192.0.2.10",),
)


def test_a_firewall_reads_as_its_list() -> None:
    listed = firewall(
        PORT_MAP,
        Ace(2, Action.DROP, prefix="203.0.113.0/24"),
        Ace(3, host="example.test", protocol="tcp", fport=443),
        Ace(4, eidset=True),
        Ace(5, protocol="udp", lport=514),
        Ace(6, prefix="2001:db8::/32"),
        Ace(7, protocol="icmp"),
    )
    inet, guard = firewall_programs(listed)
    assert (
        program_text(inet)
        == """\
table inet eaves-test
chain tx-nbu0x1
  ip daddr 203.0.113.0/24 counter name "tx-nbu0x1/ace-2" drop
  ip daddr @dns-bn1-9b263fbcb5 tcp dport 443 update @dns-bn1-9b263fbcb5 { ip daddr }\
 ct mark set 0x1400003 counter name "tx-nbu0x1/ace-3" accept
  ip daddr @eids-bn1 ct mark set 0x1400004 counter name "tx-nbu0x1/ace-4" accept
  udp sport 514 ct mark set 0x1400005 counter name "tx-nbu0x1/ace-5" accept
  meta l4proto icmp ct mark set 0x1400007 counter name "tx-nbu0x1/ace-7" accept
  counter name "tx-nbu0x1/default" drop
chain rx-nbu0x1
  ct status dnat tcp dport 80 ct original proto-dst 8080 ct mark 0 ct mark set 0x1c00001
  ct status dnat tcp dport 80 ct original proto-dst 8080 counter name "rx-nbu0x1/ace-1" accept
  ip saddr 203.0.113.0/24 counter name "rx-nbu0x1/ace-2" drop
  ip saddr @dns-bn1-9b263fbcb5 tcp sport 443 ct mark 0 ct mark set 0x1c00003
  ip saddr @dns-bn1-9b263fbcb5 tcp sport 443 counter name "rx-nbu0x1/ace-3" accept
  ip saddr @eids-bn1 ct mark 0 ct mark set 0x1c00004
  ip saddr @eids-bn1 counter name "rx-nbu0x1/ace-4" accept
  udp dport 514 ct mark 0 ct mark set 0x1c00005
  udp dport 514 counter name "rx-nbu0x1/ace-5" accept
  meta l4proto icmp ct mark 0 ct mark set 0x1c00007
  meta l4proto icmp counter name "rx-nbu0x1/ace-7" accept
  counter name "rx-nbu0x1/default" drop
chain pm-nbu0x1-tcp8080
  meta l4proto tcp dnat ip to 10.1.0.2:80
@tx-of bn1 . 10.1.0.2 : goto tx-nbu0x1
@rx-of bn1 . 10.1.0.2 : goto rx-nbu0x1
@eids-bn1 10.1.0.2
@portmap-of eth0 . 192.0.2.10 . tcp . 8080 : goto pm-nbu0x1-tcp8080
@portmap-of bn1 . 192.0.2.10 . tcp . 8080 : goto pm-nbu0x1-tcp8080
@portmap-of bn2 . 192.0.2.10 . tcp . 8080 : goto pm-nbu0x1-tcp8080"""
    )
    assert (
        program_text(guard)
        == """\
table bridge eaves-test
chain guard-nbu0x1
  ether saddr != 02:00:00:00:00:02 counter name "guard-nbu0x1/foreign-mac" drop
  arp saddr ip { 0.0.0.0, 10.1.0.2 } accept
  ip saddr 0.0.0.0 udp dport 67 accept
  counter name "guard-nbu0x1/foreign-address" drop
@guard-of nbu0x1 : goto guard-nbu0x1
@guarded nbu0x1 . 02:00:00:00:00:02 . 10.1.0.2"""
    )


def test_an_empty_list_is_nothing_but_the_drop() -> None:
    inet, _ = firewall_programs(firewall())
    assert [len(chain.rules) for chain in inet.chains] == [1, 1]


def test_a_long_list_finds_what_it_let_through_by_the_mark() -> None:
    """The entry counts on, also where nobody replies; one mark for two entries tells neither."""
    aces = [Ace(n, protocol="udp", fport=5000 + n) for n in range(1, 17)]
    inet, _ = firewall_programs(firewall(*aces, Ace(17, Action.DROP, prefix="192.0.2.0/24")))
    text = program_text(inet)
    assert 'chain decided-tx-nbu0x1-16\n  counter name "tx-nbu0x1/ace-16" accept' in text
    assert f"@known-tx {0x1400010} : goto decided-tx-nbu0x1-16" in text
    assert f"@known-rx {0x1C00001} : goto decided-rx-nbu0x1-1" in text
    assert "decided-tx-nbu0x1-17" not in text
    short, _ = firewall_programs(firewall(*aces[1:]))
    assert "decided" not in program_text(short)
    same_mark = Ace(MOST_ENTRY + 1, protocol="udp", fport=1)
    assert entry_of(same_mark.number) == 2
    doubled, _ = firewall_programs(firewall(*aces, same_mark))
    assert "decided-tx-nbu0x1-1\n" in program_text(doubled)
    assert "decided-tx-nbu0x1-2\n" not in program_text(doubled)
    twice, _ = firewall_programs(replace(firewall(*aces), elsewhere=(2,)))
    assert "decided-tx-nbu0x1-1\n" in program_text(twice)
    assert "decided-tx-nbu0x1-2\n" not in program_text(twice)


def test_what_is_known_is_asked_first_and_after_limits_where_there_are_some() -> None:
    plain = program_text(base_programs(NftBase("t", ("eth0",), each_packet=False))[0])
    assert (
        "  ct state established, related accept\n"
        "  ct mark vmap @known-tx\n"
        "  iifname @bridges jump from-apps\n"
    ) in plain
    forward = plain[plain.index("chain forwarded") :]
    assert (
        """\
  meta l4proto udp ct status & 48 16 accept
  ct status assured accept
  tcp flags & 6 2 jump segments
"""
        in forward
    )
    assert "  ct mark vmap @known-rx\n" in forward
    limited = program_text(base_programs(NftBase("t", ("eth0",)))[0])
    assert limited.index("@tx-limit-of") < limited.index("vmap @known-tx")
    assert limited.index("@rx-limit-of") < limited.index("vmap @known-rx")
    assert "ct status & 48" not in limited
    assert "assured" not in limited


def test_limits_stand_before_replies_and_entries_above_them_go_free() -> None:
    limit = Ace(2, Action.LIMIT, protocol="udp", fport=53, rate=10, unit="minute", burst=5)
    inet, _ = firewall_programs(firewall(Ace(1, prefix="192.0.2.1/32"), limit))
    assert """\
chain tx-limit-nbu0x1
  ip daddr 192.0.2.1 return
  udp dport 53 limit rate over 10/minute burst 5 packets counter name "tx-limit-nbu0x1/limit-2" drop
  udp dport 53 return
""" in program_text(inet)


def test_an_air_gapped_network_has_no_way_out() -> None:
    nat = Nat(NetworkInstanceId("n"), "t", "bn1", "10.1.0.0/24", "10.1.0.1", (), (), ())
    text = program_text(nat_programs(nat)[0])
    assert "masquerade" not in text
    assert 'chain from-bn1\n  counter name "from-bn1/no-way-out" drop\n' in text


def test_nothing_is_forwarded_from_port_to_port() -> None:
    inet, _ = base_programs(NftBase("t", ("eth0", "eth1")))
    assert (
        'iifname { eth0, eth1 } oifname { eth0, eth1 } counter name "forwarded/between-ports" drop'
        in program_text(inet)
    )


def test_apps_find_nothing_on_the_node_but_dhcp_dns_metadata_and_ping() -> None:
    inet, _ = base_programs(NftBase("t", ("eth0",)))
    assert """\
chain node-services
  ct state established, related accept
  ip daddr 255.255.255.255 udp dport 67 accept
  iifname . ip daddr @gateways udp dport { 53, 67 } accept
  iifname . ip daddr @gateways tcp dport 53 accept
  ct original ip daddr 169.254.169.254 tcp dport 8169 ct original proto-dst 80 accept
  iifname . ip daddr @gateways icmp type echo-request accept
  counter name "node-services/no-service" drop
chain to-host filter input 0
  iifname @bridges jump node-services
""" in program_text(inet)


def test_a_counter_that_is_there_goes_on_over_a_change_of_the_list() -> None:
    inet, _ = firewall_programs(firewall(Ace(5)))
    there = frozenset({"tx-nbu0x1/ace-5"})
    commands = load_commands(inet, there)
    rules = [c["add"]["rule"] for c in commands if "rule" in c.get("add", {})]
    assert {"counter": "tx-nbu0x1/ace-5"} in rules[0]["expr"]
    assert rules[0]["comment"].endswith("1/2 ace=5")
    made = {c["add"]["counter"]["name"] for c in commands if "counter" in c.get("add", {})}
    assert made == set(inet.counters) - there


def test_a_counter_goes_with_the_entry_that_it_is_of() -> None:
    before, after = firewall_programs(firewall(Ace(5)))[0], firewall_programs(firewall())[0]
    seen = parse_table(
        """{"nftables": [
        {"counter": {"name": "tx-nbu0x1/ace-5", "packets": 3, "bytes": 180}},
        {"counter": {"name": "tx-nbu0x1/default", "packets": 1, "bytes": 60}},
        {"chain": {"name": "tx-nbu0x1"}},
        {"rule": {"chain": "tx-nbu0x1", "comment": "x 1/2 ace=5",
          "expr": [{"counter": "tx-nbu0x1/ace-5"}]}}]}"""
    )
    assert seen.chains["tx-nbu0x1"][0].packets == 3
    deleted = [c["delete"]["counter"]["name"] for c in stale(before, after, seen) if "delete" in c]
    assert deleted == ["tx-nbu0x1/ace-5"]


def test_what_is_dropped_is_shown_where_flows_are_logged_and_only_so_much_of_it() -> None:
    listed = replace(firewall(Ace(2, Action.DROP, prefix="203.0.113.0/24")), flow_log=True)
    group = log_group("eaves-test")
    assert f"""\
chain tx-nbu0x1
  ip daddr 203.0.113.0/24 meta l4proto {{ tcp, udp }} limit rate 20/second burst 100 packets\
 log prefix "01400002" group {group} snaplen 64
  ip daddr 203.0.113.0/24 counter name "tx-nbu0x1/ace-2" drop
  meta l4proto {{ tcp, udp }} limit rate 20/second burst 100 packets\
 log prefix "017fffff" group {group} snaplen 64
  counter name "tx-nbu0x1/default" drop
""" in program_text(firewall_programs(listed)[0])


def test_names_of_a_list_leave_after_a_while_and_stay_while_they_are_used() -> None:
    nat = Nat(NetworkInstanceId("n"), "t", "bn1", "10.1.0.0/24", "10.1.0.1", (), ("a.test",), ())
    program = nat_programs(nat)[0]
    assert "ipv4_addr timeout 21600s" in program_text(program)
    name = host_set("bn1", "a.test")
    assert dynamic_sets(program) == (
        f"add set inet t {name} {{ type ipv4_addr; flags dynamic,timeout; timeout 21600s; }}\n"
    )
    made = [c.get("add", {}) for c in load_commands(program, frozenset())]
    assert [add["set"]["name"] for add in made if "set" in add] == ["eids-bn1"]


def test_replies_of_a_port_map_leave_by_the_port_that_was_asked() -> None:
    ways = (
        Way("eth0", "192.0.2.1", ("192.0.2.10",), 0x45560010, 8016),
        Way("eth1", "198.51.100.1", ("198.51.100.10",), 0x45560011, 8017),
    )
    nat = Nat(
        NetworkInstanceId("n"), "t", "bn1", "10.1.0.0/24", "10.1.0.1", ("eth0", "eth1"), (), ()
    )
    assert """\
chain way-bn1
  ct direction reply ct original ip daddr 192.0.2.10 meta mark set 0x45560010
  ct direction reply ct original ip daddr 198.51.100.10 meta mark set 0x45560011
""" in program_text(nat_programs(replace(nat, ways=ways))[0])


def test_a_chain_is_told_apart_by_its_comments() -> None:
    one, other = firewall_programs(firewall(Ace(5)))[0], firewall_programs(firewall(Ace(6)))[0]
    name = one.chains[0].name
    assert comments(one)[name] != comments(other)[name]


def test_what_a_change_leaves_over_is_taken_out() -> None:
    before, after = firewall_programs(firewall(PORT_MAP))[0], firewall_programs(firewall())[0]
    seen = parse_table(
        """{"nftables": [{"chain": {"name": "pm-nbu0x1-tcp8080"}},
        {"map": {"name": "portmap-of", "elem": [
          [{"concat": ["eth0", "192.0.2.10", "tcp", 8080]},
           {"goto": {"target": "pm-nbu0x1-tcp8080"}}]]}}]}"""
    )
    assert [next(iter(c)) for c in stale(before, after, seen)] == ["delete", "flush", "delete"]
    assert stale(after, after, seen) == []


def test_a_change_is_what_lies_between_the_record_and_the_wish() -> None:
    before = firewall_programs(firewall(PORT_MAP, Ace(5)))
    after = firewall_programs(firewall(Ace(5), Ace(6)))
    said = changes(before, after)
    steps = [(verb, kind, one) for c in said for verb, w in c.items() for kind, one in w.items()]
    assert {one["family"] for _, _, one in steps} == {"inet"}  # the guard is the same
    assert {kind for verb, kind, _ in steps if verb == "delete"} == {"element", "chain", "counter"}
    made = [c["add"]["counter"]["name"] for c in said if "counter" in c.get("add", {})]
    assert made == ["tx-nbu0x1/ace-6", "rx-nbu0x1/ace-6"]
    assert changes(after, after) == []


def test_what_an_earlier_release_left_keeps_no_chain() -> None:
    """Its map has another name and leads to chains of the same name."""
    aces = [Ace(n, protocol="udp", fport=n) for n in range(1, 17)]
    program, _ = firewall_programs(firewall(*aces))
    seen = parse_table(
        """{"nftables": [{"chain": {"name": "decided-tx-nbu0x1-1"}},
        {"map": {"name": "decided-tx", "elem": [
          [{"concat": ["bn1", "10.1.0.2", 20971521]},
           {"goto": {"target": "decided-tx-nbu0x1-1"}}],
          [{"concat": ["bn1", "10.1.0.9", 20971521]},
           {"goto": {"target": "decided-tx-nbu9x0-1"}}]]}}]}"""
    )
    left = {"concat": ["bn1", "10.1.0.2", 20971521]}
    for said in (removal(program, seen), without_conflicts(program, seen)):
        elements = [c["delete"]["element"] for c in said if "element" in c.get("delete", {})]
        assert [(e["name"], e["elem"]) for e in elements] == [("decided-tx", [left])]
    assert next(iter(removal(program, seen)[0]["delete"])) == "element"


def test_an_entry_that_leads_to_another_by_now_is_not_taken_out() -> None:
    program = firewall_programs(firewall())[0]
    seen = parse_table(
        """{"nftables": [{"chain": {"name": "tx-nbu0x1"}}, {"chain": {"name": "tx-nbu9x0"}},
        {"map": {"name": "tx-of", "elem": [
          [{"concat": ["bn1", "10.1.0.2"]}, {"goto": {"target": "tx-nbu9x0"}}]]}}]}"""
    )
    gone = [next(iter(c["delete"])) for c in removal(program, seen) if "delete" in c]
    assert gone == ["chain"]


def test_all_that_a_program_put_there_is_taken_out() -> None:
    program = firewall_programs(firewall(PORT_MAP))[0]
    gone = [next(iter(c["delete"])) for c in removal(program, assumed(program)) if "delete" in c]
    assert gone == [
        *["element"] * len(program.elements),
        *["chain"] * len(program.chains),
        *["counter"] * len(program.counters),
    ]


@pytest.mark.parametrize("shown", ['"tcp"', "6"])
def test_a_port_map_is_known_again_also_where_nft_knows_no_protocols(shown: str) -> None:
    """Without /etc/protocols it shows the number."""
    seen = parse_table(
        """{"nftables": [{"map": {"family": "inet", "name": "portmap-of", "table": "zz",
          "type": ["ifname", "ipv4_addr", "inet_proto", "inet_service"], "map": "verdict", "elem": [
            [{"concat": ["eth0", "192.0.2.10", PROTOCOL, 6]},
             {"goto": {"target": "pm-nbu0x1-tcp6"}}]]}}]}""".replace("PROTOCOL", shown)
    )
    key = ("eth0", "192.0.2.10", "tcp", "6")
    assert seen.elements["portmap-of"] == {key: "pm-nbu0x1-tcp6"}


@pytest.mark.parametrize("shown", ['"tcp"', "6"])
def test_a_port_map_goes_before_its_chain(shown: str) -> None:
    """The kernel keeps a chain that an entry leads to, and with it the app's whole firewall."""
    program = firewall_programs(firewall(PORT_MAP))[0]
    seen = parse_table(
        """{"nftables": [{"chain": {"name": "pm-nbu0x1-tcp8080"}}, {"map": {"name": "portmap-of",
          "type": ["ifname", "ipv4_addr", "inet_proto", "inet_service"], "map": "verdict", "elem": [
            [{"concat": ["eth0", "192.0.2.10", PROTOCOL, 8080]},
             {"goto": {"target": "pm-nbu0x1-tcp8080"}}]]}}]}""".replace("PROTOCOL", shown)
    )
    gone = [next(iter(c["delete"])) for c in removal(program, seen) if "delete" in c]
    assert gone == ["element", "chain"]
