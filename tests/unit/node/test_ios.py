"""Who gets which adapter, on recorded trees of /sys; how a device leaves its driver and returns."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from eaves.errors import Transient
from eaves.evapi.config import (
    Adapter,
    AppInstanceConfig,
    EdgeDevConfig,
    EthVF,
    NetworkAdapter,
    PhysicalIO,
    UUIDandVersion,
    VfList,
    VmConfig,
)
from eaves.evapi.evecommon import PhyIoMemberUsage, PhyIoType
from eaves.ids import AppInstanceId, VolumeId
from eaves.node import refs
from eaves.node.checkpoint import AppRecord
from eaves.node.domains.intent import intent
from eaves.node.domains.items import Disk, Domain, Firmware
from eaves.node.domains.qemu import DiskFile, Place, can_argv, qemu_argv
from eaves.node.host.accel import Accel
from eaves.node.host.can import CanKeeper, CanSetting, ending_lines, note_of
from eaves.node.host.can import setting_lines as can_lines
from eaves.node.host.inventory import Can, Parts, Sysfs, Usb
from eaves.node.host.sriov import Function, FunctionMaker, setting_lines
from eaves.node.host.vfio import PciTaker
from eaves.node.ios.assign import Assigned, assign, with_unplugged
from eaves.node.ios.items import CanInterface, PciDevice, VirtualFunctions
from eaves.node.ios.subsystem import IosSubsystem
from eaves.node.refs import AppInForce, Passed, Port, UsbRule
from eaves.node.runtime.apps_in_force import Decided
from eaves.node.runtime.device_status import adapters_told
from eaves.node.runtime.reports import AppFacts, app_info
from eaves.node.runtime.wish import Wish
from eaves.node.storage.intent import StorageIntent
from eaves.reconcile.report import Report

A, B = (AppInstanceId(f"00000000-0000-4000-8000-00000000000{n}") for n in "ab")
ETH, GPU, SOUND, NVME = "0000:02:00.0", "0000:03:00.0", "0000:03:00.1", "0000:04:00.0"
PORT = Port(
    "uplink",
    "eth0",
    up=True,
    mac="",
    mtu=1500,
    addresses=(),
    gateways=(),
    dns_servers=(),
    management=True,
)


class Kernel:
    """The part of a kernel that binds drivers, on a tree in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bus = root / "sys/bus/pci"
        self.fits: dict[str, str] = {}
        self.vfio = True
        self.written: list[str] = []

    def device(self, address: str, class_code: int, group: str, driver: str = "") -> None:
        folder = self.bus / "devices" / address
        folder.mkdir(parents=True)
        for name, value in (("vendor", "0x8086"), ("device", "0x1"), ("class", hex(class_code))):
            (folder / name).write_text(value)
        (folder / "driver_override").write_text("(null)")
        if group:
            at = self.root / "sys/kernel/iommu_groups" / group
            at.mkdir(parents=True, exist_ok=True)
            (folder / "iommu_group").symlink_to(at)
        if driver:
            self.fits[address] = driver
            self._bind(address, driver)

    def nic(self, name: str, address: str) -> None:
        folder = self.root / "sys/class/net" / name
        folder.mkdir(parents=True)
        (folder / "device").symlink_to(self.bus / "devices" / address)

    def of_software(self, name: str, kind: str) -> None:
        folder = self.root / "sys/class/net" / name
        folder.mkdir(parents=True)
        (folder / "type").write_text(f"{kind}\n")
        (folder / "flags").write_text("0x1\n")

    def _bind(self, address: str, driver: str) -> None:
        at = self.bus / "drivers" / driver
        at.mkdir(parents=True, exist_ok=True)
        (self.bus / "devices" / address / "driver").symlink_to(at)

    def driver(self, address: str) -> str:
        link = self.bus / "devices" / address / "driver"
        return link.resolve().name if link.is_symlink() else ""

    def _part(self, card: Path, count: int) -> None:
        """A card that is parted has to be whole before."""
        there = sorted(card.glob("virtfn*"))
        assert not (there and count)
        for link in there:
            shutil.rmtree(link.resolve())
            link.unlink()
        for index in range(count):
            address = f"{card.name[:8]}10.{index}"
            self.device(address, 0x020000, f"2{index}")
            (card / f"virtfn{index}").symlink_to(self.bus / "devices" / address)

    def write(self, path: Path, text: str) -> None:
        self.written.append(f"{path.relative_to(self.bus)} {text.strip()}")
        if path.name == "unbind":
            path.parent.unlink()
        elif path.name == "sriov_numvfs":
            self._part(path.parent, int(text))
            path.write_text(text)
        elif path.name == "drivers_probe" and not self.driver(text):
            wanted = (self.bus / "devices" / text / "driver_override").read_text().strip()
            found = wanted or self.fits.get(text, "")
            if found and (found != "vfio-pci" or self.vfio):
                self._bind(text, found)
        else:
            path.write_text(text)


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    kernel = Kernel(tmp_path)
    kernel.device("0000:01:00.0", 0x020000, "10", "igb")
    kernel.device(ETH, 0x020000, "11", "igb")
    kernel.device(GPU, 0x030000, "12", "i915")
    kernel.device(SOUND, 0x040300, "12", "snd_hda_intel")
    kernel.device(NVME, 0x010802, "13", "nvme")
    kernel.device("0000:00:1c.0", 0x060400, "13", "pcieport")
    kernel.nic("eth0", "0000:01:00.0")
    kernel.nic("eth1", ETH)
    kernel.of_software("docker0", "1")
    return kernel


