"""A switch with real frames: its port, its lists, and that it is no way around them."""

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from support import netns
from support.netns import PATIENCE_S, connects, denied, listening, until
from support.network_node import TABLE, NetworkNode, ace, app, interface, network
from support.tied import TIED

from eaves.evapi.config import ACEAction, ZNetworkInstType
from eaves.evapi.config_items import apply_items
from eaves.node.host import dhcp
from eaves.node.host.netfilter import FlowTap
from eaves.node.network.items import Tracking, Vif
from eaves.node.network.marks import log_group
from eaves.node.refs import netns_name
from eaves.node.runtime.flow_reports import learn
from eaves.node.uplinks.leases6 import Asking, Leases6

pytestmark = pytest.mark.host

NI = "11111111-0000-4000-8000-000000000001"
A, B = 231, 232
NS_A, NS_B = netns_name(TABLE, A), netns_name(TABLE, B)
OUT, FIRST, SECOND = "198.51.100.1", "198.51.100.11", "198.51.100.12"
LEASED = "198.51.100.77"
PREFIX = "2001:db8:6::"
BOTH_PORTS = frozenset({"eth0", "eth1"})
SWITCH = network(NI, port="eth0", kind=ZNetworkInstType.ZnetInstSwitch)


@dataclass
class Bench:
    name: str
    node: NetworkNode
    outside: str


@pytest.fixture
def wire() -> Iterator[netns.Uplink]:
    """A port without an address, handed over by the host."""
    with netns.node_behind_uplink() as uplink:
        netns.ip("-n", uplink.node, "addr", "flush", "dev", uplink.port)
        with netns.inside(uplink.node):
            yield uplink


@pytest.fixture
async def bench(wire: netns.Uplink) -> AsyncIterator[Bench]:
    run_dir = Path(f"/run/{wire.node}")
    node = NetworkNode(run_dir, managed=frozenset({wire.port}))
    try:
        if await node.subsystem.tracking() is Tracking.NONE:
            pytest.skip("needs nf_conntrack_bridge or br_netfilter in this kernel")
        yield Bench(wire.node, node, wire.outside)
    finally:
        await node.tear_down()
        shutil.rmtree(run_dir, ignore_errors=True)


def address(namespace: str, text: str) -> None:
    """What the app or a DHCP server outside would do."""
    netns.ip("-n", namespace, "addr", "add", f"{text}/24", "dev", "eth0")
    netns.ip("-n", namespace, "link", "set", "eth0", "up")


async def test_an_app_is_a_member_of_the_segment_as_far_as_its_list_says(bench: Bench) -> None:
    aces = (ace(1, protocol="tcp", fport="8080"), ace(2, protocol="tcp", lport="80"))
    await bench.node.bring([SWITCH], [app(A, "a", interface(NI, *aces))])
    assert bench.node.refusals == {}
    address(NS_A, FIRST)
    with listening(bench.outside, OUT, 8080), listening(bench.outside, OUT, 8081):
        assert connects(NS_A, OUT, 8080)
        assert denied(NS_A, OUT, 8081)
    with listening(NS_A, FIRST, 80), listening(NS_A, FIRST, 81):
        assert connects(bench.outside, FIRST, 80)
        assert denied(bench.outside, FIRST, 81)


async def test_a_container_has_the_address_that_a_server_outside_leases(
    bench: Bench, tmp_path: Path
) -> None:
    listed = ace(1, protocol="tcp", fport="8080")
    with dhcp_server(bench.outside, tmp_path):
        await bench.node.bring([SWITCH], [app(A, "a", interface(NI, listed))])
        (vif,) = (i for i in bench.node.items if isinstance(i, Vif))
        folder = Path(f"/run/{bench.name}/network/dhcp/{vif.name}")
        await until(lambda: LEASED in netns.ip("-n", NS_A, "-4", "addr"), 120)
        await until(lambda: bench.node.subsystem.leases().get(vif.mac) == (LEASED,), 30)
        await until(lambda: f"default via {OUT}" in netns.ip("-n", NS_A, "route"), 30)
        with listening(bench.outside, OUT, 8080):
            assert connects(NS_A, OUT, 8080)
        steps = bench.node.reconciler.steps_run
        await bench.node.again()
        assert bench.node.reconciler.steps_run == steps
        os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
        await until(lambda: not dhcp.serves(folder, netns_index(vif.name)), 30)
        await bench.node.again()
        assert dhcp.serves(folder, netns_index(vif.name))
        last = int((folder / "pid").read_text())
        await bench.node.bring([SWITCH], [])
        await until(lambda: not Path(f"/proc/{last}").exists(), 30)


