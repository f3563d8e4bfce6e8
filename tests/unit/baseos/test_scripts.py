"""Shell scripts of the image that need no image to run."""

import os
import re
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOTFS = Path(__file__).parents[3] / "image/rootfs"
SCRIPTS = ROOTFS / "usr/lib/eaves-os"


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
        machine.told(told_s_ago)
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


class _Trial:
    """What the script sees of a machine."""

    def __init__(self, root: Path, entry: str) -> None:
        for folder in ("run/eaves", "run/eaves-node/node", "efi/loader/entries", "dev", "proc"):
            (root / folder).mkdir(parents=True)
        (root / "run/eaves/boot.env").write_text("SLOT=b\nMODE=run\nESP_MOUNT=/efi\n")
        (root / "efi/loader/entries" / entry).touch()
        self._root = root

    def told(self, seconds_ago: float) -> None:
        status = self._root / "run/eaves-node/node/status.json"
        status.touch()
        then = status.stat().st_mtime - seconds_ago
        os.utime(status, (then, then))

    def goes_back(self, restarts: int, state: str, job: str = "", up_s: int = 0) -> bool:
        (self._root / "proc/uptime").write_text(f"{up_s}.25 1234.5\n")
        asked = self._root / "asked"
        _program(
            self._root / "bin/systemctl",
            f'case "$3" in NRestarts) echo {restarts} ;; ActiveState) echo {state} ;;'
            f' Job) echo {job} ;; *) echo "$@" >{asked} ;; esac',
        )
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


EPOCH_S, YEAR_S = 1_790_000_000, 365 * 24 * 3600


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


@pytest.mark.host
@pytest.mark.parametrize("damage", ["none", "a bitmap", "everything"])
def test_a_damaged_state_is_mended_and_one_that_cannot_be_is_made_anew(
    tmp_path: Path, damage: str
) -> None:
    """What the disk still holds is there after the boot, and it can be written either way."""
    kept = tmp_path / "kept/node"
    kept.mkdir(parents=True)
    (kept / "identity").write_text("mine")
    disk = tmp_path / "STATE"
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
    (tmp_path / "boot.env").write_text(
        f"MODE=run\nESP=/dev/\nESP_MOUNT=/efi\nCONFIG=/dev/\nP3=/dev/\nSTATE={disk}\n"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", _BOOT, "boot", tmp_path, SCRIPTS / "mounts"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    last = done.stdout.splitlines()[-1]
    assert last == ("found nothing" if damage == "everything" else "found mine")
    assert ("made anew" in done.stdout) == (damage == "everything")
    assert _is_sound(disk)


_BOOT = """\
for place in /run /var/lib /var/log; do mount -t tmpfs boot $place; done
mkdir -p /run/eaves
cp "$1/boot.env" /run/eaves/
sh "$2"
mountpoint -q /var/lib/eaves && echo new >/var/lib/eaves/node-now || exit 1
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