def io(
    label: str,
    group: str = "",
    kind: PhyIoType = PhyIoType.PhyIoOther,
    parent: str = "",
    usage: PhyIoMemberUsage = PhyIoMemberUsage.PhyIoUsageNone,
    **addresses: str,
) -> PhysicalIO:
    return PhysicalIO(
        ptype=kind,
        logicallabel=label,
        assigngrp=group,
        parentassigngrp=parent,
        usage=usage,
        phyaddrs=addresses,
    )


def attributed(label: str, **attributes: str) -> PhysicalIO:
    plain = io(label, label, PhyIoType.PhyIoVCAN, ifname="vcan1")
    return replace(plain, cbattr=attributes)


MODEL = (
    io("uplink", "net0", PhyIoType.PhyIoNetEth, ifname="eth0"),
    io("lan", "net1", PhyIoType.PhyIoNetEth, ifname="eth1"),
    io("gpu", "graphics", PhyIoType.PhyIoHDMI, PciLong=GPU),
    io("sound", "graphics", PhyIoType.PhyIoAudio, pcilong=SOUND),
    io("disk", "nvme", PhyIoType.PhyIoNVMEStorage, pcilong="04:00.0"),
    io("stick", "usb", PhyIoType.PhyIoUSBDevice, usbaddr="1:2.3"),
    io("dongle", "usb2", PhyIoType.PhyIoUSBDevice, usbproduct="0951:1666"),
    io("com1", "serial", PhyIoType.PhyIoCOM, serial="/dev/ttyS0"),
    io("bare", "", PhyIoType.PhyIoCOM, serial="/dev/ttyS1"),
)


def app(name: AppInstanceId, *adapters: str, activate: bool = True) -> AppInForce:
    config = AppInstanceConfig(
        uuidandversion=UUIDandVersion(uuid=name),
        displayname=name[-1],
        adapters=tuple(Adapter(name=adapter) for adapter in adapters),
    )
    return AppInForce(config, name, "ab".index(name[-1]) + 1, activate, 0)


