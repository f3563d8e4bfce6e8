"""What a collector threw away of requests that it took otherwise.

OTLP forbids to send such a request again: the rest of it is stored, and what was thrown away would
be so once more.  So it is told and counted, and the batch counts as sent.
"""

from dataclasses import dataclass
from typing import Final

import structlog

log = structlog.get_logger()

_SHOWN: Final = 300  # characters of the reason


@dataclass(slots=True)
class Partial:
    """For `/metrics`: log lines, or values, since the start."""

    rejected: int = 0

    def note(self, count: int, what: str, *, url: str, why: str) -> None:
        """`url` without secrets."""
        if not count:
            return
        self.rejected += count
        log.error("collector_rejected", what=what, count=count, url=url, why=why[:_SHOWN])
