"""Power cuts without boots: whatever of a run's writes reached the disk, the next boot succeeds.

Each run is a real one in QEMU whose writes are logged with their flushes; a case is the disk as one
cut leaves it.  Which cases are looked at follows from a seed.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.blklog import Cut, Log, cuts, read_log, replay
from support.image_builds import FULL, HOW_LONG, SHORT, Images
from support.image_disk import fault
from support.image_machine import ImageMachine

pytestmark = [pytest.mark.vm]

SEED = int(os.environ.get("EAVES_CUT_SEED", "1"))
CASES = {SHORT: 40, FULL: 2500}.get(HOW_LONG, 500)


def look(log: Log, before: Path, case: Path, some: list[Cut], check: Callable[[Path], str]) -> None:
    """Every cut, on a copy that shares what it does not change."""
    wrong: list[str] = []
    for cut in some:
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", before, case], check=True)
        replay(log, cut, case)
        why = check(case)
        if why:
            wrong.append(f"{cut.text()}: {why}")
    case.unlink(missing_ok=True)
    assert not wrong, f"{len(wrong)} of {len(some)}: {wrong[:5]}"


def logged(machine: ImageMachine, run: Callable[[], None]) -> tuple[Log, Path]:
    before = machine.folder / "before.raw"
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", machine.disk, before], check=True)
    run()
    return read_log(machine.write_log), before


def test_an_installation_that_is_cut_leaves_no_half_bootable_disk(
    machine: ImageMachine, images: Images, tmp_path: Path
) -> None:
    """Until the loader's entry stands, the disk boots nothing; from then on, all of it."""
    machine.blank_disk()

    def install() -> None:
        machine.power_on(medium=images.installer, log_writes=True)
        machine.wait_off(900)

    log, before = logged(machine, install)
    assert fault(machine.disk) == ""

    def check(case: Path) -> str:
        why = fault(case)
        harmless = ("the partition table", "the boot loader is gone", "the loader has nothing")
        return "" if why.startswith(harmless) else why

    look(log, before, tmp_path / "case.raw", cuts(log, SEED, CASES), check)


def test_a_boot_that_is_cut_leaves_what_boots(machine: ImageMachine, tmp_path: Path) -> None:
    def boot() -> None:
        machine.power_on(log_writes=True)
        machine.wait_said("Eaves edge node")
        machine.power_cut()

    log, before = logged(machine, boot)
    look(log, before, tmp_path / "case.raw", cuts(log, SEED, CASES), fault)
