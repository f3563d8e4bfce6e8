"""The streams, their subjects and who reads them.

Each topic is a stream of its own, so that logs that wait for a sink never stop info.  A message
leaves its stream when every reader of the topic has acknowledged it (retention by interest), so a
stream holds what its slowest sink still needs and nothing more.  A full stream refuses new messages
(`discard new`): a device then hears 503 and keeps what it has.  Readers are made before anything is
published, and stay when nobody reads.

What devices say of their state is read in order: one message is in flight at a time, whoever reads
it.  An older word that is folded after a newer one would be dropped, and its events with it.
Messages of the other topics may be folded in any order, many at once: a reader that is not behind
rests between two turns, so that a transaction of its sink takes what several commits brought.

Purging what is acknowledged from a stream that keeps by limits was tried: nats-server 2.9 then
moves the acknowledgement floor of a reader past messages that a dead process had in hand, and they
never come again.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DUPLICATE_WINDOW_S: Final = 300.0  # a repeated publication within it is stored once
SET_ASIDE_BYTES: Final = 256 * 1024 * 1024
SET_ASIDE_DAYS: Final = 30
OVERHEAD_BYTES: Final = 2048  # headers and msgpack around one report


class Topic(StrEnum):
    """The words are part of the names of the streams."""

    STATE = "state"  # info, hardware health, what was forgotten
    METRICS = "metrics"
    LOGS = "logs"  # log files and flow records


@dataclass(frozen=True, slots=True)
class Pace:
    """How the readers of one sink get their messages."""

    in_flight: int  # messages, to all readers together
    at_once: int  # messages in hand of one reader
    ack_wait_s: float  # a reader that says nothing for so long has died
    rest_s: float  # between the begins of two turns, while no more waits than was taken


ANY_ORDER: Final = Pace(in_flight=256, at_once=16, ack_wait_s=30.0, rest_s=0.25)
IN_ORDER: Final = Pace(in_flight=1, at_once=1, ack_wait_s=10.0, rest_s=0.0)


def pace_of(topic: Topic) -> Pace:
    return IN_ORDER if topic is Topic.STATE else ANY_ORDER


SET_ASIDE: Final = "set-aside"  # what a sink cannot take, kept for a person to look at


@dataclass(frozen=True, slots=True)
class Names:
    """Of one controller; `prefix` is EAVES_STREAM_NAME."""

    prefix: str

    def stream(self, topic: str) -> str:
        return f"{self.prefix}_{topic.replace('-', '_').upper()}"

    def subject(self, topic: str) -> str:
        return f"{self.prefix}.telemetry.{topic}"
