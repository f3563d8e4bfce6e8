"""Shell scripts of the image that need no image to run."""

import os
import re
import subprocess
from collections.abc import Generator
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path

import pytest

from eaves.node.baseos.entries import entry_text

ROOTFS = Path(__file__).parents[3] / "image/rootfs"
SCRIPTS = ROOTFS / "usr/lib/eaves-os"
EPOCH_S, YEAR_S = 1_790_000_000, 365 * 24 * 3600


def test_journals_of_the_last_boots_are_kept(tmp_path: Path) -> None:
    """Each boot has a folder of its own, so that no limit of the journal counts the others."""
    for number in range(9):
        folder = tmp_path / f"boot{number}"
        folder.mkdir()
        (folder / "system.journal").write_text("lines")
        os.utime(folder, (1000 + number, 1000 + number))
    subprocess.run(["sh", SCRIPTS / "prune-journals", tmp_path], check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["boot6", "boot7", "boot8"]
    subprocess.run(["sh", SCRIPTS / "prune-journals", tmp_path], check=True)
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    ("entry", "restarts", "told_s_ago", "goes_back"),
    [
        ("eaves-b.conf", 99, None, False),  # it is committed: nothing to go back to
        ("eaves-b+0-1.conf", 0, 10, False),
        ("eaves-b+0-1.conf", 5, 10, False),
        ("eaves-b+0-1.conf", 6, 10, True),  # it comes up again and again
        ("eaves-b+0-1.conf", 6, None, True),
        ("eaves-b+0-1.conf", 0, 600, True),  # it hangs
        ("eaves-b+0-1.conf", 0, None, True),  # it never came up
        ("eaves-a.conf", 0, None, True),
    ],
)
def test_a_system_on_trial_is_left_when_its_node_does_not_run(
    tmp_path: Path, entry: str, restarts: int, told_s_ago: float | None, *, goes_back: bool
) -> None:
    machine = _Trial(tmp_path, entry)
    if told_s_ago is not None:
        machine.told()
        assert not machine.goes_back(0, "active", up_s=601 - round(told_s_ago))
    assert machine.goes_back(restarts, "activating", up_s=601) == goes_back


@pytest.mark.parametrize(
    ("state", "job", "up_s", "goes_back"),
    [
        ("inactive", "", 180, True),  # masked, or what it needs failed
        ("failed", "", 180, True),
        ("inactive", "152", 180, False),  # its turn comes
        ("activating", "", 180, False),  # it is started again
        ("active", "", 599, False),
        ("active", "", 600, True),
        ("", "", 180, False),  # systemd does not answer yet
    ],
)
def test_a_node_that_is_on_its_way_is_waited_for(
    tmp_path: Path, state: str, job: str, up_s: int, *, goes_back: bool
) -> None:
    machine = _Trial(tmp_path, "eaves-b+0-1.conf")
    assert machine.goes_back(0, state, job, up_s) == goes_back


@pytest.mark.parametrize("jump_s", [-YEAR_S, -1, 3600, YEAR_S])
def test_a_clock_that_is_set_ends_no_trial_and_saves_none(tmp_path: Path, jump_s: int) -> None:
    """What the node told last is dated before the jump, and what it tells next after it."""
    machine = _Trial(tmp_path, "eaves-b+0-1.conf")
    machine.told()
    assert not machine.goes_back(0, "active", up_s=180)
    machine.clock_jumps(jump_s)
    assert not machine.goes_back(0, "active", up_s=240)
    machine.told(at_s=jump_s)
    assert not machine.goes_back(0, "active", up_s=600)
    machine.clock_jumps(jump_s)
    assert not machine.goes_back(0, "active", up_s=899)
    assert machine.goes_back(0, "active", up_s=900), "it has told nothing for 300 s"


def test_a_system_on_trial_that_finds_no_partitions_is_left(tmp_path: Path) -> None:
    machine = _Trial(tmp_path, "eaves-b+0-1.conf")
    assert not machine.goes_back(0, "activating", up_s=180)
    assert machine.goes_back(0, "activating", up_s=180, mounts="failed")


def test_an_entry_that_was_cut_off_commits_nothing(tmp_path: Path) -> None:
    machine = _Trial(tmp_path, "eaves-b.conf", entry_text("b", 7, "2")[:-8])
    assert machine.goes_back(0, "active", up_s=601)


