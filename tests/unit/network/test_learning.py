"""Which addresses an app has on a switch, from what passes there."""

import struct
import time
from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from eaves.evapi.config import ConfigItem
from eaves.evapi.config_items import apply_items
from eaves.node.host.netfilter import Logged
from eaves.node.network.learning import ARP_S, MOST_MACS, MOST_OF_ONE, Heard, Learned, hear
from eaves.node.network.marks import LEARN
from eaves.node.runtime.flow_reports import learn

MAC = "02:16:3e:00:00:07"
RAW = bytes.fromhex(MAC.replace(":", ""))


def arp(address: str, mac: bytes = RAW) -> bytes:
    head = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1)
    return head + mac + IPv4Address(address).packed + bytes(6) + IPv4Address("192.0.2.1").packed


def dhcp(address: str, kind: int = 5, lease_s: int = 3600) -> bytes:
    message = bytes([2, 1, 6, 0]) + bytes(12) + IPv4Address(address).packed + bytes(8)
    message += RAW + bytes(10 + 64 + 128) + b"\x63\x82\x53\x63"
    message += bytes([0, 53, 1, kind, 51, 4]) + struct.pack(">I", lease_s) + b"\xff"
    udp = struct.pack(">HHHH", 67, 68, 8 + len(message), 0)
    length = 20 + len(udp) + len(message)
    head = struct.pack(">BBHHHBBH", 0x45, 0, length, 0, 0, 64, 17, 0)
    return head + IPv4Address("192.0.2.1").packed + b"\xff" * 4 + udp + message


def test_a_lease_holds_as_long_as_the_server_says() -> None:
    assert hear(dhcp("192.0.2.7")) == (Heard(MAC, "192.0.2.7", 3600.0, leased=True),)
    learned = Learned()
    learned.hear(dhcp("192.0.2.7"), 0.0)
    assert learned.addresses(3599.0) == {MAC: ("192.0.2.7",)}
    assert learned.addresses(3601.0) == {}


def test_only_what_grants_an_address_is_a_lease() -> None:
    assert hear(dhcp("192.0.2.7", kind=2)) == ()  # an offer
    assert hear(dhcp("0.0.0.0")) == ()  # the answer to INFORM
    assert hear(dhcp("192.0.2.7")[:200]) == ()


def test_arp_counts_for_ten_minutes_and_only_without_a_lease() -> None:
    learned = Learned()
    learned.hear(arp("192.0.2.8"), 0.0)
    learned.hear(arp("192.0.2.3"), 0.0)
    assert learned.addresses(ARP_S - 1) == {MAC: ("192.0.2.3", "192.0.2.8")}
    learned.hear(dhcp("192.0.2.7"), 10.0)
    learned.hear(arp("192.0.2.7"), 20.0)
    assert learned.addresses(30.0) == {MAC: ("192.0.2.7",)}
    assert learned.addresses(3700.0) == {}


def test_a_probe_for_an_address_is_no_claim_to_it() -> None:
    assert hear(arp("0.0.0.0")) == ()


def test_arp_is_not_heard_where_it_is_switched_off() -> None:
    learned = Learned()
    learned.hear(arp("192.0.2.8"), 0.0, arp=False)
    learned.hear(dhcp("192.0.2.7"), 0.0, arp=False)
    assert learned.addresses(1.0) == {MAC: ("192.0.2.7",)}


def test_arp_is_heard_on_switches_unless_a_property_says_otherwise() -> None:
    packets = [Logged(LEARN, arp("192.0.2.8"), 1, 0, 0), Logged("other", arp("192.0.2.9"), 2, 0, 0)]
    for value, known in (("true", {MAC: ("192.0.2.8",)}), ("false", {})):
        items, _ = apply_items([ConfigItem(key="network.switch.enable.arpsnoop", value=value)])
        learned = Learned()
        learn(learned, packets, items)
        assert learned.addresses(time.monotonic()) == known


def test_a_liar_fills_nothing_but_its_own_place() -> None:
    learned = Learned()
    for number in range(MOST_MACS + 50):
        learned.hear(arp("192.0.2.8", b"\x02\0\0\0" + struct.pack(">H", number)), 0.0)
    assert len(learned.addresses(1.0)) == MOST_MACS
    one = Learned()
    for number in range(2 * MOST_OF_ONE):
        one.hear(arp(f"192.0.2.{number + 1}"), float(number))
    latest = range(MOST_OF_ONE + 1, 2 * MOST_OF_ONE + 1)
    assert one.addresses(20.0) == {MAC: tuple(f"192.0.2.{number}" for number in latest)}


@given(st.binary(max_size=400))
def test_nothing_that_passes_raises(data: bytes) -> None:
    hear(data)
    hear(b"\x00\x01\x08\x00\x06\x04" + data)
    hear(dhcp("192.0.2.7")[:268] + data)
