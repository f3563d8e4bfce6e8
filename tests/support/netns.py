"""Private network namespaces for tests: made, entered, used from within the test, removed."""

import asyncio
import contextlib
import ctypes
import itertools
import os
import socket
import struct
import subprocess
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWNET = 0x40000000
PATIENCE_S = 30.0  # for what has to come, on a machine with much else to do
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


def _setns(fd: int) -> None:
    if _libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def inside(name: str) -> Generator[None]:
    """This thread, and what it starts, in a named namespace; sockets keep theirs."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        _setns(there)
        yield
    finally:
        _setns(before)
        os.close(there)
        os.close(before)


def ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
    return done.stdout


@contextlib.contextmanager
def namespace(label: str) -> Generator[str]:
    """A new named namespace with its loopback up."""
    name = f"eaves-t{os.getpid()}-{next(_numbers)}-{label}"
    ip("netns", "add", name)
    try:
        ip("-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        ip("netns", "delete", name)


def veth(a: str, a_name: str, a_address: str, b: str, b_name: str, b_address: str) -> None:
    """A cable between two namespaces, addressed (CIDR text) and up at both ends."""
    ip("-n", a, "link", "add", a_name, "type", "veth", "peer", "name", b_name, "netns", b)
    for ns, name, address in ((a, a_name, a_address), (b, b_name, b_address)):
        ip("-n", ns, "addr", "add", address, "dev", name)
        ip("-n", ns, "link", "set", name, "up")


@dataclass(frozen=True)
class Uplink:
    """A node's namespace behind one cable to the outside."""

    node: str
    outside: str
    port: str = "eth0"
    port_address: str = "198.51.100.2"
    outside_address: str = "198.51.100.1"


@contextlib.contextmanager
def node_behind_uplink() -> Generator[Uplink]:
    with namespace("node") as node, namespace("out") as outside:
        uplink = Uplink(node, outside)
        veth(
            node,
            uplink.port,
            f"{uplink.port_address}/24",
            outside,
            "up0",
            f"{uplink.outside_address}/24",
        )
        ip("-n", node, "route", "add", "default", "via", uplink.outside_address)
        yield uplink


@contextlib.contextmanager
def listening(ns: str, address: str, port: int) -> Generator[socket.socket]:
    with inside(ns):
        server = socket.create_server((address, port))
    server.settimeout(PATIENCE_S)
    with server:
        yield server


def connects(ns: str, address: str, port: int, timeout_s: float = PATIENCE_S) -> bool:
    """Does a TCP connection come about?  A denied one costs the whole timeout: keep it short."""
    with inside(ns):
        client = socket.socket()
    with client:
        client.settimeout(timeout_s)
        try:
            client.connect((address, port))
        except OSError:
            return False
        return True


def denied(ns: str, address: str, port: int) -> bool:
    return not connects(ns, address, port, timeout_s=0.7)


def lookup(ns: str, server: str, name: str, timeout_s: float = PATIENCE_S) -> list[str]:
    """The A records that a DNS server gives; empty for none or no answer."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = labels + b"\0" + struct.pack(">HH", 1, 1)
    with inside(ns):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with client:
        client.settimeout(timeout_s)
        client.sendto(struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + question, (server, 53))
        try:
            answer = client.recv(2048)
        except TimeoutError:
            return []
    count = struct.unpack(">H", answer[6:8])[0]
    at, found = 12 + len(question), list[str]()
    for _ in range(count):
        at += 2  # a pointer to the name in the question
        kind, _, _, length = struct.unpack(">HHIH", answer[at : at + 10])
        at += 10
        if kind == 1:
            found.append(socket.inet_ntoa(answer[at : at + 4]))
        at += length
    return found


def dns_answer(name: str, address: str) -> bytes:
    """A reply with one A record, without the id of the question that stands before it."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = labels + b"\0" + struct.pack(">HH", 1, 1)
    record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(address)
    return struct.pack(">5H", 0x8180, 1, 1, 0, 0) + question + record


async def until(what: Callable[[], bool | Awaitable[bool]], timeout_s: float = PATIENCE_S) -> None:
    """Poll until it holds; fails after the deadline."""
    deadline = time.monotonic() + timeout_s
    while True:
        held = what()
        if held if isinstance(held, bool) else await held:
            return
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s"
        await asyncio.sleep(0.05)


def exists(name: str) -> bool:
    return Path("/run/netns", name).exists()


def is_in(pid: int, name: str) -> bool:
    there = Path("/run/netns", name).stat()
    return Path(f"/proc/{pid}/ns/net").stat().st_ino == there.st_ino
