"""The node as one process: the engine, the conversation, and everything said about both."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from eaves.evapi.config import EdgeDevConfig
from eaves.evapi.config_items import ItemValues, apply_items
from eaves.evapi.flows.onboard import Applicant
from eaves.evapi.flows.report import Delivered, Fate
from eaves.evapi.info import (
    BootReason,
    ZDeviceState,
    ZInfoConfigItemStatus,
    encode_z_info_msg,
)
from eaves.evapi.metrics import ZMetricMsg, encode_z_metric_msg
from eaves.evapi.paths import Endpoint
from eaves.ids import AppInstanceId
from eaves.node.checkpoint import Checkpoint
from eaves.node.comms.outbox import Outbox
from eaves.node.host.machine import Host
from eaves.node.host.process import identify
from eaves.node.network import status as network_status
from eaves.node.runtime.commands import Reboot, decide_command
from eaves.node.runtime.conversation import Conversation
from eaves.node.runtime.device_status import (
    Calls,
    Identity,
    Moment,
    device_info,
    device_metric,
    hardware_info,
)
from eaves.node.runtime.engine import Engine
from eaves.node.runtime.log_collect import Listed, collect, collect_forever
from eaves.node.runtime.log_store import LogStore, app_origin, device_origin, upload_pause_s
from eaves.node.runtime.reports import AppFacts, Said, app_info, farewell, object_keys, say
from eaves.node.runtime.status_file import (
    ControllerStatus,
    DeviceStatus,
    NodeStatus,
    PortStatus,
    app_statuses,
    unmet,
    write_status,
)
from eaves.node.runtime.workloads import Workloads, network_items
from eaves.node.storage import status as storage_status
from eaves.node.storage.settings import settings_of
from eaves.node.storage.subsystem import StorageSubsystem

log = structlog.get_logger(__name__)

REPORT_PAUSE_S = 0.25  # a burst of changes makes one message for each object
STOP_APPS_S = 300.0
REBOOT_COUNTER, SHUTDOWN_COUNTER = "reboot_counter", "shutdown_counter"
RAN = "ran/"  # facts: apps that ran since they were deployed


class RestartNode(Exception):
    """The reboot command off the OS image: everything is down, start the process anew."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the composition root built."""

    engine: Engine
    conversation: Conversation
    checkpoint: Checkpoint
    storage: StorageSubsystem
    workloads: Workloads
    host: Host
    logs: LogStore
    identity: Identity
    state_dir: Path
    run_dir: Path
    now: Callable[[], datetime]
    version: str


