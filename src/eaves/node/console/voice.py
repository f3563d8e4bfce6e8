"""What the console says of itself, in the machine's journal: as much as the controller asks for.

The screen is not for it: there, somebody reads about the device.
"""

import syslog
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

SPOKEN: Final = "eaves-console"


class Level(IntEnum):
    """The words of `debug.tui.loglevel`: what is said is at most as detailed as that."""

    OFF = 0
    ERROR = 1
    WARN = 2
    INFO = 3
    DEBUG = 4
    TRACE = 5


PRIORITIES: Final = {
    Level.ERROR: syslog.LOG_ERR,
    Level.WARN: syslog.LOG_WARNING,
    Level.INFO: syslog.LOG_INFO,
    Level.DEBUG: syslog.LOG_DEBUG,
    Level.TRACE: syslog.LOG_DEBUG,
}


def level_of(word: str) -> Level:
    """A word that is not known is as none: a status file may be from another version."""
    return next((one for one in Level if one.name == word.upper()), Level.INFO)


def to_journal(priority: int, text: str) -> None:
    syslog.openlog(SPOKEN)
    syslog.syslog(priority, text)


@dataclass(slots=True)
class Voice:
    write: Callable[[int, str], None] = to_journal
    level: Level = Level.INFO

    def say(self, level: Level, text: str) -> None:
        if level <= self.level:
            self.write(PRIORITIES[level], text)
