"""Packets as the machine sends and receives them, into a file that other programs read (pcap).

They are read on the event loop; what comes faster than that is lost, and a file that is full ends.
"""

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ETH_P_ALL: Final = 3
LINKTYPE_RAW: Final = 101  # each packet begins with its IP header
LONGEST_PACKET: Final = 65_535
LEFT_AT_THE_END: Final = 64  # times so many
BUFFER_BYTES: Final = 8 << 20
AT_ONCE: Final = 256  # packets, before others have their turn
LARGEST_FILE: Final = 64 << 20
FILE_HEADER: Final = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, LONGEST_PACKET, LINKTYPE_RAW)


def record(packet: bytes, at: float) -> bytes:
    seconds = int(at)
    head = (seconds, int((at - seconds) * 1_000_000), len(packet), len(packet))
    return struct.pack("<IIII", *head) + packet


@contextmanager
def capturing(
    into: Path, wants: Callable[[bytes], bool], largest: int = LARGEST_FILE
) -> Generator[None]:
    """All packets that are wanted, of every interface, as long as this lasts.  Raises OSError."""
    loop = asyncio.get_running_loop()
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL)) as sock,
        into.open("wb") as file,
    ):
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        size = file.write(FILE_HEADER)

        def drain() -> None:
            nonlocal size
            for _ in range(AT_ONCE):
                try:
                    packet = sock.recv(LONGEST_PACKET)
                except (BlockingIOError, InterruptedError):
                    return
                except OSError:
                    loop.remove_reader(sock)
                    return
                if size + len(packet) + 16 <= largest and wants(packet):
                    size += file.write(record(packet, time.time()))  # a stamp, no timer

        loop.add_reader(sock, drain)
        try:
            yield
        finally:
            for _ in range(LEFT_AT_THE_END):
                drain()
            loop.remove_reader(sock)
