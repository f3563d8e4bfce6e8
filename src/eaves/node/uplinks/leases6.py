"""The DHCPv6 clients of a node: one for each port whose router says that addresses come so.

They live in the node's own process.  What they were given stands in a folder that lasts as long as
the boot does, whose clock its times are of: the next process goes on with it.  A router that no
longer says so ends no lease; it is renewed until it ends by itself.
"""

import json
import secrets
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog

from eaves.node.host.dhcp6_door import Door
from eaves.node.host.files import atomic_write, named, read_or_none
from eaves.node.uplinks.dhcp6 import Identity, Lease6, State, begin, hear, identity, resumed, tick

log = structlog.get_logger(__name__)

_ENDING = ".json"


@dataclass(frozen=True, slots=True)
class Asking:
    """An interface that was made again has another index."""

    ifindex: int
    mac: str


@dataclass(frozen=True, slots=True)
class Given:
    asking: Asking
    lease: Lease6


@dataclass(slots=True)
class _Client:
    asking: Asking
    door: Door
    own: Identity
    state: State


class Leases6:
    """Of all interfaces, by their names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._clients: dict[str, _Client] = {}
        self._failed: dict[str, str] = {}  # why one could not begin, told once
        self._given = read_given(folder)
        self._before = dict(self._given)  # of another process; each is taken up once

    def lease(self, ifname: str) -> Lease6 | None:
        given = self._given.get(ifname)
        return given.lease if given is not None else None

    def round(
        self,
        there: Mapping[str, Asking],
        asked: AbstractSet[str],
        now: float,
        wished: AbstractSet[str] = frozenset(),
    ) -> bool:
        """Hear what came, and ask what is due; True: a lease is another one.

        Of the interfaces `there` those that are `asked` are given one; the others keep theirs.
        What was given before on those that are `wished` and not there yet waits for them.
        """
        for name, client in list(self._clients.items()):
            goes_on = name in asked or client.state.lease is not None
            if not goes_on or there.get(name) != client.asking:
                self._clients.pop(name).door.close()
        for name, one in there.items():
            before = self._before.get(name)
            held = before.lease if before is not None and before.asking == one else None
            state = resumed(held, now, _number()) if held is not None else None
            if name not in self._clients and (state is not None or name in asked):
                self._begin(name, one, state or begin(now, _number()))
        self._before = {
            name: before
            for name, before in self._before.items()
            if name in wished and name not in there and now < before.lease.ends
        }
        for client in self._clients.values():
            _turn(client, now)
        return self._keep()

    def _begin(self, name: str, one: Asking, state: State) -> None:
        try:
            client = _Client(one, Door(name), identity(one.mac), state)
        except (OSError, ValueError) as error:
            if self._failed.get(name) != str(error):
                log.info("dhcp6_not_begun", interface=name, error=str(error))
            self._failed[name] = str(error)
            return
        self._failed.pop(name, None)
        self._clients[name] = client

    def _keep(self) -> bool:
        """What was given, for the next process, too."""
        before, self._given = self._given, {**self._before, **_given(self._clients)}
        for name in before.keys() - self._given.keys():
            _file(self._folder, name).unlink(missing_ok=True)
        for name, given in self._given.items():
            if before.get(name) != given:
                self._folder.mkdir(parents=True, exist_ok=True)
                atomic_write(_file(self._folder, name), _text(given).encode())
        return _addresses(before) != _addresses(self._given)

    def close(self) -> None:
        """What was given stays: it is the next process's."""
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


def _given(clients: Mapping[str, _Client]) -> dict[str, Given]:
    return {
        name: Given(one.asking, one.state.lease)
        for name, one in clients.items()
        if one.state.lease is not None
    }


def _addresses(given: Mapping[str, Given]) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {name: (one.lease.address, one.lease.dns) for name, one in given.items()}


# What the next process finds


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}{_ENDING}"


def _text(given: Given) -> str:
    return json.dumps(asdict(given), default=bytes.hex)


def read_given(folder: Path) -> dict[str, Given]:
    """By interface; what cannot be read was not given."""
    found: dict[str, Given] = {}
    for name in named(folder, _ENDING):
        try:
            told: dict[str, Any] = json.loads(read_or_none(folder / name) or b"")
            lease: dict[str, Any] = {**told["lease"], "dns": tuple(told["lease"]["dns"])}
            lease["server"] = bytes.fromhex(lease["server"])
            found[name.removesuffix(_ENDING)] = Given(Asking(**told["asking"]), Lease6(**lease))
        except (ValueError, KeyError, TypeError) as error:
            log.warning("lease_not_read", interface=name, error=str(error), next="asked for again")
    return found
