"""On a machine that is the node's alone every adapter is its own, from the moment it is there.

Whatever else on the machine asks for a name or for the time learns from here whom to ask: from the
ports that lead to the controller, as they are now.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Protocol

import structlog

from eaves.errors import EavesError
from eaves.node.host.adapters import ready
from eaves.node.host.files import atomic_write
from eaves.node.host.time_sources import set_time_servers
from eaves.node.uplinks.seen import Seen, SeenPort

log = structlog.get_logger(__name__)

LOOK_S = 1.0
AGAIN_S = 30.0  # who keeps the time starts late
STALE_S = 3600.0  # or starts anew, and tells nobody
MOST_SERVERS = 3  # that the C library asks
ANY_TIME_SERVER = "pool.ntp.org"
_NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.:%-]{0,252}")


class Ports(Protocol):
    """The uplinks, as far as their owner knows them."""

    @property
    def seen(self) -> Seen: ...

    @property
    def managed(self) -> frozenset[str]: ...

    def managed_changed(self, managed: frozenset[str]) -> None: ...


class Owner:
    def __init__(
        self,
        uplinks: Ports,
        resolver: Path,
        clock: Callable[[], float],
        tell_time: Callable[[tuple[str, ...]], Awaitable[None]] = set_time_servers,
    ) -> None:
        """`resolver`: the file that the machine's resolv.conf is; `clock`: seconds, even."""
        self._uplinks = uplinks
        self._resolver = resolver
        self._clock = clock
        self._tell_time = tell_time
        self._written = ""
        self._told: tuple[str, ...] = ()
        self._tell_at = self._stale_at = 0.0

    async def look(self) -> None:
        """Again and again: what came or went is noticed by nothing else."""
        there = ready()
        if there != self._uplinks.managed:
            log.info("adapters_taken", interfaces=sorted(there))
            self._uplinks.managed_changed(there)
        ports = [
            p for p in self._uplinks.seen.ports if p.plan.reaches_controller and not p.local_error()
        ]
        text = resolver_text(ports)
        if text != self._written:
            atomic_write(self._resolver, text.encode(), 0o644)
            self._written = text
        await self._time(time_servers(ports))

    async def _time(self, servers: tuple[str, ...]) -> None:
        """Nobody is asked before a port leads anywhere."""
        now = self._clock()
        if not servers or now < self._tell_at or (servers == self._told and now < self._stale_at):
            return
        self._tell_at, self._stale_at = now + AGAIN_S, now + STALE_S
        try:
            await self._tell_time(servers)
        except EavesError as error:
            log.warning("time_servers_not_told", servers=servers, error=str(error))
            return
        self._told = servers
        log.info("time_servers", servers=servers)


def resolver_text(ports: Iterable[SeenPort]) -> str:
    """As resolv.conf(5); the cheapest ports first."""
    in_order = sorted(ports, key=lambda port: port.plan.cost)
    servers = dict.fromkeys(server for port in in_order for server in port.dns)
    # A configuration may hold any text there; each line of the file is an order.
    domains = dict.fromkeys(port.domain for port in in_order if _NAME.fullmatch(port.domain))
    lines = [f"nameserver {server}" for server in list(servers)[:MOST_SERVERS]]
    if domains:
        lines.append(f"search {' '.join(domains)}")
    return "".join(f"{line}\n" for line in lines)


def time_servers(ports: Iterable[SeenPort]) -> tuple[str, ...]:
    """Of the ports, in the order of their cost; none without a port."""
    in_order = sorted(ports, key=lambda port: port.plan.cost)
    named = (server for port in in_order for server in port.ntp)
    # One that can be no name would have all of them refused.
    told = tuple(dict.fromkeys(server for server in named if _NAME.fullmatch(server)))
    return told or ((ANY_TIME_SERVER,) if in_order else ())
