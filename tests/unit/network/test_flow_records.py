"""Records of flows add up, name their rule, and are bounded."""

import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.evapi.config import ACE, NetworkAdapter
from eaves.evapi.flowlog import ACLAction, FlowMessage, FlowRecord
from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node.host.netfilter import (
    Amount,
    Connection,
    Ends,
    Logged,
    attribute,
    messages,
    parse_connection,
    parse_logged,
    request,
)
from eaves.node.network.flows import MOST_IN_MESSAGE, Directory, FlowLedger, Party
from eaves.node.network.marks import NAMES, Mark, log_prefix, mark_of, read_mark
from eaves.node.network.packets import Answer, Packet, read_answer, read_packet
from eaves.node.network.parties import entries_of

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SENT, BACK = Amount(3, 300), Amount(2, 2000)
APP, OTHER = AppInstanceId("app-a"), AppInstanceId("app-b")
NI, SWITCH = NetworkInstanceId("ni"), NetworkInstanceId("switch")
ADDRESS, REMOTE, PORT = "10.1.0.2", "192.0.2.7", "198.51.100.2"
LARGE = 2**31 - 1
LIST = NetworkAdapter(acls=(ACE(id=5, name="web"), ACE(id=LARGE, name="large")))
PARTY = Party(APP, 1, "eth0", "nbu0x1", NI, 0, (ADDRESS,), True, entries_of(LIST))
ON_SWITCH = Party(APP, 1, "eth1", "nbu1x1", SWITCH, 7, (), True)
SILENT = Party(OTHER, 2, "eth0", "nbu0x2", NI, 0, ("10.1.0.3",), False)
DIRECTORY = Directory((PARTY, ON_SWITCH, SILENT))


def outbound(
    sent: Amount = SENT,
    back: Amount = BACK,
    *,
    number: int = 1,
    entry: int = 5,
    app: int = 1,
    zone: int = 0,
    source: str = ADDRESS,
    protocol: int = 6,
) -> Connection:
    there = Ends(source, 40000, REMOTE, 443, protocol)
    return Connection(
        number,
        there,
        Ends(REMOTE, 443, PORT, 40000, protocol),
        mark_of(app, entry),
        zone,
        sent,
        back,
        int(NOW.timestamp()) * 10**9,
    )


def inbound() -> Connection:
    """Through a port map: 8080 outside is 80 of the app."""
    return Connection(
        2,
        Ends(REMOTE, 50000, PORT, 8080, 6),
        Ends(ADDRESS, 80, REMOTE, 50000, 6),
        mark_of(1, 6),
        0,
        Amount(5, 500),
        Amount(4, 4000),
    )


def flows(messages_: list[FlowMessage]) -> list[FlowRecord]:
    return [flow for message in messages_ for flow in message.flows]


# Marks


@given(st.integers(0, 255), st.integers(0, 4_194_302), st.booleans())
def test_a_mark_tells_app_entry_and_way(app: int, entry: int, received: bool) -> None:  # noqa: FBT001 - generated
    value = mark_of(app, entry, received=received)
    assert value < 1 << 32
    assert read_mark(value) == Mark(app, entry, received)


def test_what_no_list_decided_on_has_no_mark() -> None:
    assert read_mark(0) is None
    assert read_mark(0x01000000) is None
    for app, entry in ((256, 1), (1, -1)):
        with pytest.raises(ValueError, match="does not fit"):
            mark_of(app, entry)


# The ledger


