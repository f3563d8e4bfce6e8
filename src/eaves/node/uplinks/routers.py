"""Routers of IPv6: the DNS servers that they announce, for as long as each said."""

import contextlib
import socket
from collections.abc import Iterable
from typing import Final

from eaves.node.host import router_options

MOST: Final = 4  # servers of an interface: what comes from the network has a limit
ASKED_S: Final = 30.0  # from one question to the next


class Routers:
    """Of all interfaces, by their names."""

    def __init__(self) -> None:
        self._until: dict[str, dict[str, float]] = {}
        self._asked: dict[str, float] = {}

    def hear(self, datagram: bytes, now: float) -> None:
        """What rtnetlink told; most of it is of other things."""
        for one in router_options.announced(datagram):
            with contextlib.suppress(OSError):  # the interface has gone meanwhile
                ifname = socket.if_indextoname(one.ifindex)
                self.keep(ifname, one.servers, one.lifetime_s, now)

    def keep(self, ifname: str, servers: Iterable[str], lifetime_s: float, now: float) -> None:
        """`lifetime_s` 0: they are not to be used any more."""
        known = self._until.setdefault(ifname, {})
        for server in servers:
            known.pop(server, None)
            if lifetime_s and len(known) < MOST:
                known[server] = now + lifetime_s

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
