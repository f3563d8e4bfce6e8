"""The node as one process: the engine, the conversation, and everything said about both."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from functools import partial

import structlog

from eaves.evapi.config import EdgeDevConfig
from eaves.evapi.config_items import ItemValues, apply_items
from eaves.evapi.flows.onboard import Applicant
from eaves.evapi.info import BootReason, MaintenanceModeReason, ZDeviceState
from eaves.evapi.profile import DevCommandKind
from eaves.node.baseos.hold import held_back
from eaves.node.checkpoint import StateNotWritable
from eaves.node.comms.outbox import Outbox
from eaves.node.host.notify import prove_alive_forever
from eaves.node.refs import Position
from eaves.node.runtime.commands import (
    REBOOT_COUNTER,
    SHUTDOWN_COUNTER,
    Reboot,
    commands_of,
    cut_off,
    decide_command,
    epoch_moved,
    maintenance_of,
    stays_stopped,
    takes_commands,
)
from eaves.node.runtime.connect import pinger
from eaves.node.runtime.conversation import not_applied
from eaves.node.runtime.given_ports import GivenPorts
from eaves.node.runtime.guard import forever
from eaves.node.runtime.local_doors import doors_of
from eaves.node.runtime.local_site import LocalSite
from eaves.node.runtime.metadata_facts import surface_of
from eaves.node.runtime.metadata_server import MetadataServer
from eaves.node.runtime.net_traces import NetTraces, Tracing, tracing_of
from eaves.node.runtime.os_updates import unsettled
from eaves.node.runtime.paces import boot_retry, log_quota_bytes, request_limits
from eaves.node.runtime.parts import Ending, Parts, Shared
from eaves.node.runtime.ports_by_hand import PortsByHand
from eaves.node.runtime.reporter import Reporter
from eaves.node.runtime.reports import object_keys
from eaves.node.runtime.telemetry import Telemetry
from eaves.node.runtime.upkeep import Upkeep
from eaves.node.storage.settings import settings_of
from eaves.node.uplinks.hand import SOCKET
from eaves.node.uplinks.owner import LOOK_S as OWN_S
from eaves.node.uplinks.owner import Owner
from eaves.node.uplinks.service import Properties
from eaves.node.uplinks.status_file import STATUS_FILE
from eaves.node.uplinks.takeover import Takeover

log = structlog.get_logger(__name__)

STOP_APPS_S = 300.0
SETTLE_S = 60.0
CUT_OFF_S = 10.0


class RestartNode(Exception):
    """Everything is down: what follows is the service's `ending`."""


