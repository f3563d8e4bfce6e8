"""Records of flows on their way to the controller.

    kernel --(twice a second, bounded)--> ledger --(every two minutes)--> queue --> controller

What the kernel tells waits in its buffers between two readings.  A reading decodes so many
messages and passes over the rest, which it counts: a flood of denied packets costs the same as
traffic that is just short of the bound.
"""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from eaves.evapi.config_items import ItemValues
from eaves.evapi.flowlog import FlowMessage, encode_flow_message
from eaves.evapi.flows.report import Delivered, Dropped, Fate
from eaves.evapi.metrics import FlowlogCounters, FlowlogMetric
from eaves.evapi.paths import Endpoint
from eaves.node.host.netfilter import FlowTap, Logged, Reading, dump
from eaves.node.network.flows import Directory, FlowLedger, Tally
from eaves.node.network.learning import Learned, Leases
from eaves.node.network.marks import LEARN, LISTED, log_group
from eaves.node.network.parties import directory_of
from eaves.node.runtime.parts import Parts, Shared
from eaves.node.runtime.wish import Wish
from eaves.node.runtime.workloads import network_items

log = structlog.get_logger(__name__)

READ_S = 0.5
REPORT_S = 120.0
MOST_ENDED, MOST_LOGGED = 1000, 400  # of one reading: under a tenth of a core
MOST_ALIVE = 20_000
MOST_QUEUED = 100  # messages
RETRY_S = 15.0


@dataclass(slots=True)
class Sent:
    success: int = 0
    drops: int = 0
    failed_attempts: int = 0


class FlowQueue:
    """What waits for the controller; a full queue takes nothing and counts it."""

    def __init__(self) -> None:
        self._waiting: deque[FlowMessage] = deque()
        self._filled = asyncio.Event()
        self.messages = Sent()
        self.lost_flows = 0
        self.lost_names = 0

    def put(self, messages: Sequence[FlowMessage]) -> None:
        for message in messages:
            if len(self._waiting) >= MOST_QUEUED:
                self._lose(message)
            else:
                self._waiting.append(message)
        if self._waiting:
            self._filled.set()

    async def first(self) -> FlowMessage:
        await self._filled.wait()
        return self._waiting[0]

    def settle(self, fate: Fate) -> bool:
        """What became of the first; False: it is to be sent again."""
        if not isinstance(fate, Delivered | Dropped):
            self.messages.failed_attempts += 1
            return False
        message = self._waiting.popleft()
        if not self._waiting:
            self._filled.clear()
        if isinstance(fate, Delivered):
            self.messages.success += 1
        else:
            self._lose(message)
        return True

    def _lose(self, message: FlowMessage) -> None:
        self.messages.drops += 1
        self.lost_flows += len(message.flows)
        self.lost_names += len(message.dns_reqs)


def learn(learned: Learned, packets: Sequence[Logged], items: ItemValues) -> None:
    """Addresses of apps on switches, from the frames that tell of them."""
    arp = items.flag("network.switch.enable.arpsnoop")
    for one in packets:
        if one.prefix == LEARN:
            learned.hear(
                one.payload, time.monotonic(), frame=one.frame, arp=arp, sent=not one.out_index
            )


