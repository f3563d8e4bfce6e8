"""What devices last said, and the events that came of it: SQL of the writer thread.

The same tables stand in `state.db` and, with PostgreSQL, in the database itself.  Readers:
`store.reports`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from sqlalchemy import Connection

from eaves.controller.store.packed import pack, unpack
from eaves.controller.store.sync import execute, execute_rows, is_postgresql, marks, read_bytes

V = TypeVar("V")

Key = tuple[str, str, int, str]
"""Enterprise, device, kind and id of the object."""

_AT_ONCE: Final = 200  # keys in one statement
_KEY: Final = "enterprise_id = ? AND device_id = ? AND kind = ? AND object_id = ?"


@dataclass(frozen=True, slots=True)
class InfoRow:
    """An object that is gone has a row without a message, so that no older one comes after it."""

    key: Key
    at: int | None  # microseconds since 1970, as all times here
    received_at: int
    message: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """An event on its way to the journal.  `origin` is made of what it tells: it comes once."""

    enterprise_id: str
    device_id: str
    origin: bytes
    at: int
    kind: int  # ZInfoTypes
    object_id: str
    name: str  # as the device calls the object
    event_type: str
    severity: str
    state: int  # of the object, as `evapi.info.state` says
    text: str  # `{name}` stands for what people call the object
    row: int = 0  # set when read


_COLUMNS: Final = "enterprise_id, device_id, kind, object_id, received_at"
_WANTED_POSTGRESQL: Final = (
    f"SELECT {_COLUMNS} FROM info_latest "  # noqa: S608 - constants, and places
    "WHERE (enterprise_id, device_id, kind, object_id) IN (VALUES {places}) "
    "ORDER BY 1, 2, 3, 4 FOR UPDATE"
)
# SQLite reads the whole table for an IN of rows: from the keys to the table, it uses the index
_WANTED_SQLITE: Final = (
    "WITH wanted (e, d, k, o) AS (VALUES {places}) "  # noqa: S608 - constants, and places
    f"SELECT {_COLUMNS} FROM wanted CROSS JOIN info_latest "
    "ON enterprise_id = e AND device_id = d AND kind = k AND object_id = o"
)


def received(connection: Connection, keys: Iterable[Key]) -> Mapping[Key, int]:
    """When the rows with these keys came; on PostgreSQL nobody else writes them until the commit.

    Other processes fold messages of the same devices there.
    """
    where = _WANTED_POSTGRESQL if is_postgresql(connection) else _WANTED_SQLITE
    found: dict[Key, int] = {}
    for some in _chunks(sorted(keys)):
        rows = execute(
            connection,
            where.replace("{places}", _places(some)),
            [value for key in some for value in key],
        )
        for enterprise_id, device_id, kind, object_id, at in rows:
            key = (str(enterprise_id), str(device_id), int(str(kind)), str(object_id))
            found[key] = int(str(at))
    return found


def message_of(connection: Connection, key: Key) -> bytes:
    """Serialized ZInfoMsg; empty when there is none, or the object is gone."""
    row = execute(connection, f"SELECT message FROM info_latest WHERE {_KEY}", key).first()  # noqa: S608 - a constant
    return b"" if row is None else unpack(read_bytes(row[0]))


def put_info(connection: Connection, rows: Sequence[InfoRow]) -> None:
    """Each key once.  A row that came later than this one stays."""
    execute_rows(
        connection,
        "INSERT INTO info_latest "
        "(enterprise_id, device_id, kind, object_id, at, received_at, message)",
        [
            (*row.key, row.at, row.received_at, pack(row.message) if row.message else b"")
            for row in rows
        ],
        "ON CONFLICT (enterprise_id, device_id, kind, object_id) DO UPDATE SET at = excluded.at, "
        "received_at = excluded.received_at, message = excluded.message "
        "WHERE info_latest.received_at <= excluded.received_at",
    )


def forget_gone_objects(connection: Connection, keys: Sequence[Key], before: int) -> None:
    """Drop the rows of objects that were gone before that moment and were not heard of since."""
    for key in keys:
        execute(
            connection,
            f"DELETE FROM info_latest WHERE {_KEY} AND received_at < ? AND length(message) = 0",  # noqa: S608 - a constant
            (*key, before),
        )


def put_events(connection: Connection, events: Sequence[DeviceEvent]) -> None:
    execute_rows(
        connection,
        "INSERT INTO device_events (enterprise_id, device_id, origin, at, kind, object_id, name, "
        "event_type, severity, state, text)",
        [
            (
                *(event.enterprise_id, event.device_id, event.origin, event.at, event.kind),
                *(event.object_id, event.name, event.event_type, event.severity),
                *(event.state, event.text),
            )
            for event in events
        ],
    )


def delete_events(connection: Connection, rows: Sequence[int]) -> None:
    """They are in the journal."""
    for some in _chunks(rows):
        execute(connection, f"DELETE FROM device_events WHERE row IN ({marks(len(some))})", some)  # noqa: S608 - marks only


def put_health(
    connection: Connection, rows: Sequence[tuple[str, str, int, bytes, bytes]], keep: int
) -> None:
    """(enterprise, device, time, digest, message) each; the newest `keep` of a device stay.

    One whose digest is known is the same report again.
    """
    for enterprise_id, device_id, at, digest, message in rows:
        known = execute(
            connection,
            "SELECT 1 FROM health_reports WHERE device_id = ? AND digest = ?",
            (device_id, digest),
        ).first()
        if known is not None:
            continue
        execute(
            connection,
            "INSERT INTO health_reports (enterprise_id, device_id, received_at, digest, message) "
            "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (enterprise_id, device_id, at, digest, message),
        )
        execute(
            connection,
            "DELETE FROM health_reports WHERE enterprise_id = ? AND device_id = ? "
            "AND received_at < (SELECT min(received_at) FROM (SELECT received_at "
            "FROM health_reports WHERE enterprise_id = ? AND device_id = ? "
            "ORDER BY received_at DESC LIMIT ?) AS newest)",
            (enterprise_id, device_id, enterprise_id, device_id, keep),
        )


def forget_device(connection: Connection, enterprise_id: str, device_id: str, before: int) -> None:
    """Drop what a deleted device said before that moment; its events stay."""
    for table in ("info_latest", "health_reports"):
        execute(
            connection,
            f"DELETE FROM {table} WHERE enterprise_id = ? AND device_id = ? AND received_at <= ?",  # noqa: S608 - constants
            (enterprise_id, device_id, before),
        )


def _places(keys: Sequence[Key]) -> str:
    return ", ".join(["(?, ?, ?, ?)"] * len(keys))


def _chunks(values: Sequence[V]) -> Iterable[Sequence[V]]:
    return (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))