class Service:
    def __init__(self, parts: Parts, outbox: Outbox) -> None:
        self._parts = parts
        self._shared = Shared(parts.now())
        self._reporter = Reporter(parts, self._shared, outbox)
        self._telemetry = Telemetry(parts, self._shared)
        self._upkeep = Upkeep(parts, self._shared, self._reporter)
        self.traces = NetTraces(
            parts.state_dir / "netdump", parts.run_dir / STATUS_FILE, self._tracing, parts.now
        )
        parts.conversation.link.transport.failed = self.traces.failed
        self._metadata = MetadataServer(surface_of(parts, self._shared, self._reporter))
        self._epoch: int | None = None
        self._going_down = asyncio.Event()
        self._given_ports = GivenPorts(
            parts.config_dir,
            parts.identity.root_ca,
            parts.now,
            parts.uplinks,
            self.follow_first,
            lambda: parts.conversation.heard.config is not None,
        )
        self._ports_by_hand = PortsByHand(
            parts.run_dir / SOCKET,
            parts.uplinks,
            lambda: parts.conversation.heard.config,
            parts.now,
        )
        self._held: EdgeDevConfig | None = None  # waits for the base OS, whole or in part
        self._system_moved = asyncio.Event()
        self._turn = asyncio.Lock()  # the controller and somebody on the spot: one after the other
        self.local = LocalSite(
            parts.local, doors_of(parts, self._shared, self._reporter, self.obey, self.reconnect)
        )
        self.ending = Ending.RESTART

    # What others call

    @property
    def items(self) -> ItemValues:
        return self._shared.items

    @property
    def position(self) -> Position | None:
        """Where a modem says that the node stands."""
        return self._shared.position

    def _tracing(self) -> Tracing:
        onboarded = self._parts.conversation.link.device_id is not None
        return tracing_of(self._shared.items, onboarded=onboarded)

    def device_info(self) -> bytes | None:
        """As told last; None before there was anything to tell."""
        return self._reporter.device_message()

    def changed(self) -> None:
        self._shared.dirty.set()

    def reachable(self) -> None:
        self._reporter.reachable()

    def system_changed(self) -> None:
        """An update of the base OS is further, or has ended."""
        self._system_moved.set()
        self._shared.dirty.set()

    def reboot_for_system(self, reason: BootReason, why: str) -> None:
        """Go down for a base OS; a reason that cannot be kept must not keep a bad one running."""
        log.info("reboot_for_system", reason=reason.name, why=why)
        try:
            self._parts.checkpoint.remember(
                planned_boot=int(reason), went_down=self._parts.now().isoformat()
            )
        except StateNotWritable as error:
            log.warning("reason_not_kept", error=str(error))
        self._enter(ZDeviceState.ZDEVICE_STATE_REBOOTING)
        self._going_down.set()

    def follow_first(self, config: EdgeDevConfig) -> None:
        """Of an installer: its properties and ports, until a controller is heard."""
        self._take_properties(config)
        self._parts.uplinks.follow_first(config, Properties.of(self._shared.items))

    async def obey(self, command: DevCommandKind) -> None:
        """A command for the device, given on the spot."""
        async with self._turn:
            match command:
                case DevCommandKind.COMMAND_GRACEFUL_REBOOT:
                    self._reboot(BootReason.BOOT_REASON_REBOOT_CMD)
                case DevCommandKind.COMMAND_SHUTDOWN:
                    await self._shut_down()
                case DevCommandKind.COMMAND_GRACEFUL_POWEROFF:
                    await self._shut_down()
                    if self._parts.powers_off:
                        self.ending = Ending.POWER_OFF
                        self._go_down(BootReason.BOOT_REASON_POWEROFF_CMD)
                        self._enter(ZDeviceState.ZDEVICE_STATE_POWERING_OFF)
                case _:
                    log.warning("local_command_not_known", command=command.name)

    async def reconnect(self) -> None:
        """Ports were changed on the spot."""
        async with self._turn:
            if (config := self._parts.conversation.heard.config) is not None:
                self._follow_ports(config)
        await self._parts.engine.again()

    async def follow(self, config: EdgeDevConfig) -> None:
        """Apply a config: properties first, then commands, then everything else."""
        async with self._turn:
            await self._follow(config)

    async def _follow(self, config: EdgeDevConfig) -> None:
        wish = self._parts.engine.wish
        before = wish.config if wish else None
        self._take_items(config)
        if epoch_moved(self._epoch, config):
            self._reporter.say_all_again()
        self._epoch = config.controller_epoch
        if await self._commanded(config):
            return
        if self._stays_in_maintenance(config):
            return
        config = self._hold_back(config, before)
        gone = object_keys(before) - object_keys(config) if before else frozenset[str]()
        self._shared.followed_at = self._parts.now()
        await self.local.follow(config)
        await self._parts.engine.follow(config)
        self._shared.state = ZDeviceState.ZDEVICE_STATE_ONLINE
        self._reporter.gone(gone)
        log.info("config_applied", apps=len(config.apps), seen=self._shared.followed_at.isoformat())

    async def _commanded(self, config: EdgeDevConfig) -> bool:
        """True: nothing else of this config applies.  A command waits for the end of a trial."""
        if self._going_down.is_set():
            return True  # apps are being stopped for a reboot: nothing may start them again
        if takes_commands(self._parts.base_os):
            await self._take_commands(config)
        else:
            self._held = config
        return stays_stopped(self._shared.state, going_down=self._going_down.is_set())

    def _hold_back(self, config: EdgeDevConfig, before: EdgeDevConfig | None) -> EdgeDevConfig:
        """Apps may need what only the system that is about to boot can do: they stay as they are.

        At a start there is nothing to keep, and everything applies.
        """
        system = self._parts.base_os
        if system is None:
            return config
        system.follow(config, self._shared.items)
        if before is None or not system.holds():
            self._held = self._held if system.on_trial() else None
            return config
        self._held = config
        return held_back(config, before)

    async def _release_forever(self) -> None:
        """What waited for the base OS is applied once nothing holds it."""
        while True:
            await self._system_moved.wait()
            self._system_moved.clear()
            system, held = self._parts.base_os, self._held
            if system is None or held is None or system.on_trial() or system.holds():
                continue
            if not self._going_down.is_set():
                self._held = None
                await self.follow(held)

    def _take_items(self, config: EdgeDevConfig) -> None:
        self._take_properties(config)
        self._follow_ports(config)
        self._parts.enroller.follow(config.scep_profiles)

    def _follow_ports(self, config: EdgeDevConfig) -> None:
        here = self._parts.local.localise(config)
        self._parts.uplinks.follow(here, Properties.of(self._shared.items))

    def _take_properties(self, config: EdgeDevConfig) -> None:
        items, status = apply_items(config.config_items, self._shared.items)
        self._shared.items, self._shared.item_status = items, status
        self._parts.conversation.link.transport.limits = request_limits(items)
        self._telemetry.follow(items)
        self._parts.logs.quota_bytes = log_quota_bytes(items)
        self._parts.storage.configure(settings_of({i.key: i.value for i in config.config_items}))
        self._parts.workloads.set_boot_retry(boot_retry(items))

    async def _take_commands(self, config: EdgeDevConfig) -> None:
        """Store counters before acting on them."""
        if self._counted(REBOOT_COUNTER, config):
            self._reboot(BootReason.BOOT_REASON_REBOOT_CMD)
        elif self._counted(SHUTDOWN_COUNTER, config):
            await self._shut_down()

    def _reboot(self, reason: BootReason) -> None:
        self._go_down(reason)
        self._enter(ZDeviceState.ZDEVICE_STATE_REBOOTING)

    def _go_down(self, reason: BootReason) -> None:
        self._parts.checkpoint.remember(
            planned_boot=int(reason), went_down=self._parts.now().isoformat()
        )
        self._going_down.set()

    async def _shut_down(self) -> None:
        self._enter(ZDeviceState.ZDEVICE_STATE_PREPARING_POWEROFF)
        await self._parts.engine.stop_everything(STOP_APPS_S)
        self._enter(ZDeviceState.ZDEVICE_STATE_PREPARED_POWEROFF)

    def _counted(self, name: str, config: EdgeDevConfig) -> bool:
        command = commands_of(config)[name]
        decision = decide_command(command, self._parts.checkpoint.number(name))
        if decision is not Reboot.NOTHING:
            counter = command.counter if command else None
            self._parts.checkpoint.remember(**{name: counter})
            log.info("command_counter", command=name, counter=counter, act=decision is Reboot.ACT)
        return decision is Reboot.ACT

    def _enter(self, state: ZDeviceState) -> None:
        self._shared.state = state
        self._shared.dirty.set()

    def _stays_in_maintenance(self, config: EdgeDevConfig) -> bool:
        """In maintenance the config is fetched, kept and reported; apps stay as they are."""
        on = maintenance_of(config, self._shared.items)
        reason = MaintenanceModeReason.MAINTENANCE_MODE_REASON_USER_REQUESTED
        reasons = ((reason,) if on else ()) + self._parts.security.reasons()
        self._shared.maintenance = reasons
        if reasons:
            self._enter(ZDeviceState.ZDEVICE_STATE_MAINTENANCE_MODE)
        return bool(reasons)

    # The loops

    async def run(self, applicant: Applicant, settling: Awaitable[None] | None = None) -> None:
        """Until a reboot command (RestartNode) or a cancellation.

        `settling`: over once the devices of a machine that was just started are there.
        """
        engine, conversation = self._parts.engine, self._parts.conversation
        saved, in_force = conversation.load_checkpoint(), asyncio.Event()
        talk = partial(conversation.run_forever, applicant, in_force)
        uplinks, ping = self._parts.uplinks, pinger(conversation.link.transport)
        items = apply_items(saved.config_items, self._shared.items)[0] if saved else None
        uplinks.begin(
            Properties.of(items or self._shared.items), silent=self._parts.local.state.radio_silence
        )
        async with asyncio.TaskGroup() as tasks:
            # What an installer brought is known before any port is set up.
            tasks.create_task(forever("given ports", self._given_ports.run_forever))
            tasks.create_task(forever("uplinks", lambda: uplinks.run_forever(ping)))
            match self._parts.takeover:
                case Owner() as owner:
                    tasks.create_task(forever("own ports", owner.look, lambda: OWN_S))
                case Takeover() as trial:
                    tasks.create_task(trial.run(), name="hand-over")
                case None:
                    pass
            tasks.create_task(forever("conversation", talk))
            await self._take_up(saved)
            if settling is not None:
                await settling
            in_force.set()
            tasks.create_task(forever("engine", engine.run_forever))
            tasks.create_task(forever("reporter", self._reporter.run_forever))
            tasks.create_task(forever("probe routes", self._parts.prober.run_forever))
            tasks.create_task(forever("local site", self.local.run_forever))
            tasks.create_task(forever("metadata", self._metadata.run_forever))
            tasks.create_task(forever("telemetry", self._telemetry.run_forever))
            tasks.create_task(forever("upkeep", self._upkeep.run_forever))
            crashes = self._parts.workloads.watch_crashes_forever
            tasks.create_task(forever("guest crashes", crashes))
            if (health := self._parts.security.health) is not None:
                tasks.create_task(forever("tpm health", health.run_forever))
            tasks.create_task(forever("vault", self._parts.safekeeping.run_forever))
            tasks.create_task(forever("enrolment", self._parts.enroller.run_forever))
            tasks.create_task(forever("settle vault", self._settle_vault, lambda: SETTLE_S))
            tasks.create_task(
                forever("collect garbage", self._collect_garbage, self._garbage_pause_s)
            )
            tasks.create_task(self._reboot_when_asked(), name="reboot")
            tasks.create_task(forever("cut off", self._reboot_when_cut_off))
            if self._parts.notifier.address:
                living = partial(prove_alive_forever, self._parts.notifier)
                tasks.create_task(forever("prove alive", living))
            if (system := self._parts.base_os) is not None:
                tasks.create_task(forever("base os", system.run_forever))
                tasks.create_task(forever("release held", self._release_forever))
            tasks.create_task(forever("ports by hand", self._ports_by_hand.run_forever))
            self._tend_devices(tasks)

    def _tend_devices(self, tasks: asyncio.TaskGroup) -> None:
        """What of the machine itself is for whom."""
        tasks.create_task(forever("give USB devices", self._parts.giving_usb.run_forever))
        if (isolating := self._parts.isolating) is not None:
            tasks.create_task(forever("isolate ports", isolating.run_forever))
        if (light := self._parts.light) is not None:
            tasks.create_task(forever("light", light.run_forever))

    async def _take_up(self, saved: EdgeDevConfig | None) -> None:
        """What ran before the start, and what was asked for then."""
        await self._parts.safekeeping.begin()
        await self._parts.engine.observe_all()
        if (system := self._parts.base_os) is not None:
            await system.start()
        if saved is None:
            return
        try:
            await self.follow(saved)
        except Exception as error:
            # It may be what ended the process before: the controller can still mend it.
            heard = self._parts.conversation.heard
            heard.unreachable = not_applied("the saved configuration", error)
            log.exception("saved_config_not_applied")

    async def _reboot_when_cut_off(self) -> None:
        """timer.reboot.no.network, counted since the controller was last heard."""
        clock = asyncio.get_running_loop().time
        counts = self._parts.conversation.link.transport.counts
        heard, since = counts.success, clock()
        while True:
            await asyncio.sleep(CUT_OFF_S)
            if counts.success != heard:
                heard, since = counts.success, clock()
            if self._parts.powers_off and cut_off(clock() - since, self._shared.items):
                self._reboot(BootReason.BOOT_REASON_DISCONNECT)
                return
            if self._parts.powers_off and self._parts.uplinks.wants_reboot():
                log.warning("reboot_for_modem", property="wwan.modem.recovery.watchdog")
                self._reboot(BootReason.BOOT_REASON_DISCONNECT)
                return

    async def _reboot_when_asked(self) -> None:
        await self._going_down.wait()
        try:
            await self._parts.engine.stop_everything(STOP_APPS_S)
            await self._telemetry.collect_last_logs()
        except Exception:
            # The counter is stored: a reboot that was asked for happens.
            log.exception("not_stopped_in_order")
        log.info("stopped_for_reboot")
        raise RestartNode

    async def _settle_vault(self) -> None:
        """Who opens it, as the controller asks; and the seals to it alone once an update that was
        let in by the controller for its time on trial has proven itself.
        """
        if unsettled(self._parts.base_os):
            return  # the one before may have to open it again, and the one to come as well
        await self._parts.safekeeping.require(self._shared.items.count("vault.needed.holders"))
        at = self._parts.conversation.attesting.proof.at
        trial = timedelta(seconds=self._shared.items.seconds("timer.test.baseimage.update"))
        if at is not None and self._parts.now() - at >= trial:
            await self._parts.safekeeping.settle()

    async def _collect_garbage(self) -> None:
        """Never before the controller sent a config: nobody else knows what is garbage."""
        self._parts.checkpoint.reserve.keep()
        if self._parts.conversation.heard.from_controller:
            await self._parts.storage.collect()

    def _garbage_pause_s(self) -> float:
        return max(30.0, self._shared.items.seconds("timer.gc.vdisk") / 10)
