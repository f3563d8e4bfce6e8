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
        ("eaves-b+0-1.conf", 0, 600, True),  # it hangs
        ("eaves-b+0-1.conf", 0, None, True),  # it never came up
        ("eaves-a.conf", 0, None, True),
    ],
)
def test_a_system_on_trial_is_left_when_its_node_does_not_run(
    tmp_path: Path, entry: str, restarts: int, told_s_ago: float | None, *, goes_back: bool
) -> None:
    for folder in ("run/eaves", "run/eaves-node/node", "efi/loader/entries", "dev", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "run/eaves/boot.env").write_text("SLOT=b\nMODE=run\nESP_MOUNT=/efi\n")
    (tmp_path / "efi/loader/entries" / entry).touch()
    if told_s_ago is not None:
        status = tmp_path / "run/eaves-node/node/status.json"
        status.touch()
        then = status.stat().st_mtime - told_s_ago
        os.utime(status, (then, then))
    systemctl = tmp_path / "bin/systemctl"
    systemctl.write_text(
        f'#!/bin/sh\ncase "$1" in show) echo {restarts} ;; *) echo "$@" >{tmp_path}/asked ;; esac\n'
    )
    systemctl.chmod(0o755)
    subprocess.run(
        ["sh", SCRIPTS / "trial-deadline"],
        check=True,
        env={"PATH": f"{systemctl.parent}:/usr/bin:/bin", "ROOT": str(tmp_path)},
    )
    asked = tmp_path / "asked"
    assert (asked.read_text() if asked.exists() else "") == "--force reboot\n" * goes_back
    assert (tmp_path / "dev/kmsg").exists() == goes_back


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
