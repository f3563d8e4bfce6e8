"""Passwords: checked off the event loop, few at a time, slowly for who guesses."""

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from eaves.controller.northbound.problems import Problem

MIN_LENGTH = 12
AT_ONCE = 2  # each check takes tens of megabytes
ATTEMPTS = 10
WINDOW = timedelta(minutes=1)
REMEMBERED_NAMES = 10_000


@dataclass
class Passwords:
    hasher: PasswordHasher = field(default_factory=PasswordHasher)
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _failures: OrderedDict[str, deque[datetime]] = field(
        default_factory=OrderedDict[str, deque[datetime]]
    )
    _decoy: str = ""

    async def hash(self, password: str) -> str:
        async with self._gate:
            return await asyncio.to_thread(self.hasher.hash, password)

    async def verify(self, stored: str, password: str) -> bool:
        """Compare; an empty `stored` takes as long as a real one and is always wrong."""
        if not stored and not self._decoy:
            self._decoy = await self.hash("nobody has this password")
        async with self._gate:
            matches = await asyncio.to_thread(self._matches, stored or self._decoy, password)
        return matches and bool(stored)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self.hasher.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return False

    def attempts_left(self, username: str, now: datetime) -> int:
        failures = self._failures.get(username)
        while failures and now - failures[0] > WINDOW:
            failures.popleft()
        return ATTEMPTS - len(failures or ())

    def failed(self, username: str, now: datetime) -> None:
        self._failures.setdefault(username, deque()).append(now)
        self._failures.move_to_end(username)
        while len(self._failures) > REMEMBERED_NAMES:
            self._failures.popitem(last=False)

    def succeeded(self, username: str) -> None:
        self._failures.pop(username, None)


def refuse_weak(password: str, username: str) -> None:
    """Raises Problem(400) for a password that guessing finds."""
    if len(password) < MIN_LENGTH or password.lower() == username.lower():
        raise Problem(
            400,
            f"the new password is too weak: give at least {MIN_LENGTH} characters, "
            "not the user name",
            location="newCred",
        )
