"""Power cuts without boots: whatever of a run's writes reached the disk, the next boot succeeds."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.image_builds import Images
from support.image_cuts import logged, look
from support.image_disk import Digests, fault
from support.image_machine import ImageMachine, image_machine

pytestmark = [pytest.mark.vm, pytest.mark.timeout(4800)]

HARMLESS = ("the partition table", "the boot loader is gone", "the loader has nothing")
Told = Callable[[str, object], None]


@pytest.fixture(scope="module")
def machine(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageMachine]:
    """Another one: no controller is there for it."""
    assert images.installer.exists()
    with image_machine(tmp_path_factory.mktemp("cut")) as machine:
        yield machine


def test_an_installation_that_is_cut_leaves_no_half_bootable_disk(
    machine: ImageMachine, images: Images, record_property: Told
) -> None:
    """Until the loader's entry stands, the disk boots nothing; from then on, all of it."""
    machine.blank_disk()

    def install() -> None:
        machine.power_on(medium=images.installer, log_writes=True)
        machine.wait_off(900)

    def check(case: Path, digests: Digests) -> str:
        why = fault(case, digests)
        return "" if why.startswith(HARMLESS) else why

    run = logged(machine, install)
    assert fault(machine.disk) == ""
    look(run, check, record_property)


def test_a_boot_that_is_cut_leaves_what_boots(machine: ImageMachine, record_property: Told) -> None:
    def boot() -> None:
        machine.power_on(log_writes=True)
        machine.wait_said("Eaves edge node")
        machine.power_cut()

    look(logged(machine, boot), fault, record_property)