class _Trial:
    """What the script sees of a machine."""

    def __init__(self, root: Path, entry: str, text: str = entry_text("b", 7, "2")) -> None:
        for folder in ("run/eaves", "run/eaves-node/node", "efi/loader/entries", "dev", "proc"):
            (root / folder).mkdir(parents=True)
        (root / "run/eaves/boot.env").write_text("SLOT=b\nMODE=run\nESP_MOUNT=/efi\n")
        (root / "efi/loader/entries" / entry).write_text(text)
        self._root = root
        self._now_s = EPOCH_S

    def told(self, at_s: int = 0) -> None:
        """As the node does it: a new file in the place of the old one."""
        status = self._root / "run/eaves-node/node/status.json"
        new = status.with_suffix(".new")
        new.touch()
        os.utime(new, (EPOCH_S + at_s, EPOCH_S + at_s))
        new.replace(status)

    def clock_jumps(self, by_s: int) -> None:
        self._now_s += by_s

    def goes_back(
        self, restarts: int, state: str, job: str = "", up_s: int = 0, mounts: str = "active"
    ) -> bool:
        (self._root / "proc/uptime").write_text(f"{up_s}.25 1234.5\n")
        asked = self._root / "asked"
        _program(
            self._root / "bin/systemctl",
            f'case "$3$5" in NRestartseaves-node.service) echo {restarts} ;;'
            f" ActiveStateeaves-node.service) echo {state} ;;"
            f" Jobeaves-node.service) echo {job} ;;"
            f" ActiveStateeaves-mounts.service) echo {mounts} ;;"
            f' *) echo "$@" >{asked} ;; esac',
        )
        _program(self._root / "bin/date", f"echo {self._now_s}")
        subprocess.run(
            ["sh", SCRIPTS / "trial-deadline"],
            check=True,
            env={"PATH": f"{self._root}/bin:/usr/bin:/bin", "ROOT": str(self._root)},
        )
        done = asked.exists()
        assert not done or asked.read_text() == "--force reboot\n"
        assert (self._root / "dev/kmsg").exists() == done
        return done


def _program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("now", "last", "then"),
    [
        (EPOCH_S + 5, EPOCH_S + YEAR_S, EPOCH_S + YEAR_S),  # its battery is empty
        (EPOCH_S + 5, EPOCH_S - YEAR_S, None),  # nothing is known of a later time
        (EPOCH_S + 5, None, None),
        (EPOCH_S + YEAR_S, EPOCH_S + 2 * YEAR_S, None),  # it runs, and was wrong once
    ],
)
def test_a_dead_clock_goes_on_where_the_device_was_last(
    tmp_path: Path, now: int, last: int | None, then: int | None
) -> None:
    epoch, log = tmp_path / "epoch", tmp_path / "state/node/logs/device.log"
    log.parent.mkdir(parents=True)
    epoch.touch()
    os.utime(epoch, (EPOCH_S, EPOCH_S))
    if last is not None:
        log.touch()
        os.utime(log, (last, last))
    os.utime(log.parent, (EPOCH_S, EPOCH_S))
    asked = tmp_path / "asked"
    _program(
        tmp_path / "bin/date", f'case "$1" in +%s) echo {now} ;; *) echo "$@" >{asked} ;; esac'
    )
    subprocess.run(
        ["sh", SCRIPTS / "clock", tmp_path / "state"],
        check=True,
        env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "EPOCH": str(epoch)},
    )
    assert (asked.read_text() if asked.exists() else "") == (f"-s @{then}\n" if then else "")


def test_a_reset_that_hangs_is_ended_by_the_watchdog_of_the_machine() -> None:
    """It counts from the first program on, and systemd leaves it counting when it goes down."""
    settings = ConfigParser()
    settings.read(ROOTFS / "etc/systemd/system.conf.d/10-eaves.conf")
    manager = settings["Manager"]
    assert (manager["RuntimeWatchdogSec"], manager["RebootWatchdogSec"]) == ("60", "2min")
    unit = ConfigParser(strict=False)
    unit.read(ROOTFS / "usr/lib/systemd/system/eaves-node.service")
    assert (unit["Service"]["Type"], unit["Service"]["WatchdogSec"]) == ("notify", "300")
    first = (ROOTFS.parent / "initrd/init").read_text()
    assert first.index(": >/dev/watchdog0") < first.index("mount -t efivarfs"), (
        "before what may hang"
    )


DAMAGES = ("none", "a bitmap", "everything")


