"""What the machine's own drivers may use, on the tree of /sys of a machine with devices plugged in.

The tree is that of a QEMU q35 machine with a hub, a keyboard, a stick, a network adapter, a phone
(network and storage in one) and a display that the firmware set up.
"""

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.evapi.config.devcommon import ConfigItem
from eaves.evapi.config_items import ItemValues, apply_items
from eaves.node.host.isolation import FrameBuffer, Interface, Isolation, Seen
from eaves.node.ios.isolation import KEPT_AWAY, Access, access_of, isolate
from eaves.node.refs import Passed, UsbRule
from eaves.node.runtime.isolating import Isolating

HUB, KEYBOARD, STICK, ADAPTER, PHONE = "1-1", "1-1.1", "1-1.2", "1-2", "2-1"
DEVICES = {  # product, and of each interface its class and the driver that fits
    HUB: ("0409:55aa", {"1.0": ("09", "hub")}),
    KEYBOARD: ("0627:0001", {"1.0": ("03", "usbhid")}),
    STICK: ("46f4:0001", {"1.0": ("08", "usb-storage")}),
    ADAPTER: ("0525:a4a2", {"1.0": ("02", "cdc_ether"), "1.1": ("0a", "cdc_ether")}),
    PHONE: ("18d1:4ee4", {"1.0": ("e0", "rndis_host"), "1.1": ("08", "usb-storage")}),
}
FRAME_BUFFER = "simple-framebuffer.0"
OPEN = ItemValues.before_any_config()
SHUT = apply_items([])[0]


def opened(key: str) -> ItemValues:
    return apply_items([ConfigItem(key=key, value="true")])[0]


