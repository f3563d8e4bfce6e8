"""What a node remembers across a power cut: documents, counters and allocations.

Documents (the last good config, the controller's certificates) are whole files with a backup
beside them.  Counters and numbers live in one SQLite file, synced at each commit; a counter is
stored before the action it stands for, so that an action happens once, not zero or two times.
"""

import json
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from eaves.errors import Transient
from eaves.evapi.config import AppInstanceConfig, EdgeDevConfig, decode_edge_dev_config
from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node.host.files import DISK_FULL, atomic_write, read_or_none
from eaves.node.host.reserve import Reserve
from eaves.node.refs import MOST_NUMBERS, Allocations

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS app_numbers (app TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS bridge_numbers (ni TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS vif_numbers (
    ni TEXT NOT NULL, app TEXT NOT NULL, position INTEGER NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (ni, app, position), UNIQUE (ni, number));
CREATE TABLE IF NOT EXISTS apps (
    app TEXT PRIMARY KEY, restart_counter INTEGER NOT NULL, purge_counter INTEGER NOT NULL,
    incarnation INTEGER NOT NULL, in_force BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS app_snapshots (
    app TEXT PRIMARY KEY, rollback_counter INTEGER NOT NULL, told TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS log_positions (source TEXT PRIMARY KEY, position TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Numbering:
    """The statements on one table of numbers."""

    read: str
    free: str
    take: str


APP_NUMBERS = Numbering(
    "SELECT app, number FROM app_numbers",
    "DELETE FROM app_numbers WHERE app = ?",
    "INSERT INTO app_numbers VALUES (?, ?)",
)
BRIDGE_NUMBERS = Numbering(
    "SELECT ni, number FROM bridge_numbers",
    "DELETE FROM bridge_numbers WHERE ni = ?",
    "INSERT INTO bridge_numbers VALUES (?, ?)",
)


class StateNotWritable(Transient):
    """Nothing that must be remembered first may be begun now; what runs goes on."""

    def __init__(self, path: Path, error: Exception) -> None:
        super().__init__(
            f"state cannot be kept in {path}: {error}; free space on that file system"
            " (`df`) or mend its disk, the node goes on by itself"
        )


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.executescript(SCHEMA)
    return db


@lru_cache(maxsize=2 * MOST_NUMBERS)
def _held(in_force: bytes) -> EdgeDevConfig:
    """Asked for several times for each app, at each configuration."""
    return decode_edge_dev_config(in_force)


@dataclass(frozen=True, slots=True)
class AppRecord:
    """What of an app is in force, and the counters that were worked in.

    `in_force` is an encoded EdgeDevConfig that holds only this app, its volumes and their content
    trees, so that an old generation outlives the config that dropped it.
    """

    restart_counter: int
    purge_counter: int
    incarnation: int
    in_force: bytes
    rollback_counter: int = 0
    snapshots: Mapping[str, str] = field(default_factory=dict[str, str])  # dealt with: its error

    @property
    def held(self) -> EdgeDevConfig:
        return _held(self.in_force)

    @property
    def app(self) -> AppInstanceConfig:
        """In force."""
        return self.held.apps[0]


class Checkpoint:
    """One state directory.  Synchronous: writes are rare and small."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.reserve = Reserve(folder / "reserve")
        path = folder / "node.db"
        try:
            self._db = _open(path)
        except sqlite3.Error as error:
            if not self.reserve.give_up():
                raise StateNotWritable(path, error) from error
            try:
                self._db = _open(path)
            except sqlite3.Error as again:
                raise StateNotWritable(path, again) from again

    def close(self) -> None:
        self._db.close()

    def _not_writable(self, path: Path, error: Exception) -> StateNotWritable:
        """The next try may use what is kept back for a full disk."""
        number = error.errno if isinstance(error, OSError) else None
        code = error.sqlite_errorcode if isinstance(error, sqlite3.OperationalError) else None
        if number in DISK_FULL or code == sqlite3.SQLITE_FULL:
            self.reserve.give_up()
        return StateNotWritable(path, error)

    # Documents

    def save(self, name: str, data: bytes) -> None:
        """Replace a document; the one before stays as the backup."""
        path = self.folder / name
        try:
            before = read_or_none(path)
            if before == data:
                return
            if before is not None:
                atomic_write(path.with_name(path.name + ".bak"), before)
            atomic_write(path, data)
        except OSError as error:
            raise self._not_writable(path, error) from error

    def documents(self, name: str) -> Iterator[bytes]:
        """The document, then its backup; the reader takes the first that decodes."""
        for path in (self.folder / name, self.folder / f"{name}.bak"):
            data = read_or_none(path)
            if data:
                yield data

    # Facts: small values under a name

    def fact(self, key: str) -> str | None:
        rows = self._rows("SELECT value FROM facts WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def number(self, key: str) -> int | None:
        value = self.fact(key)
        return None if value is None else int(value)

    def remember(self, **facts: str | int | None) -> None:
        """Store several facts at once; None forgets.  What is stored already needs no disk."""
        texts = {k: None if v is None else str(v) for k, v in facts.items()}
        changed = {k: text for k, text in texts.items() if self.fact(k) != text}
        if not changed:
            return
        with self._transaction():
            for key, value in changed.items():
                if value is None:
                    self._db.execute("DELETE FROM facts WHERE key = ?", (key,))
                else:
                    self._db.execute(
                        "INSERT INTO facts VALUES (?, ?) "
                        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                        (key, value),
                    )

    # Apps

    def apps(self) -> dict[AppInstanceId, AppRecord]:
        rows = self._rows(
            "SELECT apps.app, restart_counter, purge_counter, incarnation, in_force,"
            " coalesce(rollback_counter, 0), coalesce(told, '{}')"
            " FROM apps LEFT JOIN app_snapshots ON apps.app = app_snapshots.app"
        )
        return {
            AppInstanceId(r[0]): AppRecord(r[1], r[2], r[3], r[4], r[5], json.loads(r[6]))
            for r in rows
        }

    def save_apps(self, records: Mapping[AppInstanceId, AppRecord]) -> None:
        """Make the stored set equal to `records`, in one transaction."""
        stored = self.apps()
        if stored == records:
            return
        with self._transaction():
            for app in set(stored) - set(records):
                self._db.execute("DELETE FROM apps WHERE app = ?", (app,))
                self._db.execute("DELETE FROM app_snapshots WHERE app = ?", (app,))
            for app, r in records.items():
                if stored.get(app) == r:
                    continue
                self._db.execute(
                    "INSERT OR REPLACE INTO apps VALUES (?, ?, ?, ?, ?)",
                    (app, r.restart_counter, r.purge_counter, r.incarnation, r.in_force),
                )
                self._db.execute(
                    "INSERT OR REPLACE INTO app_snapshots VALUES (?, ?, ?)",
                    (app, r.rollback_counter, json.dumps(dict(r.snapshots), sort_keys=True)),
                )

    # Numbers

    def app_numbers(self, apps: Iterable[AppInstanceId]) -> dict[AppInstanceId, int]:
        """A number for each that there is one for; those of gone apps are freed.

        New apps get the lowest free ones.  Apps beyond the last number are not in the answer.
        """
        return {AppInstanceId(k): n for k, n in self._number(APP_NUMBERS, list(apps)).items()}

    def allocate(
        self,
        network_instances: Iterable[NetworkInstanceId],
        vifs: Iterable[tuple[NetworkInstanceId, AppInstanceId, int]],
    ) -> Allocations:
        """Bridge and vif numbers; a vif keeps its number for as long as it is asked for."""
        bridges = self._number(BRIDGE_NUMBERS, list(network_instances))
        wanted = list(vifs)
        with self._transaction():
            rows = self._db.execute("SELECT ni, app, position, number FROM vif_numbers").fetchall()
            have = {(r[0], r[1], r[2]): r[3] for r in rows}
            for gone in set(have) - set(wanted):
                self._db.execute(
                    "DELETE FROM vif_numbers WHERE ni = ? AND app = ? AND position = ?", gone
                )
                del have[gone]
            for key in wanted:
                if key not in have:
                    used = {n for (ni, _, _), n in have.items() if ni == key[0]}
                    have[key] = next(n for n in range(len(used) + 1) if n not in used)
                    self._db.execute(
                        "INSERT INTO vif_numbers VALUES (?, ?, ?, ?)", (*key, have[key])
                    )
        return Allocations(
            {NetworkInstanceId(k): n for k, n in bridges.items()},
            {(NetworkInstanceId(a), AppInstanceId(b), c): n for (a, b, c), n in have.items()},
        )

    def _number(self, statements: Numbering, names: list[str]) -> dict[str, int]:
        with self._transaction():
            have: dict[str, int] = dict(self._db.execute(statements.read).fetchall())
            for gone in set(have) - set(names):
                self._db.execute(statements.free, (gone,))
                del have[gone]
            for name in names:
                if name in have:
                    continue
                used = set(have.values())
                number = next((n for n in range(1, MOST_NUMBERS + 1) if n not in used), None)
                if number is None:
                    break  # the caller refuses the rest, one by one
                have[name] = number
                self._db.execute(statements.take, (name, number))
        return have

    # Log positions: how far each source was taken over

    def log_position(self, source: str) -> str:
        """Empty for a source never read."""
        rows = self._rows("SELECT position FROM log_positions WHERE source = ?", (source,))
        return str(rows[0][0]) if rows else ""

    def save_log_position(self, source: str, position: str) -> None:
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO log_positions VALUES (?, ?)", (source, position)
            )

    @contextmanager
    def _transaction(self) -> Generator[None]:
        """All or nothing.  Raises StateNotWritable when the disk does not take it."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise self._not_writable(self.folder / "node.db", error) from error
            raise

    def _rows(self, statement: str, values: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
        """Reading fails like writing: the disk, not the node, is what has to be mended."""
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._not_writable(self.folder / "node.db", error) from error
