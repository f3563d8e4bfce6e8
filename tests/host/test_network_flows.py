"""Counters that outlive a change of the list, and records of flows from real traffic."""

import gc
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import process_time

import pytest
from support import netns
from support.netns import connects, denied, listening, until
from support.network_node import TABLE, NetworkNode, ace, app, interface, network

from eaves.evapi.config import ACEAction
from eaves.evapi.flowlog import ACLAction, FlowRecord
from eaves.node.host.netfilter import FlowTap, Reading, dump
from eaves.node.network.flows import FlowLedger
from eaves.node.network.marks import LISTED, log_group
from eaves.node.network.parties import directory_of
from eaves.node.refs import AppInForce, netns_name

pytestmark = pytest.mark.host

NI = "11111111-0000-4000-8000-000000000001"
SUBNET, GATEWAY, FIRST = "10.77.0.0/24", "10.77.0.1", "10.77.0.2"
A = 231
NS_A = netns_name(TABLE, A)
FLOOD = 20_000


@pytest.fixture
def uplink() -> Iterator[netns.Uplink]:
    with netns.node_behind_uplink() as uplink, netns.inside(uplink.node):
        yield uplink


@pytest.fixture
async def node(uplink: netns.Uplink) -> AsyncIterator[NetworkNode]:
    run_dir = Path(f"/run/{uplink.node}")
    node = NetworkNode(run_dir)
    try:
        yield node
    finally:
        await node.tear_down()
        shutil.rmtree(run_dir, ignore_errors=True)


@pytest.fixture
def tap(uplink: netns.Uplink) -> Iterator[FlowTap]:
    with netns.inside(uplink.node):
        tap = FlowTap(log_group(TABLE))
    try:
        yield tap
    finally:
        tap.close()


class Recorder:
    """The ledger, fed from the kernel as the node does."""

    def __init__(self, node: NetworkNode, apps: list[AppInForce], tap: FlowTap) -> None:
        self.ledger = FlowLedger()
        self._directory = directory_of(node.items, apps, {})
        self._tap = tap

    def read(self) -> None:
        now = datetime.now(UTC)
        self.ledger.ended(self._tap.ended(1000, LISTED).connections, self._directory, now)
        logged = self._tap.logged(1000)
        self.ledger.logged(((one, ()) for one in logged.logged), self._directory, now)

    def look(self) -> None:
        alive: Reading = dump(1000, LISTED)
        self.ledger.alive(alive.connections, self._directory, datetime.now(UTC))

    def flows(self) -> list[FlowRecord]:
        return [flow for message in self.ledger.messages("device") for flow in message.flows]


async def test_a_changed_list_loses_no_packet_of_the_counters(
    node: NetworkNode, uplink: netns.Uplink
) -> None:
    aces = (ace(1, protocol="tcp", fport="8080"), ace(2, protocol="tcp", fport="8081"))
    await node.bring([network(NI, SUBNET)], [app(A, "a", interface(NI, *aces))])
    outside, address = uplink.outside, uplink.outside_address
    key = (f"tx-nbu0x{A}", "ace=1")
    with listening(outside, address, 8080), listening(outside, address, 8081):
        assert connects(NS_A, address, 8080)
        assert denied(NS_A, address, 8082)
        before = await node.subsystem.counters()
        await node.bring([network(NI, SUBNET)], [app(A, "a", interface(NI, aces[0]))])
        assert connects(NS_A, address, 8080)
        assert denied(NS_A, address, 8081)
        after = await node.subsystem.counters()
    assert (before.aces[key], after.aces[key]) == (1, 2)
    assert after.drops[f"nbu0x{A}"].tx_acl > before.drops[f"nbu0x{A}"].tx_acl > 0
    assert (f"tx-nbu0x{A}", "ace=2") not in after.aces


