"""The machine of these tests with another boot chain, and without its TPM."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from support.image_control import Eaves, answers, until
from support.image_disk import ImageDisk
from support.image_machine import ImageMachine
from support.image_world import world
from support.scenarios import EVIDENCE

from eaves.controller.domain.contract.device_status import AttestState
from eaves.node.baseos.entries import kernel_path
from eaves.node.vault.states import Event

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


def test_a_changed_kernel_image_opens_nothing_before_somebody_accepts_it(
    app: ImageMachine, eaves: Eaves, record_property: Callable[[str, object], None]
) -> None:
    """Then the controller's share opens the vault, which the TPM does not; so when it goes back."""
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

    began = datetime.now(UTC)
    eaves.run("attestation", "accept", "on-image", "--as", "changed")
    until("let in as accepted", lambda: eaves.attested()["state"] == AttestState.PASS)
    until("answering as accepted", lambda: answers(app.web_port))
    until("told of", lambda: recovered(eaves, began))
    record_property(EVIDENCE, recovered(eaves, began))

    app.power_cut()
    disk.write_file(name, kernel)
    began = datetime.now(UTC)
    app.power_on()
    until("answering again", lambda: answers(app.web_port))
    until("told of again", lambda: recovered(eaves, began))
    assert eaves.attested()["state"] == AttestState.PASS
    eaves.apply("world", world())


def recovered(eaves: Eaves, since: datetime) -> str:
    """What the device says of its vault, once it was opened by other shares than the TPM's."""
    lines = (line for line in eaves.log_lines(since, "vault") if Event.RECOVERED in line)
    return next(lines, "")