def decide(
    kernel: Kernel,
    *apps: AppInForce,
    model: tuple[PhysicalIO, ...] = MODEL,
    running: Mapping[AppInstanceId, Passed] | None = None,
    containers: frozenset[AppInstanceId] = frozenset(),
    parts: Parts | None = None,
) -> Assigned:
    config = EdgeDevConfig(device_io_list=model)
    seen = parts or Sysfs(kernel.root).parts()
    return assign(config, apps, containers, running or {}, (PORT,), seen)


def test_an_app_gets_whole_groups_by_group_or_label(kernel: Kernel) -> None:
    wanted = app(A, "sound", "net1", "usb", "usb2", "serial", "nvme")
    assigned = decide(kernel, wanted)
    assert not assigned.refusals
    assert assigned.passed[A] == Passed(
        (GPU, SOUND, ETH, NVME),
        (UsbRule(1, "2.3"), UsbRule(0, "", "0951", "1666")),
        ("/dev/ttyS0",),
    )
    assert assigned.holders["gpu"] == assigned.holders["lan"] == A
    assert PciDevice(GPU, A) in assigned.items


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ("tape", "not in the model of this device; nothing unlisted is given"),
        ("bare", "in no assignment group"),
        ("net0", "uplink is a port of this node"),
        ("uplink", "uplink is a port of this node"),
    ],
)
def test_what_is_not_to_be_given_is_refused(kernel: Kernel, wanted: str, why: str) -> None:
    assigned = decide(kernel, app(A, wanted))
    assert why in assigned.refusals[A]
    assert assigned.refusals[A].startswith(f"adapter {wanted} of app a: ")
    assert not assigned.passed
    assert not assigned.items


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (io("x", "x", pcilong="0000:09:00.0"), "there is no PCI device at 0000:09:00.0"),
        (io("x", "x", pcilong="first slot"), "is no PCI address"),
        (io("x", "x", usbaddr="front"), "is not bus:port"),
        (io("x", "x", usbproduct="stick"), "is not vendor:product"),
        (io("x", "x"), "has no address"),
        (io("x", "x", serial="/dev/ttyS0"), "stands in the model also as com1"),
        (io("x", "x", PhyIoType.PhyIoCAN, ifname="can0"), "there is no CAN interface can0"),
        (io("x", "x", PhyIoType.PhyIoVCAN), "names no CAN interface"),
        (io("x", "x", PhyIoType.PhyIoVCAN, ifname="eth1"), "is a network interface"),
        (io("x", "x", PhyIoType.PhyIoVCAN, ifname="docker0"), "is a network interface"),
        (io("x", "x", PhyIoType.PhyIoLCAN, ifname="can9"), "is not built"),
        (attributed("x", speed="9"), "attribute 'speed' is none of a CAN interface"),
        (attributed("x", bitrate="fast"), "attribute bitrate is 'fast'"),
        (attributed("x", fd="9"), "attribute fd is '9'"),
        (io("x", "x", usage=PhyIoMemberUsage.PhyIoUsageDisabled, serial="/dev/ttyS9"), "usage"),
    ],
)
def test_a_model_that_is_wrong_is_told(kernel: Kernel, entry: PhysicalIO, why: str) -> None:
    assigned = decide(kernel, app(A, "x"), model=(*MODEL, entry))
    assert why in assigned.refusals[A]


def test_two_apps_want_one_adapter_and_the_second_names_the_first(kernel: Kernel) -> None:
    """Node reference 22, row 45."""
    both = decide(kernel, app(A, "net1"), app(B, "net1"))
    assert list(both.passed) == [A]
    assert "group net1 is held by app a" in both.refusals[B]
    assert "starts by itself" in both.refusals[B]
    freed = decide(kernel, app(A, "net1", activate=False), app(B, "net1"))
    assert list(freed.passed) == [B]


def test_what_runs_keeps_its_adapters_also_when_the_model_changes(kernel: Kernel) -> None:
    running = {B: Passed(pci=(ETH,))}
    both = decide(kernel, app(A, "net1"), app(B, "net1"), running=running)
    assert both.passed == running
    assert "held by app b" in both.refusals[A]
    gone = decide(kernel, app(B, "net1"), running=running, model=MODEL[:1])
    assert gone.passed == running, "it takes effect when the device is released"


