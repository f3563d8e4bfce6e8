"""Records that are decoded once for each state of their file."""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from eaves.node.host.files import atomic_write, named, read_or_none, subfolders
from eaves.node.host.kept import Kept

LONG_AGO = 1_600_000_000


@dataclass(frozen=True, slots=True)
class Record:
    text: str


def write(path: Path, text: str, at: int = LONG_AGO) -> None:
    atomic_write(path, msgspec.json.encode(Record(text)))
    os.utime(path, (at, at))


def test_a_record_that_stays_is_decoded_once(tmp_path: Path) -> None:
    path, kept = tmp_path / "one.json", Kept()
    write(path, "a")
    first = kept.read(path, Record)
    assert first == Record("a")
    assert kept.read(path, Record) is first


def test_another_file_of_the_same_size_and_time_is_read(tmp_path: Path) -> None:
    path, kept = tmp_path / "one.json", Kept()
    write(path, "a")
    kept.read(path, Record)
    write(path, "b")
    assert kept.read(path, Record) == Record("b")


def test_a_young_record_is_read_each_time(tmp_path: Path) -> None:
    path, kept = tmp_path / "one.json", Kept()
    atomic_write(path, msgspec.json.encode(Record("a")))
    first = kept.read(path, Record)
    assert kept.read(path, Record) is not first


def test_what_is_gone_is_not_remembered(tmp_path: Path) -> None:
    path, kept = tmp_path / "one.json", Kept()
    write(path, "a")
    kept.read(path, Record)
    path.unlink()
    assert kept.read(path, Record) is None
    assert kept.read(tmp_path / "one.json" / "below", Record) is None


def test_garbage_is_told_each_time(tmp_path: Path) -> None:
    path, kept = tmp_path / "one.json", Kept()
    atomic_write(path, b"{")
    os.utime(path, (LONG_AGO, LONG_AGO))
    for _ in range(2):
        with pytest.raises(msgspec.MsgspecError):
            kept.read(path, Record)


@pytest.mark.parametrize("size", [0, 1, 1 << 16, (1 << 16) + 1, 300_000])
def test_a_file_is_read_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    assert read_or_none(path) == b"x" * size


def test_what_is_no_file_is_nothing_and_a_folder_is_an_error(tmp_path: Path) -> None:
    assert read_or_none(tmp_path / "none") is None
    with pytest.raises(IsADirectoryError):
        read_or_none(tmp_path)


def test_names_come_in_order(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", "c.tag"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    assert named(tmp_path, ".json") == ["a.json", "b.json"]
    assert (subfolders(tmp_path), subfolders(tmp_path / "none")) == (["folder"], [])
    assert named(tmp_path / "none", ".json") == []
