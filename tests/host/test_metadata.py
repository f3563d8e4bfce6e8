"""The metadata service as apps reach it, each as itself."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support import netns
from support.netns import denied, until
from support.network_node import TABLE, NetworkNode, app, device, interface, network

from eaves.evapi.info import ZInfoMsg
from eaves.node.network.metadata import Neighbour, NodeFacts
from eaves.node.network.rules import METADATA_PORT
from eaves.node.refs import AppInForce, Port, netns_name
from eaves.node.runtime.metadata_server import MetadataServer, Surface
from eaves.node.runtime.wish import Wish
from eaves.node.storage.intent import StorageIntent
from eaves.reconcile.graph import graph_of

pytestmark = pytest.mark.host

NI = "11111111-0000-4000-8000-000000000001"
OTHER_NI = "11111111-0000-4000-8000-000000000002"
A, B = 231, 232
APPS = (app(A, "a", interface(NI)), app(B, "b", interface(OTHER_NI)))
ASK = """
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], data=sys.argv[2].encode() or None)
request.add_header("Content-Type", "application/json")
with urllib.request.urlopen(request, timeout=30) as reply:
    print(reply.read().decode(), end="")
"""


@dataclass
class Bench:
    node: NetworkNode
    uplink: netns.Uplink
    wish: Wish
    said: list[tuple[str, ZInfoMsg]] = field(default_factory=list[tuple[str, ZInfoMsg]])


@pytest.fixture
def uplink() -> Iterator[netns.Uplink]:
    with netns.node_behind_uplink() as uplink, netns.inside(uplink.node):
        yield uplink


@pytest.fixture
async def bench(uplink: netns.Uplink) -> AsyncIterator[Bench]:
    run_dir = Path(f"/run/{uplink.node}")
    node = NetworkNode(run_dir)
    networks = [network(NI, "10.77.0.0/24"), network(OTHER_NI, "10.78.0.0/24", port="")]
    config = device(networks, APPS)
    try:
        await node.bring(networks, APPS)
        ports = await node.subsystem.ports(config)
        wish = Wish(
            config,
            APPS,
            frozenset(a.app for a in APPS),
            StorageIntent((), ()),
            graph_of(node.items),
        )
        bench = Bench(node, uplink, wish)
        serving = asyncio.create_task(MetadataServer(surface(bench, ports)).run_forever())
        try:
            yield bench
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
    finally:
        await node.tear_down()
        shutil.rmtree(run_dir, ignore_errors=True)


def surface(bench: Bench, ports: tuple[Port, ...]) -> Surface:
    def facts(neighbours: tuple[Neighbour, ...]) -> NodeFacts:
        return NodeFacts("device", neighbours=neighbours)

    def say(key: str, message: ZInfoMsg) -> None:
        bench.said.append((key, message))

    return Surface(lambda: bench.wish, lambda: ports, facts, say)


async def ask(one: AppInForce, path: str, body: str = "") -> str:
    """Empty when nothing answers."""
    done = await asyncio.to_thread(
        subprocess.run,
        [
            *("ip", "netns", "exec", netns_name(TABLE, one.number), sys.executable, "-c", ASK),
            *(f"http://169.254.169.254{path}", body),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


async def test_each_app_is_told_of_itself_also_without_any_entry(bench: Bench) -> None:
    async def both_answered() -> bool:  # each network has a listener of its own
        return all([await ask(one, "/eve/v1/hostname") for one in APPS])

    await until(both_answered)
    for one in APPS:
        assert await ask(one, "/eve/v1/hostname") == one.app
    told = json.loads(await ask(APPS[0], "/eve/v1/network.json"))
    assert told["external-ipv4"] == bench.uplink.port_address
    assert await ask(APPS[1], "/eve/v1/external_ipv4") == ""  # air-gapped
    await ask(APPS[0], "/eve/v1/app/appCustomStatus", '{"state": "fine"}')
    ((key, message),) = bench.said
    assert APPS[0].app in key
    assert message.amdinfo is not None
    assert message.amdinfo.data == b'{"state": "fine"}'
    for address in (bench.uplink.port_address, "169.254.169.254"):
        assert denied(bench.uplink.outside, address, METADATA_PORT)
    assert denied(netns_name(TABLE, A), "10.77.0.1", METADATA_PORT)  # only by its own address