def test_what_an_app_holds_and_somebody_unplugged_is_told_until_it_is_back(kernel: Kernel) -> None:
    """Node reference 22, row 44: the app goes on."""
    stick, dongle = Usb(1, "2.3", 0x46F4, 1, 0, ""), Usb(2, "1", 0x0951, 0x1666, 0, "")
    config = EdgeDevConfig(device_io_list=MODEL)

    def told(*plugged: Usb) -> dict[str, str]:
        decided = decide(kernel, app(A, "usb", "usb2"))
        assert decided.refusals == {}
        now = with_unplugged(decided, MODEL, plugged)
        assert (now.passed, now.holders) == (decided.passed, decided.holders)
        return {b.name: b.err.description for b in adapters_told(config, (), now) if b.err}

    assert told(stick, dongle) == {}
    assert told(dongle) == {"usb": "no USB device 1:2.3 is plugged in; its app goes on without it"}
    assert set(told(replace(stick, port="2.4"))) == {"usb", "usb2"}
    zeros = (io("stick", "usb", PhyIoType.PhyIoUSBDevice, usbaddr="01:2.3"),)
    held = decide(kernel, app(A, "usb"), model=zeros)
    assert with_unplugged(held, zeros, (stick,)) == held
    nobody = decide(kernel)
    assert with_unplugged(nobody, MODEL, ()) == nobody, "what no app holds need not be there"


def test_functions_of_one_device_are_one_group_though_the_model_forgot(kernel: Kernel) -> None:
    model = (io("gpu", "one", pcilong=GPU), io("sound", "two", pcilong=SOUND))
    apps = (app(A, "one"), app(B, "two"))
    assigned = decide(kernel, *apps, model=model)
    assert assigned.passed == {A: Passed(pci=(GPU, SOUND))}
    assert "held by app a" in assigned.refusals[B]


def test_an_unlisted_neighbour_in_the_iommu_group_keeps_a_device_in_the_host(
    kernel: Kernel,
) -> None:
    alone = (io("gpu", "one", pcilong=GPU),)
    said = decide(kernel, app(A, "one"), model=alone).refusals[A]
    assert f"{GPU} shares IOMMU group 12 with {SOUND} (driver snd_hda_intel)" in said
    assert not decide(kernel, app(A, "nvme")).refusals, "a bridge is in nobody's way"


def test_a_child_does_not_go_to_one_app_and_its_parent_to_another(kernel: Kernel) -> None:
    model = (
        io("hub", "hub", PhyIoType.PhyIoUSBController, pcilong=NVME),
        io("stick", "port", PhyIoType.PhyIoUSBDevice, parent="hub", usbaddr="1:2"),
    )
    apart = decide(kernel, app(A, "hub"), app(B, "port"), model=model)
    assert "group hub is held by app a" in apart.refusals[B]
    assert not decide(kernel, app(B, "port"), model=model).refusals, "the parent stays in the host"
    assert not decide(kernel, app(A, "hub", "port"), model=model).refusals


def test_without_an_iommu_pci_is_refused_and_usb_and_serial_are_not(kernel: Kernel) -> None:
    parts = Sysfs(kernel.root).parts()
    parts = replace(parts, pci=tuple(replace(one, iommu_group="") for one in parts.pci))
    assert "no IOMMU" in decide(kernel, app(A, "net1"), parts=parts).refusals[A]
    assert not decide(kernel, app(A, "usb", "serial"), parts=parts).refusals


def test_a_container_gets_none_and_is_told(kernel: Kernel) -> None:
    assigned = decide(kernel, app(A, "serial"), containers=frozenset({A}))
    assert "runs as a container" in assigned.refusals[A]


