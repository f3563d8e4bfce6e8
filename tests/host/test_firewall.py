"""The firewall of the catalogue, made of Debian packages, boots and filters between two networks.

Outside is this machine; inside is a network namespace that only the firewall leads to.
"""

import asyncio
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from host.test_vm import Node, until
from support.entries import entry, filled
from support.images import CACHE, LocalVolumes

from eaves.cli.firewall import NAME, firewall_disk
from eaves.ids import VolumeId
from eaves.node import refs
from eaves.node.domains.items import Disk, Domain, Firmware, Nic
from eaves.node.host import cgroups
from eaves.node.host.process import send_signal

pytestmark = [pytest.mark.host, pytest.mark.vm]

NUMBER = 233
OUTER, INNER = refs.vif_name(NUMBER, 0), refs.vif_name(NUMBER, 1)
HERE, OUTSIDE, INSIDE, SERVER = "10.97.1.1", "10.97.1.2", "10.97.2.1", "10.97.2.2"
OPEN, SHUT = 8080, 8081
BOOT_S = 60.0
MOST_S = 1.0

SERVE = """
import socketserver, sys, threading

class Peer(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(self.client_address[0].encode())

for port in sys.argv[1:]:
    threading.Thread(target=socketserver.TCPServer(("", int(port)), Peer).serve_forever).start()
print("ready", flush=True)
"""
ASK = """
import socket, sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3])) as one:
    print(one.recv(64).decode(), end="")
"""


class Peer(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(self.client_address[0].encode())


def asked(address: str, port: int, *, within: str = "") -> str:
    """As whom the server there sees who asks; empty where nothing answers."""
    there = ("ip", "netns", "exec", within) if within else ()
    done = subprocess.run(
        [*there, sys.executable, "-c", ASK, address, str(port), str(MOST_S)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or "timed out" in done.stderr, done.stderr
    return done.stdout


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True)


@contextmanager
def wires(namespace: str) -> Generator[None]:
    """A tap to this machine, and one over a bridge to a namespace of its own."""
    bridge, cable = f"nbb{NUMBER}", f"nbc{NUMBER}"
    with ExitStack() as stack:
        for made, taken in (
            (f"tuntap add {OUTER} mode tap", f"link del {OUTER}"),
            (f"tuntap add {INNER} mode tap", f"link del {INNER}"),
            (f"link add {bridge} type bridge", f"link del {bridge}"),
            (f"netns add {namespace}", f"netns del {namespace}"),
        ):
            ip(made)
            stack.callback(ip, taken)
        ip(f"link add {cable} type veth peer name eth0 netns {namespace}")
        for one in (INNER, cable):
            ip(f"link set {one} master {bridge}")
        for one in (OUTER, INNER, bridge, cable):
            ip(f"link set {one} up")
        ip(f"addr add {HERE}/24 dev {OUTER}")
        ip(f"route add 10.97.2.0/24 via {OUTSIDE} dev {OUTER}")
        for words in (f"addr add {SERVER}/24 dev eth0", "link set eth0 up", "link set lo up"):
            ip(f"-n {namespace} {words}")
        ip(f"-n {namespace} route add default via {INSIDE}")
        yield


@contextmanager
def serving(namespace: str) -> Generator[None]:
    """Both ports answer inside."""
    process = subprocess.Popen(
        [
            *("setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", namespace),
            *(sys.executable, "-c", SERVE, str(OPEN), str(SHUT)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.kill()
        process.communicate()


@contextmanager
def serving_here() -> Generator[int]:
    with socketserver.TCPServer((HERE, 0), Peer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def machine(node: Node) -> Domain:
    values = {
        "OUTSIDE": f"{OUTSIDE}/24",
        "INSIDE": f"{INSIDE}/24",
        "PASS": f"tcp/{OPEN} udp/5000-5010",
        "TO": SERVER,
    }
    bundle = entry(NAME)
    return Domain(
        app=node.app,
        number=NUMBER,
        incarnation=1,
        memory_kib=bundle.memory,
        vcpus=1,
        firmware=Firmware.BIOS,
        disks=(Disk(VolumeId("disk"), 0),),
        nics=(Nic(0, OUTER, "02:16:3e:01:03:01"), Nic(1, INNER, "02:16:3e:01:03:02")),
        user_data=filled(bundle, values),
        seed_version="1",
    )


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    volumes = LocalVolumes(tmp_path)
    disk = await asyncio.to_thread(firewall_disk, CACHE)
    volumes.add_disk("disk", disk.path)
    node = Node(f"w{uuid.uuid4().hex[:8]}", tmp_path, volumes)
    yield node
    facts = node.restarted().facts(node.app)
    if facts is not None:
        send_signal(facts.run.process, signal.SIGKILL)
        await node.take_away(machine(node))
    assert not [p for p in cgroups.folders(f"eaves/{node.name}") if p.exists()]
    shutil.rmtree(node.run_dir, ignore_errors=True)


async def test_what_is_named_passes_the_firewall_and_nothing_else_does(node: Node) -> None:
    inside = f"eaves-{node.name}"
    with wires(inside), serving(inside), serving_here() as port:
        item = machine(node)
        await node.make(item)
        await until(lambda: "firewall: in force" in node.console(), BOOT_S)

        assert asked(SERVER, SHUT, within=inside) == SERVER, "the port that is denied is served"
        assert asked(SERVER, OPEN) == HERE
        assert asked(SERVER, SHUT) == ""
        assert asked(OUTSIDE, OPEN) == HERE, "its own address leads to the machine inside"
        assert asked(OUTSIDE, SHUT) == ""
        assert asked(HERE, port, within=inside) == OUTSIDE, "who is inside is not seen outside"
        await until(lambda: "denied IN=eth0" in node.console())
        assert f"DPT={SHUT}" in node.console()

        await node.take_away(item)
        assert "power button, going down" in node.console()
