"""Network instances and firewalls with real traffic between real namespaces."""

import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import netns
from support.netns import connects, denied, listening, lookup
from support.network_node import TABLE, NetworkNode, ace, app, interface, network, port_map

from eaves.evapi.config import ACEAction
from eaves.node.refs import netns_name

pytestmark = pytest.mark.host

NI = "11111111-0000-4000-8000-000000000001"
OTHER_NI = "11111111-0000-4000-8000-000000000002"
SUBNET, GATEWAY, FIRST, SECOND = "10.77.0.0/24", "10.77.0.1", "10.77.0.2", "10.77.0.3"
A, B = 231, 232  # app numbers; high, so that no other node on this machine has them
NS_A, NS_B = netns_name(TABLE, A), netns_name(TABLE, B)


@dataclass
class Bench:
    node: NetworkNode
    uplink: netns.Uplink
    run_dir: Path

    def restarted(self) -> NetworkNode:
        """What a new node process would have: the folder and the kernel, nothing in memory."""
        self.node = NetworkNode(self.run_dir)
        return self.node


@pytest.fixture
def uplink() -> Iterator[netns.Uplink]:
    with netns.node_behind_uplink() as uplink, netns.inside(uplink.node):
        yield uplink


@pytest.fixture
async def bench(uplink: netns.Uplink) -> AsyncIterator[Bench]:
    run_dir = Path(f"/run/{uplink.node}")
    bench = Bench(NetworkNode(run_dir), uplink, run_dir)
    try:
        yield bench
    finally:
        await bench.node.tear_down()
        shutil.rmtree(run_dir, ignore_errors=True)


async def test_an_app_without_acl_resolves_names_and_reaches_nothing_else(bench: Bench) -> None:
    apps = [app(A, "Web Shop", interface(NI)), app(B, "other", interface(NI))]
    report = await bench.node.bring([network(NI, SUBNET)], apps)
    assert report.unmet() == ()
    assert lookup(NS_A, GATEWAY, "web-shop") == [FIRST]
    assert lookup(NS_A, GATEWAY, "other") == [SECOND]
    assert lookup(NS_A, GATEWAY, "router") == [GATEWAY]
    with (
        listening(bench.uplink.outside, bench.uplink.outside_address, 8080),
        listening(NS_B, SECOND, 80),
    ):
        assert denied(NS_A, bench.uplink.outside_address, 8080)
        assert denied(NS_A, SECOND, 80)


async def test_allowed_traffic_leaves_with_the_address_of_the_port(bench: Bench) -> None:
    aces = (ace(1, protocol="tcp", fport="8080"),)
    await bench.node.bring([network(NI, SUBNET)], [app(A, "a", interface(NI, *aces))])
    with listening(bench.uplink.outside, bench.uplink.outside_address, 8080) as server:
        assert connects(NS_A, bench.uplink.outside_address, 8080)
        peer = server.accept()
        peer[0].close()
        assert peer[1][0] == bench.uplink.port_address
    with listening(bench.uplink.outside, bench.uplink.outside_address, 8081):
        assert denied(NS_A, bench.uplink.outside_address, 8081)


async def test_a_port_map_answers_outside_and_only_on_its_port(bench: Bench) -> None:
    apps = [app(A, "a", interface(NI, port_map(1, 8080, 80)))]
    await bench.node.bring([network(NI, SUBNET)], apps)
    outside, address = bench.uplink.outside, bench.uplink.port_address
    with listening(NS_A, FIRST, 80), listening(NS_A, FIRST, 81):
        assert connects(outside, address, 8080)
        assert denied(outside, address, 8081)
        netns.ip("-n", outside, "route", "add", SUBNET, "via", address)
        assert denied(outside, FIRST, 80)  # routed straight to the app: nobody asked for it


async def test_a_port_map_may_be_limited_to_a_source(bench: Bench) -> None:
    elsewhere = port_map(1, 8080, 80, ip="203.0.113.0/24")
    here = port_map(2, 8081, 80, ip="198.51.100.0/24")
    await bench.node.bring([network(NI, SUBNET)], [app(A, "a", interface(NI, elsewhere, here))])
    with listening(NS_A, FIRST, 80):
        assert connects(bench.uplink.outside, bench.uplink.port_address, 8081)
        assert denied(bench.uplink.outside, bench.uplink.port_address, 8080)


async def test_two_apps_talk_only_when_both_lists_allow(bench: Bench) -> None:
    everyone = ace(1, eidset="")
    ni = [network(NI, SUBNET)]
    with_list, without = interface(NI, everyone), interface(NI)
    for a, b, may in ((with_list, without, False), (without, with_list, False)):
        await bench.node.bring(ni, [app(A, "a", a), app(B, "b", b)])
        with listening(NS_B, SECOND, 80):
            assert connects(NS_A, SECOND, 80, 0.7) is may
    await bench.node.bring(ni, [app(A, "a", with_list), app(B, "b", with_list)])
    with listening(NS_B, SECOND, 80) as server:
        assert connects(NS_A, SECOND, 80)
        peer = server.accept()
        peer[0].close()
        assert peer[1][0] == FIRST  # not translated within the network instance


async def test_apps_use_the_outside_address_of_a_port_map(bench: Bench) -> None:
    everything = ace(9)
    apps = [
        app(A, "a", interface(NI, port_map(1, 8080, 80), everything)),
        app(B, "b", interface(NI, everything)),
        app(233, "c", interface(OTHER_NI, everything)),
        app(234, "d", interface(OTHER_NI)),
    ]
    networks = [network(NI, SUBNET), network(OTHER_NI, "10.78.0.0/24")]
    await bench.node.bring(networks, apps)
    with listening(NS_A, FIRST, 80), listening(NS_B, SECOND, 81):
        address = bench.uplink.port_address
        assert connects(NS_A, address, 8080)  # itself
        assert connects(NS_B, address, 8080)  # a neighbour
        assert connects(netns_name(TABLE, 233), address, 8080)  # another network instance
        assert denied(netns_name(TABLE, 234), address, 8080)  # its own list says no
        assert denied(netns_name(TABLE, 233), SECOND, 81)  # no way between network instances


