"""An app on the image has what the controller gives it, and keeps it while the node starts anew.

A machine within a machine: KVM of an emulated processor, an emulated IOMMU.
"""

import re
import shutil
import threading
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.controller import free_port
from support.image_builds import Images
from support.image_control import HOST, Eaves, answers, own_controller, until
from support.image_machine import ImageMachine, boots_begun, image_machine
from support.image_others import disk_with
from support.image_world import machine, with_devices
from support.images import CACHE
from support.scenarios import EVIDENCE

from eaves.cli.demo.computer import Forward
from eaves.cli.demo.datastore import datastore
from eaves.cli.disks import MODULES, Bootable, build_disk, kernel_package
from eaves.cli.samples import VM_INIT, container_image
from eaves.node.baseos.slots import Slot

pytestmark = [pytest.mark.vm, pytest.mark.full, pytest.mark.timeout(4800)]

VERSION = "1.3-test"
MAC = "52:54:00:0e:a7:e5"
STICK_BYTES = 16 << 20
STICK_NAME = "QEMU HARDDISK"
CARD, STICK = "0000:00:10.0", "46f4:0001"  # as QEMU makes them
DEVICES = (
    "-device", "intel-iommu",
    "-device", f"e1000e,addr=0x10,mac={MAC}",
    "-device", "qemu-xhci,id=ports",
)  # fmt: skip
# The only way to the node's service where nobody can log in: this system brings one that ends.
COMMENT = b"# Roots of the system one by one, as they are asked for, not all of them at each start."
ENDS = b"RuntimeMaxSec=240\nKillSignal=SIGKILL\n"
INSTEAD = (COMMENT, ENDS.ljust(len(COMMENT), b"#"))
BEFORE = timedelta(seconds=30)  # a log says when a line was written, not when it came
AFTER_S = 60.0
DELAY_S = 60
ENDED = "eaves-node.service: Main process exited, code=killed, status=9/KILL"
MODULES_OF_DEVICES = (*MODULES, "xhci_pci", "usb_storage", "sd_mod", "e1000e")
PAGE = """\
#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
echo "booted $(cut -d. -f1 /proc/uptime) s ago, $(nproc) processors"
cat /sys/class/net/*/address
for model in /sys/block/sd*/device/model; do [ ! -e "$model" ] || cat "$model"; done
"""
Told = Callable[[str, object], None]


def machine_disk(folder: Path) -> Path:
    """It tells over HTTP which devices it has."""
    tree, made = folder / "tree/www/cgi-bin", folder / "made"
    tree.mkdir(parents=True)
    made.mkdir()
    (tree / "devices").write_text(PAGE)
    (tree / "devices").chmod(0o755)
    wanted = Bootable(VM_INIT, MODULES_OF_DEVICES, 48, folder / "tree")
    build_disk(made, CACHE, kernel_package("linux-image-amd64"), wanted)
    return made / "disk.qcow2"


@pytest.fixture(scope="module")
def eaves(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eaves]:
    assert images.installer.exists()
    with own_controller(tmp_path_factory.mktemp("controller"), with_devices(CARD, STICK)) as eaves:
        yield eaves


@pytest.fixture(scope="module")
def stick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    stick = tmp_path_factory.mktemp("stick") / "stick.raw"
    with stick.open("wb") as file:
        file.truncate(STICK_BYTES)
    return stick


@pytest.fixture(scope="module")
def machine_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def computer(
    images: Images,
    eaves: Eaves,
    stick: Path,
    machine_port: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ImageMachine]:
    folder = tmp_path_factory.mktemp("machine")
    extra = (
        *DEVICES,
        *("-blockdev", f"driver=file,node-name=stick,filename={stick}"),
        *("-device", "usb-storage,id=stick,drive=stick,bus=ports.0"),
    )
    with image_machine(folder, web_port=free_port(), memory_mib=3072, extra=extra) as computer:
        computer.forwards += (Forward("127.0.0.1", machine_port, 8081),)
        eaves.put_on(computer, disk_with(images, VERSION, INSTEAD, folder / "system"))
        computer.power_on()
        until("online", lambda: eaves.runs(VERSION, Slot.ACTIVE))
        yield computer
    computer.disk.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def apps(
    computer: ImageMachine,
    eaves: Eaves,
    machine_port: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[], str]]:
    """A container and a machine, which answers with what it has; empty: it does not answer."""
    folder = tmp_path_factory.mktemp("store")
    disk = machine_disk(tmp_path_factory.mktemp("disk"))
    (folder / "files").mkdir()
    shutil.copyfile(disk, folder / "files" / disk.name)
    sample = container_image(tmp_path_factory.mktemp("samples"))
    shutil.copytree(sample.layout, folder / "oci/samples/hello")

    def has() -> str:
        try:
            url = f"http://127.0.0.1:{machine_port}/cgi-bin/devices"
            with urllib.request.urlopen(url, timeout=20) as answer:
                text: str = answer.read().decode()
                return text
        except OSError:
            return ""

    with datastore(folder, "127.0.0.1") as port:
        store = f"http://{HOST}:{port}"
        eaves.add_app(store)
        eaves.apply("machine", machine(store, disk, DELAY_S))
        until("answering", lambda: answers(computer.web_port))
        until("answering, the machine on it", has)
        yield has