async def test_addresses_of_ipv6_that_an_app_takes_are_told(bench: Bench, tmp_path: Path) -> None:
    """By router and address detection (SLAAC), by DHCPv6, by hand; not one that another has."""
    for text in (f"{PREFIX}1", f"{PREFIX}6"):
        netns.ip("-n", bench.outside, "addr", "add", f"{text}/64", "dev", "up0", "nodad")
    learned, (items, _) = bench.node.subsystem.learned, apply_items([])
    await bench.node.bring([SWITCH], [app(A, "a", interface(NI, ace(1)))])
    (vif,) = (i for i in bench.node.items if isinstance(i, Vif))
    hear_routers()

    def told() -> tuple[str, ...]:
        learn(learned, tap.logged(400).logged, items)
        return bench.node.subsystem.leases().get(vif.mac, ())

    with (
        contextlib.closing(FlowTap(log_group(TABLE))) as tap,
        announcing(bench.outside, tmp_path),
        asking(tmp_path) as round_of_dhcp6,
    ):
        await until(lambda: own_address(vif.mac) in told())
        netns.ip("-n", NS_A, "addr", "add", f"{PREFIX}5/64", "dev", "eth0")
        netns.ip("-n", NS_A, "addr", "add", f"{PREFIX}6/64", "dev", "eth0")
        await until(lambda: round_of_dhcp6() and f"{PREFIX}77" in told())
        await until(lambda: "dadfailed" in netns.ip("-n", NS_A, "addr", "show", "dev", "eth0"))
        wanted = (f"{PREFIX}5", f"{PREFIX}77", own_address(vif.mac))
        await until(lambda: told() == wanted)


def hear_routers() -> None:
    """Whatever this machine has for namespaces that are new."""
    with netns.inside(NS_A):
        for name, value in (("accept_ra", 2), ("autoconf", 1), ("addr_gen_mode", 0)):
            Path("/proc/sys/net/ipv6/conf/eth0", name).write_text(str(value))


def own_address(mac: str) -> str:
    """Of the prefix, as the kernel makes it of the MAC."""
    raw = bytearray.fromhex(mac.replace(":", ""))
    raw[0] ^= 2
    return str(IPv6Address(IPv6Address(PREFIX).packed[:8] + raw[:3] + b"\xff\xfe" + raw[3:]))


@contextlib.contextmanager
def announcing(namespace: str, folder: Path) -> Generator[None]:
    """A router with a prefix for everybody, and a server of DHCPv6 with one address."""
    argv = [
        *(*TIED, "ip", "netns", "exec", namespace, "dnsmasq", "--no-daemon", "--port=0"),
        *("--conf-file=/dev/null", "--interface=up0", "--user=root", "--enable-ra"),
        f"--dhcp-leasefile={folder / 'leases'}",
        f"--dhcp-range={PREFIX}77,{PREFIX}77,slaac,64,1h",
    ]
    with (folder / "dnsmasq.log").open("wb") as sink:
        process = subprocess.Popen(argv, stdout=sink, stderr=sink)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def asking(folder: Path) -> Generator[Callable[[], bool]]:
    """The node's own client of DHCPv6 in the place of the app's; a round may always be called."""
    client, clock = Leases6(folder / "dhcp6"), itertools.count()
    with netns.inside(NS_A):
        asked = Asking(socket.if_nametoindex("eth0"), "02:00:00:00:00:01")

    def round_of_dhcp6() -> bool:
        with netns.inside(NS_A):
            client.round({"eth0": asked}, frozenset({"eth0"}), float(next(clock)))
        return True

    try:
        yield round_of_dhcp6
    finally:
        client.close()


def netns_index(ifname: str) -> int:
    return socket.if_nametoindex(ifname)


@contextlib.contextmanager
def dhcp_server(namespace: str, folder: Path) -> Generator[None]:
    argv = [
        *(*TIED, "ip", "netns", "exec", namespace, "dnsmasq", "--no-daemon", "--port=0"),
        *("--conf-file=/dev/null", "--no-ping", "--interface=up0", "--user=root"),
        *(f"--dhcp-leasefile={folder / 'leases'}", f"--dhcp-range={LEASED},{LEASED},2m"),
    ]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


