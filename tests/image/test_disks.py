"""What the disk of a machine may come to, looked at from outside while it is off."""

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.image_builds import Images, Store, variant
from support.image_control import UPDATE_S, Eaves, answers, until
from support.image_disk import ImageDisk
from support.image_machine import ImageMachine
from support.scenarios import EVIDENCE

from eaves.cli.disks import BUSYBOX
from eaves.cli.layouts import write_layout
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
FILL = """\
n=0
for size in 256 16 1; do
    while busybox fallocate -l ${size}M full.$n 2>/dev/null; do n=$((n + 1)); done
    busybox rm full.$n
done
echo "full after $n files"
while true; do busybox sleep 1000; done
"""
FILLER = """\
kind: image
name: filler
datastore: samples
imageType: APPLICATION
imageFormat: CONTAINER
imageArch: AMD64
imageRelUrl: filler:v1
---
kind: app
name: filler
manifestJSON:
  name: filler
  acKind: PodManifest
  acVersion: 1.2.0
  appType: CONTAINER
  deploymentType: STAND_ALONE
  vmmode: HV_NOHYPER
  images:
    - {imagename: filler, imageformat: CONTAINER, drvtype: HDD, target: Disk}
  resources:
    - {name: cpus, value: "1"}
    - {name: memory, value: "65536"}
---
kind: instance
name: filler
app: filler
device: on-image
project: image
appType: CONTAINER
vminfo: {cpus: 1, memory: 65536, mode: HV_NOHYPER}
drives:
  - {imagename: filler, drvtype: HDD, target: Disk}
"""
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


def test_an_app_that_fills_the_vault_ends_nothing(
    app: ImageMachine, eaves: Eaves, store: Store, record_property: Told
) -> None:
    """What runs goes on, starts again after a power cut, and has room once that app is gone."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for name, data in (("fill", FILL.encode()), ("busybox", BUSYBOX.read_bytes())):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    config = {"Env": ["PATH=/"], "Entrypoint": ["/busybox", "sh", "/fill"], "WorkingDir": "/"}
    write_layout(store.files.parent / "oci/samples/filler", layer.getvalue(), config, "v1")

    eaves.apply("filler", FILLER)
    until("full", lambda: "full after" in eaves.run("logs", "filler"))
    record_property(EVIDENCE, eaves.run("logs", "filler").strip()[-80:])
    assert answers(app.web_port)
    app.power_cut()
    back_online(app, eaves)
    until("answering", lambda: answers(app.web_port))

    eaves.run("delete", "instance", "filler")
    eaves.run("purge", "hello")
    until("answering no more", lambda: not answers(app.web_port))
    until("purged", lambda: answers(app.web_port))


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