async def test_apps_find_nothing_on_the_node_but_dns_and_ping(bench: Bench) -> None:
    everything = ace(9)
    apps = [
        app(A, "a", interface(NI, port_map(1, 8080, 80), everything)),
        app(B, "b", interface(NI, everything)),
        app(233, "c", interface(OTHER_NI, everything)),
    ]
    networks = [network(NI, SUBNET), network(OTHER_NI, "10.78.0.0/24")]
    await bench.node.bring(networks, apps)
    node, there = bench.uplink.node, bench.uplink.port_address
    with listening(node, "0.0.0.0", 22), listening(NS_A, FIRST, 80), listening(NS_A, FIRST, 22):
        for address in (GATEWAY, there, "10.78.0.1"):
            assert denied(NS_B, address, 22)
        assert denied(netns_name(TABLE, 233), GATEWAY, 22)
        assert connects(NS_B, there, 8080)  # a port map is no service of the node
        assert connects(bench.uplink.outside, there, 22)  # ports are the host's own business
        assert connects(node, FIRST, 22)  # and so are replies to what the node began
    assert lookup(NS_B, GATEWAY, "a") == [FIRST]
    netns.ip("netns", "exec", NS_B, "busybox", "ping", "-c", "1", "-W", "3", GATEWAY)
    assert (await bench.node.subsystem.counters()).aces["node-services", "no-service"] > 0


async def test_an_air_gapped_network_reaches_no_port(bench: Bench) -> None:
    everything = ace(9)
    apps = [app(A, "a", interface(NI, everything)), app(B, "b", interface(NI, everything))]
    await bench.node.bring([network(NI, SUBNET, port="")], apps)
    with (
        listening(bench.uplink.outside, bench.uplink.outside_address, 8080),
        listening(NS_B, SECOND, 80),
    ):
        netns.ip("-n", NS_A, "route", "add", "default", "via", GATEWAY)
        assert denied(NS_A, bench.uplink.outside_address, 8080)
        assert connects(NS_A, SECOND, 80)


async def test_the_first_match_decides(bench: Bench) -> None:
    drop = ace(1, ACEAction(drop=True), protocol="tcp", fport="8080")
    apps = [app(A, "a", interface(NI, drop, ace(2)))]
    await bench.node.bring([network(NI, SUBNET)], apps)
    outside, address = bench.uplink.outside, bench.uplink.outside_address
    with listening(outside, address, 8080), listening(outside, address, 8081):
        assert denied(NS_A, address, 8080)
        assert connects(NS_A, address, 8081)
    counters = await bench.node.subsystem.counters()
    assert counters.drops[f"nbu0x{A}"].tx_acl >= 1
    assert counters.aces[f"tx-nbu0x{A}", "ace=2"] >= 1


async def test_a_limit_drops_what_is_over_it_also_within_a_connection(bench: Bench) -> None:
    limit = ACEAction(limit=True, limitrate=1, limitunit="minute", limitburst=3)
    apps = [app(A, "a", interface(NI, ace(1, limit)))]
    await bench.node.bring([network(NI, SUBNET)], apps)
    outside, address = bench.uplink.outside, bench.uplink.outside_address
    with listening(outside, address, 8080):
        results = [connects(NS_A, address, 8080, 0.5) for _ in range(4)]
    assert results[0]
    assert not results[-1]
    assert (await bench.node.subsystem.counters()).drops[f"nbu0x{A}"].tx_limit > 0


async def test_an_app_cannot_borrow_a_neighbours_address(bench: Bench) -> None:
    apps = [app(A, "a", interface(NI)), app(B, "b", interface(NI, ace(1)))]
    await bench.node.bring([network(NI, SUBNET)], apps)
    outside, address = bench.uplink.outside, bench.uplink.outside_address
    with listening(outside, address, 8080):
        assert connects(NS_B, address, 8080)
        netns.ip("-n", NS_B, "link", "set", "eth0", "down")
        netns.ip("-n", NS_A, "addr", "flush", "dev", "eth0")
        netns.ip("-n", NS_A, "addr", "add", f"{SECOND}/24", "dev", "eth0")
        netns.ip("-n", NS_A, "route", "add", "default", "via", GATEWAY)
        assert denied(NS_A, address, 8080)


async def test_a_list_changes_under_an_open_connection(bench: Bench) -> None:
    ni = [network(NI, SUBNET)]
    await bench.node.bring(ni, [app(A, "a", interface(NI, ace(1)))])
    outside, address = bench.uplink.outside, bench.uplink.outside_address
    with listening(outside, address, 8080) as server:
        with netns.inside(NS_A):
            client = socket.create_connection((address, 8080), 3)
        peer, _ = server.accept()
        with client, peer:
            client.settimeout(0.7)
            peer.settimeout(3)
            client.sendall(b"before")
            assert peer.recv(16) == b"before"
            before = bench.node.reconciler.steps_run
            await bench.node.bring(ni, [app(A, "a", interface(NI))])
            assert bench.node.reconciler.steps_run == before + 1
            client.sendall(b"after")
            peer.settimeout(0.7)
            with pytest.raises(TimeoutError):
                peer.recv(16)
            await bench.node.bring(ni, [app(A, "a", interface(NI, ace(1)))])