def test_a_machine_has_each_device_behind_a_port_of_its_own() -> None:
    passed = Passed((GPU, SOUND), (UsbRule(1, "2.3"), UsbRule(0, "", "0951", "1666")), ("/dev/x",))
    domain = Domain(A, 1, 0, 65536, 1, Firmware.BIOS, (), (), seed=False, passed=passed)
    accel = Accel(kvm=True, reason="test")
    place = Place(Path("/run/x"), Path("/run/x/console"), accel, (), None, None)
    words = " ".join(qemu_argv(domain, place))
    assert f"id=port2,chassis=3,addr=0x2.0x2 -device vfio-pci,host={GPU},bus=port2" in words
    assert f"-device vfio-pci,host={SOUND},bus=port3" in words
    assert "-device qemu-xhci,id=usb -device usb-host,bus=usb.0,hostbus=1,hostport=2.3" in words
    assert "usb-host,bus=usb.0,vendorid=0x0951,productid=0x1666" in words
    assert "-chardev serial,id=tty0,path=/dev/x -serial chardev:tty0" in words
    assert refs.pci_device(GPU) in domain.needs()


def test_usb_goes_before_the_disks_where_it_is_booted_from() -> None:
    passed = Passed(usb=(UsbRule(1, "2"),))
    disk = Disk(VolumeId("d"), 0)
    domain = Domain(A, 1, 0, 65536, 1, Firmware.BIOS, (disk,), (), seed=False, passed=passed)
    file = DiskFile(Path("/v/d"), "raw", read_only=False, cdrom=False)
    accel = Accel(kvm=True, reason="test")
    place = Place(Path("/run/x"), Path("/run/x/console"), accel, (file,), None, None)
    usual = " ".join(qemu_argv(domain, place))
    assert "drive=disk0,bootindex=0" in usual
    assert "bootorder" not in usual
    first = " ".join(qemu_argv(replace(domain, boot_order="usb"), place))
    assert "hostport=2,bootindex=0" in first
    assert "drive=disk0,bootindex=1" in first
    assert "-fw_cfg name=opt/eve.bootorder,string=usb" in first


VF = EthVF(index=1, mac="02:00:00:00:00:0A", vlan_id=40)
CARD = "0000:02:00.0"
FIRST, SECOND = "0000:02:10.0", "0000:02:10.1"


def card(kernel: Kernel, count: int = 2, *listed: EthVF, most: int = 4) -> tuple[PhysicalIO, ...]:
    """The model of a card that has virtual functions; those of the kernel are its business."""
    (kernel.bus / "devices" / CARD / "sriov_totalvfs").write_text(str(most))
    (kernel.bus / "devices" / CARD / "sriov_numvfs").write_text("0")
    told = io("lan", "net1", PhyIoType.PhyIoNetEthPF, ifname="eth1")
    return (replace(told, vflist=VfList(vf_count=count, data=listed)),)


def asking(name: AppInstanceId, *adapters: Adapter) -> AppInForce:
    one = app(name)
    return replace(one, config=replace(one.config, adapters=adapters))


def maker(kernel: Kernel) -> FunctionMaker:
    return FunctionMaker(kernel.root / "cards", kernel.root, kernel.write)


def keeper(kernel: Kernel) -> CanKeeper:
    return CanKeeper(kernel.root / "cans", kernel.root)


def test_a_can_interface_is_given_as_the_model_sets_it(kernel: Kernel) -> None:
    told = {"BitRate": "500000", "sample_point": "0.875", "listenOnly": "true"}
    bus = replace(io("bus", "field", PhyIoType.PhyIoCAN, ifname="can0"), cbattr=told)
    model = (bus, io("made", "field", PhyIoType.PhyIoVCAN, ifname="vcan1"))
    parts = replace(Sysfs(kernel.root).parts(), cans=(Can("can0", None),))
    both = decide(kernel, app(A, "field"), app(B, "bus"), model=model, parts=parts)
    assert both.passed == {A: Passed(can=("can0", "vcan1"))}
    assert "held by app a" in both.refusals[B]
    words = ("bitrate", "500000", "listen-only", "on", "sample-point", "0.875")
    assert both.interfaces == (CanInterface("can0", words=words), CanInterface("vcan1"))
    assert [(one.virtual, one.app) for one in both.interfaces] == [(False, A), (True, A)]
    gone = decide(kernel, app(A, "field"), model=(), running=both.passed)
    assert [one.ifname for one in gone.interfaces] == ["can0", "vcan1"]


