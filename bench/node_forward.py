"""Packets of an app through routing, translation and 100 rules, against the same without rules.

Both ways have the bridge, the routing tables and the translation that the node makes.  UDP packets
of 1,400 bytes are counted where they arrive; TCP is measured by the bytes that its receiver read.
A namespace of its own stands for the app, the node and the outside (root).
"""

import asyncio
import ctypes
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support import netns
from support.network_node import TABLE, ace, app, interface, network
from support.networks import network_id, rules, running
from support.row import finish

from eaves.node.host.links import set_sysctl
from eaves.node.network.configurators import bridge_settings
from eaves.node.network.items import Routes
from eaves.node.network.tables import lines_for
from eaves.node.refs import netns_name

RUNS: Final = 5
SECONDS: Final = 0.8
LIMIT: Final = 0.90
RULES: Final = 100
UDP_BYTES: Final = 1400
BATCH: Final = 64
TCP_BYTES: Final = 256 * 1024
PORT: Final = 8080
SENDER_CORE, RECEIVER_CORE = 1, 0
libc = ctypes.CDLL(None, use_errno=True)


class _Piece(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("pieces", ctypes.POINTER(_Piece)),
        ("count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("sent", ctypes.c_uint32),
    )


@dataclass(frozen=True)
class Way:
    """From the namespace of an app to an address outside."""

    name: str
    app: str
    outside: str
    address: str


def packets(way: Way) -> int:
    with netns.inside(way.outside):
        told = netns.ip("-j", "-s", "link", "show", "dev", "up0")
    return int(json.loads(told)[0]["stats64"]["rx"]["packets"])


def udp_per_s(way: Way) -> float:
    body = ctypes.create_string_buffer(b"x" * UDP_BYTES, UDP_BYTES)
    piece = _Piece(ctypes.addressof(body), UDP_BYTES)
    messages = (_Message * BATCH)()
    for message in messages:
        message.pieces, message.count = ctypes.pointer(piece), 1
    with netns.inside(way.outside):
        sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with netns.inside(way.app):
        source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sink, source:
        sink.bind((way.address, PORT))
        source.connect((way.address, PORT))
        source.send(b"first")
        before, begun = packets(way), time.perf_counter()
        while time.perf_counter() - begun < SECONDS:
            if libc.sendmmsg(source.fileno(), messages, BATCH, 0) < 0:
                raise OSError(ctypes.get_errno(), "sendmmsg")
        taken = time.perf_counter() - begun
        return (packets(way) - before) / taken


def tcp_per_s(way: Way) -> float:
    """Bytes."""
    with netns.listening(way.outside, way.address, PORT) as server:
        with netns.inside(way.app):
            client = socket.create_connection((way.address, PORT), 5)
        peer, _ = server.accept()
        reader = os.fork()
        if not reader:
            os.sched_setaffinity(0, {RECEIVER_CORE})
            client.close()
            buffer = bytearray(1 << 20)
            while peer.recv_into(buffer):
                pass
            os._exit(0)
        peer.close()
        body, sent, begun = b"x" * TCP_BYTES, 0, time.perf_counter()
        with client:
            while time.perf_counter() - begun < SECONDS:
                client.sendall(body)
                sent += TCP_BYTES
        os.waitpid(reader, 0)
        return sent / (time.perf_counter() - begun)


@contextmanager
def plain(routes: Routes) -> Generator[Way]:
    """Bridge, routing and translation as the node makes them, and not one rule."""
    with netns.node_behind_uplink() as uplink, netns.namespace("app") as inner:
        _plug(uplink.node, inner)
        for words in (
            ("link", "set", "bn1", "up"),
            ("addr", "add", "10.77.0.1/24", "dev", "bn1"),
        ):
            netns.ip("-n", uplink.node, *words)
        netns.ip("-n", inner, "addr", "add", "10.77.0.2/24", "dev", "eth0")
        netns.ip("-n", inner, "route", "add", "default", "via", "10.77.0.1")
        for line in lines_for(routes, None, (), ()):
            netns.ip("-n", uplink.node, *line.split())
        with netns.inside(uplink.node):
            for setting, value in bridge_settings("bn1"):
                set_sysctl(setting, value)
            subprocess.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
            table = f"""\
table inet plain {{
    chain leaving {{
        type nat hook postrouting priority 100
        oifname "{uplink.port}" masquerade
    }}
}}
"""
            subprocess.run(["nft", "-f", "-"], input=table.encode(), check=True)
        yield Way("plain", inner, uplink.outside, uplink.outside_address)


@contextmanager
def bridged() -> Generator[Way]:
    """App and outside on one bridge, nothing else."""
    with (
        netns.namespace("node") as node,
        netns.namespace("app") as inner,
        netns.namespace("out") as outside,
    ):
        _plug(node, inner)
        netns.ip("-n", node, "link", "set", "bn1", "up")
        netns.ip(
            *("-n", node, "link", "add", "nb2", "type", "veth"),
            *("peer", "name", "up0", "netns", outside),
        )
        netns.ip("-n", node, "link", "set", "nb2", "master", "bn1", "up")
        netns.ip("-n", inner, "addr", "add", "10.77.0.2/24", "dev", "eth0")
        netns.ip("-n", outside, "addr", "add", "10.77.0.3/24", "dev", "up0")
        netns.ip("-n", outside, "link", "set", "up0", "up")
        yield Way("bridge", inner, outside, "10.77.0.3")


def _plug(node: str, inner: str) -> None:
    netns.ip("-n", node, "link", "add", "bn1", "type", "bridge")
    netns.ip(
        *("-n", node, "link", "add", "nb1", "type", "veth"),
        *("peer", "name", "eth0", "netns", inner),
    )
    netns.ip("-n", node, "link", "set", "nb1", "master", "bn1", "up")
    netns.ip("-n", inner, "link", "set", "eth0", "up")


def measured(ways: list[Way], speed: Callable[[Way], float]) -> dict[str, list[float]]:
    """Runs take turns, so that what else the machine does meets all of them."""
    found: dict[str, list[float]] = {way.name: [] for way in ways}
    for _ in range(RUNS):
        for way in ways:
            found[way.name].append(speed(way))
    return found


async def main() -> int:
    if os.geteuid() != 0:
        print(json.dumps({"name": "node-forward", "skipped": "needs root"}))
        return 0
    os.sched_setaffinity(0, {SENDER_CORE})
    told: dict[str, object] = {"name": "node-forward", "rules": RULES}
    with ExitStack() as stack:
        uplink = stack.enter_context(netns.node_behind_uplink())
        stack.enter_context(netns.inside(uplink.node))
        async with running(uplink.node) as node:
            aces = (*rules(RULES - 1), ace(RULES, fport=str(PORT), protocol="tcp"))
            udp = ace(RULES + 1, fport=str(PORT), protocol="udp")
            one = app(1, "a", interface(network_id(0), *aces[1:], udp))
            await node.bring([network(network_id(0), "10.77.0.0/24")], [one])
            routes = next(item for item in node.items if isinstance(item, Routes))
            ways = [
                Way("rules", netns_name(TABLE, 1), uplink.outside, uplink.outside_address),
                stack.enter_context(plain(routes)),
                stack.enter_context(bridged()),
            ]
            ratios: list[float] = []
            for kind, speed in (("udp", udp_per_s), ("tcp", tcp_per_s)):
                found = measured(ways, speed)
                print(f"  {kind} {found}", file=sys.stderr)
                median = {name: statistics.median(values) for name, values in found.items()}
                ratios.append(median["rules"] / median["plain"])
                told |= {
                    f"{kind}_per_s": round(median["rules"]),
                    f"{kind}_ratio": round(ratios[-1], 3),
                    f"{kind}_ratio_to_bridge": round(median["rules"] / median["bridge"], 3),
                }
    met = min(ratios) >= LIMIT
    return finish({**told, "limit": LIMIT, "met": met, "generator_ok": True})


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
