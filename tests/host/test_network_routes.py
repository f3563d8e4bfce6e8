"""A network instance with two uplinks: the choice, replies of port maps, and what apps are told."""

import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support import netns
from support.netns import PATIENCE_S, connects, listening
from support.network_node import TABLE, NetworkNode, ace, app, interface, network, port_map

from eaves.evapi.config.netinst import IPRoute
from eaves.ids import NetworkInstanceId
from eaves.node.host.probes import answers_ping, answers_tcp
from eaves.node.network.routing import EVERYWHERE
from eaves.node.refs import netns_name

pytestmark = pytest.mark.host

NI = "11111111-0000-4000-8000-000000000001"
SUBNET, FIRST = "10.77.0.0/24", "10.77.0.2"
A = 231
NS_A = netns_name(TABLE, A)
FAR = "203.0.113.9"  # at both ends, as the same service behind two providers
BRIEFLY_S = 0.7  # to wait for what must not come
SECOND_PORT, SECOND_ADDRESS, SECOND_GATEWAY = "eth1", "192.0.2.2", "192.0.2.1"


@dataclass
class Bench:
    node: NetworkNode
    first: netns.Uplink
    second: str  # namespace behind the other uplink


@pytest.fixture
def uplinks() -> Iterator[tuple[netns.Uplink, str]]:
    with netns.node_behind_uplink() as first, netns.namespace("out2") as second:
        netns.veth(
            first.node,
            SECOND_PORT,
            f"{SECOND_ADDRESS}/24",
            second,
            "up0",
            f"{SECOND_GATEWAY}/24",
        )
        netns.ip(
            *("-n", first.node, "route", "add", "default", "via", SECOND_GATEWAY, "metric", "9")
        )
        for outside in (first.outside, second):
            netns.ip("-n", outside, "addr", "add", f"{FAR}/32", "dev", "lo")
        with netns.inside(first.node):
            yield first, second


@pytest.fixture
async def bench(uplinks: tuple[netns.Uplink, str]) -> AsyncIterator[Bench]:
    first, second = uplinks
    run_dir = Path(f"/run/{first.node}")
    bench = Bench(NetworkNode(run_dir, ("eth0", SECOND_PORT)), first, second)
    try:
        yield bench
    finally:
        await bench.node.tear_down()
        shutil.rmtree(run_dir, ignore_errors=True)


def reached(namespace: str, patience_s: float = PATIENCE_S) -> str:
    """The address that the app is seen with there; empty when it does not come there."""
    with listening(namespace, FAR, 8080) as server:
        connects(NS_A, FAR, 8080, patience_s)
        server.settimeout(patience_s)
        try:
            peer, sender = server.accept()
        except TimeoutError:
            return ""
        peer.close()
        return str(sender[0])


async def test_traffic_leaves_by_the_port_that_is_chosen(bench: Bench) -> None:
    networks, apps = [network(NI, SUBNET)], [app(A, "a", interface(NI, ace(1)))]
    await bench.node.bring(networks, apps)
    assert reached(bench.first.outside) == bench.first.port_address
    bench.node.chosen = {(NetworkInstanceId(NI), EVERYWHERE): SECOND_PORT}
    await bench.node.bring(networks, apps)
    assert reached(bench.second) == SECOND_ADDRESS
    assert reached(bench.first.outside, BRIEFLY_S) == ""


async def test_a_static_route_goes_by_its_port_whatever_the_default_is(bench: Bench) -> None:
    route = IPRoute(destination_network=f"{FAR}/32", port=SECOND_PORT)
    networks = [replace(network(NI, SUBNET), static_routes=(route,))]
    await bench.node.bring(networks, [app(A, "a", interface(NI, ace(1)))])
    assert reached(bench.second) == SECOND_ADDRESS


async def test_a_port_map_answers_by_the_port_that_was_asked(bench: Bench) -> None:
    await bench.node.bring([network(NI, SUBNET)], [app(A, "a", interface(NI, port_map(1, 80, 80)))])
    netns.ip("-n", bench.second, "addr", "add", "203.0.113.77/32", "dev", "lo")
    with listening(NS_A, FIRST, 80):
        assert connects(bench.first.outside, bench.first.port_address, 80)
        assert connects(bench.second, SECOND_ADDRESS, 80)


async def test_nothing_leaves_by_the_routes_of_the_host(bench: Bench) -> None:
    """Only eth1 belongs to the network; the host itself prefers eth0."""
    networks = [network(NI, SUBNET, port=SECOND_PORT)]
    await bench.node.bring(networks, [app(A, "a", interface(NI, ace(1)))])
    assert reached(bench.second) == SECOND_ADDRESS
    netns.ip("-n", bench.first.node, "route", "del", "default", "via", SECOND_GATEWAY)
    await bench.node.bring(networks, [app(A, "a", interface(NI, ace(1)))])
    assert reached(bench.first.outside, BRIEFLY_S) == ""


async def test_routes_that_somebody_took_away_are_made_again(bench: Bench) -> None:
    networks, apps = [network(NI, SUBNET)], [app(A, "a", interface(NI, ace(1)))]
    await bench.node.bring(networks, apps)
    before = bench.node.reconciler.steps_run
    await bench.node.bring(networks, apps)
    assert bench.node.reconciler.steps_run == before
    netns.ip("-n", bench.first.node, "rule", "del", "pref", "7001")
    await bench.node.bring(networks, apps)
    assert bench.node.reconciler.steps_run == before + 1
    assert reached(bench.first.outside) == bench.first.port_address
    await bench.node.tear_down()
    assert "lookup 7001" not in netns.ip("-n", bench.first.node, "rule")


async def test_probes_go_by_the_port_they_are_for(bench: Bench) -> None:
    first = bench.first
    assert await answers_ping(first.outside_address, "eth0", PATIENCE_S)
    assert not await answers_ping(SECOND_GATEWAY, "eth0", 0.3)
    assert not await answers_ping(SECOND_GATEWAY, "gone0", 0.3)
    with listening(bench.second, SECOND_GATEWAY, 8443):
        assert await answers_tcp(SECOND_GATEWAY, 8443, SECOND_PORT, PATIENCE_S)
        assert not await answers_tcp(SECOND_GATEWAY, 8444, SECOND_PORT, PATIENCE_S)
