"""The streams, their subjects and who reads them.

Each topic is a stream of its own, so that logs that wait for a sink never stop info.  A stream
keeps its messages by limits and refuses new ones when it is full (`discard new`): a device then
hears 503 and keeps what it has.  What every sink of a topic has acknowledged is purged from the
front (`trim`), so a stream holds what its slowest sink still needs and nothing more; a sink that
is added later begins with what is there.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DUPLICATE_WINDOW_S: Final = 300.0  # a repeated publication within it is stored once
ACK_WAIT_S: Final = 30.0  # a reader that says nothing for so long has died
MAX_ACK_PENDING: Final = 256  # messages in flight to all readers of one sink
SET_ASIDE_BYTES: Final = 256 * 1024 * 1024
SET_ASIDE_DAYS: Final = 30
OVERHEAD_BYTES: Final = 2048  # headers and msgpack around one report


class Topic(StrEnum):
    """The words are part of the names of the streams."""

    STATE = "state"  # info, hardware health, what was forgotten
    METRICS = "metrics"
    LOGS = "logs"  # log files and flow records


SET_ASIDE: Final = "set-aside"  # what a sink cannot take, kept for a person to look at


@dataclass(frozen=True, slots=True)
class Names:
    """Of one controller; `prefix` is EAVES_STREAM_NAME."""

    prefix: str

    def stream(self, topic: str) -> str:
        return f"{self.prefix}_{topic.replace('-', '_').upper()}"

    def subject(self, topic: str) -> str:
        return f"{self.prefix}.telemetry.{topic}"


@dataclass(frozen=True, slots=True)
class Position:
    """How far one reader has acknowledged everything: a sequence number of the stream."""

    sink: str
    acknowledged: int


def trim_before(positions: tuple[Position, ...], first: int) -> int | None:
    """The sequence number below which no sink needs anything; None when nothing can go.

    `first`: the oldest number that the stream holds.
    """
    if not positions:
        return None
    needed = min(position.acknowledged for position in positions) + 1
    return needed if needed > first else None
