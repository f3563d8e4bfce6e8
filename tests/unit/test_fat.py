"""A FAT file system that is made as bytes, as mtools and fsck.fat see it."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from eaves.fat import DoesNotFit, fat_image

MIB = 1 << 20
FILES = {
    "server": b"controller.example:8443\n",
    "root-certificate.pem": b"root" * 2000,
    "root-certificate.pem.more-than-one-entry-of-a-name": b"more",
    "root-certificat.pem": b"alike in its short name",
    "onboard.key.pem": b"key",
    "README.TXT": b"short by itself",
    "soft_serial": b"",
    "exact": bytes(2048),
}


def written(tmp_path: Path, size: int, files: Mapping[str, bytes]) -> Path:
    path = tmp_path / "fat"
    path.write_bytes(fat_image(size, files, "CONFIG"))
    return path


def said_by(*argv: str | Path) -> bytes:
    return subprocess.run(argv, check=True, capture_output=True).stdout


def is_whole(path: Path) -> None:
    if shutil.which("fsck.fat"):  # mtools read it anyway
        said_by("fsck.fat", "-n", path)  # ends with 1 where anything is wrong


@pytest.mark.parametrize(("size", "kind"), [(MIB, b"FAT12"), (16 * MIB, b"FAT16")])
def test_other_programs_read_what_is_in_it(tmp_path: Path, size: int, kind: bytes) -> None:
    path = written(tmp_path, size, FILES)
    assert path.stat().st_size == size
    assert path.read_bytes()[54:59] == kind
    names = said_by("mdir", "-b", "-i", path, "::").decode().split()
    assert sorted(name.removeprefix("::/") for name in names) == sorted(FILES)
    for name, data in FILES.items():
        assert said_by("mtype", "-i", path, f"::{name}") == data, name
    is_whole(path)


def test_it_can_be_written_to_afterwards(tmp_path: Path) -> None:
    path = written(tmp_path, MIB, FILES)
    new = tmp_path / "new"
    new.write_bytes(b"new" * 5000)
    said_by("mcopy", "-i", path, new, "::install.conf")
    is_whole(path)
    assert said_by("mtype", "-i", path, "::install.conf") == new.read_bytes()
    assert said_by("mtype", "-i", path, "::server") == FILES["server"]


def test_the_same_files_give_the_same_bytes() -> None:
    backwards = dict(reversed(FILES.items()))
    assert fat_image(MIB, FILES, "CONFIG") == fat_image(MIB, backwards, "CONFIG")


@pytest.mark.parametrize(
    ("size", "files"),
    [
        (MIB, {"large": bytes(MIB)}),
        (MIB, {f"file-{number}-with-a-long-name": b"" for number in range(200)}),
        (MIB, {"../server": b""}),
        (MIB, {"server.": b""}),
        (MIB, {"": b""}),
        (MIB + 1, {}),
        (4096, {}),
        (1 << 40, {}),
    ],
)
def test_what_does_not_fit_is_refused(size: int, files: dict[str, bytes]) -> None:
    with pytest.raises(DoesNotFit):
        fat_image(size, files, "CONFIG")