class Kernel:
    """The part of a kernel that lets drivers have interfaces and frame buffers, on a tree."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.usb = root / "sys/bus/usb"
        self.fits: dict[str, str] = {}
        for bus in ("usb1", "usb2"):
            self._put(self.usb / "devices" / bus / "interface_authorized_default", "1")
        for name in DEVICES:
            self.plug(name)
        self._put(root / "sys/class/vtconsole/vtcon0/name", "(S) VGA+")
        self._put(root / "sys/class/vtconsole/vtcon0/bind", "0")
        self._put(root / "sys/class/vtconsole/vtcon1/name", "(M) frame buffer device")
        self._put(root / "sys/class/vtconsole/vtcon1/bind", "1")
        self.display = root / "sys/bus/platform/devices" / FRAME_BUFFER
        self._put(self.display / "driver/uevent", "")

    @staticmethod
    def _put(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")

    def plug(self, name: str) -> None:
        product, interfaces = DEVICES[name]
        vendor, _, kind = product.partition(":")
        self._put(self.usb / "devices" / name / "idVendor", vendor)
        self._put(self.usb / "devices" / name / "idProduct", kind)
        default = self.usb / f"devices/usb{name[0]}/interface_authorized_default"
        for number, (class_code, driver) in interfaces.items():
            folder = self.usb / "devices" / f"{name}:{number}"
            self.fits[folder.name] = driver
            self._put(folder / "bInterfaceClass", class_code)
            self._put(folder / "authorized", default.read_text().strip())
            self._probe(folder.name)

    def drivers(self) -> set[str]:
        """Names of the interfaces that a driver of the host has."""
        return {p.parent.name for p in self.usb.glob("devices/*/driver")}

    def authorized(self) -> set[str]:
        return {
            p.parent.name
            for p in self.usb.glob("devices/*:*/authorized")
            if p.read_text().strip() == "1"
        }

    def _probe(self, name: str) -> None:
        folder = self.usb / "devices" / name
        if (folder / "authorized").read_text().strip() == "1":
            self._put(folder / "driver", self.fits[name])

    def write(self, path: Path, text: str) -> None:
        match path.name:
            case "authorized":
                path.write_text(text)
                if text == "0":  # and who authorises asks no driver
                    (path.parent / "driver").unlink(missing_ok=True)
            case "drivers_probe":
                self._probe(text)
            case "unbind":
                (self.display / "driver/uevent").unlink()
                (self.display / "driver").rmdir()
            case "bind" if path.parent.name == "simple-framebuffer":
                self._put(self.display / "driver/uevent", "")
            case _:
                path.write_text(text)


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path)


def look(kernel: Kernel, items: ItemValues, *passed: Passed) -> None:
    Isolating(Isolation(kernel.root, kernel.write), lambda: items, lambda: passed).look()


def names(*devices: str) -> set[str]:
    return {f"{name}:{number}" for name in devices for number in DEVICES[name][1]}


def test_all_stays_as_it_is_until_a_controller_configures_the_device(kernel: Kernel) -> None:
    look(kernel, OPEN)
    assert kernel.drivers() >= names(*DEVICES)
    assert (kernel.display / "driver").exists()


def test_storage_and_input_go_and_what_carries_the_network_stays(kernel: Kernel) -> None:
    look(kernel, SHUT)
    kept = names(HUB, ADAPTER) | {f"{PHONE}:1.0"}
    assert kernel.drivers() == kernel.authorized() == kept


def disk(kernel: Kernel, interface: str, name: str, number: str, holder: str = "") -> None:
    """A disk behind `interface`, with one partition; what is built upon the latter."""
    there = kernel.root / f"sys/devices/pci0000:00/usb1/{interface[:3]}/{interface}/host0/block"
    blocks = kernel.root / "sys/class/block"
    blocks.mkdir(parents=True, exist_ok=True)
    for path, device in ((there / name, "8:0"), (there / name / f"{name}1", number)):
        (path / "holders").mkdir(parents=True)
        (path / "dev").write_text(device + "\n")
        (blocks / path.name).symlink_to(path)
    if holder:
        (there / name / f"{name}1/holders" / holder).mkdir()


def tell(kernel: Kernel, file: str, text: str) -> None:
    path = kernel.root / "proc" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


MOUNTED = "22 27 0:21 / /proc rw - proc proc rw\n29 27 8:1 / /config rw - ext4 /dev/sda1 rw\n"
SWAPPED = "Filename Type Size Used Priority\n/dev/sda1 partition 1024 0 -2\n"


@pytest.mark.parametrize(
    ("holder", "mountinfo", "swaps"),
    [("dm-0", "", ""), ("", MOUNTED, ""), ("", "", SWAPPED)],
    ids=["verified or encrypted", "mounted", "swap"],
)
def test_a_disk_that_the_machine_runs_from_is_never_cut_off(
    kernel: Kernel, holder: str, mountinfo: str, swaps: str
) -> None:
    disk(kernel, f"{STICK}:1.0", "sda", "8:1", holder)
    tell(kernel, "self/mountinfo", mountinfo)
    tell(kernel, "swaps", swaps)
    look(kernel, SHUT)
    kept = names(HUB, STICK, ADAPTER) | {f"{PHONE}:1.0"}
    assert kernel.drivers() == kernel.authorized() == kept


def test_a_disk_that_nothing_uses_is_cut_off(kernel: Kernel) -> None:
    disk(kernel, f"{STICK}:1.0", "sda", "8:17")
    tell(kernel, "self/mountinfo", MOUNTED)
    tell(kernel, "swaps", SWAPPED.replace("sda1", "sdb1"))
    look(kernel, SHUT)
    assert not kernel.authorized() & names(STICK)


def test_the_controller_opens_usb_and_shuts_it_again(kernel: Kernel) -> None:
    look(kernel, SHUT)
    look(kernel, opened("debug.enable.usb"))
    assert kernel.drivers() == names(*DEVICES)
    look(kernel, SHUT)
    assert not kernel.drivers() & names(KEYBOARD, STICK)


def test_what_is_plugged_in_later_never_meets_a_driver_unless_it_may(kernel: Kernel) -> None:
    for name in (STICK, ADAPTER):
        for path in kernel.usb.glob(f"devices/{name}*"):
            for file in path.iterdir():
                file.unlink()
            path.rmdir()
    look(kernel, SHUT)
    kernel.plug(STICK)
    kernel.plug(ADAPTER)
    assert not kernel.drivers() & names(STICK, ADAPTER)
    look(kernel, SHUT)
    assert kernel.drivers() & names(STICK, ADAPTER) == names(ADAPTER)


@pytest.mark.parametrize("rule", [UsbRule(1, "1.2"), UsbRule(0, "", "46f4", "0001")])
def test_an_assigned_device_is_let_in_for_its_app_alone(kernel: Kernel, rule: UsbRule) -> None:
    look(kernel, SHUT)
    look(kernel, SHUT, Passed(usb=(rule,)))
    assert names(STICK) <= kernel.authorized()
    assert not kernel.drivers() & names(STICK)
    assert not kernel.authorized() & names(KEYBOARD)
    look(kernel, SHUT)
    assert not kernel.authorized() & names(STICK)


def test_the_display_is_let_go_and_taken_back(kernel: Kernel) -> None:
    look(kernel, SHUT)
    console = kernel.root / "sys/class/vtconsole/vtcon1/bind"
    assert console.read_text().strip() == "0"
    assert not (kernel.display / "driver").exists()
    assert (kernel.root / "sys/class/vtconsole/vtcon0/bind").read_text().strip() == "0"
    look(kernel, opened("debug.enable.vga"))
    assert console.read_text().strip() == "1"
    assert (kernel.display / "driver").exists()


def test_the_console_on_a_serial_line_is_shut_unless_the_controller_opens_it() -> None:
    assert access_of(OPEN).serial
    assert not access_of(SHUT).serial
    assert access_of(opened("debug.enable.console")) == Access(usb=False, display=False)


def test_one_write_that_fails_keeps_no_other_from_being_made(kernel: Kernel) -> None:
    def refuse(path: Path, text: str) -> None:
        if path.parent.name.startswith(KEYBOARD):
            raise OSError(5, "Input/output error")
        kernel.write(path, text)

    isolation = Isolation(kernel.root, refuse)
    failed = isolation.carry_out(isolate(isolation.look(), access_of(SHUT), ()))
    assert failed == (
        "/sys/bus/usb/devices/1-1.1:1.0/authorized does not take '0': Input/output error",
    )
    assert not kernel.authorized() & names(STICK)


def test_what_is_unplugged_meanwhile_is_no_failure(kernel: Kernel) -> None:
    def gone(_path: Path, _text: str) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    isolation = Isolation(kernel.root, gone)
    writes = isolate(isolation.look(), access_of(SHUT), ())
    assert writes
    assert isolation.carry_out(writes) == ()


def test_a_machine_without_any_of_it_needs_nothing(tmp_path: Path) -> None:
    assert isolate(Isolation(tmp_path).look(), access_of(SHUT), ()) == ()


INTERFACES = st.builds(
    Interface,
    name=st.from_regex(r"[12]-[1-3](\.[1-3])?:1\.[0-2]", fullmatch=True),
    bus=st.integers(1, 2),
    port=st.sampled_from(["1", "2", "1.1"]),
    vendor=st.integers(0, 3),
    product=st.integers(0, 3),
    kind=st.sampled_from([*KEPT_AWAY, 0x02, 0x09, 0xFF]),
    authorized=st.booleans(),
    in_use=st.booleans(),
)


def of_kind(vendor: int, product: int) -> UsbRule:
    return UsbRule(0, "", f"{vendor:04x}", f"{product:04x}")


RULES = st.one_of(
    st.builds(UsbRule, st.integers(1, 2), st.sampled_from(["1", "2", "1.1"])),
    st.builds(of_kind, st.integers(0, 3), st.integers(0, 3)),
)
SEEN = st.builds(
    Seen,
    st.lists(INTERFACES, unique_by=lambda one: one.name, max_size=6).map(tuple),
    st.booleans().map(lambda on: (("usb1", on),)),
    st.booleans().map(lambda on: (("vtcon1", on),)),
    st.booleans().map(lambda on: (FrameBuffer(FRAME_BUFFER, "simple-framebuffer", on),)),
)


def after(seen: Seen, authorized: Iterable[tuple[str, str]]) -> dict[str, bool]:
    told = {path.split("/")[-2]: text == "1" for path, text in authorized}
    return {one.name: told.get(one.name, one.authorized) for one in seen.interfaces}


@given(SEEN, st.builds(Access, st.booleans(), st.booleans()), st.lists(RULES, max_size=3))
def test_only_what_may_is_let_in_and_no_driver_is_asked_for_what_an_app_has(
    seen: Seen, access: Access, rules: list[UsbRule]
) -> None:
    writes = isolate(seen, access, [Passed(usb=tuple(rules))])
    state = after(seen, [(w.path, w.text) for w in writes if w.path.endswith("/authorized")])
    probed = {w.text for w in writes if w.path.endswith("drivers_probe")}
    for one in seen.interfaces:
        places = {(r.bus, r.port) for r in rules if r.bus}
        kinds = {(r.vendor, r.product) for r in rules if not r.bus}
        kind = (f"{one.vendor:04x}", f"{one.product:04x}")
        given_away = (one.bus, one.port) in places or kind in kinds
        stays = one.in_use or one.kind not in KEPT_AWAY
        assert state[one.name] == (given_away or access.usb or stays)
        assert not (given_away and one.name in probed)
