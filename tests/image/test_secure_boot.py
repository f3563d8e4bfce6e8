"""Secure Boot with own keys: what they signed boots, and nothing else."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.image_builds import left_out, why_not
from support.image_control import own_controller, until
from support.image_disk import ImageDisk
from support.image_machine import ImageMachine, image_machine
from support.image_others import LOADER, build_signed
from support.image_world import world
from support.scenarios import EVIDENCE

from eaves.node.baseos.entries import kernel_path
from eaves.node.baseos.slots import Slot

pytestmark = [pytest.mark.vm, pytest.mark.timeout(4800)]

VERSION = "1.0-signed"
KERNEL = kernel_path("a")
ASKS = "Eaves edge node"  # on the serial line, once the node's system is up
REFUSED = "Access Denied"  # as the firmware calls it, and the loader tells it
OURS = b"Eaves PK"  # whom the platform's key is of
Told = Callable[[str, object], None]


@pytest.fixture(scope="module")
def image() -> Path:
    if why := why_not():
        left_out(why)
    return build_signed(VERSION)


@pytest.fixture(scope="module")
def machine(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageMachine]:
    assert image.exists()
    with image_machine(tmp_path_factory.mktemp("machine"), firmware="secure") as machine:
        yield machine
    machine.disk.unlink(missing_ok=True)  # its console is kept


@pytest.fixture(scope="module")
def enrolled(
    machine: ImageMachine, image: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ImageMachine, str]:
    """It enrolled the keys and came online with them, then lost power; what it measured.

    As in a virtual machine whose owner wants it so: one word more for the loader.
    """
    with own_controller(tmp_path_factory.mktemp("controller"), world()) as eaves:
        eaves.put_on(machine, image / "disk.raw")
        disk = ImageDisk(machine.disk)
        said = file_of(disk, "loader/loader.conf")
        disk.write_file("loader/loader.conf", said + b"secure-boot-enroll force\n")
        assert OURS not in machine.variables.read_bytes()
        machine.power_on()
        machine.wait_said("Enrolling secure boot keys")
        predicted = eaves.quotes_as_predicted(image)
        until("online", lambda: eaves.runs(VERSION, Slot.ACTIVE))
    machine.power_cut()
    return machine, predicted


@pytest.fixture
def off(enrolled: tuple[ImageMachine, str]) -> Iterator[ImageMachine]:
    """Afterwards it is off again, with what was built on its disk."""
    machine, _ = enrolled
    disk = ImageDisk(machine.disk)
    before = {name: file_of(disk, name) for name in (LOADER, KERNEL)}
    yield machine
    machine.power_cut()
    for name, data in before.items():
        disk.write_file(name, data)


def file_of(disk: ImageDisk, name: str) -> bytes:
    data = disk.read_file(name)
    assert data is not None
    return data


def unsigned(data: bytes, folder: Path) -> bytes:
    program = folder / "program.efi"
    program.write_bytes(data)
    subprocess.run(["sbattach", "--remove", str(program)], check=True)
    assert len(program.read_bytes()) < len(data)
    return program.read_bytes()


def changed(data: bytes, _folder: Path) -> bytes:
    """One bit of one byte, in the middle."""
    half = len(data) // 2
    return data[:half] + bytes((data[half] ^ 1,)) + data[half + 1 :]


def test_the_image_enrols_its_keys_and_boots_with_them(
    enrolled: tuple[ImageMachine, str], record_property: Told
) -> None:
    machine, predicted = enrolled
    assert OURS in machine.variables.read_bytes()
    record_property(EVIDENCE, predicted)


@pytest.mark.parametrize("make", [unsigned, changed])
@pytest.mark.parametrize("name", [KERNEL, LOADER], ids=["kernel", "loader"])
def test_what_was_not_signed_so_does_not_boot(
    off: ImageMachine,
    tmp_path: Path,
    name: str,
    make: Callable[[bytes, Path], bytes],
    record_property: Told,
) -> None:
    disk = ImageDisk(off.disk)
    disk.write_file(name, make(file_of(disk, name), tmp_path))
    off.power_on()
    seen = off.wait_said(REFUSED)
    assert ASKS not in seen
    line = next(one for one in seen.splitlines() if REFUSED in one)
    record_property(EVIDENCE, line.strip()[-200:])


def test_what_was_signed_boots_again(off: ImageMachine) -> None:
    off.power_on()
    off.wait_said(ASKS)
