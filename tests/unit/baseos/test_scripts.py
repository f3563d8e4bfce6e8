"""Shell scripts of the image that need no image to run."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "image/rootfs/usr/lib/eaves-os"


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