def test_a_machine_on_it_has_the_card_and_the_stick_that_it_was_given(
    computer: ImageMachine, apps: Callable[[], str], eaves: Eaves, record_property: Told
) -> None:
    """Also when somebody pulls the stick and plugs it in again, at another port."""
    until("with its stick", lambda: STICK_NAME in apps())
    computer.tell("device_del", id="stick")
    until("without its stick", lambda: apps() and STICK_NAME not in apps())
    computer.tell("device_add", driver="usb-storage", id="again", drive="stick", port="3")
    until("with its stick again", lambda: STICK_NAME in apps())
    told = apps()
    record_property(EVIDENCE, " ".join(told.split()))
    assert MAC in told
    assert "under KVM" in eaves.run("logs", "on-image", "--device", "--search", "accelerator")


@dataclass
class Watch:
    asked: int = 0
    missed: list[str] = field(default_factory=list[str])  # when one did not answer


@contextmanager
def watched(ask: Callable[[], bool]) -> Generator[Watch]:
    """Asks the apps all the time."""
    watch, stop = Watch(), threading.Event()

    def go_on() -> None:
        while not stop.wait(1):
            began = time.monotonic()
            watch.asked += 1
            if not ask():
                watch.missed.append(f"{datetime.now(UTC)}, {time.monotonic() - began:.1f} s")

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join()


def test_apps_go_on_while_the_node_starts_anew(
    computer: ImageMachine, apps: Callable[[], str], eaves: Eaves, record_property: Told
) -> None:
    """Killed, and started by systemd: nobody who uses an app notices."""

    def up_s() -> int:
        found = re.search(r"booted (\d+) s ago", apps())
        assert found
        return int(found[1])

    def ended() -> list[str]:
        return eaves.log_lines(began, "code=killed, status=9/KILL")

    began, boots, before = datetime.now(UTC), boots_begun(), up_s()
    container = eaves.instance("hello")["bootTime"]
    with watched(lambda: bool(answers(computer.web_port)) and bool(apps())) as watch:
        until("killed", ended)
        killed = datetime.now(UTC)
        until("begun again", lambda: eaves.log_lines(killed - BEFORE, '"event": "node_begins"'))
        until("heard of", lambda: eaves.instance("hello")["runState"] == "RUN_STATE_ONLINE")
        time.sleep(AFTER_S)  # it looks at everything again
    record_property(EVIDENCE, f"{ended()[0]}; {watch.asked} questions since")
    assert watch.asked > 0
    assert watch.missed == []
    assert any(ENDED in line for line in ended())
    assert boots_begun() == boots
    assert eaves.instance("hello")["bootTime"] == container
    assert up_s() > before


def test_apps_start_in_their_order_after_a_power_cut(
    computer: ImageMachine, apps: Callable[[], str], eaves: Eaves, record_property: Told
) -> None:
    """The one that is told to wait has its devices again, too."""
    before = eaves.boot_time()
    computer.power_cut()
    computer.power_on()
    until("online", lambda: eaves.boot_time() != before)
    until("answering", lambda: answers(computer.web_port))
    until("answering, the machine on it", lambda: MAC in apps() and STICK_NAME in apps())

    def started(name: str) -> datetime:
        return datetime.fromisoformat(eaves.instance(name)["bootTime"])

    booted = datetime.fromisoformat(eaves.boot_time())
    until("told of both", lambda: min(started("hello"), started("machine")) > booted)
    later = (started("machine") - started("hello")).total_seconds()
    record_property(EVIDENCE, f"the machine was started {later:.0f} s after the container")
    assert (started("machine") - booted).total_seconds() > DELAY_S
    assert later > 0
