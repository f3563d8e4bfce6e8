"""How much of logs and flows is kept: by age, by device, and by size in all, which wins.

When all devices together exceed the bound, those that hold most give way first: a level is found at
which everybody who holds less keeps all, so that a noisy device evicts its own lines and not those
of others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from sqlalchemy import Connection, text

from eaves.controller.domain.scope import Scope
from eaves.controller.store.partitions import drop_before
from eaves.controller.store.sync import execute, marks
from eaves.controller.store.unit import Db

TABLES: Final = ("log_chunks", "flow_chunks")
_COUNTED: Final = {"log_chunks": "lines", "flow_chunks": "records"}
_ROW_BYTES: Final = 400  # of a chunk, beside what it holds: its keys, here and in three indexes
_ROWS_AT_ONCE: Final = 500

Owner = tuple[str, str]  # enterprise_id, device_id


@dataclass(frozen=True, slots=True)
class Usage:
    """What is stored, of all devices or of one."""

    bytes: int = 0
    records: int = 0  # lines of a log, or flow records
    oldest: int | None = None  # microseconds since 1970: when the oldest of it arrived


@dataclass(frozen=True, slots=True)
class Bound:
    """Both in bytes."""

    all_devices: int
    one_device: int


def level(held: Iterable[int], bound: Bound) -> int:
    """The most that a device may hold so that all of them together stay within the bound."""
    left = bound.all_devices
    sizes = sorted(held)
    for number, size in enumerate(sizes):
        share = left // (len(sizes) - number)
        if size > share:
            return min(share, bound.one_device)
        left -= size
    return bound.one_device


def drop_older(connection: Connection, table: str, oldest: int) -> int:
    """Drop what arrived before `oldest` (microseconds since 1970); 0 when nothing is left of it.

    One turn drops a bounded number of rows: what arrives meanwhile waits for it.
    """
    dropped = drop_before(connection, table, oldest)
    gone = execute(
        connection,
        f"DELETE FROM {table} WHERE received_at < ? AND id IN "  # noqa: S608 - a constant
        f"(SELECT id FROM {table} WHERE received_at < ? LIMIT {_ROWS_AT_ONCE})",
        (oldest, oldest),
    )
    return dropped + gone.rowcount


def forget_uploads(connection: Connection, oldest: int) -> None:
    """What arrived before may be sent again: whoever does so meant it."""
    execute(connection, "DELETE FROM telemetry_uploads WHERE received_at < ?", (oldest,))


def held_by_devices(connection: Connection, table: str) -> Mapping[Owner, int]:
    """How many bytes each device holds."""
    rows = execute(
        connection,
        f"SELECT enterprise_id, device_id, SUM(size) + {_ROW_BYTES} * COUNT(*) "  # noqa: S608 - constants
        f"FROM {table} GROUP BY enterprise_id, device_id",
    )
    found = cast("Sequence[tuple[str, str, int]]", rows.all())
    return {(enterprise, device): int(size) for enterprise, device, size in found}


def trim_device(
    connection: Connection, table: str, owner: Owner, most: int, held: int
) -> tuple[int, int]:
    """Drop the oldest chunks of a device while it holds more than `most` bytes.

    Returns what it holds then, more than `most` when there is more to drop than one turn does; and
    how many chunks were dropped.
    """
    rows = execute(
        connection,
        f"SELECT id, size FROM {table} WHERE enterprise_id = ? AND device_id = ? "  # noqa: S608 - a constant
        "ORDER BY received_at, id LIMIT ?",
        (*owner, _ROWS_AT_ONCE),
    )
    gone: list[int] = []
    for chunk_id, size in cast("Sequence[tuple[int, int]]", rows.all()):
        if held <= most:
            break
        gone.append(chunk_id)
        held -= size + _ROW_BYTES
    if gone:
        execute(
            connection,
            f"DELETE FROM {table} WHERE enterprise_id = ? AND device_id = ? "  # noqa: S608 - a constant
            f"AND id IN ({marks(len(gone))})",
            (*owner, *gone),
        )
    return held, len(gone)


async def read_usage(db: Db, scope: Scope, table: str) -> Usage:
    """What the devices of an enterprise hold."""
    row = (
        await db.execute(
            text(
                f"SELECT COALESCE(SUM(size), 0) + {_ROW_BYTES} * COUNT(*), "  # noqa: S608 - constants
                f"COALESCE(SUM({_COUNTED[table]}), 0), MIN(received_at) FROM {table} "
                "WHERE enterprise_id = :enterprise"
            ),
            {"enterprise": scope.enterprise},
        )
    ).one()
    return Usage(int(row[0]), int(row[1]), row[2])
