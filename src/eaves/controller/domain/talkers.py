"""Who talked to whom and how much: flow records summed up.  Pure."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from eaves.evapi.flow_records import ACCEPT, DROP, FlowRecord

Key = tuple[str | int, ...]
MOST_KEYS: Final = 200_000  # kept in memory at once; what comes for others is summed as `OTHER`
OTHER: Final = "(others)"


class Level(StrEnum):
    """What a flow is told apart by."""

    DIRECTION = "DIRECTION"
    ACL_ID = "ACL_ID"
    ACTION = "ACTION"
    PROTO = "PROTO"
    REMOTE_IP = "REMOTE_IP"
    REMOTE_PORT = "REMOTE_PORT"
    FQDN = "FQDN"


@dataclass(frozen=True, slots=True)
class Told:
    """A flow record, whose it is, and the name that its app was told for the remote address."""

    app_id: str
    record: FlowRecord
    host: str  # empty: none


@dataclass(slots=True)
class Sum:
    tx_bytes: int = 0
    rx_bytes: int = 0
    tx_packets: int = 0
    rx_packets: int = 0
    flows: int = 0

    def add(self, record: FlowRecord) -> None:
        self.tx_bytes += record.tx_bytes
        self.rx_bytes += record.rx_bytes
        self.tx_packets += record.tx_packets
        self.rx_packets += record.rx_packets
        self.flows += record.flows

    @property
    def bytes(self) -> int:
        return self.tx_bytes + self.rx_bytes

    @property
    def packets(self) -> int:
        return self.tx_packets + self.rx_packets


@dataclass(frozen=True, slots=True)
class Asked:
    """Which flows count; None and empty: all of them."""

    from_at: int = 0  # microseconds since 1970; a flow counts by its end
    until_at: int = (1 << 63) - 1
    inbound: bool | None = None
    acl_id: int | None = None
    action: int | None = None  # ACLAction
    protocol: int | None = None
    remote_addr: str = ""
    remote_port: int | None = None
    host: str = ""

    def has(self, told: Told) -> bool:
        record = told.record
        at = record.ended_at or record.started_at
        return (
            (not at or self.from_at <= at <= self.until_at)
            and (self.inbound is None or record.inbound == self.inbound)
            and (self.acl_id is None or record.acl_id == self.acl_id)
            and (self.action is None or record.action == self.action)
            and (self.protocol is None or record.protocol == self.protocol)
            and (not self.remote_addr or record.remote_addr == self.remote_addr)
            and (self.remote_port is None or record.remote_port == self.remote_port)
            and (not self.host or told.host == self.host)
        )


def connection_key(told: Told) -> Key:
    """By both ends; the port of the side that began is a new one each time and tells nothing."""
    record = told.record
    return (
        record.local_addr,
        record.local_port if record.inbound else 0,
        record.remote_addr,
        0 if record.inbound else record.remote_port,
        record.protocol,
    )


TALKERS: Final[Mapping[str, Callable[[Told], Key]]] = {
    "connection": connection_key,
    "app": lambda told: (told.app_id,),
    "host": lambda told: (told.host or told.record.remote_addr,),
    "address": lambda told: (told.record.remote_addr,),
    "port": lambda told: (told.record.protocol, service_port(told.record)),
    "rule": lambda told: (told.record.acl_id, told.record.acl_name),
}
"""What top talkers can be told by, and the key of each."""


def service_port(record: FlowRecord) -> int:
    return record.local_port if record.inbound else record.remote_port


def denial_key(told: Told) -> Key:
    """By rule, then by who was at the other end."""
    record = told.record
    remote = told.host or record.remote_addr
    return (record.acl_id, record.acl_name, remote, service_port(record))


class Sums:
    """Sums by key, of a bounded number of keys."""

    def __init__(self, key: Callable[[Told], Key]) -> None:
        self._key = key
        self._sums: dict[Key, Sum] = {}

    def add(self, told: Told) -> None:
        key = self._key(told)
        found = self._sums.get(key)
        if found is None:
            if len(self._sums) >= MOST_KEYS:
                key = (OTHER,)
            found = self._sums.setdefault(key, Sum())
        found.add(told.record)

    def largest(self, measure: Callable[[Sum], int]) -> list[tuple[Key, Sum]]:
        """The largest first; equal ones in the order of their keys."""
        return sorted(
            ((key, found) for key, found in self._sums.items() if key != (OTHER,)),
            key=lambda entry: (-measure(entry[1]), [str(part) for part in entry[0]]),
        )


def level_value(level: Level, told: Told) -> str:
    """What a node of a classification is called."""
    record = told.record
    match level:
        case Level.DIRECTION:
            return "inbound" if record.inbound else "outbound"
        case Level.ACL_ID:
            return str(record.acl_id)
        case Level.ACTION:
            return {DROP: "FLOW_LOG_ACTION_DROP", ACCEPT: "FLOW_LOG_ACTION_ACCEPT"}.get(
                record.action, "FLOW_LOG_ACTION_UNSPECIFIED"
            )
        case Level.PROTO:
            return str(record.protocol)
        case Level.REMOTE_IP:
            return record.remote_addr
        case Level.REMOTE_PORT:
            return str(record.remote_port)
        case Level.FQDN:
            return told.host or record.remote_addr


@dataclass(frozen=True, slots=True)
class Edge:
    source: str
    destination: str
    level: int  # 0: from the first level asked for to the second
    sum: Sum


class Classification:
    """How much went from each value of a level to each of the next."""

    def __init__(self, levels: Sequence[Level]) -> None:
        self._levels = tuple(levels)
        self._edges: dict[tuple[int, str, str], Sum] = {}

    def add(self, told: Told) -> None:
        values = [level_value(level, told) for level in self._levels]
        for number, (source, destination) in enumerate(itertools.pairwise(values)):
            edge = (number, source, destination)
            if edge not in self._edges and len(self._edges) >= MOST_KEYS:
                edge = (number, source, OTHER)
            self._edges.setdefault(edge, Sum()).add(told.record)

    def edges(self) -> list[Edge]:
        """In the order of levels."""
        return [
            Edge(source, destination, number, self._edges[number, source, destination])
            for number, source, destination in sorted(self._edges)
        ]
