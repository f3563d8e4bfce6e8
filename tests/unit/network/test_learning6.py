"""Which addresses of IPv6 an app has on a switch: packets of a Linux guest and of dnsmasq."""

import struct
import time
from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.evapi.config_items import apply_items
from eaves.node.host.netfilter import Logged
from eaves.node.network.learning import (
    MOST_LEASE_S,
    MOST_OF_ONE,
    NEIGHBOUR_S,
    REFUSAL_S,
    Heard,
    Learned,
    hear,
    together,
)
from eaves.node.network.marks import LEARN
from eaves.node.network.packets6 import read_granted
from eaves.node.runtime.flow_reports import learn

MAC, OTHER = "02:16:3e:d2:9f:dd", "b6:7a:17:97:aa:5f"
OWN, TAKEN, LEASED = "2001:db8:6:0:16:3eff:fed2:9fdd", "2001:db8:6::6", "2001:db8:6::77"
HEAD = "6000000000203aff"


def packet(frame: str, *parts: str) -> tuple[bytes, bytes]:
    return bytes.fromhex("".join(parts)), bytes.fromhex(frame)


# Recorded on a switch: the header of the frame, that of IPv6 with its addresses, and the rest.
ASKS_FOR_LINK_LOCAL = packet(
    "3333ffd29fdd02163ed29fdd86dd",
    HEAD,
    "00000000000000000000000000000000ff0200000000000000000001ffd29fdd",
    "87001a9e00000000fe8000000000000000163efffed29fdd",
)
ASKS_FOR_OWN = packet(
    "3333ffd29fdd02163ed29fdd86dd",
    HEAD,
    "00000000000000000000000000000000ff0200000000000000000001ffd29fdd",
    "8700f1b10000000020010db80006000000163efffed29fdd",
)
ASKS_FOR_TAKEN = packet(
    "3333ff00000602163ed29fdd86dd",
    HEAD,
    "00000000000000000000000000000000ff0200000000000000000001ff000006",
    "870064360000000020010db8000600000000000000000006",
)
DEFENDS_TAKEN = packet(
    "333300000001b67a1797aa5f86dd",
    HEAD,
    "20010db8000600000000000000000006ff020000000000000000000000000001",
    "880082a42000000020010db8000600000000000000000006",
)
SAYS_LINK_LOCAL = packet(
    "b67a1797aa5f02163ed29fdd86dd",
    HEAD,
    "fe8000000000000000163efffed29fddfe80000000000000b47a17fffe97aa5f",
    "8800085e60000000fe8000000000000000163efffed29fdd",
)
REPLY = packet(
    "02163ed29fddb67a1797aa5f86dd",
    "6c0bdbee00651140fe80000000000000b47a17fffe97aa5ffe8000000000000000163efffed29fdd",
    "02230222006550af",
    "0779ba6d0001000a000300010200000000010002000e00010001329644deb67a1797aa5f",
    "000300288b0d303e0000070800000c4e0005001820010db8000600000000000000000077",
    "00000e1000000e10000d0009000073756363657373",
)


def says(address: str, *, solicits: bool = False, hop_limit: int = 255) -> tuple[bytes, bytes]:
    """A neighbour advertisement of an app, or its question for its router."""
    own, router = IPv6Address(address).packed, IPv6Address("2001:db8:6::1").packed
    head = struct.pack(">IHBB", 6 << 28, 24, 58, hop_limit) + own + router
    target = router if solicits else own
    body = bytes([135 if solicits else 136, 0, 0, 0, 0x60, 0, 0, 0]) + target
    return head + body, bytes.fromhex(OTHER.replace(":", "") + MAC.replace(":", "") + "86dd")


def granted(address: str, *, valid_s: int = 3600, status: int = 0, kind: int = 7) -> bytes:
    """Of a server of DHCPv6, from its message on."""

    def option(number: int, body: bytes) -> bytes:
        return struct.pack(">HH", number, len(body)) + body

    inner = IPv6Address(address).packed + struct.pack(">II", 60, valid_s)
    inner += option(13, struct.pack(">H", status) + b"text")
    return bytes([kind, 1, 2, 3]) + option(1, b"client") + option(3, bytes(12) + option(5, inner))


def told(*packets: tuple[bytes, bytes], sent: bool = True, now_s: float = 0.0) -> Learned:
    learned = Learned()
    for data, frame in packets:
        learned.hear(data, now_s, frame=frame, sent=sent)
    return learned


def test_an_address_that_an_app_asks_for_before_it_takes_it_is_its_own() -> None:
    assert hear(*ASKS_FOR_OWN) == (Heard(MAC, OWN, NEIGHBOUR_S, asked=True),)
    learned = told(ASKS_FOR_OWN)
    assert learned.addresses(NEIGHBOUR_S - 1) == {MAC: (OWN,)}
    assert learned.addresses(NEIGHBOUR_S) == {}