def test_a_can_interface_is_set_while_it_is_down() -> None:
    words = ("bitrate", "500000")
    assert can_lines(CanSetting("can0", words=words), there=True) == (
        "link set can0 down",
        "link set can0 type can bitrate 500000",
        "link set can0 up",
    )
    made = CanSetting("vcan1", virtual=True)
    assert can_lines(made, there=False) == ("link add vcan1 type vcan", "link set vcan1 up")
    assert can_lines(made, there=True) == ("link set vcan1 up",)


def test_only_a_can_interface_that_the_node_made_is_deleted() -> None:
    asked = CanSetting("vcan1", virtual=True)
    made = note_of(asked, None, there=False)
    assert ending_lines(made) == ("link delete vcan1",)
    assert note_of(asked, made, there=True) == made, "as an earlier process noted it"
    theirs = note_of(asked, None, there=True)
    assert ending_lines(theirs) == ()
    assert note_of(asked, theirs, there=True) == theirs
    assert note_of(asked, theirs, there=False) == made, "theirs went, and ours took its place"
    hardware = CanSetting("vcan1")
    assert note_of(hardware, None, there=True) == hardware
    assert ending_lines(hardware) == ("link set vcan1 down",)
    assert ending_lines(note_of(asked, hardware, there=True)) == ()


async def test_a_can_interface_of_somebody_else_is_left_as_it_is(kernel: Kernel) -> None:
    kernel.of_software("vcan1", "280")
    cans = kernel.root / "cans"
    cans.mkdir()
    theirs = CanSetting("vcan1", virtual=True, found=True)
    (cans / "vcan1").write_bytes(msgspec.json.encode(theirs))
    assert keeper(kernel).kept() == (theirs,)
    await keeper(kernel).take_down("vcan1")
    assert keeper(kernel).kept() == ()
    model = (io("made", "field", PhyIoType.PhyIoVCAN, ifname="vcan1"),)
    assert not decide(kernel, app(A, "field"), model=model).refusals, "CAN of software is shared"


def test_a_guest_has_a_controller_on_each_of_its_can_interfaces() -> None:
    assert can_argv(["can0"]) == (
        *("-object", "can-bus,id=can0"),
        *("-object", "can-host-socketcan,id=canhost0,if=can0,canbus=can0"),
        *("-device", "kvaser_pci,canbus=can0"),
    )


def test_virtual_functions_are_made_and_given_one_by_one(kernel: Kernel) -> None:
    model = card(kernel, 2, EthVF(index=0, vlan_id=7))
    wanted = app(A, "lanvf0")
    before = decide(kernel, wanted, model=model)
    assert before.cards == (VirtualFunctions(CARD, 2),)
    assert "lanvf0: it is being made" in before.refusals[A]
    maker(kernel).make(CARD, 2)
    both = decide(kernel, wanted, app(B, "eth1vf1"), model=model)
    assert not both.refusals
    assert both.items == (
        PciDevice(FIRST, A, Function(CARD, 0, "", 7)),
        PciDevice(SECOND, B, Function(CARD, 1)),
    )
    plain = tuple(replace(one, ptype=PhyIoType.PhyIoNetEth) for one in model)
    for told in (model, plain):
        assert "physical function stays" in decide(kernel, app(A, "lan"), model=told).refusals[A]
    assert "held by app a" in decide(kernel, wanted, app(B, "lanvf0"), model=model).refusals[B]


