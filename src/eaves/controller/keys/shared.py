"""The same keys for every controller on one PostgreSQL database.

The first process that starts stores its key files in the database, sealed under the secret key;
every other one takes them from there into its state folder, where they are read as those of a
single controller.  So all that the processes must be given alike is the secret key.  The TLS key
stays with each process: its certificate is issued by the shared authority.
"""

import asyncio
import json
from collections.abc import Collection
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.keys import files
from eaves.controller.keys.secret_key import secret_box
from eaves.controller.keys.secrets import SecretBox, SecretUnreadable
from eaves.controller.keys.store import Clock, KeyStore, Part, Random, open_keys
from eaves.controller.settings import Settings
from eaves.controller.store.controller_keys import (
    SealedKeys,
    find_keys,
    insert_keys,
    replace_keys,
)
from eaves.controller.store.unit import snapshot, unit_of_work, without_password
from eaves.errors import Rejected

PURPOSE: Final = "controller keys"
ROOT: Final = "signing/root.pem"


class KeysOfAnother(Rejected):
    """The keys of the database and those of the state folder do not fit."""


async def open_shared_keys(
    engine: AsyncEngine, settings: Settings, *, clock: Clock, random: Random
) -> KeyStore:
    """The keys of this database, which get there with the first controller.

    Raises KeysOfAnother, BadKeyFile.
    """
    stored = await _find(engine)
    root = settings.state_dir / ROOT
    if stored is None:
        fresh = not root.exists()
        keys = open_keys(settings, clock=clock, random=random)
        sealed = keys.seal(PURPOSE, _packed(keys.shared_files()))
        async with unit_of_work(engine) as db:
            if await insert_keys(db, sealed):
                return keys
        stored = await _find(engine)  # another one was first
        if fresh:
            root.unlink()  # made a moment ago, for nothing
    if stored is not None:
        _take(settings, _opened(settings, stored, random))
    return open_keys(settings, clock=clock, random=random)


async def take_shared_keys(engine: AsyncEngine, keys: KeyStore) -> bool:
    """Use what another process exchanged; True when that differs.  Writes files."""
    stored = await _find(engine)
    if stored is None:
        return False
    shared = _unpacked(keys.open(PURPOSE, stored.sealed))
    return await asyncio.to_thread(keys.adopt, shared)


async def renew_shared_keys(
    engine: AsyncEngine, keys: KeyStore, asked: Collection[Part] = ()
) -> bool:
    """Make anew what expires soon or is asked for, for every process; run by one at a time."""
    await take_shared_keys(engine, keys)
    due = keys.due(asked)
    stored = await _find(engine) if due else None
    if stored is None:
        return False
    renewed = {**keys.shared_files(), **due}
    async with unit_of_work(engine) as db:
        if not await replace_keys(db, stored, keys.seal(PURPOSE, _packed(renewed))):
            return False  # exchanged by another one: the next round looks again
    return await asyncio.to_thread(keys.adopt, renewed)


async def _find(engine: AsyncEngine) -> SealedKeys | None:
    async with snapshot(engine) as db:
        return await find_keys(db)


def _opened(settings: Settings, stored: SealedKeys, random: Random) -> dict[str, bytes]:
    where = without_password(settings.database)
    path = settings.secret_key_path
    if not path.exists():
        raise KeysOfAnother(
            f"database {where} holds the keys of its controllers, sealed under a secret key that "
            f"is not at {path}; copy the secret.key of the first controller and name the copy in "
            "EAVES_SECRET_KEY_FILE"
        )
    box: SecretBox = secret_box(settings, random)
    try:
        return _unpacked(box.open(PURPOSE, stored.sealed))
    except SecretUnreadable as error:
        raise KeysOfAnother(
            f"the keys in database {where} do not open with {path}; every controller on one "
            "database needs the same secret key: name it in EAVES_SECRET_KEY_FILE"
        ) from error


def _take(settings: Settings, shared: dict[str, bytes]) -> None:
    folder = settings.state_dir
    root = folder / ROOT
    if root.exists() and root.read_bytes() != shared[ROOT]:
        raise KeysOfAnother(
            f"{folder} holds the keys of another controller than database "
            f"{without_password(settings.database)}; give this one an empty --state-dir"
        )
    for name, content in shared.items():
        _write(folder / name, content)


def _write(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        files.write_private(path, content)


def _packed(shared: dict[str, bytes]) -> bytes:
    return json.dumps({name: content.decode("ascii") for name, content in shared.items()}).encode()


def _unpacked(packed: bytes) -> dict[str, bytes]:
    return {name: content.encode("ascii") for name, content in json.loads(packed).items()}
