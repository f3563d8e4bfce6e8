"""IPv6 on a port that was handed over: a static address, an announced one, a conflict."""

import asyncio
import contextlib
import itertools
import json
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from support import netns
from support.ports import adapter, at, config, network
from support.tied import TIED

from eaves.evapi.evecommon import DHCPType, Ipspec, NetworkType
from eaves.node.host import dhcp, sockets, uplink_state
from eaves.node.host.process import CommandFailed
from eaves.node.uplinks.conflicts import FIRST_PAUSE_S
from eaves.node.uplinks.dhcp6 import Lease6
from eaves.node.uplinks.entries import controller_entry
from eaves.node.uplinks.leases6 import Asking, Given, Leases6
from eaves.node.uplinks.machine import Machine, Place
from eaves.node.uplinks.model import Entry
from eaves.node.uplinks.seen import SeenPort

pytestmark = pytest.mark.host

ROUTER, FAR, PORT = "2001:db8:1::1", "2001:db8:9::9", 8080
STATIC = Ipspec(dhcp=DHCPType.Static, subnet="2001:db8:1::/64", gateway=ROUTER, dns=(ROUTER,))


@pytest.fixture
def out() -> Iterator[str]:
    """The outside of a node's namespace, which the test is in: one cable, and a router."""
    with netns.namespace("node") as node, netns.namespace("out") as out:
        peer = ("peer", "name", "up0", "netns", out)
        netns.ip("-n", node, "link", "add", "eth0", "type", "veth", *peer)
        netns.ip("-n", out, "addr", "add", f"{ROUTER}/64", "dev", "up0", "nodad")
        netns.ip("-n", out, "addr", "add", f"{FAR}/128", "dev", "lo")
        netns.ip("-n", out, "link", "set", "up0", "up")
        with netns.inside(node):
            yield out


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    yield Machine(Place(tmp_path, "t6"), managed=frozenset({"eth0"}))
    await dhcp.stop_others(tmp_path / "dhcp", frozenset())


def wished(spec: Ipspec, family: NetworkType, address: str = "") -> Entry:
    net = replace(network(ip=spec), type=family)
    return controller_entry(config(adapter("eth0", addr=address), networks=[net]), at(0))


async def looked(machine: Machine, entry: Entry, until: Callable[[SeenPort], object]) -> SeenPort:
    async with asyncio.timeout(netns.PATIENCE_S):
        while True:
            (port,) = (await machine.look(entry)).ports
            if until(port):
                return port
            await asyncio.sleep(0.1)


def reaches(port: SeenPort) -> str:
    """From where somebody beyond the router sees a connection over the port come."""
    (source,) = port.sources
    (info,) = socket.getaddrinfo(FAR, PORT, type=socket.SOCK_STREAM)
    with sockets.bound(info, "eth0", source) as client:
        client.settimeout(netns.PATIENCE_S)
        client.connect((FAR, PORT))
        return str(client.getsockname()[0])


@contextlib.contextmanager
def far(out: str) -> Generator[None]:
    """Somebody listens beyond the router."""
    with netns.inside(out):
        server = socket.create_server((FAR, PORT), family=socket.AF_INET6)
    with server:
        yield


