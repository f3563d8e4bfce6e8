"""What the kernel tells over rtnetlink, against what it tells elsewhere."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from eaves.node.host.links import interfaces
from eaves.node.host.rtnetlink import Dump, Message, attributes_of, dump
from eaves.node.host.uplink_state import routing

SYS = Path("/sys/class/net")
LOOKS = 200


def attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + b"\0" * (-length % 4)


Told = dict[str, tuple[str, int, int]]


def of_sysfs(names: Iterable[str]) -> Told:
    """Address, index and MTU of those that are there."""
    told: Told = {}
    for name in names:
        with contextlib.suppress(OSError):  # it has just gone
            mac, index, mtu = (
                (SYS / name / what).read_text().strip() for what in ("address", "ifindex", "mtu")
            )
            told[name] = (mac, int(index), int(mtu))
    return told


async def of_the_kernel() -> Told:
    links = (await interfaces()).links.values()
    return {link.name: (link.mac, link.index, link.mtu) for link in links}


def test_links_are_those_of_sysfs() -> None:
    """Tests beside this one make and remove links: it looks until none did so meanwhile."""

    async def run() -> None:
        looks = 0
        while True:
            links = (await interfaces()).links
            seen, told = await of_the_kernel(), of_sysfs(links)
            kinds = {link.name: link.kind for link in (await routing()).links}
            still = links.keys() == seen.keys() == kinds.keys() and await of_the_kernel() == seen
            looks += 1
            if still or looks == LOOKS:
                break
        assert "lo" in seen
        assert seen == told
        assert kinds == {link.name: link.kind for link in links.values()}

    asyncio.run(run())


def test_the_loopback_has_its_address_and_the_kernel_its_rules() -> None:
    async def run() -> None:
        state = await routing()
        loopback = next(link for link in state.links if link.name == "lo")
        assert "127.0.0.1/8" in loopback.addresses
        assert {254, 255} <= {rule.table for rule in state.rules}

    asyncio.run(run())


def test_a_family_is_asked_for_alone() -> None:
    async def run() -> None:
        rules = await dump(Dump.RULES, socket.AF_INET)
        assert rules
        assert {message.head[0] for message in rules} == {socket.AF_INET}

    asyncio.run(run())


@given(st.dictionaries(st.integers(1, 0x3FFF), st.binary(max_size=40)))
def test_attributes_come_back_by_their_type(some: dict[int, bytes]) -> None:
    raw = b"".join(attribute(kind | 0x8000, value) for kind, value in some.items())
    assert attributes_of(raw) == some


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_read_without_a_failure(raw: bytes) -> None:
    for kind, value in attributes_of(raw).items():
        message = Message((), {kind: value})
        assert isinstance(message.address(kind), str)
        assert message.text(kind).isprintable() or value
        assert message.number(kind) >= 0
        assert message.nested(kind).attributes.keys() <= attributes_of(value).keys()


def test_what_is_missing_is_empty() -> None:
    nothing = Message((), {})
    assert (nothing.number(1), nothing.text(1), nothing.address(1), nothing.mac(1)) == (
        0,
        "",
        "",
        "",
    )
