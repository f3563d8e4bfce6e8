"""Passwords: checked off the event loop, few at a time, slowly for who guesses."""

import asyncio
import ipaddress
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from eaves.controller.domain.lockout import ATTEMPTS, LOCKED_FOR, WINDOW, site_of

AT_ONCE = 2  # each check takes tens of megabytes
ATTEMPTS_OF_ADDRESS = 60  # whatever users they name
ATTEMPTS_OF_NETWORKS = 240  # of a site that has many, of IPv6
REMEMBERED = 10_000
REMEMBERED_FOR = LOCKED_FOR
IPV6_NETWORK_BITS = 64  # what one customer has; single addresses cost nothing


@dataclass(frozen=True, slots=True)
class Guesser:
    """Who tries to be whom: strangers elsewhere do not lock out the person who is meant."""

    subject: str  # the id of the user, or the name that no user has
    address: str  # or `known`: the id of a client from which the user signed in before
    known: bool = False

    @classmethod
    def of(cls, subject: str, host: str) -> "Guesser":
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return cls(subject, host)
        if isinstance(address, ipaddress.IPv4Address):
            return cls(subject, host)
        if address.ipv4_mapped is not None:  # a listener for both; else all of IPv4 were one
            return cls(subject, str(address.ipv4_mapped))
        network = ipaddress.ip_network((address, IPV6_NETWORK_BITS), strict=False)
        return cls(subject, str(network))


class TooManyGuesses(Exception):  # an answer, not a failure
    """The password was not looked at."""


@dataclass(slots=True)
class _Guesses:
    last_at: datetime
    failures: deque[datetime] = field(default_factory=deque[datetime])
    untold: int = 0  # failures that no audit row tells of yet
    told_at: datetime | None = None

    def left(self, limit: int, now: datetime) -> int:
        while self.failures and now - self.failures[0] > WINDOW:
            self.failures.popleft()
        return max(limit - len(self.failures), 0)


@dataclass
class Passwords:
    hasher: PasswordHasher = field(default_factory=PasswordHasher)
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _guesses: OrderedDict[Guesser, _Guesses] = field(default_factory=OrderedDict[Guesser, _Guesses])
    _decoy: str = ""

    async def hash(self, password: str) -> str:
        async with self._gate:
            return await asyncio.to_thread(self.hasher.hash, password)

    async def check(self, stored: str, password: str, who: Guesser, now: datetime) -> bool:
        """Compare and count; an empty `stored` takes as long as a real one and is always wrong.

        Raises TooManyGuesses.  Counted before the answer is known, so that guesses sent at
        the same time count one after the other.
        """
        if not stored and not self._decoy:
            self._decoy = await self.hash("nobody has this password")
        async with self._gate:
            if self.attempts_left(who, now) <= 0:
                raise TooManyGuesses
            self._failed(who, now)
            matches = await asyncio.to_thread(self._matches, stored or self._decoy, password)
            if matches and stored:
                self.take_back(who)
                return True
            return False

    def reserve(self, who: Guesser, now: datetime) -> None:
        """Count a try of something else than a password before it is looked at.

        Raises TooManyGuesses.  `take_back`, once it was right.
        """
        if self.attempts_left(who, now) <= 0:
            raise TooManyGuesses
        self._failed(who, now)

    async def is_one_of(self, hashes: Iterable[str], password: str) -> bool:
        """Whether it was a password before; takes as long as so many checks."""
        for stored in hashes:
            async with self._gate:
                if await asyncio.to_thread(self._matches, stored, password):
                    return True
        return False

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self.hasher.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return False

    def attempts_left(self, who: Guesser, now: datetime) -> int:
        return min(self._left(key, limit, now) for key, limit in _counted(who))

    def _left(self, key: Guesser, limit: int, now: datetime) -> int:
        guesses = self._guesses.get(key)
        return limit if guesses is None else guesses.left(limit, now)

    def _failed(self, who: Guesser, now: datetime) -> None:
        for key, _limit in _counted(who):
            guesses = self._guesses.setdefault(key, _Guesses(now))
            guesses.failures.append(now)
            guesses.last_at = now
            guesses.untold += 1
            self._guesses.move_to_end(key)
        while self._guesses:
            oldest = next(iter(self._guesses.values()))
            if len(self._guesses) <= REMEMBERED and now - oldest.last_at <= REMEMBERED_FOR:
                break
            self._guesses.popitem(last=False)

    def take_back(self, who: Guesser) -> None:
        """It was right after all: it counts for nobody."""
        for key, _limit in _counted(who):
            guesses = self._guesses.get(key)
            if guesses is not None and guesses.failures:
                guesses.failures.pop()
                guesses.untold = max(guesses.untold - 1, 0)

    def to_be_told(self, who: Guesser, now: datetime) -> int:
        """How many failures one audit row tells of now; 0 within a minute of the row before."""
        guesses = self._guesses.get(who)
        if guesses is None or (guesses.told_at is not None and now - guesses.told_at < WINDOW):
            return 0
        guesses.told_at, untold, guesses.untold = now, guesses.untold, 0
        return untold

    def succeeded(self, who: Guesser) -> int:
        """Forget the failures of this user from here; tells how many no row told of."""
        guesses = self._guesses.pop(who, None)
        return 0 if guesses is None else guesses.untold


def _counted(who: Guesser) -> tuple[tuple[Guesser, int], ...]:
    """All that a guess counts for, and how many of them in a minute each may have."""
    if who.known:  # what strangers do at the same address is not its own
        return ((who, ATTEMPTS),)
    anybody, site = Guesser("", who.address), Guesser("", site_of(who.address))
    of_site = () if site == anybody else ((site, ATTEMPTS_OF_NETWORKS),)
    return ((who, ATTEMPTS), (anybody, ATTEMPTS_OF_ADDRESS), *of_site)
