"""What the disk of a machine may come to, looked at from outside while it is off."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.image_builds import Images, Store, variant
from support.image_control import UPDATE_S, Eaves, until
from support.image_disk import ImageDisk
from support.image_machine import ImageMachine
from support.scenarios import EVIDENCE

from eaves.node.baseos.entries import kernel_path, other
from eaves.node.baseos.slots import Slot

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(4800),
    pytest.mark.usefixtures("disk_is_told", "apps_go_on"),
]

MIB = 1 << 20
LEFT = MIB  # bytes of a boot partition that is nearly full
SUPERBLOCK = 1024  # offset of a byte that each boot reads
Told = Callable[[str, object], None]


def back_online(machine: ImageMachine, eaves: Eaves) -> None:
    before = eaves.boot_time()
    machine.power_on()
    until("online", lambda: eaves.boot_time() != before)


def test_a_changed_byte_of_the_root_is_never_run(online: ImageMachine, eaves: Eaves) -> None:
    online.power_cut()
    place = ImageDisk(online.disk).place(f"IMG{ImageDisk(online.disk).running().upper()}")

    def flip() -> None:
        with online.disk.open("r+b") as disk:
            disk.seek(place.start + SUPERBLOCK)
            (byte,) = disk.read(1)
            disk.seek(place.start + SUPERBLOCK)
            disk.write(bytes([byte ^ 1]))

    flip()
    online.power_on()
    online.wait_said("is corrupted")
    online.wait_said("panic")
    online.power_cut()
    flip()
    back_online(online, eaves)


def test_a_full_boot_partition_refuses_an_update_and_keeps_what_boots(
    online: ImageMachine,
    images: Images,
    eaves: Eaves,
    store: Store,
    tmp_path: Path,
    record_property: Told,
) -> None:
    online.power_cut()
    disk = ImageDisk(online.disk)
    disk.fat("mdel", f"::{kernel_path(other(disk.running()))}")
    filler = tmp_path / "filler"
    filler.write_bytes(os.urandom(disk.free() - LEFT))
    assert disk.fat("mcopy", str(filler), "::filler").returncode == 0
    back_online(online, eaves)

    before, version = eaves.running(), "13.0-test"
    variant(images, version, "", store.files, rootless=True)
    eaves.upgrade(store, f"{version}.eos", version)
    until("refused", lambda: bool(eaves.why_left(version)), UPDATE_S)
    record_property(EVIDENCE, eaves.why_left(version))
    assert "free on the boot partition" in eaves.why_left(version)
    assert eaves.runs(before, Slot.ACTIVE)

    online.power_cut()
    assert disk.fat("mdel", "::filler").returncode == 0
    back_online(online, eaves)


def test_a_full_disk_keeps_no_boot_from_its_end(
    online: ImageMachine, eaves: Eaves, tmp_path: Path
) -> None:
    """Not a block is free where the device keeps what it must know before its vault opens."""
    online.power_cut()
    disk, filler = ImageDisk(online.disk), tmp_path / "filler"
    with filler.open("wb") as file:
        for _ in range(disk.place("STATE").size // MIB):
            file.write(b"\xff" * MIB)
    disk.state(f"write {filler} filler")  # as much of it as there is room for
    filler.unlink()
    back_online(online, eaves)

    online.power_cut()
    disk.state("rm filler")
    back_online(online, eaves)
