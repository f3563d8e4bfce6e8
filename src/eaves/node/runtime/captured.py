"""Headers of packets of downloads, kept for the archive of one that fails.

Only where `netdump.downloader.with.pcap` says so: of TCP at the port of the datastore, whoever
speaks to it over an uplink.  What carries data is left out: it may hold secrets.
Source: node reference 13.5.
"""

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog

from eaves.node.host.capture import capturing
from eaves.node.network.packets import TCP, read_packet

log = structlog.get_logger(__name__)

PORTS: Final = {"http": 80, "https": 443, "sftp": 22}
LEAST_TCP_HEADER: Final = 20


def port_of(base: str) -> int:
    parts = urlsplit(base)
    return parts.port or PORTS.get(parts.scheme, PORTS["https"])


def header_alone(packet: bytes, port: int) -> bytes | None:
    """A packet of TCP at `port` that carries no data, without what the link added to it."""
    seen = read_packet(packet)
    if seen is None or seen.ends.protocol != TCP:
        return None
    if port not in {seen.ends.source_port, seen.ends.dest_port}:
        return None
    if seen.length > len(packet) or seen.body + LEAST_TCP_HEADER > seen.length:
        return None
    header = (packet[seen.body + 12] >> 4) * 4
    bare = header >= LEAST_TCP_HEADER and seen.body + header == seen.length
    return packet[: seen.length] if bare else None


class Captures:
    """One file at a time is enough: of two downloads at once, the first is captured."""

    def __init__(
        self,
        folder: Path,
        wanted: Callable[[], bool],
        interfaces: Callable[[], frozenset[str]],
    ) -> None:
        self._file = folder / "download.pcap"
        self._wanted = wanted
        self._interfaces = interfaces  # the uplinks
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
                self._begin(stack, port_of(base))
                yield
            self._drop()
        finally:
            self._busy = False

    @contextmanager
    def taken(self, base: str) -> Generator[Path | None]:
        """Of the download from `base` that failed just now; None: nothing was captured.

        It is there as long as this lasts, and nothing else is captured meanwhile.
        """
        if self._busy or self._base != base:
            yield None
            return
        self._busy = True
        try:
            yield self._file if self._file.exists() else None
        finally:
            self._drop()
            self._busy = False

    def _begin(self, stack: ExitStack, port: int) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            stack.enter_context(
                capturing(
                    self._file,
                    sorted(self._interfaces()),
                    lambda packet: header_alone(packet, port),
                )
            )
        except OSError as error:
            log.warning("packets_not_captured", error=str(error))

    def _drop(self) -> None:
        self._base = ""
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("packets_not_removed", error=str(error))
