"""A node between two sites: DHCP and a router at each, one controller behind both."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from support import netns
from support.tied import TIED

from eaves.evapi.flows.steps import Reply, Send
from eaves.evapi.paths import Endpoint
from eaves.node.comms.transport import Limits, Transport
from eaves.node.host import dhcp, wpa
from eaves.node.refs import Way
from eaves.node.uplinks.machine import Machine, Place
from eaves.node.uplinks.service import Properties, Tools, Uplinks
from eaves.node.uplinks.verify import Rules

CONTROLLER, PORT = "203.0.113.9", 8080
URL = f"http://{CONTROLLER}:{PORT}"
PORTS = ("eth0", "eth1")
PEERS = ("up0", "up1")


def address(site: int, last: int) -> str:
    return f"10.{site + 1}.0.{last}"


@dataclass(frozen=True)
class Sites:
    node: str
    out: str
    folder: Path

    def cut(self, site: int) -> None:
        """The cable is pulled: both ends lose carrier."""
        netns.ip("-n", self.out, "link", "set", f"up{site}", "down")

    def mend(self, site: int) -> None:
        netns.ip("-n", self.out, "link", "set", f"up{site}", "up")

    def swallow(self, site: int) -> None:
        """The carrier stays, nothing gets through."""
        script = (
            "table inet swallow { chain in { type filter hook input priority 0; policy accept;"
            f' iifname "up{site}" drop\n}}\n}}\n'
        )
        self._nft("-f", "-", stdin=script)

    def let_through(self) -> None:
        self._nft("delete", "table", "inet", "swallow")

    def _nft(self, *words: str, stdin: str = "") -> None:
        argv = ["ip", "netns", "exec", self.out, "nft", *words]
        subprocess.run(argv, check=True, input=stdin, text=True)


@contextlib.contextmanager
def sites(folder: Path, *, dhcp_servers: bool = True) -> Generator[Sites]:
    with netns.namespace("node") as node, netns.namespace("out") as out:
        for site, port in enumerate(PORTS):
            peer = ("peer", "name", f"up{site}", "netns", out)
            netns.ip("-n", node, "link", "add", port, "type", "veth", *peer)
            netns.ip("-n", out, "addr", "add", f"{address(site, 1)}/24", "dev", f"up{site}")
            netns.ip("-n", out, "link", "set", f"up{site}", "up")
        netns.ip("-n", out, "addr", "add", f"{CONTROLLER}/32", "dev", "lo")
        with contextlib.ExitStack() as stack:
            if dhcp_servers:
                stack.enter_context(dhcp_server(out, folder, PEERS))
            yield Sites(node, out, folder)


@contextlib.contextmanager
def dhcp_server(out: str, folder: Path, interfaces: Sequence[str]) -> Generator[None]:
    """Of the sites whose addresses these interfaces have."""
    ranges = [
        f"--dhcp-range={address(n, 50)},{address(n, 60)},255.255.255.0,2m"
        for n in range(len(interfaces))
    ]
    argv = [
        *TIED,
        "ip",
        "netns",
        "exec",
        out,
        "dnsmasq",
        "--no-daemon",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--no-ping",
        "--bind-interfaces",
        *(f"--interface={name}" for name in interfaces),
        "--user=root",
        f"--dhcp-leasefile={folder / 'leases'}",
        f"--address=/controller.test/{CONTROLLER}",
        *ranges,
    ]
    with (folder / "dnsmasq.log").open("wb") as sink:
        process = subprocess.Popen(argv, stdout=sink, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


@dataclass
class Controller:
    """Answers pings and waits, and writes down from where it was asked."""

    status: int = 200
    asked_from: list[str] = field(default_factory=list[str])
    waiting: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked_from.append(request.remote or "")
        if request.path.endswith("/ext/wait"):
            self.waiting += 1
            await asyncio.sleep(50)
        return web.Response(status=self.status)


@contextlib.asynccontextmanager
async def controller(at: Sites) -> AsyncGenerator[Controller]:
    made = Controller()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    with netns.listening(at.out, CONTROLLER, PORT) as listener:
        listener.setblocking(False)
        site = web.SockSite(runner, listener)
        await site.start()
        try:
            yield made
        finally:
            await runner.cleanup()


class Keep:
    def __init__(self) -> None:
        self.data = b""

    def save(self, name: str, data: bytes) -> None:
        self.data = data


class Node:
    """Uplinks and a transport, in the namespace that the test is in."""

    def __init__(self, folder: Path, managed: frozenset[str], stored: bytes = b"") -> None:
        self.keep = Keep()
        self.keep.data = stored
        self.machine = Machine(Place(folder, folder.name))
        loop = asyncio.get_running_loop()
        self.tools = Tools(
            self.machine,
            self.keep,
            lambda: datetime.now(UTC),
            loop.time,
            lambda: None,
            folder,
            URL,
        )
        self.uplinks = Uplinks(self.tools, stored)
        self.properties = Properties(Rules(unit_s=1.0, interval_s=300.0), test_timeout_s=2.0)
        self.uplinks.properties = self.properties
        limits = Limits(dial=3.0, send=60.0)
        self.transport = Transport(URL, b"", lambda: datetime.now(UTC), limits)
        self.transport.ways = self.uplinks.keeper
        self.uplinks.managed_changed(managed)

    async def ping(self, way: Way, timeout_s: float) -> Reply:
        return await self.transport.over(PING, way, timeout_s)

    async def ask(self, send: Send) -> Reply:
        return await self.transport.perform(send)


PING = Send(Endpoint.PING, "GET", "/api/v2/edgedevice/ping")
WAIT = Send(Endpoint.WAIT, "POST", "/api/v2/edgedevice/id/x/ext/wait")


@contextlib.asynccontextmanager
async def running(
    folder: Path, managed: frozenset[str] = frozenset(), stored: bytes = b""
) -> AsyncGenerator[Node]:
    made = Node(folder, managed, stored)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(made.uplinks.run_forever(made.ping), name="uplinks")
        try:
            yield made
        finally:
            task.cancel()
            await asyncio.wait([task])
            await made.transport.close()
            await dhcp.stop_others(folder / "dhcp", frozenset())
            for name in ("wifi", "pnac"):
                await wpa.stop_others(folder / name, frozenset())


async def until(what: Callable[[], bool | Awaitable[bool]], timeout_s: float = 60.0) -> None:
    await netns.until(what, timeout_s)
