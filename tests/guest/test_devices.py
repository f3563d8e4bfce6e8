"""Devices of a real kernel that go to apps: a card by VFIO, a stick by USB, a CAN interface."""

import asyncio
import fcntl
import struct
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from support import netns

from eaves.evapi.config import Adapter, AppInstanceConfig, EdgeDevConfig, PhysicalIO
from eaves.evapi.config.devcommon import ConfigItem
from eaves.evapi.config_items import apply_items
from eaves.evapi.evecommon import PhyIoType
from eaves.ids import AppInstanceId
from eaves.node.domains.qemu import can_argv
from eaves.node.host.can import CanKeeper
from eaves.node.host.inventory import Sysfs
from eaves.node.host.isolation import Interface, Isolation
from eaves.node.host.sriov import FunctionMaker
from eaves.node.host.usb_files import UsbFiles
from eaves.node.host.vfio import DRIVER, PciTaker
from eaves.node.ios.assign import Assigned, assign
from eaves.node.ios.items import CanInterface, PciDevice
from eaves.node.ios.model import address_text
from eaves.node.ios.subsystem import IosSubsystem
from eaves.node.refs import EMULATOR_UIDS, AppInForce, Passed, UsbRule, emulator_uid
from eaves.node.runtime.giving_usb import GivenUsb, GivingUsb
from eaves.node.runtime.isolating import Isolating
from eaves.reconcile.apply import Reconciler
from eaves.reconcile.graph import graph_of

pytestmark = pytest.mark.guest

APP: Final = AppInstanceId("00000000-0000-4000-8000-00000000000a")
CARD_DRIVER: Final = "e1000e"
CONFIGFS: Final = Path("/sys/kernel/config")
PRODUCT: Final = "46f4:0001"
LOOKS_S: Final = 2.5  # an emulator, for devices that it is to have
ATTACHED: Final = (
    "host:"  # as QEMU names a device without a name of its own; "USB Host Device" before
)
PATIENCE_S: Final = 180.0  # with an emulated processor, beside what else the machine does
# of <linux/vfio.h>
VFIO_GROUP_GET_STATUS: Final = 0x3B67
VFIO_GROUP_VIABLE: Final = 1


async def until(what: Callable[[], bool]) -> None:
    await netns.until(what, PATIENCE_S)


def modprobe(*words: str) -> None:
    subprocess.run(["modprobe", *words], check=True, timeout=120)


def assigned(label: str, kind: PhyIoType, **addresses: str) -> Assigned:
    """What an app gets of this machine, whose model is one adapter."""
    io = PhysicalIO(
        ptype=kind, phylabel=label, logicallabel=label, assigngrp=label, phyaddrs=addresses
    )
    told = AppInstanceConfig(displayname="a", adapters=(Adapter(name=label),))
    app = AppInForce(told, APP, 1, True, 1)
    return assign(EdgeDevConfig(device_io_list=(io,)), [app], frozenset(), {}, (), Sysfs().parts())


class Cards:
    """The node's hand on PCI devices and CAN interfaces; a later one finds what one before did."""

    def __init__(self, folder: Path) -> None:
        self.taker = PciTaker(folder / "pci")
        self._subsystem = IosSubsystem(
            self.taker, FunctionMaker(folder / "functions"), CanKeeper(folder / "cans")
        )
        self._reconciler = Reconciler(self._subsystem.configurators(), lambda: datetime.now(UTC))

    async def bring(self, *items: PciDevice | CanInterface) -> int:
        """How many steps it took."""
        before = self._reconciler.steps_run
        self._reconciler.observed(self._subsystem.kinds, await self._subsystem.observe())
        self._reconciler.intend(graph_of(items))
        report = await self._reconciler.settle()
        assert report.unmet() == (), {c.text for o in report.unmet() for c in report.why(o.ref)}
        return self._reconciler.steps_run - before


def interfaces() -> set[str]:
    return {nic.ifname for nic in Sysfs().nics()}


