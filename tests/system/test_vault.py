"""The vault of a node as real processes, under a policy that enforces attestation: what an app
keeps is there for the boot chain that was accepted, and for no other.

Boots are played by the boot simulator on a TPM in software; disk, encryption, node, controller and
command line are real.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.encrypted_disk import encrypted_disk
from support.line import CACHE, COUNTER_APP, NETS, WORLD, Line

from eaves.cli.demo.boots import CHANGES, Chain, Machine
from eaves.cli.demo.datastore import datastore
from eaves.cli.demo.place import free_net, routed_nets
from eaves.cli.samples import container_image

pytestmark = [pytest.mark.system, pytest.mark.host, pytest.mark.timeout(300)]

PORT = 8131
SECRET = "the-combination-of-the-safe"
SMALL_LOGS = '{key: newlog.gzipfiles.ondisk.maxmegabytes, stringValue: "10"}'  # the disk is small
CHANGED = CHANGES["command line"](Chain())


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> None:
    """Processes of the line come and go with these tests; the check of the session holds."""


@dataclass
class Vaulted:
    line: Line
    machine: Machine
    disk: Path  # what a thief carries away

    def power_cycle(self, chain: Chain) -> None:
        """The power goes, the kernel forgets every key, the machine boots `chain`."""
        self.power_off()
        mount(self.disk, self.line.state)
        self.line.plug_in()
        self.boot(chain)

    def boot(self, chain: Chain) -> None:
        self.machine.boot(chain)
        self.line.node_options = (
            *("--tpm", self.machine.tcti),
            *("--event-log", str(self.machine.event_log)),
        )
        self.line.start_node()

    def power_off(self) -> None:
        self.line.cut_power()
        if os.path.ismount(self.line.state):
            subprocess.run(["umount", str(self.line.state)], check=True, timeout=60)

    def vault(self) -> str:
        return self.line.status().device.vault

    def refused(self) -> bool:
        return "quote failed its policy" in self.line.status().controller.attestation_error

    def why(self) -> str:
        """The app is not there, in the words of the node."""
        return " ".join(text for app in self.line.apps().values() for text in app.why)


def mount(image: Path, at: Path) -> None:
    subprocess.run(["mount", "-o", "loop", str(image), str(at)], check=True, timeout=60)


@pytest.fixture
def vaulted(tmp_path: Path) -> Iterator[Vaulted]:
    line = Line(tmp_path, f"v{os.getpid() % 100_000}", free_net(routed_nets(), NETS))
    layout = container_image(CACHE).layout
    shutil.copytree(layout, line.store / "oci" / "samples" / "hello", dirs_exist_ok=True)
    (line.store / "files").mkdir(parents=True)
    with encrypted_disk(tmp_path, 160):
        pass  # made, or the test is skipped
    image = tmp_path / "disk.img"
    line.state.mkdir()
    mount(image, line.state)
    with datastore(line.store, "0.0.0.0") as port, Machine(tmp_path / "tpm", line.host) as machine:
        made = Vaulted(line, machine, image)
        line.datastore_port = port
        try:
            line.plug_in()
            line.start_controller()
            line.log_in()
            program = "".join(f"              {text}\n" for text in COUNTER_APP.splitlines())
            world = WORLD.replace("ATTEST_POLICY_TYPE_ACCEPT", "ATTEST_POLICY_TYPE_ENFORCE")
            world = world.replace("GREETING=hello", f"GREETING={SECRET}")
            world = world.replace("configItem:\n", f"configItem:\n  - {SMALL_LOGS}\n")
            line.apply(world, serial=f"V-{line.name}", poll_s=3600, program=program.rstrip("\n"))
            line.eaves("onboarding", "first", "--out", str(tmp_path / "config"))
            yield made
        finally:
            made.power_off()
            line.stop_controller()


def test_what_an_app_keeps_is_for_the_boot_chain_that_was_accepted(vaulted: Vaulted) -> None:
    line = vaulted.line

    # The first boot of a model: a vault is made, nothing runs yet, nothing is in escrow.
    vaulted.boot(Chain())
    assert vaulted.vault().startswith("vault open; opened by 1 of tpm, escrow")
    assert "NOT yet in escrow" in vaulted.vault()
    line.until("it is refused", vaulted.refused)
    line.eaves("attestation", "accept", "first", "--as", "golden")

    # A boot of the same is let in: the app runs, the controller keeps a share.
    vaulted.power_cycle(Chain())
    assert vaulted.vault().startswith("vault open")
    line.deploy("hello", PORT, wait=False)
    line.until("the app runs", lambda: line.get(PORT) == SECRET, 90)
    line.until("it is in escrow", lambda: "in escrow at the controller" in vaulted.vault())

    # Off line with the same boot chain the app starts all the same.
    line.stop_controller()
    vaulted.power_cycle(Chain())
    line.until("the app runs", lambda: line.get(PORT) == SECRET, 60)

    # Off line with another one it does not, and the node says why.
    vaulted.power_cycle(CHANGED)
    assert "vault locked: PCR 12 differs" in vaulted.vault()
    line.until("the app says why", lambda: "vault locked: PCR 12 differs" in vaulted.why())
    assert line.get(PORT) == ""
    assert not (line.state / "vault" / "volumes").exists()

    # On line it is refused: manageable, and still locked.
    line.start_controller()
    line.until("it is refused", vaulted.refused, 60)
    assert "init=/bin/sh" in line.eaves("attestation", "show", "first")
    assert "vault locked" in vaulted.vault()
    assert line.get(PORT) == ""

    # Accepted: the share comes back, the vault opens and the app starts, in the same process.
    line.eaves("attestation", "accept", "first", "--as", "second")
    line.until("the vault is open", lambda: vaulted.vault().startswith("vault open"), 60)
    line.until("the app runs", lambda: line.get(PORT) == SECRET, 90)

    log = (line.root / "node.log").read_text()
    assert "work_failed" not in log
    assert "observation_failed" not in log

    # On the stolen disk is none of it.
    vaulted.power_off()
    os.sync()
    stolen = vaulted.disk.read_bytes()
    for secret in (SECRET, "GREETING", "start-web", "cgi-bin"):
        assert secret.encode() not in stolen, secret
