"""What the kernel tells of its network, and what a node makes of it (root)."""

import subprocess
import time
from pathlib import Path

import pytest
from support import netns
from support.network_node import TABLE, NetworkNode, network

from eaves.node.host.kernel_news import KernelNews
from eaves.node.host.process import run
from eaves.node.network.items import Bridge
from eaves.node.network.watched import WatchedNetwork

pytestmark = pytest.mark.host

NI = "11111111-0000-4000-8000-000000000001"
CHANGES = (
    ["ip", "link", "add", "news0", "type", "bridge"],
    ["ip", "address", "add", "10.9.9.1/24", "dev", "news0"],
    ["ip", "link", "set", "news0", "up"],
    ["ip", "route", "add", "10.9.8.0/24", "dev", "news0"],
    ["ip", "rule", "add", "from", "10.9.9.0/24", "table", "900"],
    ["nft", "add", "table", "inet", "news"],
    ["nft", "add", "chain", "inet", "news", "c"],
    ["nft", "flush", "ruleset"],
    ["ip", "link", "delete", "news0"],
)


def test_each_change_is_told_once_and_silence_is_none() -> None:
    with netns.namespace("news") as name, netns.inside(name):
        news = KernelNews()
        try:
            assert news.moved(), "nothing was seen before the first question"
            assert not news.moved()
            for change in CHANGES:
                while news.moved():  # what the one before it goes on to cause
                    time.sleep(0.01)
                subprocess.run(change, check=True)
                assert news.moved(), change
        finally:
            news.close()


def test_more_than_fits_is_a_change_as_well() -> None:
    with netns.namespace("news") as name, netns.inside(name):
        news = KernelNews()
        try:
            news.moved()
            batch = "\n".join(f"address add 10.9.{n >> 8}.{n & 255}/32 dev lo" for n in range(4000))
            subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
            assert news.moved()
        finally:
            news.close()


@pytest.mark.parametrize("damage", ["link", "rules"])
async def test_what_was_seen_counts_until_something_moves(tmp_path: Path, damage: str) -> None:
    """A look that is not needed gives what was seen; damage is seen at the next one."""
    with netns.node_behind_uplink() as uplink, netns.inside(uplink.node):
        node = NetworkNode(tmp_path)
        watched = WatchedNetwork(TABLE, tmp_path)
        try:
            assert not (await watched.observe()).present
            await node.bring([network(NI, "10.77.0.0/24")])

            async def still() -> bool:  # the kernel goes on telling of addresses for a while
                return await watched.observe() is await watched.observe()

            await netns.until(still)
            made = {item.ref: item for item in node.items}
            assert dict((await watched.observe()).present) == made
            if damage == "link":
                bridge = next(i for i in node.items if isinstance(i, Bridge))
                await run(["ip", "link", "delete", bridge.name])
            else:
                await run(["nft", "flush", "ruleset"])
            assert dict((await watched.observe()).present) != made
            await node.tear_down()
        finally:
            await watched.close()
