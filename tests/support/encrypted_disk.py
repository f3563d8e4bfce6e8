"""A file system that can encrypt folders: an image, ext4 with `encrypt`, loop-mounted."""

import contextlib
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from eaves.node.host.fscrypt import Support, support

MIB = 1024**2


def make_image(path: Path, mib: int = 16, *, encrypt: bool = True) -> Path:
    with path.open("wb") as file:
        file.truncate(mib * MIB)
    features = ("-O", "encrypt") if encrypt else ("-O", "^encrypt")
    subprocess.run(["mkfs.ext4", "-q", "-F", *features, str(path)], check=True, timeout=60)
    return path


@contextlib.contextmanager
def mounted(image: Path, at: Path, options: str = "rw") -> Generator[Path]:
    """The key that a vault was opened with goes with the mount."""
    at.mkdir(parents=True, exist_ok=True)
    argv = ["mount", "-o", f"loop,{options}", str(image), str(at)]
    subprocess.run(argv, check=True, timeout=60)
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True, timeout=60)


@contextlib.contextmanager
def encrypted_disk(folder: Path, mib: int = 16) -> Generator[Path]:
    with mounted(make_image(folder / "disk.img", mib), folder / "disk") as at:
        if support(at) is not Support.YES:
            pytest.skip("needs a kernel whose ext4 encrypts folders (CONFIG_FS_ENCRYPTION)")
        yield at
