"""Records of flows, for the controller: who spoke with whom, by which rule, and how much.  Pure.

Each record tells what is new since the one before it of the same connection, so that records add
up to the truth however long a connection lasts.  What a rule dropped stands beside them, one record
for each pair of ends and rule.  Everything is bounded; what goes over a bound is counted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from eaves.evapi.flowlog import ACLAction, DnsRequest, FlowMessage, FlowRecord, IpFlow, ScopeInfo
from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node.host.netfilter import Amount, Connection, Ends, Logged
from eaves.node.network.marks import LEARN, NAMES, Mark, read_mark
from eaves.node.network.packets import TCP, UDP, read_answer, read_packet

RECORDED = frozenset({TCP, UDP})
MOST_IN_MESSAGE = 125
MOST_PENDING = 20_000  # records of each kind that wait for the next message
T = TypeVar("T")
FlowKey = tuple[int, Ends]


class Entry(NamedTuple):
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Party:
    """One interface of an app, as flows are told of it."""

    app: AppInstanceId
    app_number: int
    name: str  # as configured
    vif: str  # interface name on the node
    network_instance: NetworkInstanceId
    zone: int  # of its switch; 0: a local network instance
    addresses: tuple[str, ...]  # on a switch what was learned of it; empty: nothing yet
    logged: bool
    entries: Mapping[int, Entry] = field(
        default_factory=dict[int, Entry], compare=False
    )  # by what stands for each in a mark

    def entry(self, mark: Mark) -> Entry:
        """The entry of its list; the end of the list is the one with the id 0."""
        return self.entries.get(mark.entry, Entry(mark.entry, ""))


class Directory:
    """Finds the party that a connection or a packet belongs to."""

    def __init__(self, parties: Iterable[Party] = ()) -> None:
        self.parties = tuple(parties)
        self._by_address = {a: p for p in self.parties if not p.zone for a in p.addresses}
        self._by_app: dict[int, list[Party]] = {}
        for party in self.parties:
            self._by_app.setdefault(party.app_number, []).append(party)

    def at(self, address: str) -> Party | None:
        return self._by_address.get(address)

    def of(self, mark: Mark, zone: int, *addresses: str) -> Party | None:
        """Of the app's interfaces, that of this switch, or the one with one of the addresses."""
        for party in self._by_app.get(mark.app, ()):
            if party.zone == zone and (zone or any(a in addresses for a in party.addresses)):
                return party
        return None

    def of_packet(self, mark: Mark, ends: Ends, interfaces: Sequence[str]) -> Party | None:
        for party in self._by_app.get(mark.app, ()):
            own = () if party.zone else party.addresses
            if party.vif in interfaces or ends.source in own or ends.dest in own:
                return party
        return None


class _Dropped(NamedTuple):
    party: Party
    ends: Ends
    inbound: bool
    entry: Entry


@dataclass(slots=True)
class _Count:
    first: datetime
    last: datetime
    packets: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Tally:
    """What went on, since the node was started."""

    recorded: int = 0
    not_recorded: int = 0  # connections and ends over a bound
    lost: int = 0  # connections whose end the kernel could not tell
    shown: int = 0  # dropped packets that were seen here
    not_shown: int = 0  # packets that a rule logged and that did not arrive here
    names: int = 0
    names_lost: int = 0


