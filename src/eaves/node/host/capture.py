"""Packets as the machine sends and receives them, into a file that other programs read (pcap).

They are read on the event loop; what comes faster than that is lost, and a file that is full, or
that cannot be written, ends.
"""

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import structlog

log = structlog.get_logger(__name__)

ETH_P_ALL: Final = 3
LINKTYPE_RAW: Final = 101  # each packet begins with its IP header
LONGEST_PACKET: Final = 65_535
READ_BYTES: Final = 256  # of each packet: all headers, and no more of what it carries
LEFT_AT_THE_END: Final = 64  # times so many
BUFFER_BYTES: Final = 8 << 20
AT_ONCE: Final = 256  # packets, before others have their turn
LARGEST_FILE: Final = 64 << 20
FILE_HEADER: Final = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, LONGEST_PACKET, LINKTYPE_RAW)


def record(packet: bytes, at: float) -> bytes:
    seconds = int(at)
    head = (seconds, int((at - seconds) * 1_000_000), len(packet), len(packet))
    return struct.pack("<IIII", *head) + packet


class Recording:
    """A file of packets; `ended` once it is full or cannot be written."""

    def __init__(self, file: BinaryIO, largest: int) -> None:
        self._file = file
        self._left = largest
        self.ended = False
        self._write(FILE_HEADER)

    def add(self, packet: bytes) -> None:
        self._write(record(packet, time.time()))  # a stamp, no timer

    def _write(self, data: bytes) -> None:
        if len(data) > self._left:
            self.ended = True
        if self.ended:
            return
        try:
            self._file.write(data)
            self._left -= len(data)
        except OSError as error:
            self._failed(error)

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        self.ended = True
        log.warning("packets_not_written", error=str(error))


class Listening:
    """To the packets of one interface that are wanted, until the recording ends."""

    def __init__(
        self, ifname: str, wanted: Callable[[bytes], bytes | None], into: Recording
    ) -> None:
        self._wanted = wanted
        self._into = into
        self._loop = asyncio.get_running_loop()
        self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
        try:
            self._sock.setblocking(False)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            self._sock.bind((ifname, ETH_P_ALL))
        except OSError:
            self._sock.close()
            raise
        self._loop.add_reader(self._sock, self._read)

    def end(self) -> None:
        for _ in range(LEFT_AT_THE_END):
            self._read()
        self._stop()

    def _read(self) -> None:
        for _ in range(AT_ONCE):
            if self._sock.fileno() < 0:
                return
            try:
                packet = self._sock.recv(READ_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                log.warning("packets_not_read", error=str(error))
                self._stop()
                return
            kept = self._wanted(packet)
            if kept is not None:
                self._into.add(kept)
            if self._into.ended:
                self._stop()

    def _stop(self) -> None:
        """The kernel then copies no more packets for us."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
            self._sock.close()


@contextmanager
def capturing(
    into: Path,
    interfaces: Iterable[str],
    wanted: Callable[[bytes], bytes | None],
    largest: int = LARGEST_FILE,
) -> Generator[None]:
    """Of all packets of those interfaces what is wanted of them, as long as this lasts.

    Raises OSError if it cannot begin; what fails later ends the file, and nothing else.
    """
    with ExitStack() as stack:
        recording = Recording(into.open("wb"), largest)
        stack.callback(recording.close)
        for ifname in interfaces:
            stack.callback(Listening(ifname, wanted, recording).end)
        yield
