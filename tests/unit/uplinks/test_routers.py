"""DNS servers that routers of IPv6 announce."""

import struct
from ipaddress import IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from eaves.node.host.router_options import Announced, announced
from eaves.node.uplinks.routers import LONGEST_S, MOST, Routers

FIRST, SECOND = "2001:db8::53", "2001:db8::54"


def option(lifetime_s: int, *servers: str) -> bytes:
    raw = b"".join(IPv6Address(one).packed for one in servers)
    return struct.pack(">BBHI", 25, 1 + len(raw) // 8, 0, lifetime_s) + raw


def told(body: bytes, *, kind: int = 68, ifindex: int = 7, family: int = 10) -> bytes:
    """As the kernel hands an option on."""
    payload = struct.pack("=BBHiBBHI", family, 0, len(body), ifindex, 134, 0, 0, 0) + body
    return struct.pack("=IHHII", 16 + len(payload), kind, 0, 0, 0) + payload


def test_servers_are_read_from_what_the_kernel_hands_on() -> None:
    both = told(option(1800, FIRST, SECOND)) + told(option(0, SECOND), ifindex=8)
    assert list(announced(both)) == [
        Announced(7, (FIRST, SECOND), 1800),
        Announced(8, (SECOND,), 0),
    ]


def test_what_is_no_server_of_use_is_left_out() -> None:
    assert list(announced(told(option(9, "fe80::1", "ff02::1", "::", "::1", FIRST)))) == [
        Announced(7, (FIRST,), 9)
    ]
    of_another_kind = struct.pack(">BB6x", 31, 1)
    for one in (
        told(of_another_kind),
        told(option(9, FIRST), kind=20),
        told(option(9, FIRST), family=2),
        told(option(9, FIRST)[:-8]),
    ):
        assert list(announced(one)) == []


@given(st.binary(max_size=200), st.binary(max_size=80))
def test_whatever_comes_is_read_or_left_alone(datagram: bytes, body: bytes) -> None:
    for one in (*announced(datagram), *announced(told(body))):
        assert not any(IPv6Address(server).is_link_local for server in one.servers)


def test_a_server_is_known_as_long_as_it_was_announced() -> None:
    routers = Routers()
    routers.keep("eth0", (SECOND, FIRST), 60.0, 0.0)
    routers.keep("eth0", (FIRST,), 60.0, 30.0)
    assert routers.servers("eth0") == (FIRST, SECOND)
    assert routers.servers("eth1") == ()
    routers.forget_old(60.0)
    assert routers.servers("eth0") == (FIRST,)
    routers.keep("eth0", (FIRST,), 0, 61.0)
    assert routers.servers("eth0") == ()


def test_a_network_cannot_name_servers_without_end() -> None:
    routers = Routers()
    routers.keep("eth0", (f"2001:db8::{n:x}" for n in range(1, 99)), 60.0, 0.0)
    assert len(routers.servers("eth0")) == MOST


def test_a_new_server_takes_the_place_of_the_one_that_ends_first() -> None:
    routers = Routers()
    for n in range(1, MOST + 1):
        routers.keep("eth0", (f"2001:db8::{n}",), 60.0 * n, 0.0)
    routers.keep("eth0", (FIRST,), 9.0, 0.0)
    assert routers.servers("eth0") == ("2001:db8::2", "2001:db8::3", "2001:db8::4", FIRST)
    routers.keep("eth0", (SECOND,), 9e9, 1.0)
    assert FIRST not in routers.servers("eth0")
    routers.forget_old(1.0 + LONGEST_S)
    assert routers.servers("eth0") == ()


def test_an_interface_that_was_made_again_knows_no_server_of_before() -> None:
    routers = Routers()
    routers.keep("eth0", (FIRST,), 60.0, 0.0, 7)
    routers.keep("eth1", (FIRST,), 60.0, 0.0, 8)
    routers.keep("eth0", (SECOND,), 60.0, 1.0, 9)
    assert (routers.servers("eth0"), routers.servers("eth1")) == ((SECOND,), (FIRST,))
