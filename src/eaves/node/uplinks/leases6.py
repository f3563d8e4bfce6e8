"""The DHCPv6 clients of a node: one for each port whose router says that addresses come so.

They live in the node's own process.  After a start they ask again, by the same identity, and are
given the same address.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from eaves.node.host.dhcp6_door import Door
from eaves.node.uplinks.dhcp6 import Identity, Lease6, State, begin, hear, identity, tick

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asking:
    """An interface that was made again has another index."""

    ifindex: int
    mac: str


@dataclass(slots=True)
class _Client:
    asking: Asking
    door: Door
    own: Identity
    state: State


class Leases6:
    """Of all interfaces, by their names."""

    def __init__(self) -> None:
        self._clients: dict[str, _Client] = {}
        self._failed: dict[str, str] = {}  # why one could not begin, told once

    def lease(self, ifname: str) -> Lease6 | None:
        client = self._clients.get(ifname)
        return client.state.lease if client is not None else None

    def round(self, asking: Mapping[str, Asking], now: float) -> bool:
        """Hear what came, and ask what is due, on these; True: a lease is another one."""
        before = {name: client.state.lease for name, client in self._clients.items()}
        for name, client in list(self._clients.items()):
            if asking.get(name) != client.asking:
                self._clients.pop(name).door.close()
        for name, one in asking.items():
            if name not in self._clients:
                self._begin(name, one, now)
        for client in self._clients.values():
            _turn(client, now)
        after = {name: client.state.lease for name, client in self._clients.items()}
        return _addresses(before) != _addresses(after)

    def _begin(self, name: str, one: Asking, now: float) -> None:
        try:
            client = _Client(one, Door(name), identity(one.mac), begin(now, _number()))
        except (OSError, ValueError) as error:
            if self._failed.get(name) != str(error):
                log.info("dhcp6_not_begun", interface=name, error=str(error))
            self._failed[name] = str(error)
            return
        self._failed.pop(name, None)
        self._clients[name] = client

    def close(self) -> None:
        for client in self._clients.values():
            client.door.close()
        self._clients.clear()


def _turn(client: _Client, now: float) -> None:
    for message in client.door.heard():
        client.state = hear(client.state, client.own, message, now, _number())
    client.state, question = tick(client.state, client.own, now, _number())
    if question is not None:
        client.door.send(question)


def _number() -> int:
    return secrets.randbelow(1 << 24)


def _addresses(leases: Mapping[str, Lease6 | None]) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {name: (one.address, one.dns) for name, one in leases.items() if one is not None}