def test_a_connection_is_told_from_the_side_of_its_app() -> None:
    ledger = FlowLedger()
    ledger.ended([outbound(), inbound()], DIRECTORY, NOW)
    (message,) = ledger.messages("device")
    assert message.scope is not None
    assert (message.scope.uuid, message.scope.intf, message.scope.local_intf) == (
        APP,
        "eth0",
        "nbu0x1",
    )
    out, into = message.flows
    assert out.flow is not None
    assert into.flow is not None
    assert (out.flow.src, out.flow.dest, out.flow.dest_port) == (ADDRESS, REMOTE, 443)
    assert (out.inbound, out.acl_id, out.acl_name, out.tx_bytes, out.rx_bytes) == (
        False,
        5,
        "web",
        300,
        2000,
    )
    assert (into.flow.src, into.flow.src_port, into.flow.dest) == (ADDRESS, 80, REMOTE)
    assert (into.inbound, into.tx_bytes, into.rx_bytes) == (True, 4000, 500)
    assert {out.action, into.action} == {ACLAction.ActionAccept}


def test_an_id_that_is_too_large_for_a_mark_is_found_again() -> None:
    ledger = FlowLedger()
    ledger.ended([outbound(entry=LARGE), outbound(entry=77)], DIRECTORY, NOW)
    told = [(flow.acl_id, flow.acl_name) for flow in flows(ledger.messages("device"))]
    assert told == [(LARGE, "large"), (77, "")]


def test_records_of_a_long_connection_add_up() -> None:
    ledger, told = FlowLedger(), list[FlowRecord]()
    for sent in (100, 250, 250, 900):
        ledger.alive([outbound(Amount(1, sent))], DIRECTORY, NOW)
        told += flows(ledger.messages("device"))
    assert [flow.end_time for flow in told] == [None] * 3  # one time nothing was new
    ledger.ended([outbound(Amount(1, 1000))], DIRECTORY, NOW)
    told += flows(ledger.messages("device"))
    assert told[-1].end_time == NOW
    assert sum(flow.tx_bytes for flow in told) == 1000
    assert sum(flow.rx_bytes for flow in told) == 2000


def test_an_end_that_nobody_heard_of_is_counted_and_told_once() -> None:
    ledger = FlowLedger()
    ledger.alive([outbound()], DIRECTORY, NOW)
    ledger.messages("device")
    ledger.alive([], DIRECTORY, NOW)
    assert ledger.messages("device") == []  # the news may still be on its way
    ledger.alive([], DIRECTORY, NOW)
    (flow,) = flows(ledger.messages("device"))
    assert (flow.end_time, flow.tx_bytes, ledger.tally.lost) == (NOW, 0, 1)
    ledger.alive([], DIRECTORY, NOW)
    assert ledger.messages("device") == []


def test_a_look_at_a_part_of_them_ends_none() -> None:
    ledger = FlowLedger()
    ledger.alive([outbound()], DIRECTORY, NOW)
    for _ in range(3):
        ledger.alive([], DIRECTORY, NOW, whole=False)
    assert ledger.tally.lost == 0


def test_only_tcp_and_udp_of_apps_whose_network_logs_flows_are_recorded() -> None:
    ledger = FlowLedger()
    strange = (
        outbound(protocol=1),
        outbound(app=2, source="10.1.0.3"),
        outbound(app=9),
        outbound(source="10.9.9.9"),
    )
    ledger.ended(strange, DIRECTORY, NOW)
    assert ledger.messages("device") == []


def test_a_flow_of_a_switch_is_found_by_its_zone() -> None:
    ledger = FlowLedger()
    ledger.ended([outbound(zone=7, source="172.16.5.5")], DIRECTORY, NOW)
    (message,) = ledger.messages("device")
    assert message.scope is not None
    assert message.scope.net_inst_uuid == SWITCH


def test_who_began_on_a_switch_is_told_by_what_was_learned() -> None:
    known = replace(ON_SWITCH, addresses=("172.16.5.4", "172.16.5.5"))
    asked = Connection(
        3,
        Ends(REMOTE, 50000, "172.16.5.5", 80, 6),
        Ends("172.16.5.5", 80, REMOTE, 50000, 6),
        mark_of(1, 5),
        7,
        SENT,
        BACK,
    )
    for party, inbound in ((known, True), (ON_SWITCH, False)):
        ledger = FlowLedger()
        ledger.ended([asked], Directory((party,)), NOW)
        (flow,) = flows(ledger.messages("device"))
        assert flow.inbound is inbound


