"""What a vault stands on in tests: a disk that encrypts and a TPM in software that boots.

A boot is a list of (PCR, what is measured); it is played here, outside the code of the node.
"""

import contextlib
import hashlib
import os
import subprocess
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from support.encrypted_disk import encrypted_disk
from support.tied import start_tied

from eaves.node.tpm.device import Tpm
from eaves.node.vault.keeper import Vault

Boot = Iterable[tuple[int, bytes]]
USUAL: Boot = ((0, b"firmware 1"), (4, b"loader 1"), (8, b"quiet"))
OTHER_LOADER: Boot = ((0, b"firmware 1"), (4, b"loader 2"), (8, b"quiet"))
DEADLINE_S = 60.0


def extended(value: bytes, data: bytes) -> bytes:
    return hashlib.sha256(value + hashlib.sha256(data).digest()).digest()


def values_of(boot: Boot) -> dict[int, bytes]:
    """The PCRs that a boot leads to: what an update's maker predicts."""
    found: dict[int, bytes] = {}
    for pcr, data in boot:
        found[pcr] = extended(found.get(pcr, bytes(32)), data)
    return found


@dataclass
class SoftwareTpm:
    """One chip: what it keeps survives a boot, PCRs do not."""

    folder: Path
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def tcti(self) -> str:
        return f"swtpm:path={self.folder}/sock"

    def boot(self, boot: Boot = USUAL) -> None:
        """Power off, on, and measure."""
        self.off()
        (self.folder / "state").mkdir(parents=True, exist_ok=True)
        with (self.folder / "swtpm.log").open("ab") as log:
            self._process = start_tied(
                [
                    "swtpm",
                    "socket",
                    "--tpm2",
                    "--tpmstate",
                    f"dir={self.folder}/state",
                    "--server",
                    f"type=unixio,path={self.folder}/sock",
                    "--ctrl",
                    f"type=unixio,path={self.folder}/sock.ctrl",
                    "--flags",
                    "not-need-init,startup-clear",
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + DEADLINE_S
        while self._tell("tpm2_pcrread", "sha256:0").returncode:
            assert time.monotonic() < deadline, (self.folder / "swtpm.log").read_text()
        for pcr, data in boot:
            self.extend(pcr, data)

    def extend(self, pcr: int, data: bytes) -> None:
        """Nobody else may be connected: a TPM in software serves one."""
        digest = hashlib.sha256(data).hexdigest()
        self._tell("tpm2_pcrextend", f"{pcr}:sha256={digest}").check_returncode()

    def _tell(self, *words: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            words,
            check=False,
            capture_output=True,
            timeout=DEADLINE_S,
            env={**os.environ, "TPM2TOOLS_TCTI": self.tcti},
        )

    def off(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(DEADLINE_S)
            self._process = None
        for name in ("sock", "sock.ctrl"):
            (self.folder / name).unlink(missing_ok=True)


@contextlib.contextmanager
def software_tpm(folder: Path, boot: Boot = USUAL) -> Generator[SoftwareTpm]:
    folder.mkdir(parents=True, exist_ok=True)
    chip = SoftwareTpm(folder)
    try:
        chip.boot(boot)
        yield chip
    finally:
        chip.off()


@dataclass
class Machine:
    """A disk and a chip.  `vault` is what a node that starts now finds."""

    disk: Path
    image: Path
    chip: SoftwareTpm

    def vault(self, *, unsettled: bool = False) -> Vault:
        """`unsettled`: what booted is on trial."""
        tpm = Tpm(self.chip.tcti)
        try:
            folder = self.disk / "vault"
            vault = Vault(folder, tpm, "no TPM", os.urandom, unsettled=lambda: unsettled)
            vault.start()
            return vault
        finally:
            tpm.close()  # it connects again when it is asked

    def power_cut(self, boot: Boot = USUAL) -> None:
        """The kernel forgets the keys of the disk, the TPM its PCRs."""
        subprocess.run(["umount", str(self.disk)], check=True, timeout=60)
        subprocess.run(
            ["mount", "-o", "loop", str(self.image), str(self.disk)], check=True, timeout=60
        )
        self.chip.boot(boot)

    def clear_text(self) -> bytes:
        """All that the disk holds, as a thief reads it."""
        os.sync()
        return self.image.read_bytes()


@contextlib.contextmanager
def machine(folder: Path) -> Generator[Machine]:
    with encrypted_disk(folder) as disk, software_tpm(folder / "tpm") as chip:
        yield Machine(disk, folder / "disk.img", chip)
