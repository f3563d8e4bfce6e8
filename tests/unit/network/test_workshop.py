"""What is begun is written down first, so that what a cut leaves is found again."""

import asyncio
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node.host import links
from eaves.node.host.process import CommandFailed
from eaves.node.network.configurators import configurators
from eaves.node.network.items import NetworkItem, Switch, SwitchPort, Sysctl, Tracking, Vif, VifKind
from eaves.node.network.observe import Seen, damaged, is_there
from eaves.node.network.switches import PortsRefused
from eaves.node.network.workshop import Made, Workshop
from eaves.reconcile.item import Progress

ITEM = Sysctl("net.ipv4.ip_forward", "1", "table")


def quiet(_: Progress) -> None:
    """Nobody is told."""


class Cut(Exception):
    """The node ends here."""


@dataclass
class Things(Made):
    """Made until they are cut."""

    shop: Workshop
    cut: bool = True
    ran_before: list[Any] = field(default_factory=list[Any])

    async def make(self, item: Any, running: Any) -> None:
        self.ran_before.append(running)
        if self.cut:
            raise Cut

    async def unmake(self, item: Any) -> None:
        """Nothing was made."""


async def test_what_was_cut_while_it_was_made_is_found_and_made_again(tmp_path: Path) -> None:
    things = Things(Workshop("table", tmp_path, asyncio.Lock()))
    with pytest.raises(Cut):
        await things.create(ITEM, quiet)
    assert list(things.shop.records.all()) == [ITEM]
    things.cut = False
    await things.create(ITEM, quiet)
    assert things.ran_before == [None, ITEM]
    await things.delete(ITEM, quiet)
    assert list(things.shop.records.all()) == []


# What the kernel does not show to be whole

NI = NetworkInstanceId("11111111-0000-4000-8000-000000000001")
APP = AppInstanceId("22222222-0000-4000-8000-000000000001")
VIF = Vif(APP, 0, NI, "nbx", VifKind.VETH, "lo", "02:00:00:00:00:01", "10.1.0.2/24", "", 1500, "x")
PORT = replace(VIF, kind=VifKind.TAP, address="", netns="", switched=True, vlan=7)
SWITCH = Switch(
    NI, 1, "bnx", VIF.mac, 1500, (SwitchPort("lo", 7),), (7,), stp=False, lldp=False,
    tracking=Tracking.NONE,
)  # fmt: skip


def kernel(item: Vif) -> Seen:
    """It shows the links as they are wanted, from the first command on."""
    bridge = links.Link(1, "lo", "", 0, "", 1500, True, True, links.Traffic())
    made = replace(bridge, index=2, name=item.name, mac=item.mac, master=1)
    seen = links.Interfaces({"lo": bridge, item.name: made}, {}, {})
    return Seen(seen, {}, links.Routing(frozenset(), frozenset()))


async def looks_whole(record: NetworkItem, shop: Workshop) -> bool:
    """The namespace is left out: there is none."""
    assert isinstance(record, Vif)
    return await is_there(replace(record, netns=""), kernel(record), shop)


def programs_that(folder: Path, *, fail: bool) -> None:
    """The first `ip` does what it is told; `ip` in a namespace, and `bridge`, as asked for."""
    code = int(fail)
    for name, test in (("ip", '[ "$1" != -n ] ||'), ("bridge", "")):
        (folder / name).write_text(f"#!/bin/sh\ncat >/dev/null\n{test} exit {code}\n")
        (folder / name).chmod(0o755)


@pytest.mark.parametrize("item", [VIF, PORT], ids=["veth", "port"])
async def test_what_failed_after_its_link_was_up_is_made_whole_at_the_next_look(
    item: Vif, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    shop = Workshop("table", tmp_path, asyncio.Lock())
    maker = configurators(shop)[item.ref.kind]
    programs_that(tmp_path, fail=True)
    with pytest.raises(CommandFailed):
        await maker.create(item, quiet)
    (record,) = shop.records.all()
    assert not await looks_whole(record, shop)
    found = damaged(record, kernel(item), shop)
    assert found is not None
    assert found != item
    with pytest.raises(CommandFailed):
        await maker.modify(found, item, quiet)
    assert [await looks_whole(one, shop) for one in shop.records.all()] == [False]
    programs_that(tmp_path, fail=False)
    await maker.modify(found, item, quiet)
    assert list(shop.records.all()) == [item]
    assert await looks_whole(item, shop)


@pytest.mark.parametrize("item", [VIF, PORT], ids=["veth", "port"])
async def test_a_change_that_failed_is_no_return_to_what_was(
    item: Vif, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    shop = Workshop("table", tmp_path, asyncio.Lock())
    maker = configurators(shop)[item.ref.kind]
    programs_that(tmp_path, fail=False)
    await maker.create(item, quiet)
    programs_that(tmp_path, fail=True)
    with pytest.raises(CommandFailed):
        await maker.modify(item, replace(item, mtu=1400), quiet)
    (record,) = shop.records.all()
    assert not await looks_whole(record, shop)
    assert damaged(record, kernel(item), shop) is not None
    await maker.delete(record, quiet)
    assert list(shop.records.all()) == []


async def test_a_switch_is_whole_without_a_port_that_was_refused_and_tries_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    shop = Workshop("table", tmp_path, asyncio.Lock())
    maker = configurators(shop)[SWITCH.ref.kind]
    programs_that(tmp_path, fail=True)
    with pytest.raises(PortsRefused, match="lo:"):
        await maker.create(SWITCH, quiet)
    (record,) = shop.records.all()
    assert isinstance(record, Switch)
    assert record.mtu == SWITCH.mtu  # what was only begun has none
    assert record != SWITCH
    programs_that(tmp_path, fail=False)
    await maker.modify(record, SWITCH, quiet)
    assert list(shop.records.all()) == [SWITCH]
