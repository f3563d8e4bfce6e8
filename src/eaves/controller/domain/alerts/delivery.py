"""How a message gets to where it is to go: what a try came to, and when the next one is."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=15)
GIVE_UP_AFTER: Final = timedelta(hours=6)
"""What was not delivered by then is told as an event instead."""


@dataclass(frozen=True, slots=True)
class Delivered:
    note: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """This message may get through another time."""

    why: str


@dataclass(frozen=True, slots=True)
class Away:
    """Nothing gets through there now; the others of the channel wait too."""

    why: str


@dataclass(frozen=True, slots=True)
class Never:
    """It will not be taken however often it is sent."""

    why: str


Outcome = Delivered | Later | Away | Never

_AWAY: Final = frozenset({408, 425, 429, 502, 503, 504})
_GONE: Final = 410


def of_status(status: int, where: str) -> Outcome:
    """What the status of an HTTP answer means.  A wrong address or secret is mended by a person,
    so most refusals are tried again.
    """
    if 200 <= status < 300:
        return Delivered(f"answered {status}")
    said = f"{where} answered {status}"
    if status == _GONE:
        return Never(f"{said}, gone for good; remove the channel or correct its url")
    if 300 <= status < 400:
        return Later(f"{said}; redirects are not followed, set the url that it leads to")
    return Away(said) if status in _AWAY else Later(f"{said}; look at the log of the receiver")


def pause_after(tries: int, chance: float) -> timedelta:
    """Until the next try: doubled each time; `chance` in [0, 1) spreads them over a quarter."""
    doubled = FIRST_PAUSE * (1 << min(max(tries - 1, 0), 16))
    return min(doubled, LONGEST_PAUSE) * (1 - chance / 4)
