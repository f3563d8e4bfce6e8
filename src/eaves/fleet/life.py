"""The life of one simulated device: what it does when, and how it answers what it is told.

Pauses are those of EVE-OS: an interval of the configuration, cut at random to between 0.3 and 1.0
of itself.  One request at a time; a node of Eaves also keeps one long poll open.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from eaves.evapi.flows.attest import NotKnown
from eaves.evapi.flows.poll import (
    AttestFirst,
    DeviceUnknown,
    NewConfig,
    NothingNew,
    NotServed,
    PollNow,
    Unchanged,
    Unreachable,
    is_obsolete,
)
from eaves.evapi.flows.report import Delivered, Dropped, report
from eaves.evapi.flows.report import Kept as KeptBack
from eaves.evapi.flows.steps import Clock, Reply, Send
from eaves.evapi.info import BootReason
from eaves.evapi.paths import Endpoint
from eaves.fleet import messages
from eaves.fleet.apps import (
    App,
    Pace,
    app_info,
    asked_for,
    booting_again,
    gone_app,
    moved,
    next_due,
)
from eaves.fleet.device import SoftDevice
from eaves.fleet.faults import MOST_SKEW_S, PERIOD_S, Fault, FaultySigner
from eaves.fleet.figures import Figures
from eaves.fleet.identities import KeptDevice
from eaves.fleet.plan import Named, Plan, plan_of
from eaves.fleet.run import Kept, Perform, drive_by, request
from eaves.fleet.wire import Line, Slow
from eaves.ids import AppInstanceId

LEAST_PART = 0.3  # of an interval
FIRST_RETRY_S, LONGEST_RETRY_S = 15.0, 60.0
LOG_INTERVAL_S = 300.0
MOST_PENDING = 200  # messages; the oldest goes
_SOON_S = 1.0


class Profile(StrEnum):
    EVE = "eve"
    EAVES = "eaves"


class Doing(StrEnum):
    CONFIG = "config"
    METRICS = "metrics"
    INFO = "info"
    LOGS = "logs"
    APPS = "apps"
    OBJECTS = "objects"  # what apps are made of is ready
    PENDING = "pending"
    CRASH = "crash"
    FLIP = "flip"  # offline or back


@dataclass(frozen=True, slots=True)
class World:
    """What all devices of a run share.  `seconds`: a clock that never jumps."""

    line: Line
    profile: Profile
    figures: Figures
    templates: messages.Templates
    clock: Clock
    seconds: Callable[[], float]
    app_step_s: float
    log_interval_s: float = LOG_INTERVAL_S
    fault_period_s: float = PERIOD_S
    hurry: float = 1.0  # intervals are divided by it


@dataclass(frozen=True, slots=True)
class _Message:
    endpoint: Endpoint
    payload: bytes = field(repr=False)
    kind: str
    lines: int = 0
    app_id: str = ""


class Life:
    """`random` is this device's own, so that a run with the same seed does the same."""

    def __init__(
        self,
        number: int,
        device: SoftDevice,
        kept: KeptDevice,
        faults: frozenset[Fault],
        world: World,
        random: Random,
    ) -> None:
        self.device, self.kept, self.faults = device, kept, faults
        self.online = True
        self.apps: dict[str, App] = {}
        self.acknowledged: Counter[str] = Counter()
        self._world, self._random, self._number = world, random, number
        sender = device.identity.sender
        self._damaging = replace(sender, signer=FaultySigner(sender.signer))
        self._pausing: asyncio.Future[None] | None = None
        self._plan = Plan()
        self._due: dict[Doing, float] = {}
        self._pending: deque[_Message] = deque(maxlen=MOST_PENDING)
        self._objects: list[Callable[[datetime], bytes]] = []
        self._sent = 0  # metrics of this device, from which its counters are made
        self._skew = timedelta()
        self._line = world.line
        if Fault.CLOCK_SKEW in faults:
            self._skew = timedelta(seconds=random.uniform(-MOST_SKEW_S, MOST_SKEW_S))
        if Fault.SLOW_LINK in faults:
            slow = Slow(random.uniform(0.2, 1.0), random.randrange(2_000, 16_000))
            self._line = replace(world.line, slow=slow)
        self._pace = Pace(random.random, world.app_step_s)
        self._polling = asyncio.Lock()
        self._facts = messages.Facts(
            number,
            kept.device_id,
            kept.serial,
            self._today(),
            BootReason.BOOT_REASON_FIRST,
            kept.restarts,
            kept.reboots or 0,
        )

    async def live_forever(self, after_s: float) -> None:
        """Begins after a pause; onboards first, unless the device did so before."""
        await asyncio.sleep(after_s)
        if not self.kept.device_id:
            await self._join()
        await self._start(
            BootReason.BOOT_REASON_POWER_FAIL
            if self.kept.restarts
            else BootReason.BOOT_REASON_FIRST
        )
        if self._world.profile is Profile.EVE:
            await self._act_forever()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._act_forever())
            tasks.create_task(self._await_changes_forever())

    async def _act_forever(self) -> None:
        actions = {
            Doing.CONFIG: self._fetch,
            Doing.METRICS: self._tell_metrics,
            Doing.INFO: self._tell_device,
            Doing.LOGS: self._tell_logs,
            Doing.APPS: self._move_apps,
            Doing.OBJECTS: self._tell_objects,
            Doing.PENDING: self._tell_pending,
            Doing.CRASH: self._crash,
            Doing.FLIP: self._flip,
        }
        while True:
            doing = min(self._due, key=self._due.__getitem__)
            wait_s = self._due[doing] - self._world.seconds()
            if wait_s > 0:
                await self._pause(wait_s)
                continue
            del self._due[doing]
            await actions[doing]()

    # --- when

    async def _pause(self, seconds: float) -> None:
        """Ends early when something gets another time: a long poll may bring a change."""
        loop = asyncio.get_running_loop()
        self._pausing = loop.create_future()
        timer = loop.call_later(seconds, self._wake)
        try:
            await self._pausing
        finally:
            timer.cancel()
            self._pausing = None

    def _wake(self) -> None:
        if self._pausing is not None and not self._pausing.done():
            self._pausing.set_result(None)

    def _after(self, doing: Doing, seconds: float) -> None:
        self._due[doing] = self._world.seconds() + seconds
        self._wake()

    def _within(self, doing: Doing, interval_s: float) -> None:
        part = self._random.uniform(LEAST_PART, 1.0)
        self._after(doing, interval_s * part / self._world.hurry)

    def _within_period(self, doing: Doing) -> None:
        self._after(doing, self._world.fault_period_s * self._random.uniform(LEAST_PART, 1.0))

    def _today(self) -> datetime:
        return self._world.clock() + self._skew

    # --- requests

    async def _perform(self, send: Send) -> Reply:
        return await self._noted(send, self._request)

    async def _perform_damaged(self, send: Send) -> Reply:
        return await self._noted(send, self._request, Fault.BAD_SIGNATURE)

    async def _request(self, send: Send) -> Reply:
        return await request(send, self._line)

    async def _noted(self, send: Send, perform: Perform, expected: str = "") -> Reply:
        seconds, figures = self._world.seconds, self._world.figures
        begun = seconds()
        if expected:
            figures.faults[expected] += 1
        for fault in (Fault.SLOW_LINK, Fault.CLOCK_SKEW):
            figures.faults[fault] += fault in self.faults
        reply = await perform(send)
        now = seconds()
        figures.note(send.endpoint, reply, now - begun, now, expected)
        return reply

    async def _join(self) -> None:
        done = await drive_by(self.device.onboarded(), self._perform)
        self.kept.device_id = done.device_id
        self._world.figures.acknowledge("onboarded")

    async def _attest(self) -> None:
        if not self.device.identity.certs:
            return
        done = await drive_by(self.device.attested(), self._perform)
        if isinstance(done, NotKnown):
            await self._join()
        self.kept.token = self.device.standing.integrity_token

    async def _start(self, reason: BootReason) -> None:
        """A start of the device: a new boot time, an empty hash, every app boots."""
        if self.kept.restarts:
            self.device.forget()
        self.kept.restarts += 1
        self._facts = replace(
            self._facts,
            device_id=self.kept.device_id,
            booted_at=self._today(),
            boot_reason=reason,
            restarts=self.kept.restarts,
            reboots=self.kept.reboots or 0,
        )
        self.apps = booting_again(self.apps, self._world.seconds(), self._pace)
        if not self.kept.token or reason is not BootReason.BOOT_REASON_POWER_FAIL:
            await self._attest()
        self._due.clear()
        self._after(Doing.CONFIG, 0)
        self._after(Doing.INFO, _SOON_S)
        self._within(Doing.METRICS, self._plan.interval_s("timer.metric.interval"))
        self._after(
            Doing.LOGS, self._random.uniform(0, self._world.log_interval_s / self._world.hurry)
        )
        if Fault.CRASH_LOOP in self.faults:
            self._within_period(Doing.CRASH)
        if Fault.OFFLINE in self.faults:
            self._within_period(Doing.FLIP)
        if self._pending:
            self._after(Doing.PENDING, _SOON_S)
        if self._objects:
            self._after(Doing.OBJECTS, _SOON_S)
        self._plan_apps()

    async def _crash(self) -> None:
        self._world.figures.faults[Fault.CRASH_LOOP] += 1
        await self._start(BootReason.BOOT_REASON_KERNEL)

    async def _flip(self) -> None:
        self.online = not self.online
        self._world.figures.faults[Fault.OFFLINE] += not self.online
        self._within_period(Doing.FLIP)
        if self.online and self._pending:
            self._after(Doing.PENDING, 0)

    # --- configuration

    async def _fetch(self) -> None:
        self._within(Doing.CONFIG, self._plan.interval_s("timer.config.interval"))
        if self.online:
            async with self._polling:
                await self._poll()

    async def _poll(self) -> None:
        done = await drive_by(self.device.polled(), self._perform)
        match done.answer:
            case NewConfig():
                self._world.figures.acknowledge("config")
                await self._take(plan_of(self.device.take_config()))
            case AttestFirst():
                await self._attest()
                self._after(Doing.CONFIG, _SOON_S)
            case DeviceUnknown():
                await self._join()
            case Unchanged() | Unreachable():
                pass

    async def _take(self, plan: Plan) -> None:
        if is_obsolete(plan.timestamp, self._plan.timestamp):
            return
        if plan.timestamp is not None:
            age = (self._world.clock() - plan.timestamp).total_seconds()
            self._world.figures.config_ages.note(age)
        before, self._plan = self._plan, plan
        now = self._world.seconds()
        gone = self.apps.keys() - {w.app_id for w in plan.apps}
        for app_id in sorted(gone):
            self._queue_info(
                messages.app_message(self.kept.device_id, gone_app(app_id), self._today())
            )
        told = self.apps
        self.apps = asked_for(self.apps, plan.apps, now, self._pace)
        self._queue_apps(a for i, a in self.apps.items() if told.get(i) != a)
        self._notice_objects(before, plan)
        self._plan_apps()
        again = before.epoch != plan.epoch
        if again or before.names != plan.names or before.ports != plan.ports:
            self._after(Doing.INFO, 0)
        if self.kept.reboots is None:
            self.kept.reboots = plan.reboots
        elif self.kept.reboots != plan.reboots:
            self.kept.reboots = plan.reboots
            await self._start(BootReason.BOOT_REASON_REBOOT_CMD)

    def _notice_objects(self, before: Plan, plan: Plan) -> None:
        """Network instances, volumes and content trees that are new, changed or gone."""
        everything = before.epoch != plan.epoch
        of_kind = (
            (before.networks, plan.networks, messages.network_message),
            (before.trees, plan.trees, messages.tree_message),
            (before.volumes, plan.volumes, messages.volume_message),
        )
        for old, new, message in of_kind:
            known = {one.id: one for one in old}
            for one in new:
                if everything or known.get(one.id) != one:
                    self._objects.append(_later(message, self.kept.device_id, one))
            for gone in known.keys() - {one.id for one in new}:
                self._objects.append(_later_gone(message, self.kept.device_id, known[gone]))
        if self._objects:
            self._after(Doing.OBJECTS, 3 * self._world.app_step_s)

    async def _tell_objects(self) -> None:
        ready, self._objects = self._objects, []
        for message in ready:
            self._queue_info(message(self._today()))
        await self._tell_pending()

    # --- apps

    def _plan_apps(self) -> None:
        due = next_due(self.apps)
        if due is None:
            self._due.pop(Doing.APPS, None)
        else:
            self._after(Doing.APPS, due - self._world.seconds())

    async def _move_apps(self) -> None:
        now = self._world.seconds()
        self.apps, changed = moved(self.apps, now, self._today(), self._pace)
        self._queue_apps(self.apps[app_id] for app_id in changed)
        self._plan_apps()
        await self._tell_pending()

    def _queue_apps(self, apps: Iterable[App]) -> None:
        for app in apps:
            self._queue_info(
                messages.app_message(
                    self.kept.device_id, app_info(app, self._facts.address), self._today()
                )
            )

    # --- reports

    def _queue_info(self, payload: bytes) -> None:
        self._pending.append(_Message(Endpoint.INFO, payload, "info"))
        if Doing.PENDING not in self._due:
            self._after(Doing.PENDING, 0)

    async def _tell_device(self) -> None:
        self._within(Doing.INFO, self._plan.interval_s("timer.deviceinfo.interval"))
        self._queue_info(
            self._world.templates.device(self._facts, self._plan, self.apps.values(), self._today())
        )
        await self._tell_pending()

    async def _tell_metrics(self) -> None:
        self._within(Doing.METRICS, self._plan.interval_s("timer.metric.interval"))
        self._sent += 1
        if not self.online:
            return
        payload = self._world.templates.metrics(
            self._facts, self._plan, self.apps, self._sent, self._today()
        )
        bad = Fault.BAD_SIGNATURE in self.faults and self._sent % 2 == 1
        await self._send(_Message(Endpoint.METRICS, payload, "metrics"), damaged=bad)

    async def _tell_logs(self) -> None:
        self._within(Doing.LOGS, self._world.log_interval_s)
        running = [a for a in self.apps.values() if a.booted_at is not None]
        app = self._random.choice(running) if running and self._random.random() < 0.5 else None
        lines = self._random.randrange(5, 60)
        self._sent += 1
        file = messages.log_file(self._facts, self._sent, lines, self._today(), app)
        endpoint = Endpoint.APP_NEWLOGS if app else Endpoint.NEWLOGS
        app_id = app.wish.app_id if app else ""
        self._pending.append(_Message(endpoint, file.data, "log files", file.lines, app_id))
        await self._tell_pending()

    async def _tell_pending(self) -> None:
        """In their order; a message that is not delivered now is tried again later."""
        self._due.pop(Doing.PENDING, None)
        while self._pending and self.online:
            message = self._pending[0]
            kept_back = await self._send(message)
            if kept_back:
                retry_s = self._random.uniform(FIRST_RETRY_S, LONGEST_RETRY_S)
                self._after(Doing.PENDING, retry_s)
                return
            if self._pending and self._pending[0] is message:
                self._pending.popleft()

    async def _send(self, message: _Message, *, damaged: bool = False) -> bool:
        """True: the message was not taken and is to be sent again."""
        figures = self._world.figures
        app_id = AppInstanceId(message.app_id) if message.app_id else None
        sender = self._damaging if damaged else self.device.identity.sender
        flow = report(
            sender, self.device.standing.device_id, message.endpoint, message.payload, app_id
        )
        match await drive_by(flow, self._perform_damaged if damaged else self._perform):
            case Delivered():
                told = {message.kind: 1, "log lines": message.lines}
                self.acknowledged.update(told)
                figures.acknowledged.update(told)
                return False
            case Dropped():
                return False
            case KeptBack():
                return True

    # --- waiting for changes, as nodes of Eaves do

    async def _await_changes_forever(self) -> None:
        kept, figures = Kept(self._line), self._world.figures

        async def perform(send: Send) -> Reply:
            return await self._noted(send, kept.request)

        try:
            while True:
                if not self.online or not self.device.standing.config_hash:
                    await asyncio.sleep(_SOON_S)
                    continue
                figures.waiting += 1
                got = await drive_by(self.device.change(), perform)
                figures.waiting -= 1
                match got:
                    case PollNow():
                        async with self._polling:
                            await self._poll()
                    case NothingNew():
                        pass
                    case NotServed():
                        await asyncio.sleep(self._random.uniform(FIRST_RETRY_S, LONGEST_RETRY_S))
        finally:
            kept.close()


_Make = Callable[..., bytes]


def _later(message: _Make, device_id: str, one: Named) -> Callable[[datetime], bytes]:
    return lambda now: message(device_id, one, now)


def _later_gone(message: _Make, device_id: str, one: Named) -> Callable[[datetime], bytes]:
    return lambda now: message(device_id, one, now, gone=True)


class Claimant:
    """Another machine that claims the serial of a device: refused for ever, and never gives up."""

    def __init__(self, device: SoftDevice, world: World) -> None:
        self._device, self._world = device, world

    async def live_forever(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await drive_by(self._device.onboarded(), self._perform)
        # the fleet has no fault worse than this one, so it is told as an error
        self._world.figures.causes["two devices onboarded with one serial"] += 1

    async def _perform(self, send: Send) -> Reply:
        seconds, figures = self._world.seconds, self._world.figures
        begun = seconds()
        reply = await request(send, self._world.line)
        now = seconds()
        expected = Fault.DUPLICATE_SERIAL.value
        figures.faults[expected] += 1
        figures.note(send.endpoint, reply, now - begun, now, expected)
        return reply
