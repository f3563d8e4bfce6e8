"""Where the TPM of a guest keeps its state: in the vault, beside its firmware variables.

It belongs to the first disk of the app: a purge gives it another, and with that another TPM; a disk
of data that comes or goes does not.
"""

import asyncio
import shutil
from hashlib import sha256
from pathlib import Path

from eaves.node.domains.items import Domain
from eaves.node.domains.qemu import tpm_argv
from eaves.node.host.process import CommandFailed, CommandMissing, run
from eaves.node.host.workloads import kill_all_with

PREFIX = "tpm-"


def tpm_state_name(item: Domain) -> str:
    first = "".join(disk.ref.name for disk in item.disks[:1])
    return PREFIX + sha256(first.encode()).hexdigest()[:16]


def make_tpm_state(folder: Path) -> None:
    """Keeps the one that is there; that of disks which are gone goes."""
    for other in folder.parent.glob(f"{PREFIX}*"):
        if other != folder:
            shutil.rmtree(other)
    folder.mkdir(mode=0o700, exist_ok=True)


class TpmProbe:
    """Can guests have a TPM here?  Tried once: swtpm may be missing, or kept from our folders.

    A machine starts without one then, and says so.
    """

    def __init__(self, state_dir: Path, run_dir: Path) -> None:
        self._state, self._folder = state_dir / "tpm-probe", run_dir / "tpm-probe"
        self._fault: str | None = None
        self._trying = asyncio.Lock()

    async def fault(self) -> str:
        """Blank: they can."""
        async with self._trying:
            if self._fault is None:
                self._fault = await self._try()
            return self._fault

    async def _try(self) -> str:
        for folder in (self._state, self._folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            await run(tpm_argv(self._state, self._folder / "tpm.sock"))
        except (CommandFailed, CommandMissing) as error:
            return f"{error}; install the package swtpm on this node and start the node again"
        finally:
            await kill_all_with(f"{self._folder}/")
            for folder in (self._state, self._folder):
                shutil.rmtree(folder, ignore_errors=True)
        return ""
