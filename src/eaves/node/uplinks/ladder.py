"""What is done about a modem that has lost its network, and when.  Pure.

It is asked to connect again, each time after a longer pause; when that does not help, it is reset,
and after that its radio is switched off and on.  Then the ladder begins anew: a network that is
away for a day is found when it is back.  Source: node reference, section 5.1.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Rung(StrEnum):
    CONNECT = "connect"
    RESET = "reset"
    POWER_CYCLE = "power-cycle"


LADDER: Final = (
    Rung.CONNECT,
    Rung.CONNECT,
    Rung.CONNECT,
    Rung.RESET,
    Rung.CONNECT,
    Rung.POWER_CYCLE,
)
FIRST_PAUSE_S: Final = 30.0
LONGEST_PAUSE_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Climb:
    """Of a modem that is not connected: what was tried, and when the next rung is due."""

    tried: int = 0
    due: float = 0.0


def climb(before: Climb, now: float) -> tuple[Rung | None, Climb]:
    """The rung that is due now, or none."""
    if now < before.due:
        return None, before
    pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(before.tried, 9))
    return LADDER[before.tried % len(LADDER)], Climb(before.tried + 1, now + pause)
