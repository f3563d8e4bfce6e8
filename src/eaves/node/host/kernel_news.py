"""Has the kernel's network changed since it was looked at last?

The kernel tells every change of links, addresses, routes, rules and nftables to who listens.  What
was told is thrown away: that there was something is enough to look again.  Source: the kernel's
`uapi/linux/rtnetlink.h` and `uapi/linux/netfilter/nfnetlink.h`.
"""

import socket
from contextlib import ExitStack

from eaves.node.host.netfilter import NETLINK_NETFILTER

# links, IPv4 and IPv6 addresses, routes and rules
_ROUTING = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 0x40000
_TABLES = 0x40  # nftables
_DATAGRAM = 1 << 16


class KernelNews:
    """Listens from the first question on, in the network namespace of who asks it."""

    def __init__(self) -> None:
        self._doors: tuple[socket.socket, ...] | None = None

    def moved(self) -> bool:
        """True as well at the first question, and where too much happened to be told.

        Raises OSError where the kernel does not let us listen.
        """
        if self._doors is None:
            self._doors = self._open()
            return True
        told = [_drained(door) for door in self._doors]  # each of them, whatever the first one says
        return any(told)

    def _open(self) -> tuple[socket.socket, ...]:
        with ExitStack() as opened:
            doors = tuple(
                opened.enter_context(_door(protocol, groups))
                for protocol, groups in (
                    (socket.NETLINK_ROUTE, _ROUTING),
                    (NETLINK_NETFILTER, _TABLES),
                )
            )
            opened.pop_all()
        return doors

    def close(self) -> None:
        for door in self._doors or ():
            door.close()
        self._doors = None


def _door(protocol: int, groups: int) -> socket.socket:
    door = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    try:
        door.setblocking(False)
        door.bind((0, groups))
    except OSError:
        door.close()
        raise
    return door


def _drained(door: socket.socket) -> bool:
    moved = False
    while True:
        try:
            door.recv(_DATAGRAM)
        except BlockingIOError:
            return moved
        except OSError:
            # ENOBUFS: more happened than fits, which is a change all the same
            return True
        moved = True
