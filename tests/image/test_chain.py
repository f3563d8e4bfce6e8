"""The machine of these tests with another boot chain, and without its TPM."""

import shutil
from collections.abc import Callable

import pytest
from support.image_control import Eaves, answers, until
from support.image_disk import ImageDisk
from support.image_machine import ImageMachine
from support.image_world import world
from support.scenarios import EVIDENCE

from eaves.controller.domain.contract.device_status import AttestState
from eaves.node.baseos.entries import kernel_path

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(4800),
    pytest.mark.usefixtures("disk_is_told", "apps_go_on"),
]

WORDS = b"quiet panic=1"  # of the command line, which stands in the kernel image as it is
OTHER = b"quieT panic=1"


def test_a_machine_without_its_tpm_says_why_and_waits_for_it(app: ImageMachine) -> None:
    """It broke while apps ran; then it is gone; then another one stands in its place."""
    assert app.swtpm is not None
    app.swtpm.kill()
    until("answering without it", lambda: answers(app.web_port))
    app.power_cut()
    own, kept = app.folder / "tpm", app.folder / "tpm.kept"
    shutil.copytree(own, kept)

    app.has_tpm = False
    says_why(app)

    app.has_tpm = True
    app.clear_tpm()
    says_why(app)

    shutil.rmtree(own)
    kept.rename(own)
    app.power_on()
    until("answering again", lambda: answers(app.web_port))


def says_why(machine: ImageMachine) -> None:
    machine.power_on()
    machine.wait_said("press Enter")
    machine.press_enter()
    machine.wait_said("it was not asked")
    machine.power_cut()


def test_a_changed_kernel_image_attests_not_and_opens_nothing(
    app: ImageMachine, eaves: Eaves, record_property: Callable[[str, object], None]
) -> None:
    until("attested", lambda: bool(eaves.quoted()))
    eaves.run("attestation", "accept", "on-image", "--as", "golden")
    eaves.apply("world", world(policy="ENFORCE"))
    until("let in", lambda: eaves.attested()["state"] == AttestState.PASS)
    app.power_cut()
    disk = ImageDisk(app.disk)
    name = kernel_path(disk.running())
    kernel = disk.read_file(name) or b""
    assert kernel.count(WORDS) == 1
    disk.write_file(name, kernel.replace(WORDS, OTHER))

    app.power_on()
    until("refused", lambda: eaves.attested()["state"] == AttestState.FAIL)
    differs = str(eaves.attested()["quote"]["differences"])
    record_property(EVIDENCE, differs)
    assert "PCR 4" in differs
    assert not answers(app.web_port)

    app.power_cut()
    disk.write_file(name, kernel)
    app.power_on()
    until("let in again", lambda: eaves.attested()["state"] == AttestState.PASS)
    until("answering", lambda: answers(app.web_port))
    eaves.apply("world", world())
