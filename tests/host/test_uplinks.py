"""Two uplinks, real kernels, real DHCP: what a node does when one of them goes.

What this host's kernel may lack (VLAN, bond) is in the guest's tests.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support import netns, two_uplinks
from support.ports import T0, adapter, config, network, nic
from support.tied import TIED
from support.two_uplinks import (
    PING,
    PORTS,
    WAIT,
    Controller,
    Node,
    Sites,
    address,
    running,
    until,
)

from eaves.evapi.config import EdgeDevConfig
from eaves.evapi.config.devmodel import VlanAdapter
from eaves.evapi.evecommon import DHCPType, Ipspec
from eaves.evapi.flows.steps import NoConnection, Received
from eaves.node.host.process import CommandFailed
from eaves.node.refs import Way
from eaves.node.uplinks.entries import controller_entry
from eaves.node.uplinks.machine import Machine, Place
from eaves.node.uplinks.takeover import Takeover

pytestmark = pytest.mark.host

BOTH = frozenset(PORTS)
TWO = config(adapter("eth0"), adapter("eth1", cost=1))


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[Sites]:
    with two_uplinks.sites(tmp_path) as made, netns.inside(made.node):
        yield made


@pytest.fixture
async def controller(sites: Sites) -> AsyncIterator[Controller]:
    async with two_uplinks.controller(sites) as made:
        yield made


@pytest.fixture
def folder(sites: Sites) -> Iterator[Path]:
    """Short, and where a helper that is not root can read."""
    made = Path(f"/run/{sites.node}")
    made.mkdir()
    yield made
    shutil.rmtree(made)


def dated(given: EdgeDevConfig) -> EdgeDevConfig:
    return replace(given, config_timestamp=datetime.now(UTC))


def in_force(node: Node) -> tuple[int, str]:
    told = node.uplinks.info()
    at = told.status[told.current_index] if told.status else None
    return told.current_index, at.last_error if at else ""


def succeeded(node: Node) -> bool:
    told = node.uplinks.info()
    return bool(told.status and told.status[told.current_index].last_succeeded)


async def brought_up(node: Node) -> None:
    node.uplinks.follow(dated(TWO), node.properties)
    await until(lambda: succeeded(node) and len(node.uplinks.seen.ports) == 2)
    await until(lambda: all(p.sources for p in node.uplinks.seen.ports))


async def test_each_way_leaves_by_its_port_with_its_address(
    controller: Controller, folder: Path
) -> None:
    async with running(folder, BOTH) as node:
        await brought_up(node)
        ways = [w for w in await node.uplinks.keeper.choose(two_uplinks.URL) if w.label]
        assert [w.label for w in ways] == ["eth0", "eth1"]
        assert [w.source.rsplit(".", 1)[0] for w in ways] == ["10.1.0", "10.2.0"]
        for way in ways:
            controller.asked_from.clear()
            assert isinstance(await node.ping(way, 30), Received)
            assert way.source in controller.asked_from


@pytest.mark.usefixtures("controller")
async def test_the_same_ports_again_change_nothing(sites: Sites, folder: Path) -> None:
    async with running(folder, BOTH) as node:
        await brought_up(node)
        entry = node.uplinks._state.current
        assert entry is not None
        assert await node.machine.settle(entry) is False
        before = netns.ip("-n", sites.node, "rule")
        number = node.uplinks._state.number
        node.uplinks.follow(dated(TWO), node.properties)
        await node.machine.apply(entry)
        assert await node.machine.settle(entry) is False
        assert netns.ip("-n", sites.node, "rule") == before
        assert node.uplinks._state.number == number


async def test_control_traffic_goes_on_within_three_seconds_of_a_lost_carrier(
    sites: Sites, controller: Controller, folder: Path
) -> None:
    async with running(folder, BOTH) as node:
        await brought_up(node)
        async with asyncio.TaskGroup() as tasks:
            wait = tasks.create_task(node.ask(WAIT), name="wait")
            await until(lambda: controller.waiting == 1)
            sites.cut(0)
            begun = time.monotonic()
            await until(lambda: controller.waiting == 2)
            assert time.monotonic() - begun < 3
            assert controller.asked_from[-1].startswith("10.2.")
            wait.cancel()


async def test_control_traffic_goes_on_within_fifteen_seconds_of_a_silent_drop(
    sites: Sites, controller: Controller, folder: Path
) -> None:
    async with running(folder, BOTH) as node:
        await brought_up(node)
        async with asyncio.TaskGroup() as tasks:
            wait = tasks.create_task(node.ask(WAIT), name="wait")
            await until(lambda: controller.waiting == 1)
            sites.swallow(0)
            begun = time.monotonic()
            await until(lambda: controller.waiting == 2)
            assert time.monotonic() - begun < 15
            assert controller.asked_from[-1].startswith("10.2.")
            wait.cancel()


async def test_the_cheap_port_is_used_again_when_its_cable_is_back(
    sites: Sites, controller: Controller, folder: Path
) -> None:
    async with running(folder, BOTH) as node:
        await brought_up(node)
        sites.cut(0)
        await until(lambda: node.uplinks.seen.ports[0].local_error() != "")
        assert isinstance(await node.ask(PING), Received)
        assert controller.asked_from[-1].startswith("10.2.")
        sites.mend(0)
        await until(lambda: node.uplinks.seen.ports[0].local_error() == "")
        assert isinstance(await node.ask(PING), Received)
        assert controller.asked_from[-1].startswith("10.1.")


async def test_a_bad_static_configuration_is_left_and_reported(
    controller: Controller, folder: Path
) -> None:
    bad = Ipspec(
        dhcp=DHCPType.Static,
        subnet="10.1.0.0/24",
        gateway=address(0, 99),
        dns=(address(0, 1),),
    )
    given = config(adapter("eth0", addr=address(0, 20)), networks=[network(ip=bad)])
    one = config(adapter("eth0"))
    async with running(folder, BOTH) as node:
        node.uplinks.follow(dated(one), node.properties)
        await until(lambda: succeeded(node))
        node.uplinks.follow(dated(given), node.properties)
        await until(lambda: len(node.uplinks.info().status) == 2)
        await until(lambda: in_force(node)[0] == 1 and node.uplinks._state.phase == "idle")
        told = node.uplinks.info()
        assert told.status[0].last_error
        assert told.status[0].last_failed is not None
        assert isinstance(await node.ask(PING), Received)
        leases = {address(0, host) for host in range(50, 61)}
        assert controller.asked_from[-1] in leases  # not .20


@pytest.mark.parametrize("status", [500, 503])
async def test_trouble_of_the_controller_changes_no_ports(
    sites: Sites, controller: Controller, folder: Path, status: int
) -> None:
    async with running(folder, BOTH) as node:
        await brought_up(node)
        controller.status = status
        number = node.uplinks._state.number
        sites.cut(1)
        await until(lambda: node.uplinks._state.number > number)
        await until(lambda: node.uplinks._state.phase == "idle")
        assert in_force(node) == (0, "")


async def test_borrowed_interfaces_are_used_as_they_are(
    sites: Sites, controller: Controller, folder: Path
) -> None:
    for site, port in enumerate(PORTS):
        netns.ip("-n", sites.node, "addr", "add", f"{address(site, 9)}/24", "dev", port)
        netns.ip("-n", sites.node, "link", "set", port, "up")
        netns.ip(
            "-n",
            sites.node,
            "route",
            "add",
            "default",
            "via",
            address(site, 1),
            "dev",
            port,
            "metric",
            str(100 + site),
        )
    before = _network(sites)
    static = Ipspec(dhcp=DHCPType.Static, subnet="10.9.0.0/24")
    given = config(
        adapter("eth0", addr="10.9.0.1", net="static"),
        adapter("eth1", cost=1),
        networks=[network("static", static), network()],
    )
    async with running(folder) as node:
        node.uplinks.follow(dated(given), node.properties)
        await until(lambda: succeeded(node))
        controller.asked_from.clear()
        assert isinstance(await node.ask(PING), Received)
        assert controller.asked_from == [address(0, 9)]
        sites.cut(0)
        await until(lambda: node.uplinks.seen.ports[0].local_error() != "")
        assert isinstance(await node.ask(PING), Received)
        assert controller.asked_from[-1] == address(1, 9)
        sites.mend(0)
    assert _network(sites) == before


def _network(sites: Sites) -> tuple[str, ...]:
    """Addresses, rules and routes, without what a carrier does to them."""
    told = (
        netns.ip("-n", sites.node, "-4", "-o", "address"),
        netns.ip("-n", sites.node, "rule"),
        netns.ip("-n", sites.node, "-4", "route", "show", "table", "all"),
    )
    return tuple(text.replace(" linkdown", "") for text in told)


async def test_a_node_that_starts_without_controller_keeps_the_entry_in_force(
    sites: Sites, controller: Controller, folder: Path
) -> None:
    async with running(folder, BOTH) as node:
        await brought_up(node)
        kept = node.keep.data
    controller.status = 503
    sites.swallow(0)
    async with running(folder, BOTH, kept) as again:
        await until(lambda: bool(again.uplinks.info().status))
        assert [p.name for p in again.uplinks.info().status[0].ports] == ["eth0", "eth1"]
        assert again.uplinks.info().status[0].key == "zedagent"


async def test_a_host_gets_its_interface_back_when_the_node_is_killed(
    sites: Sites, folder: Path
) -> None:
    """No controller answers: the trial runs out, with nobody there to end it."""
    netns.ip("-n", sites.node, "addr", "add", f"{address(0, 9)}/24", "dev", "eth0")
    netns.ip("-n", sites.node, "link", "set", "eth0", "up")
    netns.ip("-n", sites.node, "route", "add", "default", "via", address(0, 1))
    before = netns.ip("-n", sites.node, "-4", "-o", "address", "show", "dev", "eth0")
    process = _takes(folder)
    assert process.stdout is not None
    try:
        line = await asyncio.to_thread(process.stdout.readline)
        assert line == b"taken\n"
        netns.ip("-n", sites.node, "addr", "flush", "dev", "eth0")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()

    def given_back() -> bool:
        now = netns.ip("-n", sites.node, "-4", "-o", "address", "show", "dev", "eth0")
        return now == before and "default via" in netns.ip("-n", sites.node, "route")

    await until(given_back)
    assert (folder / "hand-over" / "reverted").exists()
    await until(lambda: not _guardians(folder))


async def test_what_was_confirmed_is_kept_by_the_next_start_of_the_node(folder: Path) -> None:
    taken: list[frozenset[str]] = []
    reached = False

    def takeover() -> Takeover:
        return Takeover(
            folder / "hand-over",
            f"{folder.name}-guardian",
            ("eth0",),
            taken.append,
            lambda: reached,
            trial_s=30,
        )

    async with asyncio.TaskGroup() as tasks:
        first = takeover()
        tasks.create_task(first.run(), name="hand-over")
        await until(lambda: first.state == "on trial")
        reached = True
    assert first.state == "managed"
    await until(lambda: not _guardians(folder))
    reached = False
    second = takeover()
    await second.run()
    assert second.state == "managed"
    assert taken == [frozenset({"eth0"})] * 2


async def test_an_interface_that_is_not_there_is_not_taken(folder: Path) -> None:
    made = Takeover(folder / "hand-over", "g", ("eth9",), lambda _: None, lambda: True)
    await made.run()
    assert "eth9 is not taken over" in made.state
    assert "eth0, eth1, lo" in made.state
    assert not (folder / "hand-over").exists()


def _takes(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*TIED, sys.executable, "-m", "support.takeover_process", str(folder), "eth0", "10"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def _guardians(folder: Path) -> list[int]:
    return [
        int(p.parent.name)
        for p in Path("/proc").glob("[0-9]*/cmdline")
        if str(folder / "hand-over" / "guardian").encode() in _bytes(p)
    ]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


async def test_a_way_that_is_not_there_is_an_answer(folder: Path) -> None:
    async with running(folder) as node:
        reply = await node.ping(Way("eth0", "eth0", address(0, 9)), 2)
        assert isinstance(reply, NoConnection)


async def test_a_lease_that_ends_is_a_lost_address_and_the_other_port_is_used(
    sites: Sites, controller: Controller, folder: Path
) -> None:
    """As when the DHCP server is gone: the client tells that it has nothing any more."""
    async with running(folder, BOTH) as node:
        await brought_up(node)
        told = folder / "dhcp" / "eth0" / "told"
        told.write_bytes(b"EAVES_EVENT=deconfig\0interface=eth0\0")
        await until(lambda: not node.uplinks.seen.ports[0].sources)
        shown = ("-n", sites.node, "-4", "address", "show", "eth0")
        await until(lambda: "10.1.0." not in netns.ip(*shown))
        assert isinstance(await node.ask(PING), Received)
        assert controller.asked_from[-1].startswith("10.2.")


async def test_a_client_that_ended_is_started_again(controller: Controller, folder: Path) -> None:
    assert controller.status
    async with running(folder, BOTH) as node:
        await brought_up(node)
        client = folder / "dhcp" / "eth0" / "pid"
        ended = client.read_text()
        os.kill(int(ended), signal.SIGKILL)
        node.uplinks._look_now.set()
        await until(lambda: client.exists() and client.read_text() != ended)
        await until(lambda: bool(node.uplinks.seen.ports[0].sources))


async def test_a_cable_that_comes_back_may_lead_elsewhere(
    sites: Sites, controller: Controller, folder: Path
) -> None:
    """So the network behind it is asked again, while the address is kept."""
    assert controller.status
    async with running(folder, BOTH) as node:
        await brought_up(node)
        told = folder / "dhcp" / "eth0" / "told"
        assert b"EAVES_EVENT=renew" not in told.read_bytes()
        sites.cut(0)
        await until(lambda: not (link := node.uplinks.seen.ports[0].link) or not link.up)
        sites.mend(0)
        await until(lambda: b"EAVES_EVENT=renew" in told.read_bytes())


async def test_one_port_that_the_kernel_refuses_holds_up_no_other(tmp_path: Path) -> None:
    """A VLAN with longer frames than the adapter below it has; some kernels know no VLAN."""
    office = VlanAdapter(
        logicallabel="office", interface_name="office", lower_layer_name="eth0", vlan_id=5
    )
    spec = Ipspec(dhcp=DHCPType.Static, subnet="10.5.0.0/24", gateway="10.5.0.1")
    wide = network("00000000-0000-4000-8000-0000000000d3", spec, mtu=9000)
    given = config(
        adapter("office", net=wide.id, addr="10.5.0.9"),
        adapter("eth1", addr="10.6.0.9"),
        networks=[wide, network(ip=replace(spec, subnet="10.6.0.0/24", gateway="10.6.0.1"))],
        nics=[nic("eth0"), nic("eth1")],
        vlans=[office],
    )
    entry = controller_entry(given, T0)
    machine = Machine(Place(tmp_path, "bad"), managed=frozenset({"eth0", "eth1"}))
    with netns.namespace("node") as node, netns.namespace("out") as out:
        for number, port in enumerate(PORTS):
            peer = ("peer", "name", f"up{number}", "netns", out)
            netns.ip("-n", node, "link", "add", port, "type", "veth", *peer)
            netns.ip("-n", out, "link", "set", f"up{number}", "up")
        with netns.inside(node):
            with pytest.raises(CommandFailed):
                await machine.apply(entry)
            ports = {port.plan.label: port for port in (await machine.look(entry)).ports}
    assert ports["eth1"].sources == ("10.6.0.9",)
    assert ports["eth1"].link
    assert ports["eth1"].link.up


async def test_two_ports_in_one_subnet_each_work(tmp_path: Path) -> None:
    """Both cables end in one bridge; each address answers and sends by its own port."""
    with netns.namespace("node") as node, netns.namespace("out") as out:
        netns.ip("-n", out, "link", "add", "br0", "type", "bridge")
        netns.ip("-n", out, "addr", "add", "10.5.0.1/24", "dev", "br0")
        netns.ip("-n", out, "addr", "add", f"{two_uplinks.CONTROLLER}/32", "dev", "lo")
        for number, port in enumerate(PORTS):
            peer = ("peer", "name", f"up{number}", "netns", out)
            netns.ip("-n", node, "link", "add", port, "type", "veth", *peer)
            netns.ip("-n", out, "link", "set", f"up{number}", "master", "br0", "up")
        netns.ip("-n", out, "link", "set", "br0", "up")
        spec = Ipspec(
            dhcp=DHCPType.Static,
            subnet="10.5.0.0/24",
            gateway="10.5.0.1",
            dns=("10.5.0.1",),
        )
        given = config(
            adapter("eth0", addr="10.5.0.10"),
            adapter("eth1", addr="10.5.0.11"),
            networks=[network(ip=spec)],
        )
        where = Sites(node, out, tmp_path)
        with netns.inside(node):
            async with two_uplinks.controller(where) as seen, running(tmp_path, BOTH) as made:
                made.uplinks.follow(dated(given), made.properties)
                await until(lambda: succeeded(made))
                for label, source in (("eth0", "10.5.0.10"), ("eth1", "10.5.0.11")):
                    seen.asked_from.clear()
                    assert isinstance(await made.ping(Way(label, label, source), 30), Received)
                    assert source in seen.asked_from
