"""The folder of uploaded bytes: what a full disk, a lost file and a sweep leave."""

import os
import shutil
from pathlib import Path

import pytest

from eaves.controller.store.content_files import BytesLost, ContentFolder, NoRoom, UploadUnderWay

EVERYTHING = 1 << 60  # more than any disk has
PIECE = b"x" * 1000


@pytest.fixture
def folder(tmp_path: Path) -> ContentFolder:
    return ContentFolder(tmp_path, spare_bytes=1)


def test_a_writer_without_room_leaves_what_was_there_before_it(
    folder: ContentFolder, tmp_path: Path
) -> None:
    with folder.writing("u", 0) as writer:
        writer.write(PIECE)
    full = ContentFolder(tmp_path, spare_bytes=EVERYTHING)
    with full.writing("u", 1000, 1000) as writer, pytest.raises(NoRoom, match="stay free"):
        writer.write(PIECE)
    assert folder.size_of("u") == 1000
    with folder.writing("u", 1000, 1000) as writer:
        writer.write(PIECE)
        assert writer.read(0, 5000) == PIECE * 2


def test_room_that_others_were_promised_is_not_there(folder: ContentFolder) -> None:
    free = shutil.disk_usage(folder.folder).free
    more = free * 6 // 10
    folder.require_room(more)
    with pytest.raises(NoRoom, match="other uploads"):
        folder.require_room(more, promised_bytes=more)


def test_what_was_received_must_be_in_the_file(folder: ContentFolder) -> None:
    with pytest.raises(BytesLost), folder.writing("u", 10, 10):
        pass
    assert folder.size_of("u") == -1  # no empty file in its place
    with folder.writing("u", 0) as writer:
        writer.write(b"short")
    with pytest.raises(BytesLost, match="begin anew"), folder.writing("u", 10, 10):
        pass


def test_a_file_is_left_once_nobody_writes_to_it(folder: ContentFolder) -> None:
    assert folder.drop_left("never", before=0)
    with folder.writing("u", 0) as writer:
        writer.write(PIECE)
        os.utime(folder.folder / "partial" / "u", (100, 100))
        assert not folder.drop_left("u", before=50)  # touched since
        assert not folder.drop_left("u", before=200)  # in hand
        with pytest.raises(UploadUnderWay), folder.writing("u", 0):
            pass
    assert folder.drop_left("u", before=200)
    assert folder.size_of("u") == -1
