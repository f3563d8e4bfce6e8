"""A client of DHCPv6: what it sends, and what it makes of answers."""

import json
import struct
from dataclasses import asdict
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.node.host.dhcp6_door import is_of_link
from eaves.node.uplinks.dhcp6 import (
    LEAST_S,
    LONGEST_PAUSE_S,
    MOST_SERVERS,
    REQUESTS,
    Kind,
    Phase,
    State,
    begin,
    hear,
    identity,
    read_answer,
    resumed,
    tick,
)
from eaves.node.uplinks.leases6 import Asking, Given, Leases6

OWN = identity("02:00:00:00:00:07")
ADDRESS, DNS, SERVER = "2001:db8::77", "2001:db8::53", b"server"
NUMBER, NEXT = 0x010203, 0x040506
NO_ADDRESS, NO_BINDING = 2, 3


def option(kind: int, body: bytes) -> bytes:
    return struct.pack(">HH", kind, len(body)) + body


def answer(
    kind: Kind,
    number: int,
    address: str = ADDRESS,
    *,
    times: tuple[int, int] = (100, 160),
    lifetimes: tuple[int, int] = (200, 300),
    status: int = 0,
    client: bytes = OWN.duid,
    dns: tuple[str, ...] = (DNS,),
) -> bytes:
    """As a server writes it."""
    inner = IPv6Address(address).packed + struct.pack(">II", *lifetimes)
    of_address = option(5, inner) + option(13, struct.pack(">H", status) + b"text")
    body = struct.pack(">III", OWN.iaid, *times) + of_address
    servers = b"".join(IPv6Address(one).packed for one in dns)
    return (
        bytes([kind])
        + number.to_bytes(3, "big")
        + option(1, client)
        + option(2, SERVER)
        + option(3, body)
        + option(23, servers)
    )


def bound(times: tuple[int, int] = (100, 160), lifetimes: tuple[int, int] = (200, 300)) -> State:
    state = hear(begin(0.0, NUMBER), OWN, answer(Kind.ADVERTISE, NUMBER), 0.0, NEXT)
    told = answer(Kind.REPLY, NEXT, times=times, lifetimes=lifetimes)
    return hear(state, OWN, told, 0.0, NUMBER)


def sent(state: State, now: float) -> tuple[State, bytes]:
    after, message = tick(state, OWN, now, NEXT)
    assert message is not None
    return after, message


def test_an_address_is_looked_for_asked_for_and_held() -> None:
    state, message = sent(begin(0.0, NUMBER), 0.0)
    assert message[:4] == bytes([Kind.SOLICIT]) + NUMBER.to_bytes(3, "big")
    assert (OWN.duid in message, SERVER in message) == (True, False)

    state = hear(state, OWN, answer(Kind.ADVERTISE, NUMBER), 1.0, NEXT)
    state, message = sent(state, 1.0)
    assert message[:4] == bytes([Kind.REQUEST]) + NEXT.to_bytes(3, "big")
    assert option(2, SERVER) in message
    assert IPv6Address(ADDRESS).packed in message
    assert state.lease is None, "an offer is no lease"

    state = hear(state, OWN, answer(Kind.REPLY, NEXT), 2.0, NUMBER)
    assert state.lease is not None
    assert (state.lease.address, state.lease.dns) == (ADDRESS, (DNS,))
    assert (state.lease.renew, state.lease.rebind, state.lease.ends) == (102.0, 162.0, 302.0)
    assert tick(state, OWN, 101.0, NUMBER) == (state, None)


def test_it_is_renewed_at_its_server_then_at_any_and_then_begun_anew() -> None:
    state, message = sent(bound(), 100.0)
    assert (message[0], option(2, SERVER) in message) == (Kind.RENEW, True)
    again = hear(state, OWN, answer(Kind.REPLY, NEXT), 101.0, NUMBER)
    assert again.lease is not None
    assert (again.phase, again.lease.ends) == (Phase.BOUND, 401.0)

    state, message = sent(state, 160.0)
    assert (message[0], option(2, SERVER) in message) == (Kind.REBIND, False)
    state, message = sent(state, 300.0)
    assert (message[0], state.lease) == (Kind.SOLICIT, None)


def test_the_next_process_goes_on_with_what_was_given() -> None:
    lease = bound().lease
    assert lease is not None
    state = resumed(lease, 99.0, NUMBER)
    assert state is not None
    assert tick(state, OWN, 99.0, NEXT) == (state, None)
    state, message = sent(state, 100.0)
    assert (message[0], option(2, SERVER) in message) == (Kind.RENEW, True)
    assert resumed(lease, 300.0, NUMBER) is None