@pytest.mark.host
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_mended_and_one_that_cannot_be_is_made_anew(
    tmp_path: Path, damage: str
) -> None:
    """What the disk still holds is there after the boot, and it can be written either way."""
    disk = _state(tmp_path, damage)
    done = _boots(tmp_path, disk, "eaves-b.conf")
    last = done.stdout.splitlines()[-1]
    assert last == ("found nothing" if damage == "everything" else "found mine")
    assert ("made anew" in done.stdout) == (damage == "everything")
    assert _is_sound(disk)


@pytest.mark.host
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_system_on_trial_makes_no_state_anew(tmp_path: Path, damage: str) -> None:
    """What is wrong may be itself; its boot fails, and the good system finds what it left."""
    disk = _state(tmp_path, damage)
    before = disk.read_bytes()
    done = _boots(tmp_path, disk, "eaves-b+0-1.conf")
    assert ("mounts ended 0" in done.stdout) == (damage != "everything")
    assert damage != "everything" or disk.read_bytes() == before
    if damage != "everything":
        assert done.stdout.splitlines()[-1] == "found mine"


@pytest.mark.host
@pytest.mark.parametrize("entry", ["eaves-b.conf", "eaves-b+0-1.conf"])
@pytest.mark.parametrize(
    ("e2fsck", "mount"),
    [
        ("exit 127", ""),  # it is not there
        ("exit 8", ""),
        ("exit 12", ""),
        ("kill -9 $$", ""),
        ("exit 0", "exit 32"),  # the kernel lacks ext4
        ("exit 8", "exit 32"),
    ],
)
def test_a_state_that_only_cannot_be_reached_is_left_as_it_is(
    tmp_path: Path, entry: str, e2fsck: str, mount: str
) -> None:
    disk = _state(tmp_path, "none")
    _program(tmp_path / "bin/e2fsck", e2fsck)
    if mount:
        _program(
            tmp_path / "bin/mount",
            f'case "$*" in *"-t ext4"*) {mount} ;; esac\nexec /usr/bin/mount "$@"',
        )
    done = _boots(tmp_path, disk, entry)
    assert "made anew" not in done.stdout
    # A committed system goes on without it, and its health says so.
    committed = entry == "eaves-b.conf"
    assert ("mounts ended 0" in done.stdout) == (committed or not mount), done.stdout
    assert ("eaves-mounts.service" in done.stdout) == (committed and bool(mount))
    assert _holds_mine(disk)


@pytest.mark.host
def test_errors_that_e2fsck_leaves_make_a_committed_state_anew(tmp_path: Path) -> None:
    disk = _state(tmp_path, "none")
    _program(tmp_path / "bin/e2fsck", "exit 4")
    done = _boots(tmp_path, disk, "eaves-b.conf")
    assert "made anew" in done.stdout
    assert done.stdout.splitlines()[-1] == "found nothing"


NOTHING = "exec /usr/sbin/blkid"  # as of a disk that is no partition


@pytest.mark.host
@pytest.mark.parametrize(
    ("entry", "blkid", "dd", "made"),
    [
        ("eaves-b.conf", NOTHING + ' "$@"', "", True),
        ("eaves-b.conf", "exit 0", "", True),  # of a partition it found where that one is
        ("eaves-b+0-1.conf", "exit 0", "", False),
        ("eaves-b.conf", "echo crypto_LUKS", "", False),  # the TPM is away for once
        ("eaves-b.conf", "exit 8", "", False),
        ("eaves-b.conf", "exit 2", "exit 1", False),  # the disk gives nothing
    ],
)
def test_without_a_tpm_what_apps_leave_has_a_place_where_nothing_was(
    tmp_path: Path, entry: str, blkid: str, dd: str, *, made: bool
) -> None:
    """And stays there."""
    disk, persist = _state(tmp_path, "none"), tmp_path / "P3"
    persist.touch()
    os.truncate(persist, 16 << 20)
    _program(tmp_path / "bin/blkid", blkid)
    if dd:
        _program(tmp_path / "bin/dd", dd)
    with _loop(persist) as device:
        first = _boots(tmp_path, disk, entry, device).stdout
        if made:
            (tmp_path / "bin/blkid").unlink()
        then = _boots(tmp_path, disk, entry, device).stdout
    assert ("on P3" in first) == ("on P3" in then) == made, first
    assert ("of before" in then) == made


