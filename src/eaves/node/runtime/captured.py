"""Packets of downloads, kept for the archive of one that fails.

Only where `netdump.downloader.with.pcap` says so: of names that are looked up and of the port of
the datastore, whoever speaks to it from here.
"""

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog

from eaves.node.host.capture import capturing
from eaves.node.network.packets import read_packet

log = structlog.get_logger(__name__)

PORTS: Final = {"http": 80, "https": 443, "sftp": 22}
DNS: Final = 53


def port_of(base: str) -> int:
    parts = urlsplit(base)
    return parts.port or PORTS.get(parts.scheme, PORTS["https"])


def of_ports(ports: frozenset[int]) -> Callable[[bytes], bool]:
    def wants(packet: bytes) -> bool:
        seen = read_packet(packet)
        return seen is not None and bool(ports & {seen.ends.source_port, seen.ends.dest_port})

    return wants


class Captures:
    """One file at a time is enough: of two downloads at once, the first is captured."""

    def __init__(self, folder: Path, wanted: Callable[[], bool]) -> None:
        self._file = folder / "download.pcap"
        self._wanted = wanted
        self._busy = False
        self._base = ""  # of the download whose packets are in the file

    @contextmanager
    def around(self, base: str) -> Generator[None]:
        """A download; its packets are kept only if it fails."""
        if self._busy or not self._wanted():
            yield
            return
        self._busy, self._base = True, base
        try:
            with ExitStack() as stack:
                self._begin(stack, frozenset({port_of(base), DNS}))
                yield
            self._drop()
        finally:
            self._busy = False

    def take(self, base: str) -> bytes:
        """Of the download from `base` that failed just now; empty: nothing was captured."""
        if self._busy or self._base != base:
            return b""
        try:
            return self._file.read_bytes() if self._file.exists() else b""
        finally:
            self._drop()

    def _begin(self, stack: ExitStack, ports: frozenset[int]) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            stack.enter_context(capturing(self._file, of_ports(ports)))
        except OSError as error:
            log.warning("packets_not_captured", error=str(error))

    def _drop(self) -> None:
        self._base = ""
        self._file.unlink(missing_ok=True)
