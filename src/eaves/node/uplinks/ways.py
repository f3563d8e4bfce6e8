"""Which ways a request takes now, and what became of those that took them.

Knows the ports of the entry in force, the proxies they go through and which of them failed last.
Of a machine whose ports nobody described, or that keeps its own network, the kernel's choice is
the last way: a description that is wrong must not cut it off.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import structlog

from eaves.errors import EavesError, Transient
from eaves.evapi.flows.steps import NoConnection, Reply
from eaves.node.refs import Way
from eaves.node.uplinks.bucket import Bucket
from eaves.node.uplinks.judge import Verdict, ends_walk, judge_request
from eaves.node.uplinks.order import for_downloads, in_turn, ways_of, why_no_download
from eaves.node.uplinks.seen import Seen, SeenPort

log = structlog.get_logger(__name__)

FIRST_ADDRESS_S = 15.0

ChooseProxy = Callable[[SeenPort, str], Awaitable[str]]
"""URL of the proxy that a port takes for a URL, empty for none.  Raises EavesError."""


class NoWay(Transient):
    """No port may be used for this now."""


@dataclass(slots=True)
class _Use:
    way: Way
    gone: Callable[[], None]


@dataclass(slots=True)
class WayKeeper:
    """One for each node.  `suspect` is told of a port that failed a request for the first time."""

    clock: Callable[[], float]
    choose_proxy: ChooseProxy
    suspect: Callable[[str], None]
    seen: Seen = field(default_factory=Seen)
    failing: dict[str, float] = field(default_factory=dict[str, float])  # label -> since
    proxy_errors: dict[str, str] = field(default_factory=dict[str, str])
    server: str = ""  # base URL of the controller
    proxies: dict[str, str] = field(default_factory=dict[str, str])  # to it, by label
    keeps_host: bool = True  # the kernel's own choice is the last way
    host_counts: bool = True  # for a test, too: nothing was handed over
    _begun: asyncio.Event = field(default_factory=asyncio.Event)
    _turn: int = 0
    _uses: list[_Use] = field(default_factory=list["_Use"])
    _buckets: dict[str, Bucket] = field(default_factory=dict[str, Bucket])

    # As `comms.transport.Ways`

    async def choose(self, url: str) -> tuple[Way, ...]:
        self._turn += 1
        if not self.keeps_host:
            await self._first_address()
        ports = in_turn(self.seen.ports, self.failing.keys(), self._turn)
        found = await self.over(ports, url)
        if not self.keeps_host:
            return found
        lost = all(port.plan.label in self.failing for port in ports)
        return (Way(), *found) if lost else (*found, Way())

    async def _first_address(self) -> None:
        """What is asked while the ports are set up after a start waits for them, a moment."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_ADDRESS_S):
                await self._begun.wait()
        self._begun.set()

    def addresses(self) -> frozenset[str]:
        """From which a request may go out now."""
        ports = in_turn(self.seen.ports, self.failing.keys(), self._turn)
        return frozenset(address for port in ports for address in port.sources)

    async def aside(self, url: str) -> tuple[Way, ...]:
        """As `choose`, for what is none of the controller's: no turn and no error is taken down."""
        ports = in_turn(self.seen.ports, self.failing.keys(), self._turn)
        return await self.over(ports, url, {})

    async def over(
        self, ports: tuple[SeenPort, ...], url: str, errors: dict[str, str] | None = None
    ) -> tuple[Way, ...]:
        """The ways of these ports; one whose proxy cannot be used is left out and remembered.

        `errors`: where; none: with those that are told of the controller.
        """
        told = self.proxy_errors if errors is None else errors
        found: list[Way] = []
        for port in ports:
            try:
                proxy = await self.choose_proxy(port, url)
            except EavesError as error:
                told[port.plan.label] = str(error)
                continue
            told.pop(port.plan.label, None)
            if self.server and url.startswith(self.server):
                self.proxies[port.plan.label] = proxy
            found += ways_of(port, proxy)
        return tuple(found)

    def why_none(self) -> str:
        reasons = [
            self.proxy_errors.get(p.plan.label) or p.local_error() or p.dns_error()
            for p in self.seen.ports
            if p.plan.management
        ]
        told = "; ".join(r for r in reasons if r)
        return told or "no port is marked as an uplink; mark one in the device's adapters"

    def ends(self, reply: Reply, *, stop_on_refusal: bool) -> bool:
        return ends_walk(reply, stop_on_refusal=stop_on_refusal)

    def told(self, way: Way, reply: Reply) -> None:
        if not way.label:
            return
        verdict = judge_request(reply, proxied=bool(way.proxy))
        self.judged(way.label, verdict)
        if verdict is Verdict.FAILS and isinstance(reply, NoConnection):
            log.info("way_failed", port=way.label, source=way.source, why=reply.reason)

    def judged(self, label: str, verdict: Verdict) -> None:
        match verdict:
            case Verdict.WORKS:
                if self.failing.pop(label, None) is not None:
                    log.info("port_works_again", port=label)
            case Verdict.FAILS:
                if label not in self.failing:
                    self.failing[label] = self.clock()
                    self.suspect(label)
            case Verdict.REMOTE:
                pass  # says nothing of the port

    @contextmanager
    def using(self, way: Way, gone: Callable[[], None], *, idle: bool) -> Generator[None]:
        use = _Use(way, gone)
        self._uses.append(use)
        bucket = self._bucket(way.interface)
        if not idle:
            bucket.begin(self.clock())
        try:
            yield
        finally:
            self._uses.remove(use)
            if not idle:
                bucket.end(self.clock())

    def own(self, address: str) -> bool:
        return address in self.seen.own

    # What is seen

    def update(self, seen: Seen) -> None:
        """Requests over what is no longer there are told so, and go on over what is."""
        before = self.seen
        self.seen = seen
        for use in tuple(self._uses):
            if use.way.label and not _is_there(seen, use.way):
                log.info("way_gone", port=use.way.label, source=use.way.source)
                use.gone()
        if self.addresses():
            self._begun.set()
        for port in seen.ports:
            old = before.port(port.plan.label)
            if old is not None and old.link != port.link:
                # another cable, another address: what it failed with is of the past
                self.failing.pop(port.plan.label, None)
        labels = {p.plan.label for p in seen.ports}
        for label in set(self.failing) - labels:
            del self.failing[label]

    # Downloads

    async def for_download(self, url: str, most_cost: int) -> tuple[Way, ...]:
        """Cheap enough ways, best first.  Raises NoWay with the sentence for who waits."""
        management = [p for p in self.seen.ports if p.plan.reaches_controller]
        described = any(p.link is not None for p in management)
        if self.keeps_host and not described:
            return (Way(),)
        self._turn += 1
        ports = in_turn(self.seen.ports, frozenset(), self._turn)
        well = [p for p in ports if p.plan.label not in self.failing]
        poor = [p for p in ports if p.plan.label in self.failing]
        found = await self.over(for_downloads((*well, *poor), most_cost), url)
        if not found:
            wrong = [
                self.proxy_errors[p.plan.label] for p in ports if p.plan.label in self.proxy_errors
            ]
            why = why_no_download(self.seen.ports, self.failing.keys(), most_cost)
            raise NoWay("; ".join((why, *wrong)))
        return found

    async def pace(self, interface: str, count: int) -> None:
        """Bytes of a download came over `interface`; the controller is served first."""
        pause = self._bucket(interface).take(count, self.clock())
        if pause:
            await asyncio.sleep(pause)

    def _bucket(self, interface: str) -> Bucket:
        return self._buckets.setdefault(interface, Bucket())


def _is_there(seen: Seen, way: Way) -> bool:
    port = seen.port(way.label)
    return (
        port is not None
        and port.link is not None
        and port.link.up
        and port.link.ifname == way.interface
        and way.source in port.sources
    )