@contextmanager
def _loop(file: Path) -> Generator[str]:
    made = subprocess.run(
        ["losetup", "--find", "--show", file], check=True, capture_output=True, text=True
    )
    device = made.stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def _state(folder: Path, damage: str) -> Path:
    """A disk with one file on it, and what then happened to it."""
    kept = folder / "kept/node"
    kept.mkdir(parents=True)
    (kept / "identity").write_text("mine")
    disk = folder / "STATE"
    disk.write_bytes(b"")
    os.truncate(disk, 16 << 20)
    make = ("mkfs.ext4", "-q", "-F", "-O", "encrypt", "-d", kept.parent, disk)
    subprocess.run(make, check=True, timeout=60)
    with disk.open("r+b") as file:
        if damage == "everything":
            file.write(bytes(16 << 20))
        elif damage == "a bitmap":
            file.seek(_first_bitmap(disk) * 1024)
            file.write(bytes(1024))
    if damage == "a bitmap":
        subprocess.run(["tune2fs", "-E", "force_fsck", disk], check=True, capture_output=True)
        assert not _is_sound(disk)
    return disk


def _boots(
    folder: Path, disk: Path, entry: str, persist: str = "/dev/"
) -> subprocess.CompletedProcess[str]:
    """With this entry of its own slot; programs of `folder`/bin come before the machine's."""
    entries = folder / "efi/loader/entries"
    entries.mkdir(parents=True, exist_ok=True)
    (entries / entry).write_text(entry_text("b", 7, "2"))
    (folder / "boot.env").write_text(
        f"SLOT=b\nMODE=run\nESP=/dev/\nESP_MOUNT={folder}/efi\nCONFIG=/dev/\nP3={persist}\n"
        f"STATE={disk}\n"
    )
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", _BOOT, "boot", folder, SCRIPTS / "mounts"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"},
    )


def _holds_mine(disk: Path) -> bool:
    told = subprocess.run(
        ["debugfs", "-R", "cat node/identity", disk], check=True, capture_output=True, timeout=60
    )
    return told.stdout == b"mine"


_BOOT = """\
for place in /run /var/lib /var/log; do mount -t tmpfs boot $place; done
mkdir -p /run/eaves
cp "$1/boot.env" /run/eaves/
sh "$2"
echo "mounts ended $?"; ls /run/eaves/failed-* 2>/dev/null
mountpoint -q /var/lib/eaves || exit 0
echo new >/var/lib/eaves/node-now || exit 1
mountpoint -q /var/lib/eaves/node/vault && echo "on P3: $(ls /var/lib/eaves/node/vault)" &&
    touch "/var/lib/eaves/node/vault/of before"
echo "found $(cat /var/lib/eaves/node/identity 2>/dev/null || echo nothing)"
"""


def _is_sound(disk: Path) -> bool:
    looked = subprocess.run(["e2fsck", "-f", "-n", disk], capture_output=True, check=False)
    return looked.returncode == 0


def _first_bitmap(disk: Path) -> int:
    told = subprocess.run(
        ["dumpe2fs", disk], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    found = re.search(r"Block bitmap at (\d+)", told)
    assert found
    assert "Block size:               1024" in told
    return int(found[1])


def test_the_first_program_knows_the_disk_that_the_loader_was_read_from(tmp_path: Path) -> None:
    """By the identifier of any of its first partitions; blocks may have 512 bytes or 4 KiB."""
    script = (ROOTFS.parent / "initrd/init").read_text()
    function = script[script.index("booted_from()") : script.index("optical()")]
    partition = "0FC63DAF-8483-4772-8E79-3D69D8477D0A"
    disk = tmp_path / "dev/vda"
    disk.parent.mkdir()
    disk.touch()
    os.truncate(disk, 16 << 20)
    table = f"label: gpt\nsize=2048\nsize=2048, uuid={partition}\n"
    subprocess.run(["sfdisk", "--quiet", disk], input=table.encode(), check=True)
    queue = tmp_path / "sys/class/block/vda/queue"
    queue.mkdir(parents=True)
    (queue / "logical_block_size").write_text("512\n")
    function = function.replace("/sys/", f"{tmp_path}/sys/").replace("/dev/$", f"{tmp_path}/dev/$")

    def is_it(loaded: str) -> bool:
        asked = f"loaded={loaded}\n{function}\nbooted_from vda"
        return subprocess.run(["busybox", "sh", "-c", asked], check=False).returncode == 0

    assert is_it(partition.lower())
    assert not is_it(partition.lower().replace("0a", "0b"))
    (queue / "logical_block_size").write_text("4096\n")
    assert not is_it(partition.lower())
    data = disk.read_bytes()[1024:2048]
    with disk.open("r+b") as file:
        file.seek(8192)
        file.write(data)
    assert is_it(partition.lower())
