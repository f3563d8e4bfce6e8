"""The root of a slot: a file system that is only read, and behind it the tree that verifies it."""

import os
import subprocess
import uuid
from pathlib import Path


def make_root(root: Path, image: Path, name: uuid.UUID, at: int) -> tuple[str, int]:
    """Of the folder `root`, everything of the time `at`; answers as `add_tree` does."""
    image.unlink(missing_ok=True)
    subprocess.run(
        ["mkfs.erofs", "-zlz4hc", f"-T{at}", f"-U{name}", str(image), str(root)],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return add_tree(image, name)


def add_tree(image: Path, name: uuid.UUID) -> tuple[str, int]:
    """dm-verity's, behind the file system; answers its root hash and where it begins."""
    offset = -(-image.stat().st_size // 4096) * 4096
    os.truncate(image, offset)
    found = image.with_suffix(".hash")
    subprocess.run(
        [
            "veritysetup", "format", "--salt=-", f"--uuid={name}",
            f"--data-blocks={offset // 4096}", f"--hash-offset={offset}",
            f"--root-hash-file={found}", str(image), str(image),
        ],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    root_hash = found.read_text().strip()
    found.unlink()
    return root_hash, offset