@pytest.mark.parametrize("solicits", [False, True])
def test_what_an_app_says_of_itself_later_goes_on_with_it(solicits: bool) -> None:  # noqa: FBT001 - a column
    learned = told(ASKS_FOR_OWN)
    data, frame = says(OWN, solicits=solicits)
    learned.hear(data, 100.0, frame=frame)
    assert learned.addresses(NEIGHBOUR_S + 99) == {MAC: (OWN,)}
    assert hear(*says(OWN, solicits=solicits, hop_limit=254)) == (), "it passed a router"


def test_addresses_of_the_link_only_are_not_told() -> None:
    assert hear(*ASKS_FOR_LINK_LOCAL) == hear(*SAYS_LINK_LOCAL) == ()
    assert hear(ASKS_FOR_OWN[0]) == (), "nobody knows whose it is"


def test_an_address_that_another_defends_at_once_is_not_taken() -> None:
    learned = told(ASKS_FOR_OWN, ASKS_FOR_TAKEN)
    assert learned.addresses(0.5) == {MAC: (TAKEN, OWN)}
    data, frame = DEFENDS_TAKEN
    learned.hear(data, 1.0, frame=frame, sent=False)
    assert learned.addresses(1.0) == {MAC: (OWN,)}, "nor is who has it an app of ours"


def test_nobody_is_talked_out_of_an_address_later() -> None:
    learned = told(ASKS_FOR_TAKEN)
    data, frame = DEFENDS_TAKEN
    learned.hear(data, REFUSAL_S + 1, frame=frame, sent=False)
    assert learned.addresses(REFUSAL_S + 1) == {MAC: (TAKEN,)}


def test_a_lease_of_dhcpv6_is_that_of_the_frame_it_came_in() -> None:
    assert hear(*REPLY) == (Heard(MAC, LEASED, 3600.0, leased=True),)
    learned = told(REPLY, sent=False)
    data, frame = says(LEASED)
    learned.hear(data, 10.0, frame=frame)
    assert learned.addresses(3599.0) == {MAC: (LEASED,)}
    assert learned.addresses(3600.0) == {}, "the lease says how long"


@pytest.mark.parametrize(
    ("message", "addresses"),
    [
        (granted(LEASED), ((LEASED, 3600),)),
        (granted(LEASED, valid_s=0), ((LEASED, 0),)),
        (granted(LEASED, status=2), ()),
        (granted(LEASED, kind=2), ()),  # an offer
        (granted("fe80::1"), ()),
        (granted(LEASED)[:-9], ()),
    ],
)
def test_only_what_a_reply_grants_is_a_lease(
    message: bytes, addresses: tuple[tuple[str, int], ...]
) -> None:
    assert read_granted(message) == addresses


def test_an_address_that_a_server_ends_is_left_and_one_without_end_is_not_believed() -> None:
    head = REPLY[0][:48]
    learned = told((head + granted(LEASED, valid_s=0xFFFF_FFFF), REPLY[1]))
    assert learned.addresses(MOST_LEASE_S - 1) == {MAC: (LEASED,)}
    assert learned.addresses(MOST_LEASE_S) == {}
    learned = told(REPLY, (head + granted(LEASED, valid_s=0), REPLY[1]))
    assert learned.addresses(0.0) == {}


def test_an_app_has_addresses_of_both_versions_and_those_of_ipv6_are_not_more_than_some() -> None:
    many = [says(f"2001:db8:6::{number:x}") for number in range(1, 2 * MOST_OF_ONE)]
    learned = told(REPLY, *many)
    found = learned.addresses(1.0)[MAC]
    assert (len(found), LEASED in found) == (MOST_OF_ONE, True)
    assert together({MAC: ("192.0.2.9", OWN), OTHER: (TAKEN,)}, {MAC: "192.0.2.7"}) == {
        MAC: ("192.0.2.7", OWN),
        OTHER: (TAKEN,),
    }
    assert together({}, {MAC: "192.0.2.7"}) == {MAC: ("192.0.2.7",)}


def test_what_is_on_its_way_to_an_app_tells_nothing_of_itself() -> None:
    items, _ = apply_items([])
    learned = Learned()
    asked, defended = ASKS_FOR_OWN, DEFENDS_TAKEN
    packets = [Logged(LEARN, asked[0], 1, 4, 0, asked[1])]
    packets += [Logged(LEARN, defended[0], 2, 2, 4, defended[1])]
    learn(learned, packets, items)
    assert learned.addresses(time.monotonic()) == {MAC: (OWN,)}


@given(st.binary(max_size=120), st.integers(0, 160), st.binary(max_size=4), st.binary(max_size=14))
def test_nothing_that_passes_raises(noise: bytes, at: int, patch: bytes, frame: bytes) -> None:
    for data, _ in (ASKS_FOR_OWN, DEFENDS_TAKEN, REPLY):
        hear(data[:at] + patch + data[at + len(patch) :], frame)
        hear(data[:at] + noise, REPLY[1])
    read_granted(noise)