@contextlib.contextmanager
def announcing(
    out: str, folder: Path, addresses: str = "2001:db8:1::,ra-only,64"
) -> Generator[None]:
    """The router announces its subnet, and itself as a DNS server."""
    argv = [*TIED, "ip", "netns", "exec", out, "dnsmasq", "--no-daemon", "--port=0"]
    argv += ["--conf-file=/dev/null", "--user=root", f"--dhcp-leasefile={folder / 'leases'}"]
    argv += ["--enable-ra", f"--dhcp-range={addresses}", "--interface=up0"]
    argv += [f"--dhcp-option=option6:dns-server,[{ROUTER}]"]
    with (folder / "dnsmasq.log").open("wb") as sink:
        server = subprocess.Popen(argv, stdout=sink, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        server.terminate()
        server.wait(60)


def forward() -> None:
    """As a node does for its apps."""
    Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1")


async def test_a_static_port_of_ipv6_reaches_beyond_its_router(machine: Machine, out: str) -> None:
    entry = wished(STATIC, NetworkType.V6Only, "2001:db8:1::20")
    await machine.apply(entry)
    port = await looked(machine, entry, lambda port: port.sources)
    with far(out):
        assert reaches(port) == "2001:db8:1::20"
    assert port.link is not None
    assert port.link.gateways == (ROUTER,)
    assert await machine.settle(entry) is False

    other = wished(STATIC, NetworkType.V6Only, "2001:db8:1::21")
    await machine.apply(other)
    port = await looked(machine, other, lambda port: port.sources)
    assert port.sources == ("2001:db8:1::21",)
    assert await machine.settle(other) is False


async def test_an_address_that_somebody_else_has_is_told_and_used_once_it_is_free(
    machine: Machine, out: str
) -> None:
    netns.ip("-n", out, "addr", "add", "2001:db8:1::20/64", "dev", "up0", "nodad")
    entry = wished(STATIC, NetworkType.V6Only, "2001:db8:1::20")
    await machine.apply(entry)
    port = await looked(machine, entry, lambda port: "somebody else" in port.local_error())
    assert "has 2001:db8:1::20" in port.local_error()
    assert port.sources == ()
    told = port.local_error()

    assert await machine.ask_again(entry, 0.0) is False
    assert await machine.ask_again(entry, FIRST_PAUSE_S) is True
    (port,) = (await machine.look(entry)).ports
    assert port.local_error() == told, "it is told until it is over"
    await still_taken()

    netns.ip("-n", out, "addr", "delete", "2001:db8:1::20/64", "dev", "up0")
    assert await machine.ask_again(entry, FIRST_PAUSE_S * 2) is False, "its pause is longer now"
    assert await machine.ask_again(entry, FIRST_PAUSE_S * 3) is True
    port = await looked(machine, entry, lambda port: port.sources)
    assert (port.sources, port.local_error()) == (("2001:db8:1::20",), "")
    assert await machine.ask_again(entry, FIRST_PAUSE_S * 99) is False
    assert await machine.settle(entry) is False


async def still_taken() -> None:
    """The kernel has asked once more, and heard the same."""

    async def heard() -> bool:
        (link,) = [one for one in (await uplink_state.routing()).links if one.name == "eth0"]
        return bool(link.taken)

    await netns.until(heard)


async def test_a_port_takes_what_a_router_announces_also_on_a_machine_that_forwards(
    machine: Machine, out: str, tmp_path: Path
) -> None:
    forward()
    entry = wished(Ipspec(dhcp=DHCPType.Client), NetworkType.V6Only)
    with announcing(out, tmp_path), far(out):
        await machine.apply(entry)
        port = await looked(machine, entry, lambda p: p.sources and p.link and p.link.gateways)
        assert reaches(port).startswith("2001:db8:1:")
        assert await machine.settle(entry) is False
    assert not (tmp_path / "dhcp" / "eth0").exists()  # nobody asks for an address of IPv4


async def test_a_port_asks_the_dns_servers_that_a_router_announces(
    machine: Machine, out: str, tmp_path: Path
) -> None:
    entry = wished(Ipspec(dhcp=DHCPType.Client), NetworkType.V6Only)

    def hears(one: Machine) -> AbstractAsyncContextManager[None]:
        return uplink_state.telling(
            lambda: None, lambda datagram: one.assigned.routers.hear(datagram, 0.0)
        )

    with announcing(out, tmp_path):
        async with hears(machine):
            await machine.apply(entry)
            port = await looked(machine, entry, lambda port: port.sources and port.dns)
            assert (port.dns, port.dns_error()) == ((ROUTER,), "")
        later = Machine(Place(tmp_path, "t6"), managed=machine.managed)
        async with hears(later):
            seen = await later.look(entry)
            assert "knows no DNS server" in seen.ports[0].dns_error()
            later.assigned.ask_routers(seen, 0.0)
            port = await looked(later, entry, lambda port: port.dns)
            assert port.servers == (ROUTER,)


async def test_an_address_is_asked_for_by_dhcp_where_the_router_says_so(
    machine: Machine, out: str, tmp_path: Path
) -> None:
    entry = wished(Ipspec(dhcp=DHCPType.Client), NetworkType.V6Only)
    with announcing(out, tmp_path, "2001:db8:1::77,2001:db8:1::77,64,1h"), far(out):
        await machine.apply(entry)

        async def asked(one: Machine) -> SeenPort:
            """As the service does each second, on a clock that runs faster."""
            rounds = itertools.count()
            async with asyncio.timeout(netns.PATIENCE_S):
                while True:
                    await one.lease6(entry, float(next(rounds)))
                    await one.settle(entry)
                    (port,) = (await one.look(entry)).ports
                    if port.sources and port.link and port.link.gateways:
                        return port
                    await asyncio.sleep(0.1)

        port = await asked(machine)
        assert (port.sources, port.dns) == (("2001:db8:1::77",), (ROUTER,))
        assert reaches(port) == "2001:db8:1::77"
        machine.assigned.leases6.close()
        later = Machine(Place(tmp_path, "t6"), managed=machine.managed)
        assert await later.settle(entry) is False, "the next process goes on with it"
        (seen,) = (await later.look(entry)).ports
        assert seen.sources == port.sources
        (link,) = [one for one in (await uplink_state.routing()).links if one.name == "eth0"]
        there = {"eth0": Asking(link.index, link.mac)}
        assert later.assigned.leases6.round(there, frozenset(), 20.0) is False, (
            "no router says so any more"
        )
        assert later.assigned.leases6.lease("eth0") is not None
        assert (await asked(later)).sources == port.sources
        assert await later.settle(entry) is False

        nobody = controller_entry(config(), at(0))
        assert await later.lease6(nobody, 99.0) is True
        assert list((tmp_path / "dhcp6").iterdir()) == []
        await later.apply(nobody)
        (link,) = [one for one in (await uplink_state.routing()).links if one.name == "eth0"]
        assert "2001:db8:1::77/128" not in link.addresses
        later.assigned.leases6.close()


async def test_what_was_given_by_dhcp_waits_for_the_carrier_of_its_port(
    machine: Machine, out: str, tmp_path: Path
) -> None:
    entry = wished(Ipspec(dhcp=DHCPType.Client), NetworkType.V6Only)
    netns.ip("-n", out, "link", "set", "up0", "down")
    netns.ip("link", "set", "eth0", "up")
    (link,) = [one for one in (await uplink_state.routing()).links if one.name == "eth0"]
    assert not link.carrier
    lease = Lease6("2001:db8:1::77", (), b"server", 100.0, 200.0, 300.0)
    told = asdict(Given(Asking(link.index, link.mac), lease))
    (tmp_path / "dhcp6").mkdir()
    (tmp_path / "dhcp6/eth0.json").write_text(json.dumps(told, default=bytes.hex))
    machine.assigned.leases6 = Leases6(tmp_path / "dhcp6")
    assert await machine.lease6(entry, 1.0) is False
    netns.ip("-n", out, "link", "set", "up0", "up")
    await netns.until(lambda: netns.ip("link", "show", "eth0").find("LOWER_UP") > 0)
    assert await machine.lease6(entry, 2.0) is False
    assert machine.assigned.leases6.lease("eth0") == lease
    netns.ip("-n", out, "link", "set", "up0", "down")
    await netns.until(lambda: netns.ip("link", "show", "eth0").find("LOWER_UP") < 0)
    assert await machine.lease6(entry, 3.0) is True, "it was taken up, and its port has gone since"
    machine.assigned.leases6.close()


async def test_ipv6_is_set_though_the_kernel_refuses_something_of_ipv4(
    out: str, tmp_path: Path
) -> None:
    """The broadcast address of a subnet is no gateway."""
    netns.ip("link", "add", "eth1", "type", "veth", "peer", "name", "far1", "netns", out)
    own, six = "10.1.0.20", replace(network(ip=STATIC), type=NetworkType.V6Only)

    def by(gateway: str) -> Entry:
        spec = Ipspec(dhcp=DHCPType.Static, subnet="10.1.0.0/24", gateway=gateway)
        wired = network("00000000-0000-4000-8000-0000000000d2", spec)
        ports = (
            adapter("eth0", addr="2001:db8:1::20"),
            adapter("eth1", net=wired.id, addr=own),
        )
        return controller_entry(config(*ports, networks=[six, wired]), at(0))

    machine = Machine(Place(tmp_path, "t6"), managed=frozenset({"eth0", "eth1"}))
    with pytest.raises(CommandFailed, match="invalid gateway"):
        await machine.apply(by("10.1.0.255"))
    assert await sourced(machine, by("10.1.0.255"), "eth0") == ("2001:db8:1::20",)

    entry = by("10.1.0.1")
    await machine.apply(entry)
    assert await sourced(machine, entry, "eth1") == (own,)
    assert await machine.settle(entry) is False


async def sourced(machine: Machine, entry: Entry, label: str) -> tuple[str, ...]:
    """The addresses that the port of this name sends from, once there are some."""
    async with asyncio.timeout(netns.PATIENCE_S):
        while True:
            ports = {port.plan.label: port for port in (await machine.look(entry)).ports}
            if ports[label].sources:
                return ports[label].sources
            await asyncio.sleep(0.1)
