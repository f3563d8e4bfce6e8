"""What a power cut leaves: everything before a flush, and of the rest whatever a disk may do."""

from pathlib import Path

import pytest
from support.blklog import Cut, Flag, LogUnreadable, Replay, cuts, read_log, replay, write_log

NONE = Flag(0)
WRITES = [
    (0, b"a" * 512, NONE),
    (1, b"b" * 1024, NONE),
    (0, b"", Flag.FLUSH),
    (0, b"c" * 512, NONE),
    (3, b"d" * 512, Flag.FUA),
    (0, b"", Flag.FLUSH),
    (2, b"e" * 512, NONE),
]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    write_log(path, WRITES)
    return path


def left(log: Path, cut: Cut) -> bytes:
    disk = log.with_name("disk")
    disk.write_bytes(bytes(4 * 512))
    replay(read_log(log), cut, disk)
    return disk.read_bytes()


def test_a_log_reads_as_it_was_written(log: Path) -> None:
    read = read_log(log)
    assert [(w.sector, w.count, w.flags) for w in read.writes] == [
        (sector, len(data) // 512, flags) for sector, data, flags in WRITES
    ]
    assert read.flushes() == (2, 5)
    with log.open("rb") as file:
        assert read.data(file, read.writes[1]) == b"b" * 1024


def test_what_was_flushed_is_there_and_nothing_else(log: Path) -> None:
    assert left(log, Cut(2, ())) == b"a" * 512 + b"b" * 1024 + bytes(512)
    assert left(log, Cut(-1, ())) == bytes(2048)


def test_a_later_write_may_be_there_alone_or_torn(log: Path) -> None:
    assert left(log, Cut(2, ((4, 512),))) == b"a" * 512 + b"b" * 1024 + b"d" * 512
    assert left(log, Cut(2, ((3, 100),)))[:512] == b"c" * 100 + b"a" * 412


def test_the_same_seed_gives_the_same_cuts(log: Path) -> None:
    read = read_log(log)
    assert cuts(read, 1, 50) == cuts(read, 1, 50)
    assert cuts(read, 1, 50) != cuts(read, 2, 50)


def test_no_cut_keeps_a_write_from_beyond_the_next_flush(log: Path) -> None:
    for cut in cuts(read_log(log), 3, 300):
        ends = {-1: 2, 2: 5, 5: 7}[cut.flush]
        assert all(cut.flush < number <= ends for number, _ in cut.kept)


def test_cuts_can_be_bound_to_a_part_of_a_run(log: Path) -> None:
    assert {cut.flush for cut in cuts(read_log(log), 4, 50, after=3)} == {5}
    assert {cut.flush for cut in cuts(read_log(log), 4, 50, before=3)} == {-1, 2}
    assert cuts(read_log(log), 4, 50, after=6) == []


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for data in (b"", b"x" * 512):
        path.write_bytes(data)
        with pytest.raises(LogUnreadable):
            read_log(path)
    write_log(path, WRITES)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(LogUnreadable, match="cut off"):
        read_log(path)


def test_one_disk_is_every_cut_in_turn(log: Path) -> None:
    """As if each had a copy of its own; what is made of the same writes has the same bytes."""
    read, disk = read_log(log), log.with_name("one")
    disk.write_bytes(bytes(4 * 512))
    one, known = Replay(read, disk), dict[object, bytes]()
    for cut in sorted(cuts(read, 5, 300), key=lambda cut: cut.flush):
        with one.after(cut) as there:
            data = there.read_bytes()
            assert data == left(log, cut)
            for at in range(0, 2048, 512):
                sector = data[at : at + 512]
                assert known.setdefault((at, one.came_to(at, 512)), sector) == sector
    with pytest.raises(ValueError, match="sort the cuts"), one.after(Cut(-1, ())):
        pass