@dataclass(slots=True)
class FlowLedger:
    tally: Tally = field(default_factory=Tally)
    _told: dict[FlowKey, tuple[Amount, Amount]] = field(
        default_factory=dict[FlowKey, tuple[Amount, Amount]]
    )
    _seen: dict[FlowKey, Connection] = field(default_factory=dict[FlowKey, Connection])
    _missing: set[FlowKey] = field(default_factory=set[FlowKey])
    _records: list[tuple[Party, FlowRecord]] = field(default_factory=list[tuple[Party, FlowRecord]])
    _dropped: dict[_Dropped, _Count] = field(default_factory=dict[_Dropped, _Count])
    _names: list[tuple[Party, DnsRequest]] = field(default_factory=list[tuple[Party, DnsRequest]])
    _sequence: int | None = None

    # What is seen

    def ended(self, connections: Iterable[Connection], directory: Directory, now: datetime) -> None:
        for one in connections:
            key = _key(one)
            self._record(one, directory, _time(one.ended_ns) or now, self._told.pop(key, None))
            self._seen.pop(key, None)

    def alive(
        self,
        connections: Sequence[Connection],
        directory: Directory,
        now: datetime,
        *,
        whole: bool = True,
    ) -> None:
        """Those that live; not `whole`: there are more.

        One that was alive, is not any more, and of whose end nothing is heard until the next
        time, ended unheard.
        """
        keys = {_key(one) for one in connections}
        missing = {key for key in self._seen if key not in keys} if whole else set[FlowKey]()
        for key in missing & self._missing:
            before = self._seen.pop(key)
            self.tally.lost += 1
            self._record(before, directory, now, self._told.pop(key, None))
        self._missing = missing
        for one in connections:
            key = _key(one)
            if key not in self._seen and len(self._seen) >= MOST_PENDING:
                self.tally.not_recorded += 1
                continue
            told = self._told.get(key)
            if told == (one.sent, one.back):
                continue
            if self._record(one, directory, None, told):
                self._told[key] = (one.sent, one.back)
                self._seen[key] = one

    def logged(
        self, packets: Iterable[tuple[Logged, Sequence[str]]], directory: Directory, now: datetime
    ) -> None:
        """Packets with the names of the interfaces they passed.  Gaps in the sequence were lost."""
        for one, interfaces in packets:
            if self._sequence is not None:
                self.tally.not_shown += max(0, one.sequence - self._sequence - 1)
            self._sequence = one.sequence
            if one.prefix == NAMES:
                self._name(one, directory, now)
            elif one.prefix != LEARN:
                self._drop(one, interfaces, directory, now)

    # Records

    def _record(
        self,
        one: Connection,
        directory: Directory,
        ended: datetime | None,
        told: tuple[Amount, Amount] | None,
    ) -> bool:
        """True when there is a record of it."""
        mark = read_mark(one.mark)
        if mark is None or one.original.protocol not in RECORDED:
            return False
        party = directory.of(mark, one.zone, one.original.source, one.reply.source)
        if party is None or not party.logged:
            return False
        if len(self._records) >= MOST_PENDING:
            self.tally.not_recorded += 1
            return False
        self._records.append((party, _flow(one, party, mark, ended, told)))
        return True

    def _drop(
        self, one: Logged, interfaces: Sequence[str], directory: Directory, now: datetime
    ) -> None:
        self.tally.shown += 1
        mark, packet = _mark_in(one.prefix), read_packet(one.payload)
        if mark is None or packet is None:
            return
        party = directory.of_packet(mark, packet.ends, interfaces)
        if party is None or not party.logged:
            return
        inbound = _is_inbound(party, packet.ends, interfaces)
        ends = _turned(packet.ends) if inbound else packet.ends
        key = _Dropped(party, ends, inbound, party.entry(mark))
        count = self._dropped.get(key)
        if count is None:
            if len(self._dropped) >= MOST_PENDING:
                self.tally.not_recorded += 1
                return
            count = self._dropped[key] = _Count(now, now)
        count.last = now
        count.packets += 1
        count.bytes += packet.length

    def _name(self, one: Logged, directory: Directory, now: datetime) -> None:
        packet = read_packet(one.payload)
        answer = read_answer(one.payload, packet.body) if packet else None
        party = directory.at(packet.ends.dest) if packet else None
        if answer is None or party is None or not party.logged:
            return
        if len(self._names) >= MOST_PENDING:
            self.tally.names_lost += 1
            return
        self._names.append(
            (party, DnsRequest(host_name=answer.name, addrs=answer.addresses, request_time=now))
        )

    # What is told

    def messages(self, device_id: str) -> list[FlowMessage]:
        """All that waited, grouped by interface; afterwards nothing waits."""
        flows: dict[Party, list[FlowRecord]] = {}
        for party, record in self._records:
            flows.setdefault(party, []).append(record)
        for dropped, count in self._dropped.items():
            flows.setdefault(dropped.party, []).append(_denied(dropped, count))
        names: dict[Party, list[DnsRequest]] = {}
        for party, name in self._names:
            names.setdefault(party, []).append(name)
        self.tally.recorded += len(self._records) + len(self._dropped)
        self.tally.names += len(self._names)
        self._records, self._names = [], []
        self._dropped.clear()
        return [
            message
            for party in dict.fromkeys([*flows, *names])
            for message in _messages(device_id, party, flows.get(party, []), names.get(party, []))
        ]