async def test_two_apps_of_a_switch_talk_only_when_both_lists_allow(bench: Bench) -> None:
    everything = interface(NI, ace(1))
    for a, b, may in (
        (everything, interface(NI), False),
        (interface(NI), everything, False),
        (everything, everything, True),
    ):
        await bench.node.bring([SWITCH], [app(A, "a", a), app(B, "b", b)])
        for namespace, text in ((NS_A, FIRST), (NS_B, SECOND)):
            if text not in netns.ip("-n", namespace, "addr"):
                address(namespace, text)
        with listening(NS_B, SECOND, 80):
            assert connects(NS_A, SECOND, 80, PATIENCE_S if may else 0.7) is may


async def test_ipv6_is_filtered_as_ipv4_is(bench: Bench) -> None:
    aces = (ace(1, ACEAction(drop=True), ip="2001:db8::1", protocol="tcp", fport="81"), ace(2))
    await bench.node.bring([SWITCH], [app(A, "a", interface(NI, *aces))])
    for namespace, device, text in (
        (NS_A, "eth0", "2001:db8::2"),
        (bench.outside, "up0", "2001:db8::1"),
    ):
        netns.ip("-n", namespace, "addr", "add", f"{text}/64", "dev", device, "nodad")
        netns.ip("-n", namespace, "link", "set", device, "up")
    for port, may in ((80, True), (81, False)):
        with netns.inside(bench.outside):
            server = socket.create_server(("2001:db8::1", port), family=socket.AF_INET6)
        with netns.inside(NS_A):
            client = socket.socket(socket.AF_INET6)
        with server, client:
            client.settimeout(PATIENCE_S if may else 0.7)
            assert (client.connect_ex(("2001:db8::1", port)) == 0) is may


async def test_a_list_changes_under_an_open_connection_of_a_switch(bench: Bench) -> None:
    await bench.node.bring([SWITCH], [app(A, "a", interface(NI, ace(1)))])
    address(NS_A, FIRST)
    with listening(bench.outside, OUT, 8080) as server:
        with netns.inside(NS_A):
            client = socket.create_connection((OUT, 8080), PATIENCE_S)
        peer, _ = server.accept()
        with client, peer:
            client.sendall(b"before")
            assert peer.recv(16) == b"before"
            await bench.node.bring([SWITCH], [app(A, "a", interface(NI))])
            client.sendall(b"after")
            peer.settimeout(0.7)
            with pytest.raises(TimeoutError):
                peer.recv(16)


async def test_a_port_that_cannot_be_plugged_in_holds_up_no_app(
    wire: netns.Uplink, bench: Bench
) -> None:
    """A bridge takes no bridge; the next look finds the switch as it is, and the app is new."""
    node = bench.node = NetworkNode(Path(f"/run/{bench.name}"), ("eth0", "eth1"), BOTH_PORTS)
    await node.subsystem.tracking()
    await node.bring([SWITCH], [app(A, "a", interface(NI, ace(1)))])
    netns.ip("link", "add", "eth1", "type", "bridge")
    other = network(NI, port="eth1", kind=ZNetworkInstType.ZnetInstSwitch)
    apps = [app(number, str(number), interface(NI, ace(1))) for number in (A, B)]
    for some in (apps[:1], apps):
        with pytest.raises(AssertionError, match=r"goes on without .* eth1"):
            await node.bring([other], some)
    report = await node.again()
    assert {one.ref.kind for one in report.unmet()} == {"switch"}
    for namespace, text in ((NS_A, FIRST), (NS_B, SECOND)):
        address(namespace, text)
    with listening(NS_B, SECOND, 80):
        assert connects(NS_A, SECOND, 80)

    netns.ip("link", "delete", "eth1")
    netns.ip("-n", wire.outside, "link", "delete", "up0")
    netns.veth(wire.node, "eth1", "198.51.100.2/24", wire.outside, "up0", f"{OUT}/24")
    netns.ip("addr", "flush", "dev", "eth1")
    (fault,) = node.reconciler.faults
    node.reconciler.retry(fault)
    assert (await node.again()).unmet() == ()
    with listening(wire.outside, OUT, 8080):
        assert connects(NS_B, OUT, 8080)


async def test_the_node_itself_is_not_in_the_segment(bench: Bench) -> None:
    await bench.node.bring([SWITCH], [app(A, "a", interface(NI, ace(1)))])
    assert "inet" not in netns.ip("addr", "show", "dev", "bn1")


async def test_a_switch_leaves_its_port_as_it_was(bench: Bench) -> None:
    await bench.node.bring([SWITCH], [app(A, "a", interface(NI, ace(1)))])
    assert "master bn1" in netns.ip("link", "show", "dev", "eth0")
    await bench.node.tear_down()
    assert "master" not in netns.ip("link", "show", "dev", "eth0")