def kept(folder: Path, name: str, text: str = "") -> None:
    """As a process before left it."""
    lease = bound().lease
    assert lease is not None
    given = asdict(Given(Asking(2, "02:00:00:00:00:07"), lease))
    (folder / f"{name}.json").write_text(text or json.dumps(given, default=bytes.hex))


def test_what_was_given_is_there_from_the_start_and_goes_with_its_interface(tmp_path: Path) -> None:
    kept(tmp_path, "eth0")
    kept(tmp_path, "eth1", '{"asking": {"ifindex": 3}}')
    kept(tmp_path, "eth2", "\0")
    leases = Leases6(tmp_path)
    assert leases.lease("eth0") == bound().lease
    assert (leases.lease("eth1"), leases.lease("eth2")) == (None, None)
    assert leases.round({}, frozenset(), 1.0) is True
    assert leases.lease("eth0") is None
    assert leases.round({}, frozenset(), 2.0) is False
    assert not (tmp_path / "eth0.json").exists()


def test_what_was_given_waits_for_the_carrier_of_its_interface_until_it_ends(
    tmp_path: Path,
) -> None:
    kept(tmp_path, "eth0")
    leases, wished = Leases6(tmp_path), frozenset({"eth0"})
    for now in (1.0, 299.0):
        assert leases.round({}, frozenset(), now, wished) is False
        assert leases.lease("eth0") == bound().lease
        assert Leases6(tmp_path).lease("eth0") == bound().lease, "also for the process after it"
    assert leases.round({}, frozenset(), 300.0, wished) is True
    assert leases.lease("eth0") is None
    assert Leases6(tmp_path).lease("eth0") is None


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(answer(Kind.REPLY, NEXT, status=1), id="a failure of the server"),
        pytest.param(answer(Kind.REPLY, NEXT)[: 8 + len(OWN.duid) + 10], id="of no address"),
        pytest.param(
            answer(Kind.REPLY, NEXT, lifetimes=(5, LEAST_S - 1)), id="for less than a pause"
        ),
    ],
)
@pytest.mark.parametrize("now", [100.0, 160.0])
def test_an_answer_that_renews_nothing_takes_no_address_away(message: bytes, now: float) -> None:
    assert read_answer(message, OWN, now) is not None
    state, _ = sent(bound(), now)
    assert hear(state, OWN, message, now + 1, NUMBER) == state
    assert state.lease is not None


def test_a_server_that_forgot_an_address_is_asked_for_it_and_it_is_used_meanwhile() -> None:
    state, _ = sent(bound(), 160.0)
    forgot = answer(Kind.REPLY, NEXT, lifetimes=(0, 0), status=NO_BINDING)
    assert hear(state, OWN, forgot, 161.0, NUMBER).lease is None, "told that it has ended"

    state = hear(state, OWN, answer(Kind.REPLY, NEXT, status=NO_BINDING), 161.0, NUMBER)
    state, message = sent(state, 161.0)
    assert (message[0], option(2, SERVER) in message) == (Kind.REQUEST, True)
    assert IPv6Address(ADDRESS).packed in message
    assert state.lease == bound().lease
    again = hear(state, OWN, answer(Kind.REPLY, NUMBER), 162.0, NEXT)
    assert (again.phase, again.lease and again.lease.ends) == (Phase.BOUND, 462.0)

    refused = hear(state, OWN, answer(Kind.REPLY, NUMBER, status=NO_ADDRESS), 162.0, NEXT)
    assert (refused.phase, refused.due, refused.lease) == (Phase.SOLICIT, 163.0, state.lease)
    refused, message = sent(refused, 163.0)
    offered = hear(refused, OWN, answer(Kind.ADVERTISE, NEXT), 164.0, NUMBER)
    assert (message[0], offered.phase, offered.lease) == (Kind.SOLICIT, Phase.REQUEST, state.lease)
    ended, message = sent(offered, 300.0)
    assert (message[0], ended.lease) == (Kind.SOLICIT, None)


def test_an_address_is_left_when_its_server_ends_it() -> None:
    state, _ = sent(bound(), 100.0)
    state = hear(state, OWN, answer(Kind.REPLY, NEXT, lifetimes=(0, 0)), 101.0, NUMBER)
    assert (state.phase, state.due, state.lease) == (Phase.SOLICIT, 102.0, None)
    other = answer(Kind.REPLY, NEXT, "2001:db8::78", lifetimes=(0, 0))
    assert hear(sent(bound(), 100.0)[0], OWN, other, 101.0, NUMBER).lease is not None