async def test_a_network_card_goes_to_an_app_and_comes_back(tmp_path: Path) -> None:
    """Its IOMMU group is whole in the hands of VFIO, and no interface of the host is left of it."""
    modprobe(CARD_DRIVER)
    await until(lambda: any(p.driver == CARD_DRIVER for p in Sysfs().parts().pci))
    before = interfaces()
    card = next(p for p in Sysfs().parts().pci if p.driver == CARD_DRIVER)
    address = address_text(card.address)
    found = assigned("lan", PhyIoType.PhyIoNetEth, pcilong=address)
    assert found.refusals == {}
    assert [item.address for item in found.items] == [address]
    first = Cards(tmp_path)
    assert await first.bring(*found.items) == 1
    assert first.taker.driver(address) == DRIVER
    assert len(interfaces()) == len(before) - 1
    assert viable(card.iommu_group)
    later = Cards(tmp_path)
    assert await later.bring(*found.items) == 0, "the next process of the node finds it taken"
    assert await later.bring() == 1
    assert later.taker.driver(address) == CARD_DRIVER
    await until(lambda: len(interfaces()) == len(before))
    assert later.taker.taken() == ()


def viable(group: str) -> bool:
    """As QEMU asks before it takes a group: is every device of it free for a guest?"""
    status = bytearray(struct.pack("II", 8, 0))
    with Path(f"/dev/vfio/{group}").open("r+b", buffering=0) as file:
        fcntl.ioctl(file, VFIO_GROUP_GET_STATUS, status)
    return bool(struct.unpack("II", status)[1] & VFIO_GROUP_VIABLE)


@dataclass
class Stick:
    """One of the kernel's own making, at a port of a bus of its own making."""

    gadget: Path

    def plug(self) -> None:
        (self.gadget / "UDC").write_text("dummy_udc.0\n")

    def pull(self) -> None:
        (self.gadget / "UDC").write_text("\n")


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[Stick]:
    for module in ("usb-storage", "dummy_hcd", "libcomposite"):
        modprobe(module)
    subprocess.run(["mount", "-t", "configfs", "configfs", CONFIGFS], check=True, timeout=60)
    gadget = CONFIGFS / "usb_gadget/stick"
    function, config = gadget / "functions/mass_storage.0", gadget / "configs/c.1"
    content = tmp_path / "content"
    content.write_bytes(bytes(1 << 20))
    gadget.mkdir()
    for name, number in zip(("idVendor", "idProduct"), PRODUCT.split(":"), strict=True):
        (gadget / name).write_text(f"0x{number}")
    function.mkdir()
    (function / "lun.0/file").write_text(str(content))
    config.mkdir()
    (config / function.name).symlink_to(function)
    made = Stick(gadget)
    yield made
    made.pull()
    (config / function.name).unlink()
    for folder in (config, function, gadget):
        folder.rmdir()
    subprocess.run(["umount", CONFIGFS], check=True, timeout=60)


def plugged() -> Interface | None:
    """What the stick shows of itself."""
    seen = Isolation().look().interfaces
    return next((one for one in seen if f"{one.vendor:04x}:{one.product:04x}" == PRODUCT), None)


def is_let_in() -> bool:
    one = plugged()
    return one is not None and one.authorized


def driver() -> str:
    one = plugged()
    link = Path("/sys/bus/usb/devices", one.name if one else "", "driver")
    return link.resolve().name if link.exists() else ""


async def test_a_stick_is_for_nobody_then_for_its_app_and_again_when_it_is_plugged_in_anew(
    stick: Stick,
) -> None:
    given: list[Passed] = []
    items = [apply_items([])[0]]
    node = Isolating(Isolation(), lambda: items[0], lambda: given)
    node.look()
    stick.plug()
    await until(lambda: plugged() is not None)
    assert not is_let_in(), "not even before the node has seen it"
    node.look()
    assert (is_let_in(), driver()) == (False, "")
    found = assigned("stick", PhyIoType.PhyIoUSBDevice, usbproduct=PRODUCT)
    assert found.refusals == {}
    given.append(found.passed[APP])
    node.look()
    assert (is_let_in(), driver()) == (True, ""), "for the app, and for no driver of the host"
    stick.pull()
    await until(lambda: plugged() is None)
    stick.plug()
    await until(lambda: plugged() is not None)
    assert not is_let_in()
    node.look()
    assert (is_let_in(), driver()) == (True, "")
    given.clear()
    node.look()
    assert not is_let_in()
    items[0] = apply_items([ConfigItem(key="debug.enable.usb", value="true")])[0]
    node.look()
    assert (is_let_in(), driver()) == (True, "usb-storage")


