"""Room in the SQLite files that nothing uses any more, given back to the disk.

What retention drops leaves free pages, which the next rows take.  A part is kept for them; the rest
is cut off the file, a few pages in a transaction, since reports wait meanwhile.  PostgreSQL does so
by itself.
"""

from typing import Final

from sqlalchemy import Connection

from eaves.controller.store.sync import is_postgresql

MODE: Final = "PRAGMA auto_vacuum = INCREMENTAL"  # of a file without tables
KEPT_SHARE: Final = 10  # one page in so many stays for what comes next
KEPT_BYTES: Final = 4 * 1024 * 1024  # and so much in any case
AT_ONCE_BYTES: Final = 4 * 1024 * 1024


def give_back(connection: Connection) -> int:
    """Cut some free pages off the file; how many bytes.  0: what is free now is kept."""
    if is_postgresql(connection):
        return 0
    size = number_of(connection, "PRAGMA page_size")
    pages, free = page_counts(connection)
    kept = max(pages // KEPT_SHARE, KEPT_BYTES // size)
    most = min(free - kept, AT_ONCE_BYTES // size)
    if most <= 0:
        return 0
    cursor = connection.connection.cursor()
    for _ in range(most):  # the driver stops after the first row of a statement, which is one page
        cursor.execute("PRAGMA incremental_vacuum(1)")
    cursor.close()
    return (free - page_counts(connection)[1]) * size


def page_counts(connection: Connection) -> tuple[int, int]:
    """All pages of the file, and those that are free."""
    return (
        number_of(connection, "PRAGMA page_count"),
        number_of(connection, "PRAGMA freelist_count"),
    )


def number_of(connection: Connection, sql: str) -> int:
    return int(str(connection.exec_driver_sql(sql).scalar_one()))