class FlowReporter:
    def __init__(
        self,
        parts: Parts,
        shared: Shared,
        report_s: Callable[[], float] = lambda: REPORT_S,
    ) -> None:
        self._parts = parts
        self._shared = shared
        self._report_s = report_s
        self._ledger = FlowLedger()
        self._queue = FlowQueue()
        self._overruns = 0
        self._skipped = 0
        self._wish: Wish | None = None
        self._learned: Leases = {}
        self._directory = Directory()

    def directory(self) -> Directory:
        """Made anew only when the intention changed, or what was learned on switches."""
        wish = self._parts.engine.wish
        learned = self._parts.workloads.learned.addresses(time.monotonic())
        if wish is not self._wish or learned != self._learned:
            self._wish, self._learned = wish, learned
            self._directory = (
                directory_of(network_items(wish), wish.apps, learned) if wish else Directory()
            )
        return self._directory

    async def record_forever(self) -> None:
        """The tap is open only while there is something to record."""
        tap: FlowTap | None = None
        clock = asyncio.get_running_loop().time
        due = clock() + self._report_s()
        try:
            while True:
                # On a switch there are addresses to learn, also where no flow is logged.
                wanted = any(party.logged or party.zone for party in self.directory().parties)
                if wanted and tap is None:
                    tap = FlowTap(log_group(self._parts.table))
                elif tap is not None and not wanted:
                    tap.close()
                    tap = None
                if tap is not None:
                    self.read(tap)
                    if clock() >= due:
                        await self.report()
                        due = clock() + self._report_s()
                await asyncio.sleep(READ_S)
        finally:
            if tap is not None:
                tap.close()

    def read(self, tap: FlowTap) -> None:
        directory, now = self.directory(), self._parts.now()
        ended = tap.ended(MOST_ENDED, LISTED)
        self._ledger.ended(ended.connections, directory, now)
        logged = tap.logged(MOST_LOGGED)
        names = _interface_names(logged.logged)
        learn(self._parts.workloads.learned, logged.logged, self._shared.items)
        self._ledger.logged(((one, _passed(one, names)) for one in logged.logged), directory, now)
        for reading in (ended, logged):
            self._count(reading)

    async def report(self) -> None:
        """What lives is told with what ended, every two minutes."""
        alive = await asyncio.to_thread(dump, MOST_ALIVE, LISTED)
        self._count(alive)
        whole = not (alive.skipped or alive.overruns)
        self._ledger.alive(alive.connections, self.directory(), self._parts.now(), whole=whole)
        device_id = self._parts.conversation.link.device_id
        if device_id:
            self._queue.put(self._ledger.messages(device_id))

    def _count(self, reading: Reading) -> None:
        self._skipped += reading.skipped
        self._overruns += reading.overruns
        if reading.overruns:
            log.info("flows_overrun", times=self._overruns)

    async def send_forever(self) -> None:
        await self._parts.conversation.ready.wait()
        while True:
            message = await self._queue.first()
            fate = await self._parts.conversation.link.report(
                Endpoint.FLOWLOG, encode_flow_message(message)
            )
            if not isinstance(fate, Delivered):
                log.info("flow_message_not_delivered", why=fate.reason)
            if not self._queue.settle(fate):
                await asyncio.sleep(RETRY_S)

    def metric(self) -> FlowlogMetric:
        return flow_metric(self._ledger.tally, self._queue, self._skipped, self._overruns)


def flow_metric(tally: Tally, queue: FlowQueue, skipped: int, overruns: int) -> FlowlogMetric:
    """Drops of flows: whatever was seen and is in no record that was delivered."""
    sent = queue.messages
    over = tally.not_recorded + tally.not_shown + skipped + overruns
    return FlowlogMetric(
        messages=FlowlogCounters(
            success=sent.success, drops=sent.drops, failed_attempts=sent.failed_attempts
        ),
        flows=FlowlogCounters(
            success=max(0, tally.recorded - queue.lost_flows), drops=over + queue.lost_flows
        ),
        dns_requests=FlowlogCounters(
            success=max(0, tally.names - queue.lost_names),
            drops=tally.names_lost + queue.lost_names,
        ),
    )


def _interface_names(packets: Sequence[Logged]) -> Mapping[int, str]:
    numbers = {number for one in packets for number in (one.in_index, one.out_index) if number}
    return {number: _name_of(number) for number in numbers}


def _name_of(number: int) -> str:
    try:
        return socket.if_indextoname(number)
    except OSError:
        return ""  # it is gone by now


def _passed(one: Logged, names: Mapping[int, str]) -> tuple[str, ...]:
    return tuple(names.get(number, "") for number in (one.in_index, one.out_index))
