"""The life of one simulated device: what it does, and how it answers what it is told.

One request at a time; a node of Eaves also keeps one long poll open.
"""

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from eaves.evapi.attest import AttestVolumeKey, AttestVolumeKeyType
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
from eaves.evapi.flows.steps import Reply, Send
from eaves.evapi.info import BootReason
from eaves.evapi.paths import Endpoint
from eaves.fleet import messages
from eaves.fleet.agenda import Agenda, Doing
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
from eaves.fleet.asking import Asking
from eaves.fleet.device import SoftDevice
from eaves.fleet.facts import Facts
from eaves.fleet.faults import MOST_SKEW_S, Fault
from eaves.fleet.identities import KeptDevice
from eaves.fleet.objects import Told, objects_told
from eaves.fleet.outbox import Message, Outbox
from eaves.fleet.plan import Plan, plan_of
from eaves.fleet.run import Kept, drive_by
from eaves.fleet.wire import Slow
from eaves.fleet.world import Profile, World

FIRST_RETRY_S, LONGEST_RETRY_S = 15.0, 60.0
_SOON_S = 1.0


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
        self._world, self._random = world, random
        self._agenda = Agenda(world.seconds, random, world.hurry)
        self._plan = Plan()
        self._objects: list[Told] = []  # of the plan, not said yet
        self._sent = 0  # metrics of this device, from which its counters are made
        self._skew = timedelta()
        self._line = world.line
        if Fault.CLOCK_SKEW in faults:
            self._skew = timedelta(seconds=random.uniform(-MOST_SKEW_S, MOST_SKEW_S))
        if Fault.SLOW_LINK in faults:
            slow = Slow(random.uniform(0.2, 1.0), random.randrange(2_000, 16_000))
            self._line = replace(world.line, slow=slow)
        self._asking = Asking(world, self._line, faults & {Fault.SLOW_LINK, Fault.CLOCK_SKEW})
        self.outbox = Outbox(device, self._asking, world.figures)
        self._pace = Pace(random.random, world.app_step_s)
        self._polling = asyncio.Lock()
        self._facts = Facts(
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
            await actions[await self._agenda.next()]()

    def _today(self) -> datetime:
        return self._world.clock() + self._skew

    # --- the start of a life

    async def _join(self) -> None:
        done = await drive_by(self.device.onboarded(), self._asking.perform)
        self.kept.device_id = done.device_id
        self._world.figures.acknowledge("onboarded")

    async def _attest(self, *, again: bool = False) -> None:
        identity = self.device.identity
        if not identity.certs:
            return
        sealed = hashlib.sha256(self.kept.serial.encode()).digest()
        vsk = AttestVolumeKeyType.ATTEST_VOLUME_KEY_TYPE_VSK
        escrow = (AttestVolumeKey(key_type=vsk, key=sealed),) if identity.quote_key else ()
        flow = self.device.attested(escrow, again=again)
        done = await drive_by(flow, self._asking.perform)
        if isinstance(done, NotKnown):
            await self._join()
        self.kept.token = self.device.standing.integrity_token

    async def _attest_unless_done_since(self, shown: bytes) -> None:
        """A poll may have been told the same meanwhile; `shown`: the token that was refused."""
        if self.device.standing.integrity_token == shown:
            await self._attest(again=bool(self.kept.token))
            self._agenda.after(Doing.CONFIG, _SOON_S)

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
        goes_on = bool(self.kept.config_hash) and self.kept.restarts == 1
        held = goes_on or reason is BootReason.BOOT_REASON_POWER_FAIL
        if not (self.kept.token and held):
            await self._attest()
        self._agenda.clear()
        self._agenda.after(Doing.CONFIG, 0)
        self._agenda.after(Doing.INFO, _SOON_S)
        self._agenda.within(Doing.METRICS, self._plan.interval_s("timer.metric.interval"))
        self._agenda.after(
            Doing.LOGS, self._random.uniform(0, self._world.log_interval_s / self._world.hurry)
        )
        if Fault.CRASH_LOOP in self.faults:
            self._agenda.within_period(Doing.CRASH, self._world.fault_period_s)
        if Fault.OFFLINE in self.faults:
            self._agenda.within_period(Doing.FLIP, self._world.fault_period_s)
        if self.outbox:
            self._agenda.after(Doing.PENDING, _SOON_S)
        if self._objects:
            self._agenda.after(Doing.OBJECTS, _SOON_S)
        self._plan_apps()

    async def _crash(self) -> None:
        self._world.figures.faults[Fault.CRASH_LOOP] += 1
        await self._start(BootReason.BOOT_REASON_KERNEL)

    async def _flip(self) -> None:
        self.online = not self.online
        self._world.figures.faults[Fault.OFFLINE] += not self.online
        self._agenda.within_period(Doing.FLIP, self._world.fault_period_s)
        if self.online and self.outbox:
            self._agenda.after(Doing.PENDING, 0)

    # --- configuration

    async def _fetch(self) -> None:
        self._agenda.within(Doing.CONFIG, self._plan.interval_s("timer.config.interval"))
        if self.online:
            async with self._polling:
                await self._poll()

    async def _poll(self) -> None:
        done = await drive_by(self.device.polled(), self._asking.perform)
        match done.answer:
            case NewConfig():
                self._world.figures.acknowledge("config")
                await self._take(plan_of(self.device.take_config()))
            case AttestFirst():
                await self._attest(again=bool(self.kept.token))
                self._agenda.after(Doing.CONFIG, _SOON_S)
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
        self._objects.extend(objects_told(self.kept.device_id, before, plan))
        if self._objects:
            self._agenda.after(Doing.OBJECTS, 3 * self._world.app_step_s)
        self._plan_apps()
        again = before.epoch != plan.epoch
        if again or before.names != plan.names or before.ports != plan.ports:
            self._agenda.after(Doing.INFO, 0)
        if self.kept.reboots is None:
            self.kept.reboots = plan.reboots
        elif self.kept.reboots != plan.reboots:
            self.kept.reboots = plan.reboots
            await self._start(BootReason.BOOT_REASON_REBOOT_CMD)

    async def _tell_objects(self) -> None:
        ready, self._objects = self._objects, []
        for message in ready:
            self._queue_info(message(self._today()))
        await self._tell_pending()

    # --- apps

    def _plan_apps(self) -> None:
        due = next_due(self.apps)
        if due is None:
            self._agenda.drop(Doing.APPS)
        else:
            self._agenda.after(Doing.APPS, due - self._world.seconds())

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
        self.outbox.put(Message(Endpoint.INFO, payload, "info"))
        self._agenda.unless_planned(Doing.PENDING, 0)

    async def _tell_device(self) -> None:
        self._agenda.within(Doing.INFO, self._plan.interval_s("timer.deviceinfo.interval"))
        self._queue_info(
            self._world.templates.device(self._facts, self._plan, self.apps.values(), self._today())
        )
        await self._tell_pending()

    async def _tell_metrics(self) -> None:
        self._agenda.within(Doing.METRICS, self._plan.interval_s("timer.metric.interval"))
        self._sent += 1
        if not self.online:
            return
        payload = self._world.templates.metrics(
            self._facts, self._plan, self.apps, self._sent, self._today()
        )
        bad = Fault.BAD_SIGNATURE in self.faults and self._sent % 2 == 1
        await self.outbox.send(Message(Endpoint.METRICS, payload, "metrics"), damaged=bad)

    async def _tell_logs(self) -> None:
        self._agenda.within(Doing.LOGS, self._world.log_interval_s)
        running = [a for a in self.apps.values() if a.booted_at is not None]
        app = self._random.choice(running) if running and self._random.random() < 0.5 else None
        lines = self._random.randrange(5, 60)
        self._sent += 1
        file = messages.log_file(self._facts, self._sent, lines, self._today(), app)
        endpoint = Endpoint.APP_NEWLOGS if app else Endpoint.NEWLOGS
        app_id = app.wish.app_id if app else ""
        self.outbox.put(Message(endpoint, file.data, "log files", file.lines, app_id))
        await self._tell_pending()

    async def _tell_pending(self) -> None:
        """In their order; a message that is not delivered now is tried again later."""
        self._agenda.drop(Doing.PENDING)
        while self.outbox and self.online:
            if not await self.outbox.deliver_first():
                self._agenda.after(Doing.PENDING, self._retry_s())
                return

    def _retry_s(self) -> float:
        return self._random.uniform(FIRST_RETRY_S, LONGEST_RETRY_S) / self._world.hurry

    # --- waiting for changes, as nodes of Eaves do

    async def _await_changes_forever(self) -> None:
        kept, figures = Kept(self._line), self._world.figures

        async def perform(send: Send) -> Reply:
            return await self._asking.noted(send, kept.request)

        try:
            while True:
                if not self.online or not self.device.standing.config_hash:
                    await asyncio.sleep(_SOON_S)
                    continue
                figures.waiting += 1
                shown = self.device.standing.integrity_token
                got = await drive_by(self.device.change(), perform)
                figures.waiting -= 1
                match got:
                    case PollNow():
                        async with self._polling:
                            await self._poll()
                    case AttestFirst():
                        async with self._polling:
                            await self._attest_unless_done_since(shown)
                    case NothingNew():
                        pass
                    case NotServed():
                        await asyncio.sleep(self._retry_s())
        finally:
            kept.close()
