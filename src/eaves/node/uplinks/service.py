"""The node's uplinks as one thing that lives: hears configurations, watches, tests, chooses.

A configuration becomes an entry of the list; the verification picks one, has it applied and tested;
links, leases and time make it look again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Self

import structlog

from eaves.errors import EavesError
from eaves.evapi.config import EdgeDevConfig
from eaves.evapi.config_items import ItemValues, Tri
from eaves.evapi.info import SystemAdapterInfo
from eaves.node import refs
from eaves.node.host.adapters import radios
from eaves.node.host.uplink_state import telling
from eaves.node.refs import Position
from eaves.node.uplinks import ledger as lists
from eaves.node.uplinks.asked import asked_urls
from eaves.node.uplinks.autoproxy import AutoProxy
from eaves.node.uplinks.entries import (
    controller_entry,
    dedicated,
    entry_of,
    last_resort,
    slim,
)
from eaves.node.uplinks.inbox import Inbox, News, Withdrawn
from eaves.node.uplinks.ladder import Recovery
from eaves.node.uplinks.ledger_file import Keeps, LedgerFile
from eaves.node.uplinks.machine import Machine
from eaves.node.uplinks.model import Adapter, Entry, Marks, Source
from eaves.node.uplinks.seen import Seen, facts
from eaves.node.uplinks.status import Setting, ports_of, shown, system_adapter
from eaves.node.uplinks.status_file import StatusFile
from eaves.node.uplinks.tester import Ping, examine
from eaves.node.uplinks.verify import (
    Apply,
    Changed,
    Check,
    Checked,
    Event,
    Fails,
    Listed,
    Phase,
    Rules,
    State,
    Suspended,
    Tick,
    step,
)
from eaves.node.uplinks.ways import WayKeeper

log = structlog.get_logger(__name__)

NO_PORTS = Entry(Source.LAST_RESORT, lists.EPOCH, (), ())
LOOK_S = 1.0  # leases are files; links tell by themselves
QUICK_S = 0.2  # while nothing leads anywhere
STALE_S = 30.0  # what tells nothing when it changes: the host's list of DNS servers
ACCESS_S = 2.0  # supplicants tell when they are asked
SETTLE_S = 0.2  # a burst of changes is one


@dataclass(frozen=True, slots=True)
class Properties:
    """From the configuration's properties."""

    rules: Rules = field(default_factory=Rules)
    test_timeout_s: float = 15.0
    download_max_cost: int = 0
    fallback: bool = False  # network.fallback.any.eth
    vendor_class: bool = True
    reacquires: int = 4  # pnac.dhcp.reacquire.max.retries
    recovery: Recovery = field(default_factory=Recovery)  # of modems
    visible_providers: bool = False  # wwan.query.visible.providers
    asked: tuple[str, ...] = ()  # URLs that tell a diagnosis whether the Internet is there

    @classmethod
    def of(cls, items: ItemValues) -> Self:
        return cls(
            Rules(
                items.seconds("timer.port.testduration"),
                items.seconds("timer.port.testinterval"),
                items.seconds("timer.port.testbetterinterval"),
            ),
            items.seconds("timer.port.timeout") or cls().test_timeout_s,
            items.count("network.download.max.cost"),
            items.tri("network.fallback.any.eth") is Tri.ENABLED,
            items.flag("dhcp.enable.vendorclassid"),
            items.count("pnac.dhcp.reacquire.max.retries"),
            Recovery(
                items.flag("wwan.modem.recovery.restart.modemmanager"),
                items.flag("wwan.modem.recovery.reload.drivers"),
                items.flag("wwan.modem.recovery.watchdog"),
            ),
            items.flag("wwan.query.visible.providers"),
            asked_urls(
                items.text("diag.probe.remote.http.endpoint"),
                items.text("diag.probe.remote.https.endpoint"),
            ),
        )


