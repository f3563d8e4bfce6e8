"""The OS image in QEMU with UEFI and a TPM: installed, onboarded, with an app, without power."""

import json
from collections.abc import Callable

import pytest
from support.image_builds import FIRST, Images
from support.image_control import ONLINE_S, Eaves, answers, until
from support.image_disk import ImageDisk, fault
from support.image_machine import ImageMachine
from support.scenarios import EVIDENCE

from eaves.node.baseos.slots import Slot

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(4800),
    pytest.mark.usefixtures("disk_is_told"),
]

LUKS = b"LUKS\xba\xbe"


@pytest.mark.short
def test_it_is_installed_without_a_word(installed: ImageMachine) -> None:
    assert fault(installed.disk) == ""
    assert ImageDisk(installed.disk).states() == {"a": Slot.ACTIVE, "b": Slot.UNUSED}


@pytest.mark.short
def test_it_comes_online_by_itself(
    online: ImageMachine, eaves: Eaves, record_property: Callable[[str, object], None]
) -> None:
    assert eaves.runs(FIRST, Slot.ACTIVE)
    record_property(EVIDENCE, f"{online.online_s:.0f} s after power-on")


@pytest.mark.short
@pytest.mark.usefixtures("online")
def test_what_it_measured_was_predicted(images: Images, eaves: Eaves) -> None:
    until("attested", lambda: bool(eaves.quoted()))
    predicted: dict[str, str] = json.loads((images.first / "pcrs.json").read_text())["uki.efi"]
    measured = eaves.quoted()
    assert {pcr: measured.get(pcr) for pcr in predicted} == predicted


def test_a_container_runs_from_the_encrypted_vault(app: ImageMachine) -> None:
    assert answers(app.web_port)
    with app.disk.open("rb") as disk:
        disk.seek(ImageDisk(app.disk).place("P3").start)
        assert disk.read(len(LUKS)) == LUKS


@pytest.mark.short
@pytest.mark.usefixtures("apps_go_on")
def test_power_is_cut_and_cut_again_while_it_starts(online: ImageMachine, eaves: Eaves) -> None:
    for _ in range(2):
        online.power_cut()
        online.power_on()
        online.wait_said("Eaves edge node", ONLINE_S)
    until("told as a power cut", lambda: told_of_power(eaves))
    assert eaves.runs(FIRST, Slot.ACTIVE)


def test_a_power_cut_is_told_as_one(app: ImageMachine, eaves: Eaves) -> None:
    app.power_cut()
    app.power_on()
    until("told as a power cut", lambda: told_of_power(eaves))
    until("answering again", lambda: answers(app.web_port))


def told_of_power(eaves: Eaves) -> bool:
    told = json.dumps(eaves.device())
    return "POWER_FAIL" in told or "power was lost" in told
