"""What power cuts leave of a machine's disk, looked at without a boot.

Each run is a real one in QEMU whose writes are logged with their flushes; a case is the disk as one
cut leaves it.  Which cases are looked at follows from a seed.  Equal bytes are
looked at once.
"""

import os
import subprocess
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path

from support.blklog import Cut, Log, Replay, cuts, read_log
from support.image_builds import FULL, HOW_LONG, SHORT
from support.image_disk import Digests, Place, partitions
from support.image_machine import ImageMachine
from support.image_state import HEADERS
from support.scenarios import CHECKS, EVIDENCE

SEED = int(os.environ.get("EAVES_CUT_SEED", "1"))
CASES = {SHORT: 40, FULL: 5000}.get(HOW_LONG, 1000)  # of each run
TABLE = Place(0, 1 << 20)
BOOTS = ("EFI System", "IMGA", "IMGB")  # what the firmware, the loader and the first program read

Check = Callable[[Path, Digests], str]


@dataclass(frozen=True)
class Logged:
    """A run: its writes, and the disk before them, which becomes each case in turn."""

    log: Log
    before: Path
    boots: tuple[Place, ...]  # the table and BOOTS
    keeps: tuple[Place, ...]  # what the node finds again of itself


def logged(machine: ImageMachine, run: Callable[[], None]) -> Logged:
    """`run` begins and ends with the machine off."""
    before = machine.folder / "before.raw"
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", machine.disk, before], check=True)
    run()
    found = partitions(machine.disk)
    boots = (TABLE, *(found[name] for name in BOOTS))
    keeps = (found["STATE"], Place(found["P3"].start, HEADERS))
    return Logged(read_log(machine.write_log), before, boots, keeps)


def sample(run: Logged) -> list[Cut]:
    """Half of them cut writes to what boots, which are few among all."""
    anywhere = cuts(run.log, SEED, CASES // 2)
    cutting = [one for one in cuts(run.log, SEED + 1, CASES * 20) if _cuts_what_boots(run, one)]
    return sorted((*anywhere, *cutting[: CASES - CASES // 2]), key=lambda one: one.flush)


def _cuts_what_boots(run: Logged, cut: Cut) -> bool:
    sector = run.log.sector_bytes
    for number, size in cut.kept:
        start = run.log.writes[number].sector * sector
        if any(start < one.start + one.size and one.start < start + size for one in run.boots):
            return True
    return False


class Kept(Digests):
    def __init__(self, replay: Replay, esp: Place) -> None:
        self._replay, self._esp = replay, esp
        self._known: dict[Hashable, str] = {}

    def part(self, disk: Path, place: Place) -> str:
        key = place, self._replay.came_to(place.start, place.size)
        return self._kept(key, lambda: super(Kept, self).part(disk, place))

    def kernel(self, disk: Path, letter: str) -> str:
        key = letter, self._replay.came_to(self._esp.start, self._esp.size)
        return self._kept(key, lambda: super(Kept, self).kernel(disk, letter))

    def _kept(self, key: Hashable, read: Callable[[], str]) -> str:
        if key not in self._known:
            self._known[key] = read()
        return self._known[key]


def look(run: Logged, check: Check, record: Callable[[str, object], None]) -> None:
    """Every case of a sample; what was seen is recorded.  Raises AssertionError."""
    some, wrong = sample(run), list[str]()
    replay, verdicts = Replay(run.log, run.before), dict[Hashable, str]()
    digests = Kept(replay, run.boots[1])

    for cut in some:
        with replay.after(cut) as disk:
            key = tuple(replay.came_to(one.start, one.size) for one in (*run.boots, *run.keeps))
            if key not in verdicts:
                verdicts[key] = check(disk, digests)
        if why := verdicts[key]:
            wrong.append(f"{cut.text()}: {why}")
    run.before.unlink()
    assert not wrong, f"{len(wrong)} of {len(some)}: {wrong[:5]}"
    record(CHECKS, len(some))
    record(
        EVIDENCE,
        f"{len(some)} cuts of {len(run.log.writes)} writes, seed {SEED},"
        f" {len(verdicts)} of them with other bytes in what a boot reads",
    )
