"""The image for arm64 in QEMU with UEFI: onboarded, a container on it.

Debian 12's kernel for arm64 has no driver for the TPM that QEMU gives such a machine: the firmware
measures into it, and the node has none.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.controller import free_port
from support.image_builds import left_out, why_not
from support.image_control import HOST, Eaves, answers, own_controller, until
from support.image_machine import ImageMachine, image_machine
from support.image_others import build_other, packaged_file
from support.image_world import world
from support.scenarios import EVIDENCE

from eaves.cli.demo.computer import FIRMWARE
from eaves.cli.demo.datastore import datastore
from eaves.cli.samples import foreign_container
from eaves.node.baseos.slots import Slot

pytestmark = [pytest.mark.vm, pytest.mark.timeout(4800)]

ARCH = "ARM64"  # as records spell it
VERSION = "1.0-arm64"
EMULATOR = Path("/usr/bin/qemu-aarch64-static")


@pytest.fixture(scope="module")
def image() -> Path:
    if why := why_not():
        left_out(why)
    for path in (FIRMWARE["arm64"].code, EMULATOR):
        if not path.exists():
            left_out(f"{path} is missing: run packaging/ensure-packages --with-arm64")
    return build_other(VERSION, "--arch", "arm64")


@pytest.fixture(scope="module")
def eaves(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eaves]:
    assert image.exists()
    with own_controller(tmp_path_factory.mktemp("controller"), world(arch=ARCH)) as eaves:
        yield eaves


@pytest.fixture(scope="module")
def machine(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageMachine]:
    assert image.exists()
    folder = tmp_path_factory.mktemp("machine")
    with image_machine(folder, firmware="arm64", web_port=free_port()) as machine:
        yield machine


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What the device fetches from; its URL, as the device sees it."""
    folder = tmp_path_factory.mktemp("store")
    busybox = packaged_file("busybox-static", "bin/busybox", "arm64")
    sample = foreign_container(tmp_path_factory.mktemp("samples"), busybox, "arm64")
    shutil.copytree(sample.layout, folder / "oci" / "samples" / "hello")
    with datastore(folder, "127.0.0.1") as port:
        yield f"http://{HOST}:{port}"


def test_arm64_comes_online_by_itself(machine: ImageMachine, eaves: Eaves, image: Path) -> None:
    eaves.put_on(machine, image / "disk.raw")
    machine.power_on()
    until("online", lambda: eaves.runs(VERSION, Slot.ACTIVE))


def test_a_container_runs_on_arm64(
    machine: ImageMachine,
    eaves: Eaves,
    store: str,
    record_property: Callable[[str, object], None],
) -> None:
    eaves.add_app(store, ARCH)
    until("answering", lambda: answers(machine.web_port))
    record_property(EVIDENCE, answers(machine.web_port).strip())
