"""A machine whose ports are all the node's: what is taken, and what the rest of it is told."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.ports import seen_port

from eaves.evapi.config import EdgeDevConfig, PhysicalIO
from eaves.evapi.evecommon import PhyIoMemberUsage, PhyIoType
from eaves.node.host.adapters import radios, ready
from eaves.node.host.dbus import BusUnreachable
from eaves.node.uplinks import owner
from eaves.node.uplinks.entries import dedicated
from eaves.node.uplinks.model import Named
from eaves.node.uplinks.owner import Owner, resolver_text, time_servers
from eaves.node.uplinks.seen import Seen, SeenPort


class Ports:
    """Uplinks, as far as their owner knows them."""

    def __init__(self, *ports: SeenPort) -> None:
        self.seen = Seen(ports)
        self.managed = frozenset[str]()

    def managed_changed(self, managed: frozenset[str]) -> None:
        self.managed = managed


def adapter(root: Path, name: str, index: int, *, kind: str = "1", uevent: str = "") -> Path:
    folder = root / "sys/class/net" / name
    (folder / "device").mkdir(parents=True)
    for file, text in (("type", kind), ("ifindex", str(index)), ("uevent", uevent)):
        (folder / file).write_text(f"{text}\n")
    return folder


def known_to_udev(root: Path, index: int) -> None:
    file = root / "run/udev/data" / f"n{index}"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


def test_an_adapter_is_taken_once_it_has_its_name(tmp_path: Path) -> None:
    adapter(tmp_path, "eth0", 2)
    assert ready(tmp_path) == frozenset()
    known_to_udev(tmp_path, 2)
    assert ready(tmp_path) == {"eth0"}


def test_what_software_made_and_what_is_no_network_are_left_alone(tmp_path: Path) -> None:
    (adapter(tmp_path, "br0", 3) / "device").rmdir()
    adapter(tmp_path, "can0", 4, kind="280")
    for index in (3, 4):
        known_to_udev(tmp_path, index)
    assert ready(tmp_path) == frozenset()
    assert ready(tmp_path / "nowhere") == frozenset()


def test_behind_a_radio_is_no_cable(tmp_path: Path) -> None:
    adapter(tmp_path, "enp1s0", 2, uevent="INTERFACE=enp1s0")
    adapter(tmp_path, "wlan0", 3, uevent="DEVTYPE=wlan\nINTERFACE=wlan0")
    adapter(tmp_path, "wwan0", 4, uevent="DEVTYPE=wwan")
    adapter(tmp_path, "raw0", 5, kind="519")
    assert radios(tmp_path) == {"wlan0", "wwan0", "raw0"}


def test_the_cheapest_port_is_asked_first() -> None:
    dear = replace(seen_port("eth1"), dns=("192.0.2.9", "192.0.2.8"), domain="b.example")
    dear = replace(dear, plan=replace(dear.plan, cost=5), ntp=("ntp.b.example",))
    cheap = replace(seen_port("eth0"), dns=("192.0.2.8", "192.0.2.7"), domain="a.example")
    assert resolver_text((dear, cheap)) == (
        "nameserver 192.0.2.8\nnameserver 192.0.2.7\nnameserver 192.0.2.9\n"
        "search a.example b.example\n"
    )
    hostile = replace(cheap, domain="a.example\nnameserver 203.0.113.66")
    assert resolver_text((hostile,)) == "nameserver 192.0.2.8\nnameserver 192.0.2.7\n"
    assert time_servers((dear, cheap)) == ("ntp.b.example",)
    assert time_servers((cheap,)) == ("pool.ntp.org",)
    wrong = replace(cheap, ntp=("a name", "-x", "", "192.0.2.4", "2001:db8::4"))
    assert time_servers((wrong,)) == ("192.0.2.4", "2001:db8::4")
    assert time_servers(()) == ()


async def test_who_keeps_the_time_is_told_again_when_it_was_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, ...]] = []
    now, there = 100.0, False

    async def tell(servers: tuple[str, ...]) -> None:
        told.append(servers)
        if not there:
            raise BusUnreachable("no dbus yet")

    monkeypatch.setattr(owner, "ready", lambda: frozenset({"eth0"}))
    ports = Ports(replace(seen_port("eth0"), dns=("192.0.2.8",), ntp=("192.0.2.4",)))
    one = Owner(ports, tmp_path / "resolv.conf", lambda: now, tell)
    for _ in range(3):
        await one.look()
    assert told == [("192.0.2.4",)]  # not at each look
    now, there = now + owner.AGAIN_S, True
    for _ in range(3):
        await one.look()
    assert len(told) == 2
    now += owner.STALE_S
    await one.look()
    assert len(told) == 3  # who keeps the time may have started anew
    assert ports.managed == {"eth0"}
    assert (tmp_path / "resolv.conf").read_text() == "nameserver 192.0.2.8\n"


def test_what_an_app_has_is_no_last_resort() -> None:
    used = PhyIoMemberUsage.PhyIoUsageDedicated
    ios = (
        PhysicalIO(ptype=PhyIoType.PhyIoNetEth, phyaddrs={"ifname": "eth1"}, usage=used),
        PhysicalIO(ptype=PhyIoType.PhyIoNetEth, phyaddrs={"ifname": "eth0"}),
        PhysicalIO(ptype=PhyIoType.PhyIoUSB, phyaddrs={"usbaddr": "1:2"}, usage=used),
    )
    assert dedicated(EdgeDevConfig(device_io_list=ios)) == (Named(ifname="eth1"),)
