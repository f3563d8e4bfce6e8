"""Faults of a simulated fleet: which devices have which, always the same for the same seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Self

from eaves.errors import Rejected
from eaves.evapi.keys import Signer


class BadShare(Rejected):
    """A share that cannot be read."""


@dataclass(frozen=True, slots=True)
class Share:
    """Some of the devices: a number of them, or a part from 0 to 1."""

    number: int = 0
    part: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `12` (devices), `5%` or `0.05`.  Raises BadShare."""
        word = text.strip()
        try:
            if word.endswith("%"):
                share = cls(part=float(word[:-1]) / 100)
            elif "." in word:
                share = cls(part=float(word))
            else:
                share = cls(number=int(word))
        except ValueError:
            share = cls(number=-1)
        if share.number < 0 or not 0 <= share.part <= 1:
            raise BadShare(f"{text!r} is no share; write a number of devices, 5% or 0.05")
        return share

    def of(self, devices: int) -> int:
        return min(devices, self.number or round(self.part * devices))


class Fault(StrEnum):
    OFFLINE = "offline"  # comes and goes
    SLOW_LINK = "slow link"
    CLOCK_SKEW = "clock skew"
    DUPLICATE_SERIAL = "duplicate serial"  # another key claims the serial of a device
    BAD_SIGNATURE = "bad signature"  # every second message
    CRASH_LOOP = "crash loop"


PERIOD_S = 120.0
MOST_SKEW_S = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Faults:
    """`period_s`: the longest time between two changes of what comes and goes."""

    shares: Mapping[Fault, Share] = field(default_factory=dict[Fault, Share])
    period_s: float = PERIOD_S

    def devices_with(self, fault: Fault, devices: int, seed: int) -> frozenset[int]:
        """Positions of the devices that have it."""
        share = self.shares.get(fault, Share())
        random = Random(f"{seed}/{fault}")  # noqa: S311 - to be the same again, not to be secret
        return frozenset(random.sample(range(devices), share.of(devices)))

    def of_each(self, devices: int, seed: int) -> tuple[frozenset[Fault], ...]:
        """Of the devices in order; duplicates of serials are devices of their own."""
        chosen = {f: self.devices_with(f, devices, seed) for f in Fault}
        chosen[Fault.DUPLICATE_SERIAL] = frozenset()
        return tuple(frozenset(f for f in Fault if n in chosen[f]) for n in range(devices))


class FaultySigner:
    """Signs as the right one does, and spoils what it made."""

    __slots__ = ("_signer",)

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def sign_digest(self, digest: bytes) -> bytes:
        signature = self._signer.sign_digest(digest)
        return bytes([signature[0] ^ 1]) + signature[1:]
