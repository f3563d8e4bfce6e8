"""Random sequences of configurations, faults, killed processes and power cuts on a real kernel.

After each sequence exactly what is wanted is there, nothing else is, the same intention needs no
step, and the way to the controller is open.  `tests/property/test_node.py` does thousands of such
sequences on a simulated host; these few show that a kernel, nftables and dnsmasq behave as it says.
"""

import contextlib
import os
import random
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support import netns
from support.network_node import TABLE, NetworkNode, ace, app, interface, network, port_map

from eaves.errors import Transient
from eaves.evapi.config import NetworkInstanceConfig
from eaves.node.host import nft
from eaves.node.network.items import AppNetns, Bridge, DhcpDns, NetworkItem, Vif
from eaves.node.network.programs import programs
from eaves.node.refs import AppInForce
from eaves.reconcile.apply import Configurator, ProgressSink, Reconciler

pytestmark = [pytest.mark.host, pytest.mark.timeout(900)]

SEQUENCES = int(os.environ.get("EAVES_HOST_SEQUENCES", "15"))
SEED = int(os.environ.get("EAVES_SEED", "2026"))  # `make test-system` takes another each time
MOVES = 2
NETWORKS = [network(f"22222222-0000-4000-8000-{n:012d}", f"10.{81 + n}.0.0/24") for n in range(2)]
NUMBERS = (241, 242)  # of apps
OWN_LINKS = {"lo", "eth0"}


class Gone(Transient):
    """The process has ended."""


@dataclass
class Life:
    steps: int  # that are left to it


class Mortal:
    """Does what it is asked until the life of its process is over."""

    def __init__(self, inner: Configurator, life: Life) -> None:
        self._inner, self._life = inner, life

    def _lives(self) -> Configurator:
        self._life.steps -= 1
        if self._life.steps < 0:
            raise Gone
        return self._inner

    async def create(self, item: Any, progress: ProgressSink, /) -> None:
        await self._lives().create(item, progress)

    async def modify(self, running: Any, item: Any, progress: ProgressSink, /) -> None:
        await self._lives().modify(running, item, progress)

    async def delete(self, item: Any, progress: ProgressSink, /) -> None:
        await self._lives().delete(item, progress)

    def retry_delay(self, item: Any, attempts: int, /) -> timedelta:
        return self._inner.retry_delay(item, attempts)