async def test_an_emulator_that_dropped_root_has_the_stick_that_it_was_given(
    stick: Stick,
) -> None:
    """By the time it looks, it is somebody else."""
    given: list[GivenUsb] = []
    giving = GivingUsb(UsbFiles(EMULATOR_UIDS), lambda: tuple(given))
    rule = usb_rule(assigned("stick", PhyIoType.PhyIoUSBDevice, usbproduct=PRODUCT))
    stick.plug()
    await until(lambda: plugged() is not None)
    user = emulator_uid(1)
    argv = [
        "qemu-system-x86_64",
        "-machine",
        "q35,accel=tcg",
        "-nodefaults",
        "-display",
        "none",
        "-S",
    ]
    argv += ["-sandbox", "on,obsolete=deny,elevateprivileges=allow,spawn=deny,resourcecontrol=deny"]
    argv += ["-runas", f"{user}:{user}", "-monitor", "stdio", "-device", "qemu-xhci,id=usb"]
    argv += ["-device", f"usb-host,bus=usb.0,vendorid=0x{rule.vendor},productid=0x{rule.product}"]
    with emulator(argv) as ask:
        ask("cont")  # as a node does, once it knows that it runs; it dropped root by then
        await asyncio.sleep(LOOKS_S)  # it gives a device up that it could not open three times
        assert ATTACHED not in ask("info usb"), "nobody gave it to it"
        given.append(GivenUsb(rule, user))
        await giving.look()
        await until(lambda: ATTACHED in ask("info usb"))
    given.clear()
    await giving.look()
    assert owners() == {0}


def owners() -> set[int]:
    return {one.stat().st_uid for one in Path("/dev/bus/usb").glob("*/*")}


def usb_rule(found: Assigned) -> UsbRule:
    (rule,) = found.passed[APP].usb
    return rule


@contextmanager
def emulator(argv: list[str]) -> Generator[Callable[[str], str]]:
    """Its monitor: a question, and what is said to it."""
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    said, prompt = process.stdout, "(qemu) "

    def read() -> str:
        text = ""
        while not text.endswith(prompt):
            more = said.read(1)
            assert more, f"QEMU ended: {text}"
            text += more
        return text.removesuffix(prompt)

    def ask(question: str) -> str:
        assert process.stdin is not None
        process.stdin.write(question + "\n")
        process.stdin.flush()
        return read().partition(question)[2]

    try:
        read()
        yield ask
    finally:
        process.kill()
        process.communicate()


def refused_by_an_emulator(*more: str) -> str:
    """It is set up whole, and ended before its guest begins; empty: it took all of it."""
    argv = ["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-nodefaults", "-S", *more]
    argv += ["-display", "none", "-monitor", "stdio"]
    ended = subprocess.run(argv, input=b"quit\n", capture_output=True, check=False, timeout=300)
    return f"{ended.returncode}: {ended.stderr!r}" if ended.returncode else ""


async def test_a_can_interface_is_made_for_an_app_taken_by_an_emulator_and_goes_with_the_app(
    tmp_path: Path,
) -> None:
    found = assigned("bus", PhyIoType.PhyIoVCAN, ifname="can7")
    assert found.refusals == {}
    first = Cards(tmp_path)
    assert await first.bring(*found.interfaces) == 1
    assert [can.ifname for can in Sysfs().parts().cans] == ["can7"]
    assert "can7" not in interfaces()
    assert refused_by_an_emulator(*can_argv(found.passed[APP].can)) == ""
    later = Cards(tmp_path)
    assert await later.bring(*found.interfaces) == 0, "the next process of the node finds it"
    assert await later.bring() == 1
    assert Sysfs().parts().cans == ()