async def test_what_nobody_answers_counts_at_its_entry_packet_by_packet(
    node: NetworkNode, uplink: netns.Uplink
) -> None:
    """By the mark of the connection, not through the list; a changed list ends it at once."""
    many = [ace(n, protocol="udp", fport=str(5000 + n)) for n in range(1, 21)]
    await node.bring([network(NI, SUBNET)], [app(A, "a", interface(NI, *many))])
    with netns.inside(uplink.outside):
        sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with netns.inside(NS_A):
        source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sink, source:
        sink.settimeout(netns.PATIENCE_S)
        sink.bind((uplink.outside_address, 5020))
        source.connect((uplink.outside_address, 5020))

        def through() -> None:
            for number in range(100):
                source.send(f"{number}".encode())
                assert sink.recv(16) == f"{number}".encode()

        through()
        key = (f"tx-nbu0x{A}", "ace=20")
        assert (await node.subsystem.counters()).aces[key] == 100
        steps = node.reconciler.steps_run
        await node.again()
        assert node.reconciler.steps_run == steps  # what is there reads back as it was meant
        through()
        assert (await node.subsystem.counters()).aces[key] == 200
        await node.bring([network(NI, SUBNET)], [app(A, "a", interface(NI, *many[:-1]))])
        source.send(b"denied")
        sink.settimeout(0.7)
        with pytest.raises(TimeoutError):
            sink.recv(16)


async def test_connections_are_recorded_with_app_rule_and_bytes(
    node: NetworkNode, uplink: netns.Uplink, tap: FlowTap
) -> None:
    apps = [app(A, "a", interface(NI, ace(7, protocol="tcp", fport="8080")))]
    await node.bring([network(NI, SUBNET)], apps)
    recorder = Recorder(node, apps, tap)
    with listening(uplink.outside, uplink.outside_address, 8080) as server:
        with netns.inside(NS_A):
            client = socket.create_connection((uplink.outside_address, 8080), netns.PATIENCE_S)
        peer, _ = server.accept()
        with client, peer:
            client.sendall(b"x" * 1000)
            assert peer.recv(2000)
            recorder.look()
            (open_,) = recorder.flows()
            assert open_.flow is not None
            assert (open_.flow.src, open_.flow.dest, open_.flow.dest_port) == (
                FIRST,
                uplink.outside_address,
                8080,
            )
            assert (open_.acl_id, open_.action, open_.inbound, open_.end_time) == (
                7,
                ACLAction.ActionAccept,
                False,
                None,
            )
            assert open_.tx_bytes > 1000
            assert open_.start_time is not None
            client.sendall(b"y" * 500)
            assert peer.recv(2000)
    netns.ip("netns", "exec", uplink.node, "conntrack", "-D", "--orig-src", FIRST)
    told: list[FlowRecord] = []

    def ended() -> bool:
        recorder.read()
        told.extend(recorder.flows())
        return any(flow.end_time for flow in told)

    await until(ended)
    assert open_.tx_bytes + sum(flow.tx_bytes for flow in told) > 1500


async def test_what_is_denied_is_recorded_with_its_rule(
    node: NetworkNode, uplink: netns.Uplink, tap: FlowTap
) -> None:
    drop = ace(3, ACEAction(drop=True), protocol="tcp", fport="8081")
    apps = [app(A, "a", interface(NI, drop))]
    await node.bring([network(NI, SUBNET)], apps)
    recorder = Recorder(node, apps, tap)
    assert denied(NS_A, uplink.outside_address, 8081)
    assert denied(NS_A, uplink.outside_address, 8082)
    told: list[FlowRecord] = []

    def both() -> bool:
        recorder.read()
        told.extend(recorder.flows())
        return {flow.acl_id for flow in told} == {0, 3}

    await until(both)
    listed = next(flow for flow in told if flow.acl_id == 3)
    assert listed.flow is not None
    assert (listed.action, listed.flow.src, listed.flow.dest_port) == (
        ACLAction.ActionDrop,
        FIRST,
        8081,
    )


async def test_a_flood_of_denied_packets_costs_little_and_every_packet_is_counted(
    node: NetworkNode, uplink: netns.Uplink, tap: FlowTap
) -> None:
    apps = [app(A, "a", interface(NI))]
    await node.bring([network(NI, SUBNET)], apps)
    recorder = Recorder(node, apps, tap)
    with netns.inside(NS_A):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender:
        for number in range(FLOOD):
            sender.sendto(b"flood", (uplink.outside_address, 1024 + number % 60_000))
    gc.collect()  # what other tests left is not part of the cost
    begun = process_time()
    recorder.read()
    assert process_time() - begun < 0.2
    drops = (await node.subsystem.counters()).drops[f"nbu0x{A}"]
    assert drops.tx_acl >= FLOOD
    assert 0 < recorder.ledger.tally.shown < 2000
    assert len(recorder.flows()) <= recorder.ledger.tally.shown