def test_long_lists_are_cut_into_messages() -> None:
    ledger = FlowLedger()
    ledger.ended([outbound(number=n) for n in range(300)], DIRECTORY, NOW)
    told = ledger.messages("device")
    assert [len(message.flows) for message in told] == [MOST_IN_MESSAGE, MOST_IN_MESSAGE, 50]
    assert ledger.tally.recorded == 300


# What was dropped


def udp(source: str, dest: str, source_port: int, dest_port: int, body: bytes = b"") -> bytes:
    length = 28 + len(body)
    head = struct.pack(">BBHHHBBH", 0x45, 0, length, 0, 0, 64, 17, 0)
    ends = IPv4Address(source).packed + IPv4Address(dest).packed
    return head + ends + struct.pack(">HHHH", source_port, dest_port, length - 20, 0) + body


def shown(packet: bytes, entry: int = 0, sequence: int = 0, app: int = 1) -> Logged:
    return Logged(log_prefix(mark_of(app, entry)), packet, sequence, 0, 0)


def test_what_was_dropped_is_one_record_for_each_pair_of_ends_and_entry() -> None:
    ledger = FlowLedger()
    out = udp(ADDRESS, REMOTE, 40000, 53, b"12345678")
    into = udp(REMOTE, ADDRESS, 50000, 22)
    for packet, entry, later in ((out, 0, 0), (out, 0, 9), (out, 5, 9), (into, 0, 9)):
        now = NOW + timedelta(seconds=later)
        ledger.logged([(shown(packet, entry), ())], DIRECTORY, now)
    first, listed, asked = flows(ledger.messages("device"))
    assert (first.action, first.acl_id, first.tx_pkts, first.tx_bytes) == (
        ACLAction.ActionDrop,
        0,
        2,
        72,
    )
    assert first.start_time == NOW
    assert first.end_time == NOW + timedelta(seconds=9)
    assert (listed.acl_id, listed.acl_name) == (5, "web")
    assert asked.flow is not None
    assert (asked.inbound, asked.flow.src, asked.flow.src_port, asked.rx_pkts) == (
        True,
        ADDRESS,
        22,
        1,
    )


def test_the_way_of_a_packet_on_a_switch_is_that_of_its_interfaces() -> None:
    ledger = FlowLedger()
    packet = udp("172.16.5.5", REMOTE, 1, 2)
    ledger.logged([(shown(packet), ("eth9", "nbu1x1"))], DIRECTORY, NOW)
    ledger.logged([(shown(packet), ("nbu1x1", ""))], DIRECTORY, NOW)
    assert [flow.inbound for flow in flows(ledger.messages("device"))] == [True, False]


def test_packets_that_did_not_arrive_are_counted() -> None:
    ledger = FlowLedger()
    packet = udp(ADDRESS, REMOTE, 40000, 53)
    for sequence in (4, 5, 9):
        ledger.logged([(shown(packet, sequence=sequence), ())], DIRECTORY, NOW)
    assert (ledger.tally.shown, ledger.tally.not_shown) == (3, 3)


# Names


def answered(*addresses: str, name: bytes = b"\1a\4test\0") -> bytes:
    records = b"".join(
        b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + IPv4Address(a).packed for a in addresses
    )
    head = struct.pack(">6H", 7, 0x8180, 1, len(addresses), 0, 0)
    return head + name + struct.pack(">HH", 1, 1) + records


def test_what_an_app_was_told_of_a_name_is_recorded() -> None:
    ledger = FlowLedger()
    packet = udp("10.1.0.1", ADDRESS, 53, 40000, answered("192.0.2.7", "192.0.2.8"))
    ledger.logged([(Logged(NAMES, packet, 0, 0, 0), ())], DIRECTORY, NOW)
    (message,) = ledger.messages("device")
    (name,) = message.dns_reqs
    assert (name.host_name, name.addrs, name.request_time) == (
        "a.test",
        ("192.0.2.7", "192.0.2.8"),
        NOW,
    )


