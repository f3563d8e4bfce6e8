"""Whether a system on trial is well: each check by its name, and why it fails.

A check is about the system, not about an app or the network: an app that its owner broke must not
undo an update, and the controller's silence is judged elsewhere.  Blocking.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from eaves.node.baseos.loader import BootPartitionUnreadable


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    why: Callable[[], str]  # empty: it is well


@dataclass(frozen=True, slots=True)
class Failure:
    name: str
    why: str


def first_failure(checks: Iterable[Check]) -> Failure | None:
    """A check that cannot be made has failed."""
    for check in checks:
        try:
            why = check.why()
        except OSError as error:
            why = f"it could not be made: {error}"
        if why:
            return Failure(check.name, why)
    return None


def state_writable(folder: Path) -> Check:
    """A full disk is no fault of an update: it was full before."""

    def why() -> str:
        at = os.statvfs(folder)
        if at.f_flag & os.ST_RDONLY:
            return f"{folder} is mounted read-only: its file system was damaged, or its disk is"
        return ""

    return Check("state", why)


def boot_partition(states: Callable[[], object]) -> Check:
    """A system that cannot read it is never committed, and takes no update.

    `states`: raises BootPartitionUnreadable.
    """

    def why() -> str:
        try:
            states()
        except BootPartitionUnreadable as error:
            return str(error)
        return ""

    return Check("boot partition", why)


def units_running(run_folder: Path, units: Iterable[str]) -> Check:
    """Systemd leaves a mark for each of our units that failed: `OnFailure=eaves-failed@%n`."""
    names = tuple(units)

    def why() -> str:
        failed = [unit for unit in names if (run_folder / f"failed-{unit}").exists()]
        return f"failed: {', '.join(failed)}; see their logs" if failed else ""

    return Check("units", why)


def control_groups(root: Path = Path("/sys/fs/cgroup")) -> Check:
    """Without these controllers no app runs within its limits."""

    def why() -> str:
        present = (root / "cgroup.controllers").read_text().split()
        missing = [one for one in ("cpu", "memory", "pids") if one not in present]
        return f"the kernel lacks the controllers {', '.join(missing)}" if missing else ""

    return Check("control groups", why)
