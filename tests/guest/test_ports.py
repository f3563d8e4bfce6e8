"""What a node does with VLANs, bonds, radios and losses of a real kernel, by its own hands."""

import json
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from support import netns, two_uplinks
from support.hostapd import access_point
from support.ports import T0, adapter, config, network, nic
from support.two_uplinks import PING, PORTS, address, running

from eaves.evapi.config.devmodel import BondAdapter, MIIMonitor, VlanAdapter
from eaves.evapi.config.netconfig import WifiConfig, WirelessConfig
from eaves.evapi.evecommon import (
    BondMode,
    DHCPType,
    Ipspec,
    PhyIoType,
    WiFiKeyScheme,
    WirelessType,
)
from eaves.evapi.flows.steps import Received
from eaves.node.host import dhcp, wpa
from eaves.node.uplinks.entries import controller_entry
from eaves.node.uplinks.machine import Machine, Place
from eaves.node.uplinks.model import Entry
from eaves.node.uplinks.verify import Rules

pytestmark = pytest.mark.guest

PATIENCE_S: Final = 180.0  # with an emulated processor, beside what else the machine does
PAIR = BondAdapter(
    logicallabel="pair",
    interface_name="bond0",
    lower_layer_names=PORTS,
    bond_mode=BondMode.BOND_MODE_ACTIVE_BACKUP,
    mii=MIIMonitor(interval=100),
)
SSID, HASHED_KEY = "plant", "5e" * 32


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, and where a helper that is not root can read."""
    made = Path("/run/eaves-ports")
    made.mkdir()
    yield made
    shutil.rmtree(made)


async def until(what: Callable[[], bool | Awaitable[bool]]) -> None:
    await netns.until(what, PATIENCE_S)


def machine(folder: Path, *managed: str) -> Machine:
    made = Machine(Place(folder, folder.name))
    made.managed = frozenset(managed)
    return made


def static(site: int) -> Ipspec:
    return Ipspec(
        dhcp=DHCPType.Static,
        subnet=f"10.{site + 1}.0.0/24",
        gateway=address(site, 1),
        dns=(address(site, 1),),
    )


def answers(host: str) -> bool:
    words = ["busybox", "ping", "-c1", "-W1", host]
    return subprocess.run(words, capture_output=True, check=False, timeout=60).returncode == 0


def kind_of(name: str) -> dict[str, Any]:
    """What the kernel tells of a link of its kind."""
    (found,) = json.loads(netns.ip("-j", "-d", "link", "show", "dev", name))
    data: dict[str, Any] = found["linkinfo"]["info_data"]
    return data


def active() -> str:
    """The cable that the bond uses now; empty for none."""
    return str(kind_of("bond0").get("active_slave", ""))


def office(number: int) -> Entry:
    """A VLAN on a bond of both ports."""
    vlan = VlanAdapter(
        logicallabel="office", interface_name="office", lower_layer_name="pair", vlan_id=number
    )
    given = config(
        adapter("office", addr=address(0, 20)),
        networks=[network(ip=static(0))],
        nics=[nic(port) for port in PORTS],
        vlans=[vlan],
        bonds=[PAIR],
    )
    return controller_entry(given, T0)


async def test_a_vlan_on_a_bond_is_made_goes_on_over_the_other_cable_and_is_taken_away(
    tmp_path: Path, folder: Path
) -> None:
    """Both cables end in one switch, which knows that VLAN only."""
    with two_uplinks.sites(tmp_path, dhcp_servers=False) as sites, netns.inside(sites.node):
        outside = ("-n", sites.out)
        netns.ip(*outside, "link", "add", "br0", "type", "bridge")
        for peer in two_uplinks.PEERS:
            netns.ip(*outside, "addr", "flush", "dev", peer)
            netns.ip(*outside, "link", "set", peer, "master", "br0")
        netns.ip(
            *outside, "link", "add", "link", "br0", "name", "tagged", "type", "vlan", "id", "5"
        )
        netns.ip(*outside, "addr", "add", f"{address(0, 1)}/24", "dev", "tagged")
        for name in ("br0", "tagged"):
            netns.ip(*outside, "link", "set", name, "up")
        node = machine(folder, *PORTS)
        await node.apply(office(5))
        await until(lambda: answers(address(0, 1)))
        assert kind_of("office")["id"] == 5
        await until(lambda: active() == "eth0")  # the first is preferred
        assert await node.missing_links(office(5)) == ()
        assert await node.settle(office(5)) is False
        sites.cut(0)
        await until(lambda: active() == "eth1")
        await until(lambda: answers(address(0, 1)))
        assert (await node.look(office(5))).ports[0].local_error() == ""
        await node.apply(office(6))
        assert kind_of("office")["id"] == 6
        assert not answers(address(0, 1))
        await node.apply(controller_entry(config(*map(adapter, PORTS)), T0))
        there = {one["ifname"] for one in json.loads(netns.ip("-j", "link"))}
        assert there == {"lo", *PORTS}
        await dhcp.stop_others(folder / "dhcp", frozenset())


def lose_everything(namespace: str, ifname: str) -> None:
    words = ["tc", "-n", namespace, "qdisc", "add", "dev", ifname, "root", "netem", "loss", "100%"]
    subprocess.run(words, check=True, timeout=60)


async def test_control_traffic_leaves_a_path_that_loses_every_packet(
    tmp_path: Path, folder: Path
) -> None:
    two = config(
        adapter("eth0", net="first", addr=address(0, 20)),
        adapter("eth1", net="second", addr=address(1, 20), cost=1),
        networks=[network("first", static(0)), network("second", static(1))],
    )
    with two_uplinks.sites(tmp_path, dhcp_servers=False) as sites, netns.inside(sites.node):
        async with (
            two_uplinks.controller(sites) as seen,
            running(folder, frozenset(PORTS)) as node,
        ):
            patient = replace(node.properties, rules=Rules(), test_timeout_s=30.0)
            node.uplinks.follow(replace(two, config_timestamp=datetime.now(UTC)), patient)
            await until(lambda: [bool(p.sources) for p in node.uplinks.seen.ports] == [True, True])

            async def asks_from(source: str) -> bool:
                answered = isinstance(await node.ask(PING), Received)
                return answered and seen.asked_from[-1] == source

            await until(lambda: asks_from(address(0, 20)))
            lose_everything(sites.out, "up0")
            await until(lambda: asks_from(address(1, 20)))
            assert node.uplinks.seen.ports[0].local_error() == "", "its carrier is there"


@contextmanager
def radios(outside: str) -> Generator[None]:
    """Two radios that hear each other: wlan0 here, wlan1 outside."""
    subprocess.run(["modprobe", "mac80211_hwsim", "radios=2"], check=True, timeout=120)
    try:
        other = Path("/sys/class/net/wlan1/phy80211").resolve().name
        move = ["iw", "phy", other, "set", "netns", "name", outside]
        subprocess.run(move, check=True, timeout=60)
        netns.ip("-n", outside, "addr", "add", f"{address(0, 1)}/24", "dev", "wlan1")
        yield
    finally:
        subprocess.run(["modprobe", "-r", "mac80211_hwsim"], check=True, timeout=120)


def plant() -> Entry:
    joined = WifiConfig(wifi_ssid=SSID, key_scheme=WiFiKeyScheme.WPAPSK, password=HASHED_KEY)
    wireless = WirelessConfig(type=WirelessType.WiFi, wifi_cfg=(joined,))
    radio = replace(nic("wlan0"), ptype=PhyIoType.PhyIoNetWLAN)
    given = config(adapter("wlan0"), networks=[replace(network(), wireless=wireless)], nics=[radio])
    return controller_entry(given, T0)


async def test_a_port_joins_a_wifi_network_and_leaves_it_in_radio_silence(
    tmp_path: Path, folder: Path
) -> None:
    node, entry = machine(folder, "wlan0"), plant()

    async def has_its_address() -> bool:
        await node.settle(entry)  # as a node does whenever a lease changes
        return bool((await node.look(entry)).ports[0].sources)

    with netns.namespace("out") as out, radios(out):
        try:
            with (
                access_point(out, "wlan1", tmp_path / "ap", SSID, HASHED_KEY),
                two_uplinks.dhcp_server(out, tmp_path, ("wlan1",)),
            ):
                await node.apply(entry)
                await until(has_its_address)
                assert node.problems == {}
                assert answers(address(0, 1))
                node.silent = True
                await node.apply(entry)
                assert (await node.look(entry)).ports[0].silent
                assert not answers(address(0, 1))
        finally:
            await dhcp.stop_others(folder / "dhcp", frozenset())
            await wpa.stop_others(folder / "wifi", frozenset())
