"""The PostgreSQL end of the stream: batches folded by the fold that a single process uses.

What a fold cannot store because of the report itself is `Rejected`, so that the reader tries the
batch report by report; a database that is away or full is `Transient`, whatever is asked of it.
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from eaves.controller.telemetry.embedded import EmbeddedCommitter, is_too_large
from eaves.errors import Rejected, Transient

R = TypeVar("R")


class Unfoldable(Rejected):
    """A batch that cannot be read, or that the database refuses."""


class DatabaseRefuses(Transient):
    """The database would refuse any report now."""


class FoldedSink(Generic[R]):
    """See the module text.  `committer` stays with its owner."""

    def __init__(
        self,
        name: str,
        committer: EmbeddedCommitter[R, object],
        decode: Callable[[bytes], Sequence[R]],
        encode: Callable[[Sequence[R]], bytes],
    ) -> None:
        self._name, self._committer = name, committer
        self._decode, self._encode = decode, encode

    @property
    def name(self) -> str:
        return self._name

    async def store(self, batches: Sequence[bytes], /) -> None:
        """One transaction for all.  Raises Transient, Unfoldable."""
        reports = [report for batch in batches for report in self._read(batch)]
        try:
            await self._committer.commit(reports)
        except Transient:
            raise
        except DBAPIError as error:
            if isinstance(error, DataError | IntegrityError) or is_too_large(error):
                raise Unfoldable(f"{self._name}: {error.orig}") from error
            # a missing table or right is not the fault of the report: a person mends it
            raise DatabaseRefuses(f"{self._name}: {error.orig}") from error
        except Exception as error:
            raise Unfoldable(f"{self._name}: {type(error).__name__}: {error}") from error

    def apart(self, batch: bytes, /) -> Sequence[bytes]:
        return [self._encode([report]) for report in self._read(batch)]

    async def close(self) -> None:
        """The writer is closed by its owner."""

    def _read(self, batch: bytes) -> Sequence[R]:
        try:
            return self._decode(batch)
        except ValueError as error:  # msgspec.DecodeError is one
            raise Unfoldable(f"{len(batch)} bytes are no batch of reports: {error}") from error
