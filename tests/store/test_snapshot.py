"""A SQLite file read page by page while others write it: one moment, whole."""

import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from eaves.controller.backup.snapshot import NotInWal, pinned

ACCOUNTS, TOTAL = 200, 200_000


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    connection.execute("PRAGMA journal_mode = WAL")
    return connection


def make(path: Path, page_bytes: int) -> None:
    with closing(connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute(f"PRAGMA page_size = {page_bytes}")
        db.execute("VACUUM")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY, amount INTEGER)")
        db.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, note TEXT)")
        db.executemany(
            "INSERT INTO accounts VALUES (?, ?)", [(n, TOTAL // ACCOUNTS) for n in range(ACCOUNTS)]
        )


@contextmanager
def moved_about(path: Path, checkpoint_pages: int) -> Generator[list[int]]:
    """Another connection moves amounts and writes notes until left; tells how many it did."""
    stop, done = threading.Event(), [0]

    def work() -> None:
        with closing(connect(path)) as db:
            db.execute("PRAGMA synchronous = OFF")  # what is whole is the question here, not when
            db.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages}")
            while not stop.is_set():
                n = done[0]
                db.execute("BEGIN IMMEDIATE")
                db.execute("UPDATE accounts SET amount = amount - 1 WHERE id = ?", (n % ACCOUNTS,))
                db.execute("INSERT INTO log VALUES (?, ?)", (n, "x" * 700))
                other = n * 7 % ACCOUNTS
                db.execute("UPDATE accounts SET amount = amount + 1 WHERE id = ?", (other,))
                db.execute("COMMIT")
                done[0] += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


def check_whole(copy: Path) -> int:
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT sum(amount) FROM accounts").fetchone() == (TOTAL,)
        count, last = db.execute("SELECT count(*), max(id) FROM log").fetchone()
        assert count == (last + 1 if count else 0)
        return int(count)


@pytest.mark.parametrize("page_bytes", [1024, 4096, 65536])
@pytest.mark.parametrize("checkpoint_pages", [1, 50, 100_000])
def test_a_copy_is_one_moment_whatever_is_written_meanwhile(
    tmp_path: Path, page_bytes: int, checkpoint_pages: int
) -> None:
    source = tmp_path / "source.db"
    make(source, page_bytes)
    counts: list[int] = []
    with moved_about(source, checkpoint_pages) as done:
        for round_ in range(2):
            copy = tmp_path / f"copy{round_}.db"
            with pinned(source) as snapshot, copy.open("wb") as to:
                held = done[0]
                for number, part in enumerate(snapshot.parts()):
                    to.write(part)
                    while number == 0 and done[0] < held + 15:
                        time.sleep(0)  # the writer goes on, and checkpoints, under the reader
            assert copy.stat().st_size == snapshot.size
            counts.append(check_whole(copy))
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]


def test_a_file_that_nobody_has_open_is_copied_as_it_is(tmp_path: Path) -> None:
    source, copy = tmp_path / "source.db", tmp_path / "copy.db"
    make(source, 4096)
    with pinned(source) as snapshot:
        copy.write_bytes(b"".join(snapshot.parts()))
    assert check_whole(copy) == 0


def test_a_log_that_is_begun_anew_under_the_reader_is_not_read(tmp_path: Path) -> None:
    """Everything is in the file already, so writers start the log from its front."""
    source, copy = tmp_path / "source.db", tmp_path / "copy.db"
    make(source, 4096)
    with closing(connect(source)) as db:
        db.execute("INSERT INTO log VALUES (0, 'first')")
        db.execute("PRAGMA wal_checkpoint(FULL)")
        with pinned(source) as snapshot:
            for n in range(1, 200):
                db.execute("INSERT INTO log VALUES (?, ?)", (n, "y" * 500))
            copy.write_bytes(b"".join(snapshot.parts()))
        assert check_whole(copy) == 1


def test_a_file_without_a_log_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "plain.db")) as db:
        db.execute("CREATE TABLE t (x)")
    with (
        pytest.raises(NotInWal, match="start the controller with it once"),
        pinned(tmp_path / "plain.db"),
    ):
        pass
