"""Datagrams of a DHCPv6 client on one interface."""

import contextlib
import socket
from ipaddress import IPv6Address
from typing import Final

CLIENT_PORT: Final = 546
SERVER_PORT: Final = 547
_SERVERS: Final = "ff02::1:2"  # and relays, on the link
_MOST_AT_ONCE: Final = 512  # also of what is not ours: it must not keep an answer waiting


class Door:
    def __init__(self, ifname: str) -> None:
        """Raises OSError."""
        self._ifindex = socket.if_nametoindex(ifname)
        self._socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, ifname.encode())
            self._socket.bind(("::", CLIENT_PORT))
        except BaseException:
            self._socket.close()
            raise

    def send(self, message: bytes) -> None:
        """An interface that cannot send yet loses it: questions are repeated."""
        with contextlib.suppress(OSError):
            self._socket.sendto(message, (_SERVERS, SERVER_PORT, 0, self._ifindex))

    def heard(self) -> list[bytes]:
        return heard(self._socket)

    def close(self) -> None:
        self._socket.close()


def heard(door: socket.socket) -> list[bytes]:
    """Servers and relays speak from an address of the link; nobody beyond a router can."""
    found: list[bytes] = []
    with contextlib.suppress(OSError):  # most often: nothing more is there
        for _ in range(_MOST_AT_ONCE):
            message, (address, *_) = door.recvfrom(4096)
            if is_of_link(address):
                found.append(message)
    return found


def is_of_link(address: str) -> bool:
    """As the socket names it, which may be with the interface."""
    return IPv6Address(address.partition("%")[0]).is_link_local
