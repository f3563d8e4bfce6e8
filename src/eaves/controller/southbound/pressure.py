"""What is refused when there is too much: the decisions, without clock or socket.

Two rules, each with its own measure:

- *Pressure* is how far the process is behind: queues that fill, memory of bodies that fills, a
  loop that runs late.  As it grows, what is worth least goes first: debug logs, then logs, then
  metrics.  Configurations, attestation and info are never refused for it.
- A *rate* is what one sender may ask for, whatever the others do.  A device has a generous one of
  its own.  Under pressure each enterprise has one that grows with its devices, so that the noise
  of one is not the loss of the others.  Who cannot be told from a stranger shares the rate of its
  address, and a whole site may stand behind one address.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from eaves.evapi.paths import Endpoint


class Worth(IntEnum):
    """What a message is worth while there is too much; the least goes first."""

    DEBUG_LOGS = 1
    LOGS = 2
    METRICS = 3
    ALWAYS = 4


WORTH: Final[Mapping[Endpoint, Worth]] = {
    Endpoint.NEWLOGS: Worth.LOGS,
    Endpoint.APP_NEWLOGS: Worth.LOGS,
    Endpoint.FLOWLOG: Worth.LOGS,
    Endpoint.METRICS: Worth.METRICS,
    Endpoint.HARDWAREHEALTH: Worth.METRICS,
}
"""By endpoint; whether a log file holds debug lines only is known when it has been read."""


def worth_of(endpoint: Endpoint) -> Worth:
    return WORTH.get(endpoint, Worth.ALWAYS)


class Level(IntEnum):
    """How much goes: everything that is worth no more than the number."""

    CALM = 0
    DEBUG_LOGS = 1
    LOGS = 2
    METRICS = 3

    def refuses(self, worth: Worth) -> bool:
        return worth <= self


@dataclass(frozen=True, slots=True)
class Signals:
    """How far the process is behind."""

    bodies: float = 0.0  # of the memory for bodies in flight, 0 to 1
    lag_s: float = 0.0  # how late the loop runs
    queues: Mapping[Worth, float] = field(default_factory=dict[Worth, float])  # 0 to 1, by content


_FULL: Final = {Level.DEBUG_LOGS: 0.5, Level.LOGS: 0.7, Level.METRICS: 0.85}
_LATE_S: Final = {Level.DEBUG_LOGS: 0.15, Level.LOGS: 0.3, Level.METRICS: 0.6}
_EASED: Final = 0.7  # of a threshold: below it a level ends


def level_of(before: Level, signals: Signals) -> Level:
    """The level that follows: up at once, down only when the cause has clearly eased."""
    return max(
        _reached(before, signals.bodies, _FULL),
        _reached(before, signals.lag_s, _LATE_S),
        *(
            min(_reached(before, full, _FULL), _below(worth))
            for worth, full in signals.queues.items()
        ),
        Level.CALM,
    )


def _below(worth: Worth) -> Level:
    """A queue that fills takes from what is worth less than what it holds; a full one refuses."""
    return Level(worth - 1)


def _reached(before: Level, value: float, thresholds: Mapping[Level, float]) -> Level:
    reached = Level.CALM
    for level, threshold in thresholds.items():
        if value >= threshold or (before >= level and value >= threshold * _EASED):
            reached = level
    return reached
