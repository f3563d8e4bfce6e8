"""Synchronous connections for the writer threads, and statements that both databases take.

A hot statement is written once, with `?` for each value, and run by `execute_rows`: many rows in
one statement, so that the interpreter lock changes hands once and not for each row.
"""

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, CursorResult, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url

from eaves.controller.store.unit import begin_immediate, driver_of, prepare_sqlite, reachable

MAX_VALUES: Final = 30_000  # of one statement; SQLite takes 32,766, PostgreSQL 65,535
# rows in one statement: few texts, so that each is prepared once, and few statements for any number
_SIZES: Final = (64, 32, 16, 8, 4, 2, 1)


def open_sync_engine(url: str | URL) -> Engine:
    """An engine for one thread; the caller disposes of it.  `url` as `store.unit.open_engine`."""
    parsed = make_url(url)
    driver = driver_of(parsed)
    if driver == "postgresql":
        return create_engine(
            reachable(parsed.set(drivername="postgresql+psycopg")),
            pool_size=1,
            max_overflow=0,
            pool_pre_ping=True,
            hide_parameters=True,
        )
    engine = create_engine(
        parsed.set(drivername="sqlite+pysqlite"),
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"uri": True},
    )
    event.listen(engine, "connect", prepare_sqlite)
    event.listen(engine, "begin", begin_immediate)
    return engine


def open_file(path: Path) -> Engine:
    """An engine for the one thread that writes a SQLite file."""
    return open_sync_engine(URL.create("sqlite", database=str(path)))


@contextmanager
def writing(engine: Engine) -> Generator[Connection]:
    """One write transaction: committed at a clean exit, rolled back else."""
    with engine.begin() as connection:
        yield connection


def is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def execute(
    connection: Connection, sql: str, values: Sequence[object] = ()
) -> "CursorResult[*tuple[Any, ...]]":
    """Run a statement written with `?` for each value; text in it holds no `?` and no `%`."""
    if is_postgresql(connection):
        sql = sql.replace("?", "%s")
    return connection.exec_driver_sql(sql, tuple(values))


def lock_devices(connection: Connection, device_ids: Iterable[str]) -> None:
    """Until the end of this transaction nobody else who asks for this writes to these devices.

    Whoever reads rows of a device to write them anew needs it, since other processes do the same;
    what is read after it shows what they did.  SQLite has one writer anyway.
    """
    if is_postgresql(connection):
        connection.exec_driver_sql(
            "SELECT device_id FROM device_bindings WHERE device_id = ANY(%s) "
            "ORDER BY device_id FOR NO KEY UPDATE",
            (sorted(set(device_ids)),),
        )


def execute_rows(
    connection: Connection, head: str, rows: Sequence[Sequence[object]], tail: str = ""
) -> None:
    """Run `head VALUES (?, ...), (?, ...) tail` for all rows, which are equally long.

    With ON CONFLICT DO UPDATE a key may come once only: PostgreSQL refuses to update a row twice.
    """
    if not rows:
        return
    width = len(rows[0])
    one = "(" + ", ".join("?" * width) + ")"
    start, total = 0, len(rows)
    while start < total:
        size = next(n for n in _SIZES if n <= total - start and n * width <= MAX_VALUES)
        values = [value for row in rows[start : start + size] for value in row]
        execute(connection, f"{head} VALUES {', '.join([one] * size)} {tail}", values)
        start += size


def marks(count: int) -> str:
    """`?, ?, ...` for a list of so many values."""
    return ", ".join("?" * count)


def read_bytes(value: object) -> bytes:
    """A column of bytes, however the driver hands it out; empty when it is none."""
    if isinstance(value, memoryview):
        return value.tobytes()
    return value if isinstance(value, bytes) else b""
