"""What the end of a way of telemetry does, whatever lies behind it."""

from collections.abc import Sequence
from typing import Protocol


class Sink(Protocol):
    """Where batches end up."""

    @property
    def name(self) -> str:
        """The name of its reader in the stream: letters, digits and dashes."""
        ...

    async def store(self, batches: Sequence[bytes], /) -> None:
        """Store all of them or none, durably; storing the same again changes nothing.

        Raises Transient when the sink cannot now, Rejected when it never will.
        """
        ...

    def apart(self, batch: bytes, /) -> Sequence[bytes]:
        """The same as batches of one report each.  Raises Rejected for what is no batch."""
        ...

    async def close(self) -> None:
        """End its connections; on the loop that stored."""
        ...
