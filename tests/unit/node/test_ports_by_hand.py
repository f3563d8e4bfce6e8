"""Ports that somebody before the machine sets: what may be set, by whom, and on which screen."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.widgets import Checkbox, Input, Static

from eaves.errors import Rejected
from eaves.evapi.config import EdgeDevConfig, NetworkConfig, PhysicalIO, SystemAdapter
from eaves.evapi.config.netconfig import WifiConfig, WirelessConfig
from eaves.evapi.evecommon import (
    DHCPType,
    Ipspec,
    NetworkType,
    PhyIoType,
    ProxyConfig,
    WirelessType,
)
from eaves.node.console.app import Console
from eaves.node.console.hand import ask
from eaves.node.console.page import Line
from eaves.node.console.ports_form import PortsForm
from eaves.node.console.readings import Readings
from eaves.node.host.terminals import is_screen, terminal_of
from eaves.node.runtime.ports_by_hand import PortsByHand
from eaves.node.uplinks.by_hand import base_of, entry_by_hand, settable
from eaves.node.uplinks.entries import controller_entry, last_resort
from eaves.node.uplinks.hand import (
    AS_CONFIGURED,
    SOCKET,
    Answer,
    Ask,
    PortByHand,
    Set,
    Settable,
    Show,
    Withdraw,
)
from eaves.node.uplinks.model import Entry, Source

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SCREEN, SERIAL = os.makedev(4, 1), os.makedev(4, 64)
STATIC = PortByHand(
    "eth0",
    dhcp=False,
    address="192.0.2.7/24",
    gateway="192.0.2.1",
    dns=("192.0.2.53",),
    proxy="proxy.site:3128",
)


def configured(*, allowed: bool = True) -> EdgeDevConfig:
    return EdgeDevConfig(
        device_io_list=tuple(
            PhysicalIO(ptype=kind, phylabel=name, logicallabel=name, phyaddrs={"ifname": name})
            for name, kind in {
                "eth0": PhyIoType.PhyIoNetEth,
                "wlan0": PhyIoType.PhyIoNetWLAN,
                "eth1": PhyIoType.PhyIoNetEth,
            }.items()
        ),
        system_adapter_list=(
            SystemAdapter(
                name="eth0",
                uplink=True,
                cost=3,
                network_uuid="wired",
                allow_local_modifications=allowed,
            ),
            SystemAdapter(
                name="wlan0", uplink=True, network_uuid="air", allow_local_modifications=True
            ),
            SystemAdapter(name="eth1"),
        ),
        networks=(
            NetworkConfig(
                id="wired",
                type=NetworkType.V4,
                ip=Ipspec(dhcp=DHCPType.Client),
                ent_proxy=ProxyConfig(pacfile="Zg=="),
                mtu=1400,
            ),
            NetworkConfig(
                id="air",
                type=NetworkType.V4,
                ip=Ipspec(dhcp=DHCPType.Client),
                wireless=WirelessConfig(
                    type=WirelessType.WiFi, wifi_cfg=(WifiConfig(wifi_ssid="site"),)
                ),
            ),
        ),
    )


def test_how_a_port_gets_its_address_is_set_and_nothing_else() -> None:
    config = configured()
    entry = entry_by_hand(config, STATIC, config, NOW)
    assert (entry.source, entry.at) == (Source.MANUAL, NOW)
    before = {p.label: p for p in controller_entry(config, NOW).ports}
    after = {p.label: p for p in entry.ports}
    port = after["eth0"]
    assert port.ip is not None
    assert (port.ip.dhcp, port.ip.address) == (DHCPType.Static, "192.0.2.7/24")
    assert (port.ip.gateway, port.ip.dns) == ("192.0.2.1", ("192.0.2.53",))
    assert {(s.scheme, s.host, s.port) for s in port.proxy.servers} == {
        ("http", "proxy.site", 3128),
        ("https", "proxy.site", 3128),
    }
    assert (port.cost, port.mtu, port.management) == (3, 1400, True)
    assert not port.on_the_spot  # what a local profile server says keeps others out; this does not
    assert {n: after[n] for n in ("wlan0", "eth1")} == {n: before[n] for n in ("wlan0", "eth1")}


def test_a_port_that_is_set_twice_goes_on_from_what_was_set() -> None:
    config = configured()
    base = base_of(entry_by_hand(config, STATIC, config, NOW))
    air = PortByHand("wlan0", dhcp=False, address="198.51.100.7/24")
    both = base_of(entry_by_hand(base, air, config, NOW))
    shown = {one.now.port: one for one in settable(both, config)}
    assert shown["eth0"] == Settable(STATIC, by_hand=True)
    assert shown["wlan0"] == Settable(air, by_hand=True)
    wifi = next(p for p in entry_by_hand(base, air, config, NOW).ports if p.label == "wlan0").wifi
    assert [one.wifi_ssid for one in wifi] == ["site"]
    back = entry_by_hand(both, PortByHand("eth0"), config, NOW)
    assert (
        next(p for p in back.ports if p.label == "eth0").ip
        == controller_entry(config, NOW).ports[0].ip
    )


def test_a_proxy_that_the_form_cannot_write_stays_when_it_is_left_alone() -> None:
    config = configured()
    shown = settable(config, config)[0]
    assert shown.now.proxy == AS_CONFIGURED
    wish = PortByHand("eth0", dhcp=False, address="192.0.2.7/24", proxy=AS_CONFIGURED)
    assert entry_by_hand(config, wish, config, NOW).ports[0].proxy.pac
    gone = PortByHand("eth0", dhcp=False, address="192.0.2.7/24")
    assert not entry_by_hand(config, gone, config, NOW).ports[0].proxy.in_use


def test_before_a_controller_says_anything_what_is_plugged_in_may_be_set() -> None:
    base = base_of(last_resort(("enp1s0", "enp2s0"), (), NOW))
    assert [(one.now.port, one.refused) for one in settable(base, None)] == [
        ("enp1s0", ""),
        ("enp2s0", ""),
    ]
    entry = entry_by_hand(base, replace_port(STATIC, "enp2s0"), None, NOW)
    addresses = {p.label: p.ip.address if p.ip else None for p in entry.ports}
    assert addresses == {"enp1s0": "", "enp2s0": "192.0.2.7/24"}
    assert all(p.reaches_controller for p in entry.ports)


def replace_port(wish: PortByHand, port: str) -> PortByHand:
    return PortByHand(port, wish.dhcp, wish.address, wish.gateway, wish.dns, wish.proxy)


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (PortByHand("eth9"), "no port 'eth9'"),
        (PortByHand("eth1"), "no port 'eth1'"),  # it has no address: only apps use it
        (PortByHand("eth0", gateway="192.0.2.1"), "switch DHCP off"),
        (PortByHand("eth0", dhcp=False, address="192.0.2.7"), "like 192.0.2.7/24"),
        (PortByHand("eth0", dhcp=False, address="192.0.2.x/24"), "192.0.2.x"),
        (PortByHand("eth0", dhcp=False, address="192.0.2.7/24", gateway="10.0.0.1"), "10.0.0.1"),
        (PortByHand("eth0", dhcp=False, address="192.0.2.7/24", dns=("dns",)), "dns"),
        (PortByHand("eth0", proxy="proxy"), "like 192.0.2.9:3128"),
        (PortByHand("eth0", proxy="me@proxy:80"), "like 192.0.2.9:3128"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_cannot_be_used_is_refused_with_its_reason(wish: PortByHand, why: str) -> None:
    config = configured()
    with pytest.raises(Rejected) as refused:
        entry_by_hand(config, wish, config, NOW)
    assert why in str(refused.value)


def test_a_port_that_the_controller_keeps_to_itself_is_not_set() -> None:
    config = configured(allowed=False)
    assert "does not allow" in settable(config, config)[0].refused
    with pytest.raises(Rejected, match="does not allow"):
        entry_by_hand(config, STATIC, config, NOW)
    other = replace(config, system_adapter_list=config.system_adapter_list[1:])
    with pytest.raises(Rejected, match="not in the configuration of this device"):
        entry_by_hand(config, STATIC, other, NOW)


# Who may ask


@dataclass
class Ports:
    current: Entry | None = field(default_factory=lambda: controller_entry(configured(), NOW))
    managed: frozenset[str] = frozenset({"eth0"})
    entered: list[Entry] = field(default_factory=list[Entry])
    withdrawn: list[Source] = field(default_factory=list[Source])

    def enter(self, entry: Entry) -> None:
        self.entered.append(entry)

    def withdraw(self, source: Source) -> None:
        self.withdrawn.append(source)


@pytest.fixture
def ports() -> Ports:
    return Ports()


@pytest.fixture
def terminals() -> list[int]:
    return [SCREEN]


@pytest.fixture
async def node(tmp_path: Path, ports: Ports, terminals: list[int]) -> AsyncIterator[Path]:
    hand = PortsByHand(
        tmp_path / SOCKET, ports, configured, lambda: NOW, lambda _pid: terminals[-1]
    )
    serving = asyncio.create_task(hand.run_forever())
    while not (tmp_path / SOCKET).exists():
        assert not serving.done()
        await asyncio.sleep(0.01)
    yield tmp_path
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


async def test_who_sits_before_the_screen_sets_a_port(node: Path, ports: Ports) -> None:
    assert (node / SOCKET).stat().st_mode & 0o777 == 0o600
    shown = await ask(node, Show())
    assert [one.now.port for one in shown.ports] == ["eth0", "wlan0"]
    done = await ask(node, Set(STATIC))
    assert (done.refused, done.ports[0]) == ("", Settable(STATIC, by_hand=True))
    assert [entry.source for entry in ports.entered] == [Source.MANUAL]
    assert not (await ask(node, Withdraw())).refused
    assert ports.withdrawn == [Source.MANUAL]


@pytest.mark.parametrize("terminal", [SERIAL, os.makedev(136, 3), 0], ids=["serial", "pty", "none"])
async def test_nobody_else_does(
    node: Path, ports: Ports, terminals: list[int], terminal: int
) -> None:
    terminals.append(terminal)
    for question in (Show(), Set(STATIC), Withdraw()):
        answer = await ask(node, question)
        assert "on the screen of the machine itself" in answer.refused
        assert not answer.ports
    assert not ports.entered
    assert not ports.withdrawn


async def test_a_network_that_is_not_the_nodes_is_not_set(node: Path, ports: Ports) -> None:
    ports.managed = frozenset()
    assert "--host-network=managed" in (await ask(node, Set(STATIC))).refused
    ports.managed, ports.current = frozenset({"eth0"}), None
    assert "wait a moment" in (await ask(node, Show())).refused


@pytest.mark.parametrize("line", [b"{}\n", b"\xff\n", b"", b"[" * 70_000 + b"\n"])
async def test_whatever_is_asked_there_is_an_answer_or_none_and_the_next_one_is_heard(
    node: Path, line: bytes
) -> None:
    reader, writer = await asyncio.open_unix_connection(node / SOCKET)
    writer.write(line)
    writer.write_eof()
    assert b"ports" not in (await reader.read()).split(b'"refused"')[-1]
    writer.close()
    assert (await ask(node, Show())).ports


async def test_a_node_that_does_not_run_is_told(tmp_path: Path) -> None:
    assert "wait until it runs" in (await ask(tmp_path, Show())).refused


def test_screens_are_told_from_serial_lines_and_logins(tmp_path: Path) -> None:
    assert [is_screen(one) for one in (SCREEN, SERIAL, os.makedev(136, 0), 0)] == [
        True,
        False,
        False,
        False,
    ]
    (tmp_path / "7").mkdir()
    (tmp_path / "7/stat").write_text(f"7 (a) b ( c) S 1 7 7 {SCREEN} -1 0")
    assert terminal_of(7, tmp_path) == SCREEN
    assert terminal_of(8, tmp_path) == 0
    assert terminal_of(os.getpid()) == int(
        Path("/proc/self/stat").read_text().rpartition(")")[2].split()[4]
    )


# The form


class Hand:
    def __init__(self, *ports: Settable) -> None:
        self.asked: list[Ask] = []
        self.answer = Answer(ports)

    async def __call__(self, question: Ask) -> Answer:
        self.asked.append(question)
        return self.answer


def console(hand: Hand, line: Line = Line.SCREEN) -> Console:
    return Console(Readings, line, stays=True, hand=hand)


def said(app: Console) -> str:
    return str(app.screen.query_one("#answer", Static).content)


async def test_a_port_is_set_on_the_screen_by_keys_alone() -> None:
    hand = Hand(Settable(PortByHand("eth0")), Settable(PortByHand("eth1"), "it is not allowed"))
    app = console(hand)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("e")
        assert not isinstance(app.screen, PortsForm)  # of the page of ports only
        await pilot.press("2", "e")
        await pilot.pause()
        form = app.screen
        assert isinstance(form, PortsForm)
        assert form.query_one("#address", Input).disabled  # it comes by DHCP
        await pilot.press("space")
        await pilot.press("tab", *"192.0.2.7/24", "tab", *"192.0.2.1", "tab")
        await pilot.press(*"192.0.2.53, 192.0.2.54")
        app.refresh_pages()  # what is read meanwhile disturbs nobody
        hand.answer = Answer(refused="port eth0: a reason")
        await pilot.press("f2")
        await pilot.pause()
        assert said(app) == "NOT DONE: port eth0: a reason"
        hand.answer = Answer((Settable(STATIC, by_hand=True),))
        await pilot.press("f2")
        await pilot.pause()
        wish = PortByHand(
            "eth0",
            dhcp=False,
            address="192.0.2.7/24",
            gateway="192.0.2.1",
            dns=("192.0.2.53", "192.0.2.54"),
        )
        assert hand.asked == [Show(), Set(wish), Set(wish)]
        assert "tested now" in said(app)
        assert form.query_one("#proxy", Input).value == "proxy.site:3128"
        await pilot.press("f4")
        await pilot.pause()
        assert hand.asked[-1] == Withdraw()
        await pilot.press("escape")
        assert not isinstance(app.screen, PortsForm)
        assert app.is_running


async def test_a_port_that_may_not_be_set_shows_why() -> None:
    hand = Hand(Settable(PortByHand("eth0")), Settable(PortByHand("eth1"), "it is not allowed"))
    app = console(hand)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2", "e", "f3")
        await pilot.pause()
        assert said(app) == "it is not allowed"
        assert app.screen.query_one("#dhcp", Checkbox).disabled
        assert all(one.disabled for one in app.screen.query(Input))
        await pilot.press("f2")
        assert hand.asked == [Show()]
        rows = ["".join(s.text for s in strip) for strip in app.screen._compositor.render_strips()]
        assert len(rows) == 24
        assert any("Settings of port eth1  (2 of 2)" in row for row in rows)
        assert any("F2: set" in row for row in rows)


@pytest.mark.parametrize("line", [Line.SERIAL, Line.OTHER])
async def test_elsewhere_there_is_no_such_key(line: Line) -> None:
    app = console(Hand(), line)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2", "e")
        await pilot.pause()
        assert not isinstance(app.screen, PortsForm)
        assert "settings" not in str(app.query_one("#keys", Static).content)