def test_an_answer_that_leads_in_a_circle_is_none() -> None:
    circle = udp("10.1.0.1", ADDRESS, 53, 1, answered("192.0.2.7", name=b"\xc0\x0c"))
    assert read_answer(circle, 20) is None
    cut = udp("10.1.0.1", ADDRESS, 53, 1, answered("192.0.2.7", "192.0.2.8")[:-6])
    assert read_answer(cut, 20) == Answer("a.test", ("192.0.2.7",))


@given(st.binary(max_size=300), st.integers(0, 60))
def test_no_packet_and_no_answer_raises(data: bytes, start: int) -> None:
    read_packet(data)
    read_packet(b"\x45" + data)
    read_packet(b"\x60" + data)
    read_answer(data, start)
    read_answer(answered("192.0.2.7") + data, 0)


def test_headers_of_ipv6_are_passed_over() -> None:
    ends = bytes(15) + b"\1" + bytes(15) + b"\2"
    options = bytes([17, 0, 0, 0, 0, 0, 0, 0])
    packet = struct.pack(">IHBB", 6 << 28, 16, 0, 64) + ends + options + struct.pack(">HH", 5, 6)
    assert read_packet(packet) == Packet(Ends("::1", 5, "::2", 6, 17), 56, 48)


# What the kernel says


def nested(kind: int, *parts: bytes) -> bytes:
    return attribute(kind | 0x8000, b"".join(parts))


def ends_of(kind: int, ends: Ends) -> bytes:
    return nested(
        kind,
        nested(
            1,
            attribute(1, IPv4Address(ends.source).packed),
            attribute(2, IPv4Address(ends.dest).packed),
        ),
        nested(
            2,
            attribute(1, bytes([ends.protocol])),
            attribute(2, struct.pack(">H", ends.source_port)),
            attribute(3, struct.pack(">H", ends.dest_port)),
        ),
    )


def amount_of(kind: int, amount: Amount) -> bytes:
    return nested(
        kind,
        attribute(1, struct.pack(">Q", amount.packets)),
        attribute(2, struct.pack(">Q", amount.bytes)),
    )


def test_a_connection_is_read_as_the_kernel_writes_it() -> None:
    wanted = outbound()
    body = (
        ends_of(1, wanted.original)
        + ends_of(2, wanted.reply)
        + attribute(8, struct.pack(">I", wanted.mark))
        + amount_of(9, wanted.sent)
        + amount_of(10, wanted.back)
        + attribute(12, struct.pack(">I", wanted.id))
        + nested(20, attribute(1, struct.pack(">Q", wanted.started_ns)))
    )
    datagram = request(1, 2, 0, body) * 2
    found = [parse_connection(datagram, start, end) for _, start, end in messages(datagram)]
    assert found == [wanted, wanted]


def test_a_logged_packet_is_read_as_the_kernel_writes_it() -> None:
    body = (
        attribute(4, struct.pack(">I", 3))
        + attribute(6, struct.pack(">I", 5))
        + attribute(10, b"01ffffff\0")
        + attribute(9, b"payload")
        + attribute(12, struct.pack(">I", 8))
    )
    datagram = request(4, 0, 0, body)
    ((_, start, end),) = messages(datagram)
    assert parse_logged(datagram, start, end) == Logged("01ffffff", b"payload", 8, 5, 0)


@given(st.binary(max_size=200))
def test_no_datagram_raises(data: bytes) -> None:
    for _, start, end in messages(data):
        parse_connection(data, start, end)
        parse_logged(data, start, end)
    whole = request(1, 2, 0, data)
    for _, start, end in messages(whole):
        parse_connection(whole, start, end)
        parse_logged(whole, start, end)
