"""Power cuts without boots: whatever of a run's writes reached the disk, the next boot succeeds.

Each run is a real one in QEMU whose writes are logged with their flushes; a case is the disk as one
cut leaves it.  Which cases are looked at follows from a seed.
"""

import os
import subprocess
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path

import pytest
from support.blklog import Log, Replay, cuts, read_log
from support.image_builds import FULL, HOW_LONG, SHORT, Images
from support.image_disk import Digest, Place, digest_of, fault
from support.image_machine import ImageMachine, image_machine
from support.scenarios import EVIDENCE

pytestmark = [pytest.mark.vm]

SEED = int(os.environ.get("EAVES_CUT_SEED", "1"))
CASES = {SHORT: 40, FULL: 5000}.get(HOW_LONG, 1000)  # of each run


Check = Callable[[Path, Digest], str]
Told = Callable[[str, object], None]


@pytest.fixture(scope="module")
def machine(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageMachine]:
    """Another one: no controller is there for it."""
    assert images.installer.exists()
    with image_machine(tmp_path_factory.mktemp("cut")) as machine:
        yield machine


def look(log: Log, case: Path, check: Check, record_property: Told) -> None:
    """Every cut of a run that began with the disk `case`."""
    wrong: list[str] = []
    some = cuts(log, SEED, CASES)
    replay, known = Replay(log, case), dict[Hashable, str]()

    def digest(disk: Path, place: Place) -> str:
        """Most cuts leave the systems as they are, which are nearly all that there is to read."""
        key = place, replay.came_to(place.start, place.size)
        if key not in known:
            known[key] = digest_of(disk, place)
        return known[key]

    for cut in sorted(some, key=lambda one: one.flush):
        with replay.after(cut) as disk:
            why = check(disk, digest)
        if why:
            wrong.append(f"{cut.text()}: {why}")
    case.unlink()
    record_property(EVIDENCE, f"{len(some)} cuts of {len(log.writes)} writes, seed {SEED}")
    assert not wrong, f"{len(wrong)} of {len(some)}: {wrong[:5]}"


def logged(machine: ImageMachine, run: Callable[[], None]) -> tuple[Log, Path]:
    before = machine.folder / "before.raw"
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", machine.disk, before], check=True)
    run()
    return read_log(machine.write_log), before


def test_an_installation_that_is_cut_leaves_no_half_bootable_disk(
    machine: ImageMachine, images: Images, record_property: Told
) -> None:
    """Until the loader's entry stands, the disk boots nothing; from then on, all of it."""
    machine.blank_disk()

    def install() -> None:
        machine.power_on(medium=images.installer, log_writes=True)
        machine.wait_off(900)

    log, before = logged(machine, install)
    assert fault(machine.disk) == ""

    def check(case: Path, digest: Digest) -> str:
        why = fault(case, digest)
        harmless = ("the partition table", "the boot loader is gone", "the loader has nothing")
        return "" if why.startswith(harmless) else why

    look(log, before, check, record_property)


def test_a_boot_that_is_cut_leaves_what_boots(machine: ImageMachine, record_property: Told) -> None:
    def boot() -> None:
        machine.power_on(log_writes=True)
        machine.wait_said("Eaves edge node")
        machine.power_cut()

    log, before = logged(machine, boot)
    look(log, before, fault, record_property)
