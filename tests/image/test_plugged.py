"""What somebody plugs into a machine that runs is not used unless the controller says so."""

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
SEEN = ("Product: QEMU USB HARDDRIVE", "Product: QEMU USB Keyboard")  # by the kernel, of its bus
DRIVEN = ("USB Mass Storage device detected", "input: QEMU QEMU USB Keyboard")  # by their drivers
SHUT, OPENED = "interface_authorized_default value=0", "authorized value=1"


@pytest.fixture
def with_ports(app: ImageMachine) -> Iterator[ImageMachine]:
    app.power_cut()
    app.extra = ("-device", "qemu-xhci,id=ports")
    app.power_on()
    until("answering", lambda: answers(app.web_port))
    yield app
    app.extra = ()


def first(lines: list[str], text: str) -> int:
    """Where it is said first; the number of all lines: it is not."""
    return next((number for number, line in enumerate(lines) if text in line), len(lines))


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

    def told() -> list[str]:
        return eaves.log_lines(began, "usb")

    def all_told(*texts: str) -> bool:
        lines = told()
        return all(first(lines, text) < len(lines) for text in texts)

    plug_in(with_ports, stick)
    until("seen", lambda: all_told(*SEEN))
    assert not any(all_told(text) for text in DRIVEN)

    eaves.apply("world", with_usb())
    until("let in", lambda: all_told(OPENED, *DRIVEN))
    lines = told()
    assert all(first(lines, text) > first(lines, OPENED) for text in DRIVEN)
    for text in (*SEEN, OPENED, *DRIVEN):
        record_property(EVIDENCE, lines[first(lines, text)])

    eaves.apply("world", world())
    until("shut again", lambda: all_told(SHUT))
    for one in ("stick", "keyboard"):
        with_ports.tell("device_del", id=one)
