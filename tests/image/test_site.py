"""A site without DHCP, and somebody who stands there before the machine, at screen and keyboard."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import inet_aton

import pytest
from support.image_builds import FIRST, Images
from support.image_control import Eaves, own_controller, until
from support.image_machine import ImageMachine, image_machine
from support.image_others import disk_of
from support.image_world import with_static_port
from support.scenarios import EVIDENCE

from eaves.node.baseos.slots import Slot

pytestmark = [pytest.mark.vm, pytest.mark.timeout(4800)]

Told = Callable[[str, object], None]
ADDRESS, TYPED = "10.0.2.77", "10.0.2.78"
DESK = ("-device", "VGA", "-device", "qemu-xhci", "-device", "usb-kbd")
DHCP = bytes.fromhex("63825363")  # of each message, RFC 2131
QCODES = {".": "dot", "/": "slash"}  # where QEMU's word for a key is not the key's sign
WRITTEN = ("tab", *("backspace",) * len(f"{ADDRESS}/24"), *f"{TYPED}/24", "f2")
KEY_S = 0.5  # an emulated machine draws slowly
FORM_S = 15.0
TOLD_S = 60.0


@pytest.fixture(scope="module")
def site(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eaves]:
    assert images.installer.exists()
    with own_controller(tmp_path_factory.mktemp("controller"), with_static_port(ADDRESS)) as site:
        yield site


@pytest.fixture(scope="module")
def computer(
    images: Images, site: Eaves, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ImageMachine]:
    """Its ports were written beside whose device it becomes; it runs, and its packets are kept."""
    folder: Path = tmp_path_factory.mktemp("machine")
    kept = ("-object", f"filter-dump,id=kept,netdev=net0,file={folder}/net.pcap")
    with image_machine(folder, extra=(*DESK, *kept)) as computer:
        site.put_on(computer, disk_of(images.first, FIRST), "--network")
        computer.power_on()
        until("online", lambda: site.runs(FIRST, Slot.ACTIVE))
        yield computer
    computer.disk.unlink(missing_ok=True)


def has(site: Eaves, address: str) -> bool:
    return address in json.dumps(site.device()["netStatusList"])


def press(machine: ImageMachine, *keys: str) -> None:
    for key in keys:
        code = QCODES.get(key, key)
        machine.tell("send-key", keys=[{"type": "qcode", "data": code}])
        time.sleep(KEY_S)


def test_a_site_without_dhcp_is_reached_by_what_the_installer_brought(
    computer: ImageMachine, site: Eaves, record_property: Told
) -> None:
    """The network of QEMU would have given it another address, had it asked."""
    until("told with its own address", lambda: has(site, ADDRESS))
    packets = (computer.folder / "net.pcap").read_bytes()
    assert inet_aton(ADDRESS) in packets
    assert DHCP not in packets
    record_property(EVIDENCE, f"of {len(packets):,} bytes none are of DHCP; it came from {ADDRESS}")


@pytest.mark.full
def test_a_port_is_set_on_the_screen_and_given_back(
    computer: ImageMachine, site: Eaves, record_property: Told
) -> None:
    def told(*keys: str, there: bool) -> bool:
        """Keys that come too soon set nothing: the form begins anew with what is in force."""
        press(computer, "esc", "2", "e")
        time.sleep(FORM_S)
        press(computer, *keys)
        deadline = time.monotonic() + TOLD_S
        while time.monotonic() < deadline:
            if has(site, TYPED) is there:
                return True
            time.sleep(2)
        return False

    until("told with the address that was typed", lambda: told(*WRITTEN, there=True))
    record_property(EVIDENCE, f"{TYPED} was typed and is told by the device")
    until("told with its own address again", lambda: told("f4", there=False))