class Service:
    def __init__(self, parts: Parts, outbox: Outbox) -> None:
        self._parts = parts
        self._outbox = outbox
        self._machine = parts.host.machine()
        self._dirty = asyncio.Event()
        self._said: dict[str, bytes] = {}
        self._epoch: int | None = None
        self._state = ZDeviceState.ZDEVICE_STATE_BOOTING
        self._items = ItemValues.before_any_config()
        self._item_status = ZInfoConfigItemStatus()
        self._states: dict[str, str] = {}
        self._reboot = asyncio.Event()
        self._ran: set[AppInstanceId] = set()
        self._followed_at = parts.now()

    # What others call

    @property
    def items(self) -> ItemValues:
        return self._items

    def changed(self) -> None:
        self._dirty.set()

    def reachable(self) -> None:
        """The controller answers again."""
        self._outbox.kick()
        self._dirty.set()

    async def follow(self, config: EdgeDevConfig) -> None:
        """Apply a config: properties first, then commands, then everything else."""
        before = self._parts.engine.wish.config if self._parts.engine.wish else None
        self._take_items(config)
        if self._epoch not in (None, config.controller_epoch):
            self._said.clear()
        self._epoch = config.controller_epoch
        if self._take_commands(config):
            return
        gone = object_keys(before) - object_keys(config) if before else frozenset[str]()
        self._followed_at = self._parts.now()
        await self._parts.engine.follow(config)
        self._state = ZDeviceState.ZDEVICE_STATE_ONLINE
        self._say_farewell(gone)
        log.info("config_applied", apps=len(config.apps), timestamp=str(config.config_timestamp))

    def _take_items(self, config: EdgeDevConfig) -> None:
        self._items, self._item_status = apply_items(config.config_items, self._items)
        self._parts.storage.configure(settings_of({i.key: i.value for i in config.config_items}))
        self._parts.workloads.set_boot_retry(
            timedelta(seconds=self._items.seconds("timer.boot.retry"))
        )

    def _take_commands(self, config: EdgeDevConfig) -> bool:
        """Store counters; True when the node is going down because of one."""
        stored = self._parts.checkpoint.number(REBOOT_COUNTER)
        decision = decide_command(config.reboot, stored)
        if decision is Reboot.NOTHING:
            return False
        counter = config.reboot.counter if config.reboot else None
        self._parts.checkpoint.remember(**{REBOOT_COUNTER: counter})
        if decision is Reboot.REMEMBER:
            return False
        self._parts.checkpoint.remember(planned_boot=int(BootReason.BOOT_REASON_REBOOT_CMD))
        self._state = ZDeviceState.ZDEVICE_STATE_REBOOTING
        log.info("reboot_asked_for", counter=counter)
        self._dirty.set()
        self._reboot.set()
        return True

    # The loops

    async def run(self, applicant: Applicant) -> None:
        """Until a reboot command (RestartNode) or a cancellation."""
        engine, conversation = self._parts.engine, self._parts.conversation
        self._ran = {
            AppInstanceId(a)
            for a in self._parts.checkpoint.apps()
            if self._parts.checkpoint.fact(RAN + a)
        }
        await engine.observe_all()
        saved = conversation.load_checkpoint()
        if saved is not None:
            await self.follow(saved)
        async with asyncio.TaskGroup() as tasks:
            start = tasks.create_task
            start(engine.run_forever(), name="engine")
            start(conversation.run_forever(applicant), name="conversation")
            start(self._report_forever(), name="report")
            start(self._send_forever(), name="send info")
            start(self._metrics_forever(), name="metrics")
            start(self._refresh_forever(), name="device info")
            start(self._collect_logs_forever(), name="collect logs")
            start(self._upload_logs_forever(), name="upload logs")
            start(self._collect_garbage_forever(), name="collect garbage")
            start(self._reboot_when_asked(), name="reboot")

    async def _reboot_when_asked(self) -> None:
        await self._reboot.wait()
        await self._parts.engine.stop_everything(STOP_APPS_S)
        self._collect_logs_once()
        log.info("stopped_for_reboot")
        raise RestartNode

    async def _report_forever(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._report()
            except Exception:
                # A message that cannot be built must not end the node; the next change retries.
                log.exception("report_failed")
            await asyncio.sleep(REPORT_PAUSE_S)

    async def _report(self) -> None:
        said = await self._compose()
        self._write_status()
        if self._parts.conversation.link.device_id is None:
            return
        stamp = self._parts.now()
        device_id = self._parts.conversation.link.device_id
        for key, message in said.messages.items():
            plain = encode_z_info_msg(message)
            if self._said.get(key) == plain:
                continue
            self._said[key] = plain
            stamped = replace(message, dev_id=device_id, at_time_stamp=stamp)
            self._outbox.put(key, encode_z_info_msg(stamped), said.priority(key))

    def _say_farewell(self, keys: frozenset[str]) -> None:
        device_id = self._parts.conversation.link.device_id
        for key in keys:
            self._said.pop(key, None)
            message = farewell(key)
            if message is not None and device_id is not None:
                stamped = replace(message, dev_id=device_id, at_time_stamp=self._parts.now())
                self._outbox.put(key, encode_z_info_msg(stamped))

    async def _compose(self) -> Said:
        parts, engine = self._parts, self._parts.engine
        report, wish = engine.reconciler.report(), engine.wish
        me = parts.conversation.link.device_id
        identity = replace(parts.identity, host_name=me) if me else parts.identity
        device = device_info(self._machine, identity, self._moment())
        hardware = hardware_info(self._machine)
        if wish is None:
            return say(device, hardware, (), (), (), ())
        facts = self._app_facts()
        apps = [
            app_info(app, wish, engine.decided[app.app], report, facts)
            for app in wish.apps
            if app.app in engine.decided
        ]
        self._states = {app.app_id: app.state.name for app in apps}
        stored = await parts.storage.facts()
        return say(
            device,
            hardware,
            apps,
            network_status.network_instance_infos(
                wish.config,
                network_items(wish),
                report,
                refusals=wish.refusals,
                ports=engine.ports,
                leases=facts.leases,
                now=self._followed_at,
            ),
            storage_status.volume_infos(wish.config, wish.storage, report, stored),
            storage_status.content_tree_infos(wish.config, wish.storage, report, stored),
        )

    def _app_facts(self) -> AppFacts:
        parts = self._parts
        wish = parts.engine.wish
        apps = wish.apps if wish else ()
        boots: dict[AppInstanceId, datetime] = {}
        notes: dict[AppInstanceId, str] = {}
        for app in apps:
            started = parts.workloads.boot_time(app.app)
            if started is not None:
                boots[app.app] = started
                self._note_ran(app.app)
            note = parts.workloads.runs_by(app.app)
            if note:
                notes[app.app] = note
        return AppFacts(parts.workloads.leases(), boots, frozenset(self._ran), notes)

    def _note_ran(self, app: AppInstanceId) -> None:
        if app not in self._ran:
            self._ran.add(app)
            self._parts.checkpoint.remember(**{RAN + app: 1})

    def _moment(self) -> Moment:
        heard = self._parts.conversation.heard
        counts = self._parts.conversation.link.transport.counts
        return Moment(
            config=heard.config,
            ports=self._parts.engine.ports,
            disk=self._parts.host.disk(self._parts.state_dir),
            state=self._state,
            attestation=heard.attestation,
            attestation_error=heard.attestation_error,
            config_items=self._item_status,
            reboot_counter=self._parts.checkpoint.number(REBOOT_COUNTER) or 0,
            shutdown_counter=self._parts.checkpoint.number(SHUTDOWN_COUNTER) or 0,
            last_controller_success=None,
            last_controller_error=counts.last_error,
        )

    def _write_status(self) -> None:
        parts, heard = self._parts, self._parts.conversation.heard
        link = parts.conversation.link
        report, wish = parts.engine.reconciler.report(), parts.engine.wish
        me = identify(os.getpid())
        status = NodeStatus(
            at=parts.now().isoformat(timespec="seconds"),
            version=parts.version,
            pid=me.pid if me else 0,
            start_ticks=me.start_ticks if me else 0,
            device=DeviceStatus(
                uuid=link.device_id or "",
                name=heard.config.device_name if heard.config else "",
                serial=parts.identity.soft_serial or self._machine.serial,
                state=self._state.name,
                boot=parts.identity.boot_text,
                restarts=parts.identity.restart_counter,
            ),
            controller=ControllerStatus(
                url=link.transport.base_url,
                phase=link.standing.phase,
                waiting_for=link.standing.waiting_for,
                problem=heard.unreachable or link.transport.counts.last_error,
                last_success=_iso(link.transport.counts.last_success),
                config_received=_iso(heard.received),
                config_hash=heard.config_hash,
                attestation=heard.attestation.name,
                messages_waiting=len(self._outbox),
            ),
            ports=[
                PortStatus(p.logical_label, p.ifname, p.up, list(p.addresses))
                for p in parts.engine.ports
            ],
            apps=app_statuses(wish, report, self._states),
            unmet=unmet(report, wish),
            steps=parts.engine.reconciler.steps_run,
        )
        write_status(parts.run_dir, status)

    async def _send_forever(self) -> None:
        await self._onboarded()

        async def send(payload: bytes) -> Fate:
            return await self._parts.conversation.link.report(Endpoint.INFO, payload)

        await self._outbox.send_forever(send)

    async def _refresh_forever(self) -> None:
        """The device's own message goes also without a change, and the status file stays fresh."""
        while True:
            self._dirty.set()
            await asyncio.sleep(10.0)

    async def _metrics_forever(self) -> None:
        await self._onboarded()
        link = self._parts.conversation.link
        while True:
            try:
                payload = await self._metrics()
            except Exception:
                # One figure that cannot be read must not end the rest of the node.
                log.exception("metrics_failed")
            else:
                fate = await link.report(Endpoint.METRICS, payload)
                if not isinstance(fate, Delivered):
                    log.info("metrics_lost", why=fate.reason)
            await pace(self._metric_pause_s(link.jitter(1.0)))

    def _metric_pause_s(self, share: float) -> Callable[[], float]:
        return lambda: share * self._items.seconds("timer.metric.interval")

    async def _metrics(self) -> bytes:
        parts, heard = self._parts, self._parts.conversation.heard
        link, engine = parts.conversation.link, parts.engine
        counts = link.transport.counts
        ports = {p.logical_label: parts.host.link(p.ifname) for p in engine.ports}
        wish = engine.wish
        apps_mib = sum(
            a.config.fixedresources.memory // 1024
            for a in (wish.apps if wish else ())
            if a.activate and a.config.fixedresources
        )
        interval = self._items.seconds("timer.metric.interval")
        stored = await parts.storage.facts()
        app_metrics, ni_metrics = await parts.workloads.metrics(wish, stored)
        message = ZMetricMsg(
            dev_id=link.device_id or "",
            at_time_stamp=parts.now(),
            dm=device_metric(
                parts.host.load(),
                parts.host.disk(parts.state_dir),
                {label: seen for label, seen in ports.items() if seen},
                Calls(counts.success, counts.failures, counts.last_success, counts.last_failure),
                apps_mib=apps_mib,
                node_mib=parts.host.own_memory_mib(),
                received=heard.received,
                processed=heard.processed,
                dormant_s=3 * interval,
            ),
            am=app_metrics,
            nm=ni_metrics,
            vm=storage_status.volume_metrics(wish.config, stored) if wish else (),
        )
        return encode_z_metric_msg(message)

    async def _collect_logs_forever(self) -> None:
        await collect_forever(
            self._log_sources,
            self._parts.checkpoint,
            self._parts.logs,
            self._parts.now,
            lambda: 1.0 if self._items.flag("newlog.allow.fastupload") else 10.0,
        )

    def _collect_logs_once(self) -> None:
        collect(self._log_sources(), self._parts.checkpoint, self._parts.logs, self._parts.now)

    def _log_sources(self) -> list[Listed]:
        link, wish = self._parts.conversation.link, self._parts.engine.wish
        sources: list[Listed] = []
        if link.device_id:
            origin = device_origin(link.device_id, self._parts.version)
            sources.append((self._parts.workloads.device_log(), None, origin))
        for app in wish.apps if wish else ():
            resources = app.config.fixedresources
            if not (resources and resources.disable_logs):
                source = self._parts.workloads.log_source(
                    app.app, container=wish is not None and app.app in wish.containers
                )
                sources.append((source, app.app, app_origin(app.config.displayname)))
        return sources

    async def _upload_logs_forever(self) -> None:
        await self._onboarded()
        link, logs = self._parts.conversation.link, self._parts.logs
        while True:
            fast = self._items.flag("newlog.allow.fastupload")
            file = logs.oldest()
            if file is not None:
                endpoint = Endpoint.APP_NEWLOGS if file.app else Endpoint.NEWLOGS
                fate = await link.report(endpoint, file.path.read_bytes(), file.app)
                logs.settle(file, fate)
                if isinstance(fate, Delivered) and fast:
                    await asyncio.sleep(0.2)
                    continue
                if not isinstance(fate, Delivered):
                    log.info("log_file_not_delivered", why=fate.reason)
                    await asyncio.sleep(5.0)
            await pace(self._log_pause_s)

    def _log_pause_s(self) -> float:
        fast = self._items.flag("newlog.allow.fastupload")
        return upload_pause_s(self._parts.logs.waiting(), fast=fast)

    async def _collect_garbage_forever(self) -> None:
        """Never before the controller sent a config: nobody else knows what is garbage."""
        while True:
            await asyncio.sleep(max(30.0, self._items.seconds("timer.gc.vdisk") / 10))
            if self._parts.conversation.heard.from_controller:
                await self._parts.storage.collect()

    async def _onboarded(self) -> None:
        """Wait until the device has a UUID and believes a controller."""
        await self._parts.conversation.ready.wait()


async def pace(length_s: Callable[[], float]) -> None:
    """Wait as long as the properties in force say, also when they change meanwhile."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    while (left := begun + length_s() - clock()) > 0:  # noqa: ASYNC110 - waits for time, not for an event
        await asyncio.sleep(min(left, 1.0))


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
