"""The list of port configurations on disk: what is in force again after a start."""

from typing import Protocol

import structlog

from eaves.errors import EavesError
from eaves.node.uplinks import ledger as lists
from eaves.node.uplinks.model import Entry

log = structlog.get_logger(__name__)

DOCUMENT = "port-configurations"


class Keeps(Protocol):
    """What remembers across a power cut."""

    def save(self, name: str, data: bytes) -> None: ...


class LedgerFile:
    def __init__(self, keeps: Keeps, stored: bytes) -> None:
        self._keeps = keeps
        self._kept = b""
        self.ledger: lists.Ledger = ()
        self.preferred: Entry | None = None  # in force when it was written
        self.pins: dict[str, str] = {}
        if not stored:
            return
        try:
            self.ledger, self.preferred, self.pins = lists.decode(stored)
        except EavesError as error:
            log.warning("port_configurations_unusable", error=str(error))

    def save(self, ledger: lists.Ledger, in_force: Entry | None, pins: dict[str, str]) -> None:
        """What cannot be kept is told; the ports do not wait for a disk."""
        data = lists.encode(ledger, in_force, pins)
        if data == self._kept:
            return
        try:
            self._keeps.save(DOCUMENT, data)
            self._kept = data
        except EavesError as error:
            log.warning("port_configurations_not_kept", error=str(error))
