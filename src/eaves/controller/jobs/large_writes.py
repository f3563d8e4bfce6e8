"""One large write at a time in a process: those that read ahead would else be in vain."""

import asyncio
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncEngine

_locks: Final[WeakKeyDictionary[AsyncEngine, asyncio.Lock]] = WeakKeyDictionary()


def large_write(engine: AsyncEngine) -> asyncio.Lock:
    """Of all on this engine; writes of requests do not ask for it, and come between."""
    return _locks.setdefault(engine, asyncio.Lock())
