"""What somebody plugs into a machine that runs is not used unless the controller says so."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.image_control import Eaves, answers, until
from support.image_machine import ImageMachine
from support.image_world import with_usb, world
from support.scenarios import EVIDENCE

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(4800),
    pytest.mark.usefixtures("disk_is_told", "apps_go_on"),
]

STICK_BYTES = 16 << 20
# As the device tells it: by its kernel, of the bus and of the drivers, and by the node.
SEEN = ("Product: QEMU USB HARDDRIVE", "Product: QEMU USB Keyboard")
REFUSED = (r"usb-storage \S+ Interface 0 is not auth", r"usbhid \S+ Interface 0 is not auth")
DRIVEN = ("USB Mass Storage device detected", "input: QEMU QEMU USB Keyboard")
SHUT, OPENED = r'authorized_default", "value": "0"', r'/authorized", "value": "1"'


@pytest.fixture
def with_ports(app: ImageMachine) -> Iterator[ImageMachine]:
    app.power_cut()
    app.extra = ("-device", "qemu-xhci,id=ports")
    app.power_on()
    until("answering", lambda: answers(app.web_port))
    yield app
    app.extra = ()


def plug_in(machine: ImageMachine, stick: Path) -> None:
    node = {"driver": "file", "node-name": "stick", "filename": str(stick)}
    machine.tell("blockdev-add", **node)
    machine.tell("device_add", driver="usb-storage", id="stick", drive="stick", bus="ports.0")
    machine.tell("device_add", driver="usb-kbd", id="keyboard", bus="ports.0")


def test_a_stick_and_a_keyboard_get_no_driver_before_the_controller_lets_them_in(
    with_ports: ImageMachine,
    eaves: Eaves,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    stick, began = tmp_path / "stick.raw", datetime.now(UTC)
    with stick.open("wb") as file:
        file.truncate(STICK_BYTES)

    def told(*texts: str) -> list[str]:
        """The first line of each; none: not all were told yet."""
        lines = eaves.log_lines(began, "usb")
        found = [next((line for line in lines if re.search(one, line)), "") for one in texts]
        return found if all(found) else []

    plug_in(with_ports, stick)
    until("seen and refused", lambda: told(*SEEN, *REFUSED))
    assert not any(told(text) for text in DRIVEN)
    record_property(EVIDENCE, "; ".join(told(*SEEN, *REFUSED)))

    eaves.apply("world", with_usb())
    until("let in", lambda: told(OPENED, *DRIVEN))
    record_property(EVIDENCE, "; ".join(told(OPENED, *DRIVEN)))

    eaves.apply("world", world())
    until("shut again", lambda: told(SHUT))
    for one in ("stick", "keyboard"):
        with_ports.tell("device_del", id=one)