@pytest.mark.parametrize(
    "adapter",
    [
        Adapter(name="lan", eth_vf=VF),
        Adapter(name="eth1vf1", eth_vf=VF),
    ],
    ids=["card", "function"],
)
def test_an_app_says_how_its_virtual_function_is_set(kernel: Kernel, adapter: Adapter) -> None:
    model = card(kernel, 2, EthVF(index=1, vlan_id=7))
    maker(kernel).make(CARD, 2)
    assigned = decide(kernel, asking(A, adapter), model=model)
    function = Function(CARD, 1, "02:00:00:00:00:0a", 40)
    assert assigned.items == (PciDevice(SECOND, A, function),)
    assert setting_lines("eth1", function) == (
        "link set dev eth1 vf 1 mac 02:00:00:00:00:0a",
        "link set dev eth1 vf 1 vlan 40",
    )


def test_a_card_that_is_named_as_a_virtual_function_gives_its_first(kernel: Kernel) -> None:
    model = card(kernel)
    maker(kernel).make(CARD, 2)
    wanted = asking(A, Adapter(name="lan", type=PhyIoType.PhyIoNetEthVF))
    assert decide(kernel, wanted, model=model).passed[A].pci == (FIRST,)


@pytest.mark.parametrize(
    ("count", "listed", "most", "why"),
    [
        (5, (), 4, "5 virtual functions are asked for, and the card has 4 at most"),
        (1, (), 0, "and the card has 0 at most"),
        (0, (VF,), 4, "vf_count is 0"),
        (1, (VF,), 4, "virtual function 1 is listed, and vf_count is 1"),
    ],
)
def test_a_model_that_asks_a_card_for_too_much_is_told(
    kernel: Kernel, count: int, listed: tuple[EthVF, ...], most: int, why: str
) -> None:
    assigned = decide(kernel, app(A, "lan"), model=card(kernel, count, *listed, most=most))
    assert why in assigned.errors["lan"]
    assert assigned.cards == ()


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (EthVF(mac="03:00:00:00:00:00"), "no MAC address of one machine"),
        (EthVF(mac="02:00\nlink"), "no MAC address"),
        (EthVF(vlan_id=4095), "VLAN 4095"),
    ],
)
def test_a_virtual_function_that_cannot_be_set_is_refused(
    kernel: Kernel, told: EthVF, why: str
) -> None:
    plain, wrong = card(kernel), card(kernel, 2, told)
    maker(kernel).make(CARD, 2)
    by_app = decide(kernel, asking(A, Adapter(name="lanvf0", eth_vf=told)), model=plain)
    assert why in by_app.refusals[A]
    by_model = decide(kernel, app(A, "lanvf0"), model=wrong)
    assert why in by_model.errors["lanvf0"]


async def test_a_card_is_emptied_when_no_app_has_a_part_of_it(kernel: Kernel) -> None:
    card(kernel)
    subsystem = IosSubsystem(taker(kernel), maker(kernel), keeper(kernel))
    made = VirtualFunctions(CARD, 2)
    configurator = subsystem.configurators()["virtual-functions"]
    await configurator.create(made, lambda _: None)
    assert (await subsystem.observe()).present == {made.ref: made}
    taker(kernel).take(FIRST, A)
    function = Function(CARD, 0, "", 7)
    taker(kernel).note(FIRST, msgspec.json.encode(function).decode())
    held = PciDevice(FIRST, A, function)
    assert (await subsystem.observe()).present == {made.ref: made, held.ref: held}
    with pytest.raises(Transient, match="is with an app"):
        await configurator.delete(made, lambda _: None)
    await subsystem.configurators()["pci-device"].delete(held, lambda _: None)
    await configurator.modify(made, VirtualFunctions(CARD, 1), lambda _: None)
    assert maker(kernel).made() == {CARD: 1}
    await configurator.delete(made, lambda _: None)
    assert (await subsystem.observe()).present == {}
    assert kernel.driver(FIRST) == ""


