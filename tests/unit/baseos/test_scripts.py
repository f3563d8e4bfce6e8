"""Shell scripts of the image that need no image to run."""

import os
import subprocess
from pathlib import Path

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