@dataclass(slots=True)
class Tools:
    """What the service is given; clocks are even: one that is set does not move them."""

    machine: Machine
    keeps: Keeps
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    changed: Callable[[], None]
    run_dir: Path
    server: str
    host_network: str = "borrowed"


class Uplinks:
    def __init__(self, tools: Tools, stored: bytes = b"") -> None:
        self._tools = tools
        self.properties = Properties()
        self._proxies = AutoProxy(tools.monotonic)
        self.keeper = WayKeeper(tools.monotonic, self._proxies.choose, self._suspect)
        self.keeper.server = tools.server
        self._file = LedgerFile(tools.keeps, stored)
        self._status = StatusFile(tools.run_dir, tools.now)
        tools.machine.pins = self._file.pins
        self._state = State(preferred=self._file.preferred)
        self._inbox = Inbox()
        self._look_now = asyncio.Event()
        self._ping: Ping | None = None
        self._made: tuple[EdgeDevConfig, Entry] | None = None
        self._dedicated = frozenset[str]()  # interfaces that apps have
        self._turn = 0
        self._working = False
        self._leases: Mapping[str, str] = {}
        self._looked = float("-inf")
        self._missing: tuple[str, ...] = ()  # of links, when they were looked at last
        self._mend_at = 0.0  # when the same is done for them again
        self._setting = asyncio.Lock()  # one hand on the machine at a time

    # What others ask

    @property
    def seen(self) -> Seen:
        return self.keeper.seen

    @property
    def current(self) -> Entry | None:
        """In force; of a test that runs, what is tested."""
        return self._state.current

    @property
    def managed(self) -> frozenset[str]:
        """Interfaces that were handed over."""
        return self._tools.machine.managed

    def reached_since(self, moment: datetime) -> bool:
        """Did a test over the ports succeed after `moment`, with the entry that is in force?"""
        index = self._state.index
        if index < 0 or self._state.phase is not Phase.IDLE or self._state.parked:
            return False
        marks = self._state.ledger[index].marks
        return marks.works and marks.succeeded is not None and marks.succeeded >= moment

    def info(self) -> SystemAdapterInfo:
        return system_adapter(self._state, self.seen)

    async def ports(self, config: EdgeDevConfig) -> tuple[refs.Port, ...]:
        """Ports that the entry in force names and this machine has, as they are now.

        Those of `config` while it is not listed yet: it is the next to be in force.
        """
        wanted = self._entry_of(config)
        listed = any(k.entry.same_ports(wanted) for k in self._state.ledger)
        if listed and self._state.current is not None and self.seen.ports:
            return ports_of(self.seen)  # the watch keeps it fresh
        entry = self._state.current if listed or not config.system_adapter_list else wanted
        return ports_of(await self._tools.machine.look(entry))

    def _entry_of(self, config: EdgeDevConfig) -> Entry:
        """Made once for each configuration: the engine asks every other second."""
        if self._made is None or self._made[0] is not config:
            self._made = (config, controller_entry(config, self._dated(config)))
        return self._made[1]

    def _dated(self, config: EdgeDevConfig) -> datetime:
        return config.config_timestamp or self._tools.now()

    def follow(self, config: EdgeDevConfig, properties: Properties) -> None:
        """The ports of a configuration enter the list; the same ports change nothing."""
        self._follow(properties)
        if config.system_adapter_list or self._listed:
            self._inbox.post(self._entry_of(config))

    def _follow(self, properties: Properties) -> None:
        self.properties = properties
        self._tools.machine.vendor_class = properties.vendor_class
        self._tools.machine.access.most_tries = properties.reacquires
        self._tools.machine.modems.recovery = properties.recovery
        self._tools.machine.modems.looks_for_providers = properties.visible_providers

    def begin(self, properties: Properties, *, silent: bool) -> None:
        """As things were when the node ended, before any port is set up."""
        self._follow(properties)
        self._tools.machine.silent = silent

    def follow_first(self, config: EdgeDevConfig, properties: Properties) -> None:
        """Of an installer, before any controller was heard."""
        self._follow(properties)
        if config.system_adapter_list:
            self._inbox.post(entry_of(slim(config), Source.BOOTSTRAP, self._dated(config)))

    def enter(self, entry: Entry) -> None:
        """What somebody at the machine wrote; what is listed already changes nothing."""
        listed = any(k.entry.same_ports(entry) for k in self._listed)
        if not listed:
            self._inbox.post(entry)

    def withdraw(self, source: Source) -> None:
        if any(k.entry.source is source for k in self._listed):
            self._inbox.post(Withdrawn(source))

    @property
    def _listed(self) -> lists.Ledger:
        return self._state.ledger or self._file.ledger

    async def silence(self, *, on: bool) -> str:
        """Radio silence; the answer: what still sends, or nothing.

        Nothing is judged meanwhile, and ports are as they were when it ends.
        """
        machine = self._tools.machine
        if on:
            self._inbox.post(Suspended(on))
        async with self._setting:
            machine.silent = on
            try:
                if self._state.current is None:
                    await machine.switch_radios(NO_PORTS)
                else:
                    await machine.apply(self._state.current)
            except (EavesError, OSError) as error:
                log.warning("ports_not_set_up", error=str(error))
        self._look_now.set()
        if not on:
            self._inbox.post(Suspended(on))
        log.info("radio_silence", on=on, problems=machine.radio_problems)
        return "; ".join(machine.radio_problems) if on else ""

    def managed_changed(self, managed: frozenset[str]) -> None:
        """Interfaces were handed over, or given back; where all are ours, one came or went."""
        begun = bool(managed) != bool(self.managed)
        self._tools.machine.managed = managed
        self.keeper.host_counts = not managed
        self._look_now.set()
        if begun and self._state.current is not None:
            self._state = replace(self._state, current=None, preferred=self._state.current)
        if begun and self._state.ledger:
            self._inbox.post(Listed(self._state.ledger))  # in force again, by other means
        self._enter_last_resort()

    def _event_of(self, news: News) -> Event:
        match news:
            case Entry():
                ledger = lists.enter(self._listed, news)
            case Withdrawn(source):
                ledger = lists.withdraw(self._listed, source)
            case _:
                return news
        return Listed(lists.compress(ledger, self._state.current, fallback=self._fallback()))

    def _fallback(self) -> bool:
        """Asked for; or interfaces are ours before any controller said what to do with them."""
        from_controller = any(
            k.marks.ever_worked for k in self._state.ledger if k.entry.source is Source.CONTROLLER
        )
        taken = bool(self._tools.machine.managed)
        return self.properties.fallback or (taken and not from_controller)

    def _suspect(self, label: str) -> None:
        log.info("port_suspect", port=label)
        self._check_soon()
        self._tools.changed()

    def _check_soon(self) -> None:
        """The periodic test is due now; it counts as always."""
        idle = self._state.phase is Phase.IDLE and self._state.due is not None
        if idle and not self._state.suspended:
            self._state = replace(self._state, due=self._tools.now())
            self._inbox.post(Tick())

    # The life of it

    async def run_forever(self, ping: Ping) -> None:
        self._ping = ping
        if self._file.ledger and not self._state.ledger and self._inbox.empty:
            self._inbox.post(Listed(self._file.ledger))
        async with telling(self._look_now.set, self._heard), asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_forever(), name="watch ports")
            tasks.create_task(self._decide_forever(tasks), name="decide ports")
            tasks.create_task(self._modems_forever(), name="mend modems")
            tasks.create_task(self._access_forever(), name="authenticate ports")
            tasks.create_task(self._leases_forever(), name="ask by DHCPv6")

    def _heard(self, datagram: bytes) -> None:
        self._tools.machine.assigned.routers.hear(datagram, self._tools.monotonic())

    async def _watch_forever(self) -> None:
        """A lost carrier is known at once: requests over it go on elsewhere."""
        while True:
            try:
                async with asyncio.timeout(QUICK_S if self._is_cut_off else LOOK_S):
                    await self._look_now.wait()
                await asyncio.sleep(SETTLE_S)
                self._look_now.clear()
            except TimeoutError:
                stale = self._tools.monotonic() - self._looked >= STALE_S
                if not stale and self._tools.machine.assigned.told() == self._leases:
                    continue
            try:
                await self._look()
            except (EavesError, OSError) as error:
                log.warning("ports_not_seen", error=str(error))

    @property
    def _is_cut_off(self) -> bool:
        return bool(self.managed) and not self.keeper.addresses()

    async def _modems_forever(self) -> None:
        """Beside the others: a modem takes its time, and cables do not wait for it."""
        while True:
            await asyncio.sleep(STALE_S)
            if not self._tools.machine.managed:
                continue
            try:
                if await self._modems_mended(self._state.current):
                    self._look_now.set()
                await self.keep_silent()
            except (EavesError, OSError) as error:
                log.warning("modems_not_mended", error=str(error))

    async def _access_forever(self) -> None:
        """Supplicants come and go with the configuration and with certificates."""
        while True:
            entry = self._state.current
            try:
                if entry is not None and await self._tools.machine.authenticate(
                    entry, self._tools.monotonic()
                ):
                    self._look_now.set()
            except (EavesError, OSError) as error:
                log.warning("ports_not_authenticated", error=str(error))
            await asyncio.sleep(ACCESS_S)

    async def _leases_forever(self) -> None:
        """Those of DHCPv6; other clients are processes of their own."""
        machine = self._tools.machine
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                entry = self._state.current
                try:
                    if entry is not None and await machine.lease6(entry, self._tools.monotonic()):
                        self._look_now.set()
                except (EavesError, OSError) as error:
                    log.warning("dhcp6_failed", error=str(error))
        finally:
            machine.assigned.leases6.close()

    async def _modems_mended(self, entry: Entry | None) -> bool:
        machine = self._tools.machine
        if entry is None or machine.silent:
            return False
        return await machine.mend_modems(entry, self._tools.monotonic())

    async def locate(self) -> Position | None:
        """Where a modem of ours stands; None: none tells, or all are silent."""
        machine, entry = self._tools.machine, self._state.current
        if entry is None or not machine.managed or machine.silent:
            return None
        if not any(p.cellular and p.cellular.location_tracking for p in entry.ports):
            return None
        return await machine.locate(entry, self._tools.now())

    def wants_reboot(self) -> bool:
        """A modem cannot be recovered otherwise, and a property allows this."""
        return self._tools.machine.modems.wants_reboot

    async def keep_silent(self) -> None:
        """In radio silence: what came back by itself, or was being mended as it began, is off."""
        async with self._setting:
            if self._tools.machine.silent:
                await self._tools.machine.switch_radios(self._state.current or NO_PORTS)

    async def _look(self) -> None:
        machine = self._tools.machine
        self._looked = self._tools.monotonic()
        machine.assigned.routers.forget_old(self._looked)
        self._leases = machine.assigned.told()
        await self._mend()
        if self.keeper.failing:
            self._check_soon()  # is it back?
        before, seen = self.seen, await machine.look(self._state.current)
        machine.assigned.ask_routers(seen, self._looked)
        self.keeper.update(seen)
        for port in seen.ports:
            old = before.port(port.plan.label)
            if port.link and port.link.up and old and old.link and not old.link.up:
                machine.assigned.renew(port)
        if self._made is not None:
            self._dedicated = await machine.interfaces_of(dedicated(self._made[0]))
        if seen.ports != before.ports:
            self._inbox.post(Changed())
            self._enter_last_resort()
            self._write()
            self._tools.changed()

    async def _mend(self) -> None:
        """What the machine does not take hinders nobody from seeing how it is."""
        parts: tuple[Callable[[Entry], Awaitable[object]], ...]
        machine = self._tools.machine
        parts = (self._links_again, machine.revive, machine.settle, self._addresses_again)
        for part in parts:
            try:
                async with self._setting:
                    entry = self._state.current  # another one may have come while this waited
                    if entry is not None:
                        await part(entry)
            except (EavesError, OSError) as error:
                log.warning("ports_not_mended", error=str(error))

    async def _links_again(self, entry: Entry) -> None:
        """An interface that went and came back is set up; what did not help waits a while."""
        lines, now = await self._tools.machine.missing_links(entry), self._tools.monotonic()
        due = lines != self._missing or now >= self._mend_at
        self._missing = lines
        if lines and due:
            self._mend_at = now + STALE_S
            log.info("links_mended", lines=lines)
            await self._tools.machine.apply(entry)

    async def _addresses_again(self, entry: Entry) -> None:
        await self._tools.machine.ask_again(entry, self._tools.monotonic())

    def _enter_last_resort(self) -> None:
        """Made of what is there now, where it is wanted and the network is ours."""
        machine = self._tools.machine
        if not (machine.managed and self._fallback()):
            return
        held = [
            d.named.ifname
            for k in self._state.ledger
            for d in k.entry.devices
            if isinstance(d, Adapter) and k.entry.source is Source.LAST_RESORT
        ]
        free = machine.managed - self._dedicated - radios()
        if sorted(free) != sorted(held):
            self._inbox.post(last_resort(free, (), lists.EPOCH))

    async def _decide_forever(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            news = await self._inbox.take(self._state.wake, self._tools.now())
            for action in self._step(self._event_of(news)):
                match action:
                    case Apply(entry):
                        await self._apply(entry)
                    case Check(number):
                        tasks.create_task(self._test(number), name=f"test ports {number}")

    def _step(self, event: Event) -> tuple[Apply | Check, ...]:
        seen = facts(self.seen.ports, working=self._working)
        before = self._state
        self._state, actions = step(before, event, seen, self.properties.rules, self._tools.now())
        if self._state.current != before.current and self._state.current is not None:
            log.info("port_configuration", key=self._state.current.source, index=self._state.index)
        if self._state.ledger != before.ledger or self._state.current != before.current:
            self._file.save(self._state.ledger, self._state.current, self._tools.machine.pins)
        self._write()
        self._tools.changed()
        return actions

    async def _apply(self, entry: Entry) -> None:
        """What the machine does not take is told by the test that follows: it fails."""
        self._working = True
        try:
            async with self._setting:
                await self._tools.machine.apply(entry)
        except (EavesError, OSError) as error:
            log.warning("port_configuration_not_applied", key=entry.source, error=str(error))
            for port in entry.ports:
                self._tools.machine.problems.setdefault(port.label, str(error))
        finally:
            self._working = False
        try:
            self.keeper.update(await self._tools.machine.look(entry))
        except (EavesError, OSError) as error:
            log.warning("ports_not_seen", error=str(error))
            self._look_now.set()  # the watch tries again

    async def _test(self, number: int) -> None:
        ping = self._ping
        if ping is None:
            raise RuntimeError("a test before the service runs")
        self._turn += 1
        kept = next((k for n, k in enumerate(self._state.ledger) if n == self._state.index), None)
        try:
            outcome = await examine(
                self.keeper,
                self._tools.server,
                ping,
                kept.marks if kept else Marks(),
                self._tools.now,
                self.properties.test_timeout_s,
                self._turn,
            )
        except Exception as error:
            # A test that breaks is a test that failed: the next entry may fare better.
            log.exception("port_test_broke")
            outcome = Fails(f"the connectivity test broke: {error!r:.200}")
        self._inbox.post(Checked(number, outcome))

    def _write(self) -> None:
        tools, asked = self._tools, self.properties.asked
        setting = Setting(tools.server, tools.host_network, tools.machine.managed, asked)
        failing, proxies = self.keeper.failing, self.keeper.proxies
        self._status.write(shown(self._state, self.seen, failing, proxies, setting, lists.EPOCH))