@pytest.mark.parametrize("enforced", [False, True])
def test_interfaces_and_devices_are_in_the_order_that_the_app_enforces(
    kernel: Kernel, *, enforced: bool
) -> None:
    one = app(A)
    config = replace(
        one.config,
        fixedresources=VmConfig(enforce_network_interface_order=enforced),
        adapters=(Adapter(name="net1", interface_order=1), Adapter(name="nvme", interface_order=4)),
        interfaces=(NetworkAdapter(interface_order=3), NetworkAdapter(interface_order=2)),
    )
    wanted = replace(one, config=config)
    (domain,) = intent([wanted], frozenset(), {}, {}, passed=decide(kernel, wanted).passed)
    accel = Accel(kvm=True, reason="test")
    place = Place(Path("/run/x"), Path("/run/x/console"), accel, (), None, None)
    line = " ".join(qemu_argv(replace(domain, seed=False), place))
    found = [
        line.index(what)
        for what in (f"host={ETH},bus=", "netdev=net1,", "netdev=net0,", f"host={NVME},bus=")
    ]
    assert (found == sorted(found)) is enforced
    if not enforced:
        assert found[2] < found[1] < found[0] < found[3], "interfaces first, as they are listed"
    assert f"host={NVME},bus=port5" in line


def test_an_app_tells_which_adapters_it_has(kernel: Kernel) -> None:
    one, other = app(A, "graphics", "com1"), app(B, "nvme")
    wish = Wish(
        EdgeDevConfig(device_io_list=MODEL),
        (one, other),
        frozenset(),
        StorageIntent((), ()),
        {},
        assigned=decide(kernel, one, other),
    )
    decided = Decided(AppRecord(0, 0, 0, b""), one.config)
    info = app_info(one, wish, decided, Report({}), AppFacts())
    assert [(b.name, b.members) for b in info.assigned_adapters] == [
        ("graphics", ("gpu", "sound")),
        ("serial", ("com1",)),
    ]


def taker(kernel: Kernel) -> PciTaker:
    return PciTaker(kernel.root / "journal", kernel.root, kernel.write)


def test_a_device_leaves_its_driver_and_returns_to_it(kernel: Kernel) -> None:
    taker(kernel).take(ETH, A)
    assert kernel.driver(ETH) == "vfio-pci"
    (noted,) = taker(kernel).taken()
    assert (noted.address, noted.owner, noted.driver, noted.whole) == (ETH, A, "igb", True)
    taker(kernel).take(ETH, A)
    assert taker(kernel).taken() == (noted,), "once more changes nothing"
    taker(kernel).give_back(ETH)
    assert kernel.driver(ETH) == "igb"
    assert taker(kernel).taken() == ()


@pytest.mark.parametrize("cut", range(3))
async def test_a_cut_while_a_device_is_taken_is_seen_and_given_back(
    kernel: Kernel, cut: int
) -> None:
    class Cut(BaseException):
        pass

    def write(path: Path, text: str) -> None:
        if len(kernel.written) == cut:
            raise Cut
        kernel.write(path, text)

    with pytest.raises(Cut):
        PciTaker(kernel.root / "journal", kernel.root, write).take(ETH, A)
    subsystem = IosSubsystem(taker(kernel), maker(kernel), keeper(kernel))
    half = PciDevice(ETH, AppInstanceId(""))
    assert (await subsystem.observe()).present == {half.ref: half}
    assert PciDevice(ETH, A).replaces(half)
    await subsystem.configurators()["pci-device"].delete(half, lambda _: None)
    assert kernel.driver(ETH) == "igb"
    assert not (await subsystem.observe()).present


def test_a_device_that_vfio_does_not_take_is_told(kernel: Kernel) -> None:
    kernel.vfio = False
    with pytest.raises(Transient, match="is the kernel module loaded"):
        taker(kernel).take(ETH, A)
    taker(kernel).give_back(ETH)
    assert kernel.driver(ETH) == "igb"
