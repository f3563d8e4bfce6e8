"""A PostgreSQL database as members of a backup: one moment of every table, as COPY tells it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, LiteralString

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from eaves.controller.backup.archive import Partition, Rows, Writer
from eaves.controller.store.unfinished import TABLE as MARK
from eaves.controller.store.unfinished import VERSION_TABLE
from eaves.controller.store.unit import reachable

PART_BYTES: Final = 4 * 1024 * 1024

_TABLES: Final[LiteralString] = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT c.relispartition ORDER BY c.relname
"""
_COLUMNS: Final[LiteralString] = """
SELECT attname FROM pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
ORDER BY attnum
"""
_NEEDS: Final[LiteralString] = """
SELECT a.relname, b.relname FROM pg_constraint k
JOIN pg_class a ON a.oid = k.conrelid JOIN pg_class b ON b.oid = k.confrelid
WHERE k.contype = 'f' AND k.connamespace = current_schema()::regnamespace
"""
_SEQUENCES: Final[LiteralString] = """
SELECT relname FROM pg_class
WHERE relkind = 'S' AND relnamespace = current_schema()::regnamespace ORDER BY relname
"""
_PARTITIONS: Final[LiteralString] = """
SELECT c.relname, p.relname, pg_get_expr(c.relpartbound, c.oid)
FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid JOIN pg_class p ON p.oid = i.inhparent
WHERE c.relispartition AND c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
ORDER BY c.relname
"""


def connect(url: str) -> "psycopg.Connection[tuple[str, ...]]":
    """`url` as in EAVES_DATABASE_URL."""
    plain = reachable(make_url(url).set(drivername="postgresql"))
    return psycopg.connect(plain.render_as_string(hide_password=False))


def tables_of(db: "psycopg.Connection[tuple[str, ...]]") -> tuple[str, ...]:
    """Every table of the schema in use, partitions not counted; those that others need first."""
    names = [row[0] for row in db.execute(_TABLES)]
    needs: dict[str, set[str]] = {name: set() for name in names}
    for table, needed in db.execute(_NEEDS):
        if table != needed and table in needs and needed in needs:
            needs[table].add(needed)
    ordered: list[str] = []
    while needs:
        free = sorted(name for name, of in needs.items() if not of - set(ordered))
        ordered += free or sorted(needs)  # a ring: the database would have refused to make it
        needs = {name: of for name, of in needs.items() if name not in ordered}
    return tuple(ordered)


def write_tables(
    db: "psycopg.Connection[tuple[str, ...]]", to: Writer, without: Sequence[str]
) -> tuple[tuple[Rows, ...], tuple[Partition, ...]]:
    """All rows of one moment.  The connection is in a REPEATABLE READ transaction."""
    told: list[Rows] = []
    for table in tables_of(db):
        if table == VERSION_TABLE or table in without:
            continue
        columns = tuple(row[0] for row in db.execute(_COLUMNS, (table,)))
        parts = 0
        for parts, part in enumerate(_copied(db, table, columns), start=1):
            to.add_bytes(f"postgresql/{table}/{parts:06}", part)
        told.append(Rows(table, columns, parts))
    partitions = tuple(Partition(*row) for row in db.execute(_PARTITIONS))
    return tuple(told), tuple(p for p in partitions if p.parent not in without)


def _copied(
    db: "psycopg.Connection[tuple[str, ...]]", table: str, columns: Sequence[str]
) -> Iterator[bytes]:
    statement = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(table)
    )
    held = bytearray()
    with db.cursor().copy(statement) as copy:
        for block in copy:
            held += block
            if len(held) >= PART_BYTES:
                yield bytes(held)
                held.clear()
    if held:
        yield bytes(held)


def empty_tables(
    db: "psycopg.Connection[tuple[str, ...]]", tables: Sequence[Rows], parts: Sequence[Partition]
) -> None:
    """Take away what migrations put in, and make the partitions that rows belong to."""
    there = {row[0] for row in db.execute(_PARTITIONS)}
    for part in parts:
        if part.name not in there:
            made = sql.SQL("CREATE TABLE {} PARTITION OF {} ").format(
                sql.Identifier(part.name), sql.Identifier(part.parent)
            )
            # the bound as PostgreSQL itself wrote it, out of an authenticated file
            db.execute(made.as_bytes(db) + part.bound.encode())
    names = sql.SQL(", ").join(sql.Identifier(rows.table) for rows in tables)
    db.execute(sql.SQL("TRUNCATE {}").format(names))


def read_rows(
    db: "psycopg.Connection[tuple[str, ...]]", rows: Rows, parts: Iterable[bytes]
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(rows.table), sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    )
    with db.cursor().copy(statement) as copy:
        for part in parts:
            copy.write(part)


def read_sequences(db: "psycopg.Connection[tuple[str, ...]]") -> dict[str, int]:
    """The last number of every sequence; never lower than what the rows of the moment hold."""
    found: dict[str, int] = {}
    for name in _sequences(db):
        row = db.execute(
            sql.SQL("SELECT last_value FROM {} WHERE is_called").format(sql.Identifier(name))
        ).fetchone()
        if row is not None:
            found[name] = int(row[0])
    return found


def _sequences(db: "psycopg.Connection[tuple[str, ...]]") -> tuple[str, ...]:
    return tuple(row[0] for row in db.execute(_SEQUENCES))


def advance_sequences(
    db: "psycopg.Connection[tuple[str, ...]]", sequences: Mapping[str, int]
) -> None:
    """Let every sequence go on behind the last number that it gave out."""
    there = set(_sequences(db))
    for name, last in sequences.items():
        if name in there:
            db.execute("SELECT setval(quote_ident(%s)::regclass, %s)", (name, last))


def lease_holders(db: "psycopg.Connection[tuple[str, ...]]") -> tuple[str, ...]:
    """Which controllers run: those whose leases have not ended by the database's clock."""
    if "leases" not in tables_of(db):
        return ()
    found = db.execute(
        "SELECT DISTINCT holder FROM leases WHERE holder <> '' "
        "AND expires_at > extract(epoch FROM clock_timestamp()) * 1000000"
    )
    return tuple(row[0] for row in found)


def drop_tables(db: "psycopg.Connection[tuple[str, ...]]", backup: str) -> None:
    """Everything of the schema in use: what `restore --force` replaces.

    In the same transaction the mark is made without which an empty database would be a new one.
    """
    for table in reversed(tables_of(db)):
        db.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(table)))
    for name in _sequences(db):
        db.execute(sql.SQL("DROP SEQUENCE {} CASCADE").format(sql.Identifier(name)))
    db.execute(sql.SQL("CREATE TABLE {} (backup text NOT NULL)").format(sql.Identifier(MARK)))
    db.execute(sql.SQL("INSERT INTO {} VALUES (%s)").format(sql.Identifier(MARK)), (backup,))


def marked(db: "psycopg.Connection[tuple[str, ...]]") -> str:
    """The backup whose restore was cut off here."""
    row = db.execute(sql.SQL("SELECT backup FROM {}").format(sql.Identifier(MARK))).fetchone()
    return "" if row is None else row[0]


def drop_mark(db: "psycopg.Connection[tuple[str, ...]]") -> None:
    """The restore is done."""
    db.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(MARK)))
