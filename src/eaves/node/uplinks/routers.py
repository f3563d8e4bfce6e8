"""Routers of IPv6: the DNS servers that they announce, for as long as each said."""

import contextlib
import socket
from collections.abc import Iterable
from typing import Final

from eaves.node.host import router_options

MOST: Final = 4  # servers of an interface: what comes from the network has a limit
LONGEST_S: Final = 86_400.0  # that one is believed, whatever a router says
ASKED_S: Final = 30.0  # from one question to the next


class Routers:
    """Of all interfaces, by their names."""

    def __init__(self) -> None:
        self._until: dict[str, dict[str, float]] = {}
        self._ifindex: dict[str, int] = {}
        self._asked: dict[str, float] = {}

    def hear(self, datagram: bytes, now: float) -> None:
        """What rtnetlink told; most of it is of other things."""
        for one in router_options.announced(datagram):
            with contextlib.suppress(OSError):  # the interface has gone meanwhile
                ifname = socket.if_indextoname(one.ifindex)
                self.keep(ifname, one.servers, one.lifetime_s, now, one.ifindex)

    def keep(
        self, ifname: str, servers: Iterable[str], lifetime_s: float, now: float, ifindex: int = 0
    ) -> None:
        """`lifetime_s` 0: they are not to be used any more.

        What is new takes the place of what ends first.  An interface that was made again has
        another index, and knows none of before.
        """
        told = tuple(dict.fromkeys(servers))
        before = self._until.get(ifname, {}) if self._ifindex.get(ifname) == ifindex else {}
        known = {server: end for server, end in before.items() if server not in told}
        new = told[:MOST] if lifetime_s else ()
        left = sorted(known, key=known.__getitem__, reverse=True)[: MOST - len(new)]
        end = now + min(lifetime_s, LONGEST_S)
        self._until[ifname] = {server: known[server] for server in left} | dict.fromkeys(new, end)
        self._ifindex[ifname] = ifindex

    def forget_old(self, now: float) -> None:
        for ifname, known in self._until.items():
            self._until[ifname] = {server: end for server, end in known.items() if end > now}

    def servers(self, ifname: str) -> tuple[str, ...]:
        """In an order that does not change with each announcement."""
        return tuple(sorted(self._until.get(ifname, ())))

    def ask(self, ifname: str, now: float) -> None:
        """Have them announce themselves, unless they were asked just now."""
        if now - self._asked.get(ifname, float("-inf")) < ASKED_S:
            return
        self._asked[ifname] = now
        with contextlib.suppress(OSError):  # the interface cannot send yet; asked again in time
            router_options.solicit(ifname)
