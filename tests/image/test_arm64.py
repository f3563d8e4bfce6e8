"""The image for arm64 in QEMU with UEFI: it comes online by itself.

Debian 12's kernel for arm64 has no driver for the TPM that QEMU gives such a machine: the firmware
measures into it, and the node has none.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.image_builds import why_not
from support.image_device import ImageDevice, recorded, until
from support.image_machine import ImageMachine, image_machine
from support.image_others import build_other

from eaves.cli.demo.computer import FIRMWARE

pytestmark = [pytest.mark.vm, pytest.mark.timeout(4800)]

VERSION = "1.0-arm64"
EMULATOR = Path("/usr/bin/qemu-aarch64-static")


@pytest.fixture(scope="module")
def image() -> Path:
    if why := why_not():
        pytest.skip(why)
    for path in (FIRMWARE["arm64"].code, EMULATOR):
        if not path.exists():
            pytest.skip(f"{path} is missing: run packaging/ensure-packages --with-arm64")
    return build_other(VERSION, "--arch", "arm64")


@pytest.fixture(scope="module")
def device(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageDevice]:
    assert image.exists()
    with recorded(tmp_path_factory.mktemp("controller"), "ARM64") as device:
        yield device


@pytest.fixture(scope="module")
def machine(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageMachine]:
    assert image.exists()
    folder = tmp_path_factory.mktemp("machine")
    with image_machine(folder, firmware="arm64") as machine:
        yield machine


def test_arm64_comes_online_by_itself(
    machine: ImageMachine, device: ImageDevice, image: Path
) -> None:
    device.put_on(machine, image / "disk.raw")
    machine.power_on()
    until("online", lambda: device.runs(VERSION))
