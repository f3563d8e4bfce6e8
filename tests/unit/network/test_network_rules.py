"""The rules of a firewall, as a person reads them; and the same as nft takes them."""

from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node.host.nft import parse_table
from eaves.node.network.configurators import stale
from eaves.node.network.items import Ace, Action, AppFirewall, Nat, NftBase
from eaves.node.network.nftlang import comments, load_commands, program_text
from eaves.node.network.rules import base_programs, firewall_programs, nat_programs


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
  ip daddr 203.0.113.0/24 counter drop
  ip daddr @host-bn1-9b263fbcb5 tcp dport 443 counter accept
  ip daddr @eids-bn1 counter accept
  udp sport 514 counter accept
  meta l4proto icmp counter accept
  counter drop
chain rx-nbu0x1
  ct status dnat tcp dport 80 ct original proto-dst 8080 counter accept
  ip saddr 203.0.113.0/24 counter drop
  ip saddr @host-bn1-9b263fbcb5 tcp sport 443 counter accept
  ip saddr @eids-bn1 counter accept
  udp dport 514 counter accept
  meta l4proto icmp counter accept
  counter drop
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
  ether saddr != 02:00:00:00:00:02 counter drop
  arp saddr ip { 0.0.0.0, 10.1.0.2 } accept
  ip saddr 10.1.0.2 accept
  ip saddr 0.0.0.0 udp dport 67 accept
  counter drop
@guard-of nbu0x1 : goto guard-nbu0x1"""
    )


def test_an_empty_list_is_nothing_but_the_drop() -> None:
    inet, _ = firewall_programs(firewall())
    assert [len(chain.rules) for chain in inet.chains] == [1, 1]


def test_limits_stand_before_replies_and_entries_above_them_go_free() -> None:
    limit = Ace(2, Action.LIMIT, protocol="udp", fport=53, rate=10, unit="minute", burst=5)
    inet, _ = firewall_programs(firewall(Ace(1, prefix="192.0.2.1/32"), limit))
    assert """\
chain tx-limit-nbu0x1
  ip daddr 192.0.2.1 return
  udp dport 53 limit rate over 10/minute burst 5 packets counter drop
  udp dport 53 return
""" in program_text(inet)


def test_an_air_gapped_network_has_no_way_out() -> None:
    nat = Nat(NetworkInstanceId("n"), "t", "bn1", "10.1.0.0/24", "10.1.0.1", (), (), ())
    text = program_text(nat_programs(nat)[0])
    assert "masquerade" not in text
    assert "chain from-bn1\n  counter drop\n" in text


def test_nothing_is_forwarded_from_port_to_port() -> None:
    inet, _ = base_programs(NftBase("t", ("eth0", "eth1")))
    assert "iifname { eth0, eth1 } oifname { eth0, eth1 } counter drop" in program_text(inet)


def test_apps_find_nothing_on_the_node_but_dhcp_dns_and_ping() -> None:
    inet, _ = base_programs(NftBase("t", ("eth0",)))
    assert """\
chain node-services
  ct state established, related accept
  ip daddr 255.255.255.255 udp dport 67 accept
  iifname . ip daddr @gateways udp dport { 53, 67 } accept
  iifname . ip daddr @gateways tcp dport 53 accept
  iifname . ip daddr @gateways icmp type echo-request accept
  counter drop
chain to-host filter input 0
  iifname @bridges jump node-services
""" in program_text(inet)


def test_counters_go_on_over_a_change_of_the_list() -> None:
    inet, _ = firewall_programs(firewall(Ace(5)))
    commands = load_commands(inet, {("tx-nbu0x1", "ace=5"): (3, 180)})
    rules = [c["add"]["rule"] for c in commands if "rule" in c.get("add", {})]
    assert rules[0]["expr"][0] == {"counter": {"packets": 3, "bytes": 180}}
    assert rules[0]["comment"].endswith("1/2 ace=5")


def test_a_chain_is_told_apart_by_its_comments() -> None:
    one, other = firewall_programs(firewall(Ace(5)))[0], firewall_programs(firewall(Ace(6)))[0]
    assert comments(one, one.chains[0]) != comments(other, other.chains[0])


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