def test_who_has_no_address_is_passed_over() -> None:
    state, _ = sent(begin(0.0, NUMBER), 0.0)
    refused = answer(Kind.ADVERTISE, NUMBER, status=NO_ADDRESS)
    assert hear(state, OWN, refused, 1.0, NEXT) == state
    state = hear(state, OWN, answer(Kind.ADVERTISE, NUMBER), 1.0, NEXT)
    state = hear(state, OWN, answer(Kind.REPLY, NEXT, status=NO_ADDRESS), 2.0, NUMBER)
    assert (state.phase, state.due) == (Phase.SOLICIT, 3.0)


def test_an_offer_of_a_server_that_has_gone_is_given_up() -> None:
    state = hear(begin(0.0, NUMBER), OWN, answer(Kind.ADVERTISE, NUMBER), 0.0, NEXT)
    now = 0.0
    for _ in range(REQUESTS):
        state, message = sent(state, now)
        assert message[0] == Kind.REQUEST
        now = state.due
    state, message = sent(state, now)
    assert message[0] == Kind.SOLICIT


def test_questions_are_repeated_with_longer_and_longer_pauses() -> None:
    state, now, pauses = begin(0.0, NUMBER), 0.0, list[float]()
    for _ in range(9):
        state, message = sent(state, now)
        assert message[1:4] == NUMBER.to_bytes(3, "big"), "it is the same question"
        pauses.append(state.due - now)
        now = state.due
    assert pauses == [1, 2, 4, 8, 16, 32, 64, LONGEST_PAUSE_S, LONGEST_PAUSE_S]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(answer(Kind.ADVERTISE, NEXT), id="to another question"),
        pytest.param(answer(Kind.ADVERTISE, NUMBER, client=b"other"), id="to another client"),
        pytest.param(answer(Kind.REPLY, NUMBER), id="to what was not asked yet"),
        pytest.param(answer(Kind.SOLICIT, NUMBER), id="of a client"),
        pytest.param(answer(Kind.ADVERTISE, NUMBER)[:-40], id="cut off"),
        pytest.param(answer(Kind.ADVERTISE, NUMBER, "fe80::1"), id="an address of the link"),
        pytest.param(
            answer(Kind.ADVERTISE, NUMBER, lifetimes=(300, 200)), id="lifetimes without sense"
        ),
    ],
)
def test_what_answers_nothing_changes_nothing(message: bytes) -> None:
    state, _ = sent(begin(0.0, NUMBER), 0.0)
    assert hear(state, OWN, message, 1.0, NEXT) == state


@pytest.mark.parametrize(
    ("times", "lifetimes", "renew"),
    [
        pytest.param((0, 0), (200, 300), 100, id="the server leaves it to the client"),
        pytest.param((500, 900), (200, 300), 100, id="later than the address ends"),
        pytest.param((1, 2), (200, 300), LEAST_S, id="without a pause"),
    ],
)
def test_times_of_a_server_are_held_within_bounds(
    times: tuple[int, int], lifetimes: tuple[int, int], renew: float
) -> None:
    lease = bound(times, lifetimes).lease
    assert lease is not None
    assert lease.renew == renew
    assert lease.renew <= lease.rebind <= lease.ends


def test_a_lease_without_end_is_never_asked_for_again() -> None:
    endless = 0xFFFF_FFFF
    state = bound((endless, endless), (endless, endless))
    assert tick(state, OWN, 1e12, NEXT) == (state, None)


def test_a_server_cannot_name_dns_servers_without_end() -> None:
    many = tuple(f"2001:db8::{n:x}" for n in range(1, 40))
    read = read_answer(answer(Kind.ADVERTISE, NUMBER, dns=("fe80::1", *many)), OWN, 0.0)
    assert read is not None
    assert read.lease is not None
    assert read.lease.dns == many[:MOST_SERVERS]


@given(st.binary(max_size=120), st.integers(0, 119), st.binary(max_size=3))
def test_whatever_comes_is_read_or_left_alone(noise: bytes, at: int, patch: bytes) -> None:
    good = answer(Kind.ADVERTISE, NUMBER)
    state = begin(0.0, NUMBER)
    for message in (noise, good[:at] + patch + good[at + len(patch) :]):
        after = hear(state, OWN, message, 0.0, NEXT)
        assert after.phase in {Phase.SOLICIT, Phase.REQUEST}
        assert after.lease is None


@pytest.mark.parametrize(
    ("address", "heard"),
    [
        ("fe80::1%eth0", True),
        ("fe80::1%eth0%1", True),
        ("fe80::1", True),
        ("2001:db8::1", False),
        ("::1", False),
        ("::ffff:192.0.2.1", False),
        ("fec0::1%eth0", False),
    ],
)
def test_only_who_is_on_the_link_is_heard(address: str, *, heard: bool) -> None:
    assert is_of_link(address) is heard
