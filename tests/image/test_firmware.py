"""Another build of UEFI: what is measured on it was predicted.

The machine of the other tests has the build of 4 MiB; this one has that of 2 MiB.
"""

from collections.abc import Callable, Iterator

import pytest
from support.image_builds import FIRST, Images
from support.image_control import Eaves, own_controller
from support.image_machine import ImageMachine, image_machine
from support.image_others import disk_of
from support.image_world import world
from support.scenarios import EVIDENCE

pytestmark = [pytest.mark.vm, pytest.mark.timeout(4800)]

Told = Callable[[str, object], None]


@pytest.fixture(scope="module")
def computer(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageMachine]:
    assert images.installer.exists()
    with image_machine(tmp_path_factory.mktemp("machine"), firmware="2M") as computer:
        yield computer
    computer.disk.unlink(missing_ok=True)  # its console is kept


@pytest.fixture(scope="module")
def enforcing(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eaves]:
    assert images.installer.exists()
    text = world(policy="ENFORCE")
    with own_controller(tmp_path_factory.mktemp("controller"), text) as enforcing:
        yield enforcing


@pytest.fixture(scope="module")
def predicted(images: Images, computer: ImageMachine, enforcing: Eaves) -> str:
    """It runs; what it measured, as evidence.  Nobody has accepted it."""
    enforcing.put_on(computer, disk_of(images.first, FIRST))
    computer.power_on()
    return enforcing.quotes_as_predicted(images.first)


def test_what_is_measured_on_the_other_ovmf_was_predicted(
    predicted: str, record_property: Told
) -> None:
    record_property(EVIDENCE, predicted)
