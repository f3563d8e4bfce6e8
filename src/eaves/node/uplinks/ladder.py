"""What is done about a modem that has lost its network, and when.  Pure.

It is asked to connect again, each time after a longer pause; when that does not help, it is reset,
and after that its radio is switched off and on.  Then the ladder begins anew: a network that is
away for a day is found when it is back.  Properties add steps that others on this machine notice:
the modem manager starts anew, drivers are loaded again, the machine restarts.
Source: node reference, sections 5.1 and 15.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Rung(StrEnum):
    CONNECT = "connect"
    RESET = "reset"
    POWER_CYCLE = "power-cycle"
    RESTART_MANAGER = "restart ModemManager"
    RELOAD_DRIVERS = "reload drivers"
    REBOOT = "reboot"


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
class Recovery:
    """wwan.modem.recovery.*: what may be done beside what the modem itself offers."""

    restart_manager: bool = False
    reload_drivers: bool = False
    reboot: bool = False

    @property
    def ladder(self) -> tuple[Rung, ...]:
        more = (
            (self.restart_manager, (Rung.RESTART_MANAGER, Rung.CONNECT)),
            (self.reload_drivers, (Rung.RELOAD_DRIVERS, Rung.CONNECT)),
            (self.reboot, (Rung.REBOOT,)),
        )
        return LADDER + tuple(rung for wanted, rungs in more if wanted for rung in rungs)


@dataclass(frozen=True, slots=True)
class Climb:
    """Of a modem that is not connected: what was tried, and when the next rung is due."""

    tried: int = 0
    due: float = 0.0


def climb(
    before: Climb, now: float, ladder: tuple[Rung, ...] = LADDER
) -> tuple[Rung | None, Climb]:
    """The rung that is due now, or none."""
    if now < before.due:
        return None, before
    pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(before.tried, 9))
    return ladder[before.tried % len(ladder)], Climb(before.tried + 1, now + pause)