class Site:
    """One node in a namespace, its wish, and what is done to it."""

    def __init__(self, uplink: netns.Uplink, dice: random.Random) -> None:
        self.uplink, self.dice = uplink, dice
        self.run_dir = Path(f"/run/{uplink.node}")
        self.node = NetworkNode(self.run_dir)
        self.networks: list[NetworkInstanceConfig] = []
        self.apps: list[AppInForce] = []
        self.done: list[str] = []

    def wish(self) -> None:
        self.networks = NETWORKS[: self.dice.choice((0, 1, 1, 2, 2, 2))]
        self.apps = [self._app(n) for n in NUMBERS if self.networks and self.dice.random() < 0.8]

    def _app(self, number: int) -> AppInForce:
        place = self.dice.randrange(len(self.networks))
        named = self.networks[place].uuidandversion
        assert named is not None
        entries = [ace(n, ip=f"203.0.113.{self.dice.randrange(1, 250)}") for n in (1, 2)]
        if self.dice.random() < 0.5:
            entries.append(port_map(3, 8000 + number, 80))
        address = f"10.{81 + place}.0.{number - 200}"
        return app(number, f"app-{number}", interface(named.uuid, *entries, addr=address))

    async def bring(self) -> None:
        await self.node.bring(self.networks, self.apps)

    # Moves

    async def another_wish(self) -> None:
        self.wish()
        await self.bring()

    async def killed_between_steps(self) -> None:
        """What it had done stays as it is; the next process has to find it."""
        self.wish()
        life = Life(self.dice.randrange(12))
        inner = self.node.subsystem.configurators()
        mortal: dict[str, Configurator] = {kind: Mortal(one, life) for kind, one in inner.items()}
        self.node.reconciler = Reconciler(mortal, lambda: datetime.now(UTC))
        with contextlib.suppress(AssertionError):  # it did not come so far
            await self.bring()
        self.node = NetworkNode(self.run_dir)

    async def damaged(self) -> None:
        """By somebody who is root as well."""
        links = sorted(links_of(self.uplink.node) - OWN_LINKS)
        match self.dice.randrange(3):
            case 0 if links:
                netns.ip("link", "delete", self.dice.choice(links))
            case 1:
                flush_rules()
            case _:
                end_dnsmasq(self.run_dir)

    async def power_cut(self) -> None:
        end_dnsmasq(self.run_dir)
        flush_rules()
        for name in app_namespaces():
            netns.ip("netns", "delete", name)
        for link in links_of(self.uplink.node) - OWN_LINKS:
            if link in links_of(self.uplink.node):  # the other end of one may have taken it along
                netns.ip("link", "delete", link)
        shutil.rmtree(self.run_dir, ignore_errors=True)
        self.node = NetworkNode(self.run_dir)

    async def move(self) -> None:
        moves = (self.another_wish, self.killed_between_steps, self.damaged, self.power_cut)
        one = self.dice.choices(moves, (3, 4, 3, 1))[0]
        self.done.append(one.__name__)
        await one()

    # What holds in the end

    async def comes_round(self) -> None:
        await self.bring()
        steps = self.node.reconciler.steps_run
        await self.bring()
        assert self.node.reconciler.steps_run == steps
        await self.nothing_else_is_there(self.node.items)
        with netns.listening(self.uplink.outside, self.uplink.outside_address, 4443):
            assert netns.connects(self.uplink.node, self.uplink.outside_address, 4443)

    async def nothing_else_is_there(self, items: tuple[NetworkItem, ...]) -> None:
        made = {i.name for i in items if isinstance(i, Bridge | Vif)}
        assert links_of(self.uplink.node) == OWN_LINKS | made
        assert app_namespaces() == {i.name for i in items if isinstance(i, AppNetns)}
        assert len(dnsmasq_of(self.run_dir)) == len([i for i in items if isinstance(i, DhcpDns)])
        table = await nft.list_table("inet", TABLE)
        wanted = {
            c.name for i in items for p in programs(i) for c in p.chains if p.family == "inet"
        }
        assert (set(table.chains) if table else set()) == wanted


def flush_rules() -> None:
    subprocess.run(["nft", "flush", "ruleset"], check=True)


def links_of(name: str) -> set[str]:
    lines = netns.ip("-n", name, "-o", "link", "show").splitlines()
    return {line.split(": ")[1].partition("@")[0] for line in lines}


def app_namespaces() -> set[str]:
    return {p.name for p in Path("/run/netns").iterdir() if p.name.startswith(f"{TABLE}-app")}


def dnsmasq_of(run_dir: Path) -> list[int]:
    found: list[int] = []
    for one in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if one.name.isdigit() and f"{run_dir}/" in (one / "cmdline").read_text():
                found.append(int(one.name))
    return found


def end_dnsmasq(run_dir: Path) -> None:
    for pid in dnsmasq_of(run_dir):
        with contextlib.suppress(ProcessLookupError):
            end(pid)


def end(pid: int) -> None:
    """It is gone then: on a busy machine what was killed is seen for a moment longer."""
    ended = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGKILL)
        assert select.select([ended], [], [], netns.PATIENCE_S)[0], f"process {pid} lives on"
    finally:
        os.close(ended)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


@pytest.fixture
def uplink() -> Iterator[netns.Uplink]:
    with netns.node_behind_uplink() as uplink, netns.inside(uplink.node):
        yield uplink


async def test_whatever_is_done_to_it_a_network_comes_round(
    uplink: netns.Uplink, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{SEQUENCES} sequences of a network: EAVES_SEED={SEED}\n")
    site = Site(uplink, random.Random(SEED))  # noqa: S311 - no secret: it is repeated by its seed
    try:
        for _ in range(SEQUENCES):
            for _ in range(MOVES):
                await site.move()
            await site.comes_round()
    except AssertionError as error:
        error.add_note(f"after {site.done}")
        raise
    finally:
        await site.node.tear_down()
        shutil.rmtree(site.run_dir, ignore_errors=True)
