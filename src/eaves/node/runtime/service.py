"""The node as one process: the engine, the conversation, and everything said about both."""

import asyncio
from datetime import timedelta

import structlog

from eaves.evapi.config import DeviceOpsCmd, EdgeDevConfig
from eaves.evapi.config_items import ItemValues, apply_items
from eaves.evapi.flows.onboard import Applicant
from eaves.evapi.info import BootReason, MaintenanceModeReason, ZDeviceState
from eaves.node.comms.outbox import Outbox
from eaves.node.comms.transport import Limits
from eaves.node.host.machine import MIB
from eaves.node.runtime.commands import Reboot, decide_command, epoch_moved, maintenance_of
from eaves.node.runtime.conversation import not_applied
from eaves.node.runtime.guard import forever
from eaves.node.runtime.parts import REBOOT_COUNTER, SHUTDOWN_COUNTER, Parts, Shared
from eaves.node.runtime.reporter import Reporter
from eaves.node.runtime.reports import object_keys
from eaves.node.runtime.telemetry import Telemetry
from eaves.node.storage.settings import settings_of

log = structlog.get_logger(__name__)

STOP_APPS_S = 300.0
SETTLE_S = 60.0


class RestartNode(Exception):
    """The reboot command off the OS image: everything is down, start the process anew."""


class Service:
    def __init__(self, parts: Parts, outbox: Outbox) -> None:
        self._parts = parts
        self._shared = Shared(parts.now())
        self._reporter = Reporter(parts, self._shared, outbox)
        self._telemetry = Telemetry(parts, self._shared)
        self._epoch: int | None = None
        self._going_down = asyncio.Event()

    # What others call

    @property
    def items(self) -> ItemValues:
        return self._shared.items

    def changed(self) -> None:
        self._shared.dirty.set()

    def reachable(self) -> None:
        self._reporter.reachable()

    async def follow(self, config: EdgeDevConfig) -> None:
        """Apply a config: properties first, then commands, then everything else."""
        wish = self._parts.engine.wish
        before = wish.config if wish else None
        self._take_items(config)
        if epoch_moved(self._epoch, config.controller_epoch):
            self._reporter.say_all_again()
        self._epoch = config.controller_epoch
        if await self._take_commands(config):
            return
        if self._stays_in_maintenance(config):
            return
        gone = object_keys(before) - object_keys(config) if before else frozenset[str]()
        self._shared.followed_at = self._parts.now()
        await self._parts.engine.follow(config)
        self._shared.state = ZDeviceState.ZDEVICE_STATE_ONLINE
        self._reporter.gone(gone)
        log.info("config_applied", apps=len(config.apps), timestamp=str(config.config_timestamp))

    def _take_items(self, config: EdgeDevConfig) -> None:
        items, status = apply_items(config.config_items, self._shared.items)
        self._shared.items, self._shared.item_status = items, status
        dial, send = items.seconds("timer.dial.timeout"), items.seconds("timer.send.timeout")
        usual = Limits()
        self._parts.conversation.link.transport.limits = Limits(
            dial or usual.dial, send or usual.send
        )
        self._parts.logs.quota_bytes = items.count("newlog.gzipfiles.ondisk.maxmegabytes") * MIB
        self._parts.storage.configure(settings_of({i.key: i.value for i in config.config_items}))
        self._parts.workloads.set_boot_retry(timedelta(seconds=items.seconds("timer.boot.retry")))

    async def _take_commands(self, config: EdgeDevConfig) -> bool:
        """Store counters before acting on them; True: nothing else of this config applies."""
        if self._counted(REBOOT_COUNTER, config.reboot):
            self._parts.checkpoint.remember(
                planned_boot=int(BootReason.BOOT_REASON_REBOOT_CMD),
                went_down=self._parts.now().isoformat(),
            )
            self._enter(ZDeviceState.ZDEVICE_STATE_REBOOTING)
            self._going_down.set()
            return True
        if self._counted(SHUTDOWN_COUNTER, config.shutdown):
            self._enter(ZDeviceState.ZDEVICE_STATE_PREPARING_POWEROFF)
            await self._parts.engine.stop_everything(STOP_APPS_S)
            self._enter(ZDeviceState.ZDEVICE_STATE_PREPARED_POWEROFF)
        # A node that is ready to be unplugged starts its apps at its next start only.
        return self._shared.state == ZDeviceState.ZDEVICE_STATE_PREPARED_POWEROFF

    def _counted(self, name: str, command: DeviceOpsCmd | None) -> bool:
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

    async def run(self, applicant: Applicant) -> None:
        """Until a reboot command (RestartNode) or a cancellation."""
        engine, conversation = self._parts.engine, self._parts.conversation
        await engine.observe_all()
        saved = conversation.load_checkpoint()
        if saved is not None:
            try:
                await self.follow(saved)
            except Exception as error:
                # It may be what ended the process before: the controller can still mend it.
                conversation.heard.unreachable = not_applied("the saved configuration", error)
                log.exception("saved_config_not_applied")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(forever("engine", engine.run_forever))
            tasks.create_task(forever("conversation", lambda: conversation.run_forever(applicant)))
            tasks.create_task(forever("reporter", self._reporter.run_forever))
            tasks.create_task(forever("telemetry", self._telemetry.run_forever))
            if (health := self._parts.security.health) is not None:
                tasks.create_task(forever("tpm health", health.run_forever))
            tasks.create_task(forever("vault", self._parts.safekeeping.run_forever))
            tasks.create_task(forever("settle vault", self._settle_vault, lambda: SETTLE_S))
            tasks.create_task(
                forever("collect garbage", self._collect_garbage, self._garbage_pause_s)
            )
            tasks.create_task(self._reboot_when_asked(), name="reboot")

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
        """An update that was let in by the controller for its time on trial has proven itself."""
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
