"""What stays, what is adopted, what is mended, and what is made again from nothing."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support import netns
from support.netns import connects, denied, listening, lookup
from support.network_node import TABLE, NetworkNode, ace, app, interface, network, port_map

from eaves.node.host import dnsmasq, nft
from eaves.node.network.items import AppFirewall, Vif
from eaves.node.refs import netns_name

pytestmark = pytest.mark.host

NI = "11111111-0000-4000-8000-000000000001"
SUBNET, GATEWAY, FIRST, SECOND = "10.77.0.0/24", "10.77.0.1", "10.77.0.2", "10.77.0.3"
A, B = 235, 236
NS_A = netns_name(TABLE, A)
NETWORKS = [network(NI, SUBNET)]
APPS = [
    app(A, "shop", interface(NI, port_map(1, 8080, 80), ace(2, host="example.test"))),
    app(B, "desk", interface(NI, ace(1, eidset=""))),
]


@dataclass
class Bench:
    node: NetworkNode
    uplink: netns.Uplink
    run_dir: Path


@pytest.fixture
def uplink() -> Iterator[netns.Uplink]:
    with netns.node_behind_uplink() as uplink, netns.inside(uplink.node):
        yield uplink


@pytest.fixture
async def bench(uplink: netns.Uplink) -> AsyncIterator[Bench]:
    run_dir = Path(f"/run/{uplink.node}")
    bench = Bench(NetworkNode(run_dir), uplink, run_dir)
    try:
        yield bench
    finally:
        await bench.node.tear_down()
        shutil.rmtree(run_dir, ignore_errors=True)


def answers(bench: Bench) -> bool:
    with listening(NS_A, FIRST, 80):
        return connects(bench.uplink.outside, bench.uplink.port_address, 8080)


async def test_the_same_intention_again_needs_no_step(bench: Bench) -> None:
    await bench.node.bring(NETWORKS, APPS)
    before = bench.node.reconciler.steps_run
    await bench.node.bring(NETWORKS, APPS)
    assert bench.node.reconciler.steps_run == before


async def test_a_new_node_process_adopts_everything_and_changes_nothing(bench: Bench) -> None:
    await bench.node.bring(NETWORKS, APPS)
    bench.node = NetworkNode(bench.run_dir)
    await bench.node.bring(NETWORKS, APPS)
    assert bench.node.reconciler.steps_run == 0
    assert answers(bench)


async def test_traffic_flows_on_while_the_killed_node_is_away(bench: Bench) -> None:
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "support.network_process", str(bench.run_dir), f"{A},{B}"),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )
    assert started.stdout is not None
    try:
        async with asyncio.timeout(60):
            while (line := await started.stdout.readline()) != b"settled\n":
                assert line, "the node ended by itself"
    finally:
        started.kill()
        await started.wait()
    assert answers(bench)
    assert lookup(NS_A, GATEWAY, "desk") == [SECOND]
    await bench.node.bring(NETWORKS, APPS)
    assert bench.node.reconciler.steps_run == 0


async def test_a_namespace_that_lost_its_name_is_found_by_who_lives_in_it(bench: Bench) -> None:
    """So it goes when the killed node had a mount namespace of its own."""
    await bench.node.bring(NETWORKS, APPS)
    enter = ["nsenter", f"--net=/run/netns/{NS_A}"]
    app_process = await asyncio.create_subprocess_exec(*enter, "sleep", "600")
    try:
        netns.ip("-n", NS_A, "link", "show", "eth0")
        await netns.until(lambda: netns.is_in(app_process.pid, NS_A))
        netns.ip("netns", "delete", NS_A)
        bench.node = NetworkNode(bench.run_dir)
        await bench.node.bring(NETWORKS, APPS)
        assert bench.node.reconciler.steps_run == 0
        assert answers(bench)
    finally:
        app_process.kill()
        await app_process.wait()


def delete_bridge(_: Bench) -> None:
    netns.ip("link", "delete", "bn1")


def flush_rules(_: Bench) -> None:
    subprocess.run(["nft", "flush", "ruleset"], check=True)


def delete_one_rule(_: Bench) -> None:
    subprocess.run(["nft", "flush", "chain", "inet", TABLE, f"tx-nbu0x{A}"], check=True)


def flush_port_maps(_: Bench) -> None:
    subprocess.run(["nft", "flush", "map", "inet", TABLE, "portmap-of"], check=True)


def kill_dnsmasq(bench: Bench) -> None:
    pid = int((bench.run_dir / "network/dnsmasq/bn1/pid").read_text())
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def user_of_dnsmasq(bench: Bench) -> int:
    pid = (bench.run_dir / "network/dnsmasq/bn1/pid").read_text().strip()
    return Path("/proc", pid).stat().st_uid


def delete_vif(_: Bench) -> None:
    netns.ip("link", "delete", f"nbu0x{A}")


def delete_namespace(_: Bench) -> None:
    netns.ip("netns", "delete", NS_A)


def stop_forwarding(_: Bench) -> None:
    Path("/proc/sys/net/ipv4/ip_forward").write_text("0")


def change_address(_: Bench) -> None:
    netns.ip("addr", "del", f"{GATEWAY}/24", "dev", "bn1")
    netns.ip("addr", "add", "10.99.0.1/24", "dev", "bn1")


@pytest.mark.parametrize(
    "damage",
    [
        delete_bridge,
        flush_rules,
        delete_one_rule,
        kill_dnsmasq,
        delete_vif,
        delete_namespace,
        stop_forwarding,
        change_address,
    ],
)
async def test_damage_is_mended(bench: Bench, damage: Callable[[Bench], None]) -> None:
    await bench.node.bring(NETWORKS, APPS)
    damage(bench)
    before = bench.node.reconciler.steps_run
    report = await bench.node.again()
    assert report.unmet() == ()
    assert bench.node.reconciler.steps_run > before
    assert answers(bench)
    assert lookup(NS_A, GATEWAY, "desk") == [SECOND]
    before = bench.node.reconciler.steps_run
    await bench.node.again()
    assert bench.node.reconciler.steps_run == before


async def test_a_list_changes_also_where_the_kernel_holds_less_than_was_recorded(
    bench: Bench,
) -> None:
    """Nobody looked since: the kernel refuses, and what is there is read."""
    await bench.node.bring(NETWORKS, APPS)
    before = next(i for i in bench.node.items if isinstance(i, AppFirewall) and i.app_number == A)
    flush_port_maps(bench)
    configurator = bench.node.subsystem.configurators()["firewall"]
    with capture_logs() as said:
        await configurator.modify(before, replace(before, aces=before.aces[1:]), lambda _: None)
    assert [entry["item"] for entry in said if entry["event"] == "rules_not_as_recorded"] == [
        str(before.ref)
    ]
    table = await nft.list_table("inet", TABLE)
    assert table is not None
    assert f"tx-nbu0x{A}" in table.chains
    assert not [name for name in table.chains if name.startswith("pm-")]


async def test_what_is_no_longer_wanted_goes_even_when_damaged(bench: Bench) -> None:
    await bench.node.bring(NETWORKS, APPS)
    netns.ip("link", "set", "bn1", "mtu", "1400")
    netns.ip("link", "set", f"nbu0x{A}", "nomaster")
    await bench.node.bring([], [])
    assert "bn1" not in netns.ip("link")
    assert "nbu" not in netns.ip("link")
    assert not netns.exists(NS_A)
    table = await nft.list_table("inet", TABLE)
    assert table is not None
    assert not [name for name in table.chains if "nbu" in name or "bn1" in name]


async def test_a_file_that_dnsmasq_refuses_leaves_the_old_one_running(bench: Bench) -> None:
    await bench.node.bring(NETWORKS, APPS)
    folder = bench.run_dir / "network/dnsmasq/bn1"
    before = dnsmasq.running(folder)
    assert before is not None
    with pytest.raises(dnsmasq.DnsmasqRefuses, match=r"bn1 refuses .* at line"):
        await dnsmasq.start(folder, "bn1", before.ifindex, f"{before.conf}\nwhatever=1\n", "test")
    assert dnsmasq.running(folder) == before
    assert lookup(NS_A, GATEWAY, "desk") == [SECOND]


async def test_dnsmasq_gives_up_root_under_a_tight_umask(bench: Bench) -> None:
    bench.run_dir.mkdir(mode=0o755)
    before = os.umask(0o077)
    try:
        with capture_logs() as logs:
            await bench.node.bring(NETWORKS, APPS)
            assert user_of_dnsmasq(bench) != 0
            assert lookup(NS_A, GATEWAY, "desk") == [SECOND]
            assert "dnsmasq_runs_as_root" not in [entry["event"] for entry in logs]
            bench.run_dir.chmod(0o700)
            await bench.node.again()
        warning = next(e for e in logs if e["event"] == "dnsmasq_runs_as_root")
        assert f"chmod o+x {bench.run_dir}" in warning["why"]
        assert lookup(NS_A, GATEWAY, "desk") == [SECOND]
    finally:
        os.umask(before)


async def test_everything_is_made_again_after_a_power_cut(bench: Bench) -> None:
    await bench.node.bring(NETWORKS, APPS)
    kill_dnsmasq(bench)
    for name in (NS_A, netns_name(TABLE, B)):
        netns.ip("netns", "delete", name)
    netns.ip("link", "delete", "bn1")
    flush_rules(bench)
    shutil.rmtree(bench.run_dir)
    bench.node = NetworkNode(bench.run_dir)
    await bench.node.bring(NETWORKS, APPS)
    assert answers(bench)


async def test_a_subnet_moves_in_place_and_two_may_be_swapped(bench: Bench) -> None:
    other = "11111111-0000-4000-8000-000000000002"
    apps = [app(A, "a", interface(NI, port_map(1, 8080, 80))), app(B, "b", interface(other))]
    await bench.node.bring([network(NI, SUBNET), network(other, "10.78.0.0/24")], apps)
    assert answers(bench)

    async def swapped() -> bool:
        """One dnsmasq may find its address still held by the other one; it tries again."""
        with contextlib.suppress(AssertionError):
            await bench.node.bring([network(NI, "10.78.0.0/24"), network(other, SUBNET)], apps)
            return True
        return False

    await netns.until(swapped)
    with listening(NS_A, "10.78.0.2", 80):
        assert connects(bench.uplink.outside, bench.uplink.port_address, 8080)
    assert lookup(netns_name(TABLE, B), GATEWAY, "b") == [FIRST]


async def test_a_guest_takes_the_lease_that_belongs_to_it(bench: Bench) -> None:
    """A cable stands in for the guest: the tap is exchanged for it, and mended onto the bridge."""
    guest = app(A, "guest", interface(NI, port_map(1, 8080, 80)))
    await bench.node.bring(NETWORKS, [guest], virtual_machines=frozenset({guest.app}))
    vif = next(item for item in bench.node.items if isinstance(item, Vif))
    assert bench.node.subsystem.leases() == {}
    before = bench.node.reconciler.steps_run
    await bench.node.again()
    assert bench.node.reconciler.steps_run == before
    with netns.namespace("guest") as inside:
        netns.ip("link", "delete", vif.name)
        netns.ip("link", "add", vif.name, "type", "veth", "peer", "name", "eth0", "netns", inside)
        netns.ip("-n", inside, "link", "set", "eth0", "address", vif.mac, "up")
        await bench.node.again()
        done = await asyncio.to_thread(take_lease, inside)
        assert f"lease of {FIRST} obtained" in done.stderr + done.stdout
        assert bench.node.subsystem.leases() == {vif.mac: (FIRST,)}
        netns.ip("-n", inside, "addr", "add", f"{FIRST}/24", "dev", "eth0")
        netns.ip("-n", inside, "route", "add", "default", "via", GATEWAY)
        with listening(inside, FIRST, 80):
            assert connects(bench.uplink.outside, bench.uplink.port_address, 8080)
        netns.ip("-n", inside, "link", "set", "eth0", "address", "02:00:00:00:00:99")
        stranger = await asyncio.to_thread(take_lease, inside)
        assert stranger.returncode != 0
        bench.node.items = ()
        await bench.node.again()


def take_lease(ns: str) -> subprocess.CompletedProcess[str]:
    client = ["busybox", "udhcpc", "-i", "eth0", "-f", "-n", "-q", "-s", "/bin/true"]
    return subprocess.run(
        ["nsenter", f"--net=/run/netns/{ns}", *client, "-t", "3", "-T", "1"],
        capture_output=True,
        text=True,
        check=False,
    )


async def test_a_name_in_a_list_opens_the_addresses_that_dns_gave(bench: Bench) -> None:
    everyone = network(NI, SUBNET, servers=[bench.uplink.outside_address])
    shop = app(A, "shop", interface(NI, ace(2, host="example.test")))
    await bench.node.bring([everyone], [shop])
    there = bench.uplink.outside_address
    with netns.inside(bench.uplink.outside):
        resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with resolver, listening(bench.uplink.outside, there, 8080):
        resolver.bind((there, 53))
        answering = threading.Thread(target=answer_once, args=(resolver, there))
        answering.start()
        assert denied(NS_A, there, 8080)
        assert lookup(NS_A, GATEWAY, "www.example.test") == [there]
        answering.join()
        await netns.until(lambda: connects(NS_A, there, 8080, 0.5))


def answer_once(resolver: socket.socket, address: str) -> None:
    resolver.settimeout(10)
    query, client = resolver.recvfrom(2048)
    resolver.sendto(query[:2] + netns.dns_answer("www.example.test", address), client)


async def test_a_port_address_that_changes_takes_its_port_maps_along(bench: Bench) -> None:
    await bench.node.bring(NETWORKS, APPS)
    netns.ip("addr", "del", "198.51.100.2/24", "dev", "eth0")
    netns.ip("addr", "add", "198.51.100.7/24", "dev", "eth0")
    await bench.node.bring(NETWORKS, APPS)
    with listening(NS_A, FIRST, 80):
        assert connects(bench.uplink.outside, "198.51.100.7", 8080)


async def test_a_port_map_that_moves_from_app_to_app_is_there_in_the_end(bench: Bench) -> None:
    """Who gets it may be changed first; what the other one had is no longer its own by then."""
    eids, mapped = ace(2, eidset=""), port_map(1, 8080, 80)
    of_shop = [app(A, "shop", interface(NI, mapped)), app(B, "desk", interface(NI, eids))]
    of_desk = [app(A, "shop", interface(NI, eids)), app(B, "desk", interface(NI, mapped))]
    for apps, number in ((of_desk, B), (of_shop, A), (of_desk, B)):
        await bench.node.bring(NETWORKS, apps)
        seen = await nft.list_table("inet", TABLE)
        assert seen is not None
        chains = set(seen.elements["portmap-of"].values())
        assert [f"nbu0x{number}" in chain for chain in chains] == [True], seen.elements