def _messages(
    device_id: str, party: Party, flows: Sequence[FlowRecord], names: Sequence[DnsRequest]
) -> Iterator[FlowMessage]:
    scope = ScopeInfo(
        uuid=party.app,
        intf=party.name,
        local_intf=party.vif,
        net_inst_uuid=party.network_instance,
    )
    of_flows, of_names = list(_parts(flows)), list(_parts(names))
    for at in range(max(len(of_flows), len(of_names))):
        yield FlowMessage(
            dev_id=device_id,
            scope=scope,
            flows=tuple(of_flows[at]) if at < len(of_flows) else (),
            dns_reqs=tuple(of_names[at]) if at < len(of_names) else (),
        )


def _parts(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(whole), MOST_IN_MESSAGE):
        yield whole[start : start + MOST_IN_MESSAGE]


def _flow(
    one: Connection,
    party: Party,
    mark: Mark,
    ended: datetime | None,
    told: tuple[Amount, Amount] | None,
) -> FlowRecord:
    """The app's side is the source, whoever began; `tx` is what the app sent."""
    inbound = _answers(one, party)
    sent, back = one.sent, one.back
    if told is not None:
        sent, back = _less(sent, told[0]), _less(back, told[1])
    tx, rx = (back, sent) if inbound else (sent, back)
    reply, original = one.reply, one.original
    flow = (
        IpFlow(
            src=reply.source,
            src_port=reply.source_port,
            dest=original.source,
            dest_port=original.source_port,
            protocol=original.protocol,
        )
        if inbound
        else _ip_flow(original)
    )
    return FlowRecord(
        flow=flow,
        inbound=inbound,
        acl_id=party.entry(mark).id,
        acl_name=party.entry(mark).name,
        start_time=_time(one.started_ns),
        end_time=ended,
        tx_bytes=tx.bytes,
        tx_pkts=tx.packets,
        rx_bytes=rx.bytes,
        rx_pkts=rx.packets,
        action=ACLAction.ActionAccept,
    )


def _answers(one: Connection, party: Party) -> bool:
    """Did somebody else begin?  On a switch an app may have addresses that nobody knows of."""
    if party.zone:
        return one.reply.source in party.addresses
    return one.original.source not in party.addresses


def _denied(dropped: _Dropped, count: _Count) -> FlowRecord:
    inbound = dropped.inbound
    return FlowRecord(
        flow=_ip_flow(dropped.ends),
        inbound=inbound,
        acl_id=dropped.entry.id,
        acl_name=dropped.entry.name,
        start_time=count.first,
        end_time=count.last,
        tx_bytes=0 if inbound else count.bytes,
        tx_pkts=0 if inbound else count.packets,
        rx_bytes=count.bytes if inbound else 0,
        rx_pkts=count.packets if inbound else 0,
        action=ACLAction.ActionDrop,
    )


def _ip_flow(ends: Ends) -> IpFlow:
    return IpFlow(
        src=ends.source,
        src_port=ends.source_port,
        dest=ends.dest,
        dest_port=ends.dest_port,
        protocol=ends.protocol,
    )


def _turned(ends: Ends) -> Ends:
    return Ends(ends.dest, ends.dest_port, ends.source, ends.source_port, ends.protocol)


def _is_inbound(party: Party, ends: Ends, interfaces: Sequence[str]) -> bool:
    """`interfaces` are where the packet came from and, if it got so far, where it was to go."""
    if party.zone:
        return len(interfaces) > 1 and interfaces[1] == party.vif
    return ends.source not in party.addresses


def _mark_in(prefix: str) -> Mark | None:
    try:
        return read_mark(int(prefix, 16))
    except ValueError:
        return None


def _key(one: Connection) -> FlowKey:
    return one.id, one.original


def _less(now: Amount, before: Amount) -> Amount:
    return Amount(max(0, now.packets - before.packets), max(0, now.bytes - before.bytes))


def _time(nanoseconds: int) -> datetime | None:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC) if nanoseconds else None
