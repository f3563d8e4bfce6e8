"""The streams, their subjects and who reads them.

Each topic is a stream of its own, so that logs that wait for a sink never stop info.  A message
leaves its stream when every reader of the topic has acknowledged it (retention by interest), so a
stream holds what its slowest sink still needs and nothing more.  A full stream refuses new messages
(`discard new`): a device then hears 503 and keeps what it has.  Readers are made before anything is
published, and stay when nobody reads.

Purging what is acknowledged from a stream that keeps by limits was tried: nats-server 2.9 then
moves the acknowledgement floor of a reader past messages that a dead process had in hand, and they
never come again.
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
