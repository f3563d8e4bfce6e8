"""What goes to the controller by the clock: metrics, and log files."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import structlog

from eaves.evapi.config import AppInstanceConfig
from eaves.evapi.config_items import ItemValues
from eaves.evapi.flows.report import Delivered
from eaves.evapi.metrics import AclMetric, ZMetricMsg, ZMetricProcess, encode_z_metric_msg
from eaves.evapi.paths import Endpoint
from eaves.ids import AppInstanceId
from eaves.node.host.machine import MIB
from eaves.node.host.machine_journal import read_journal
from eaves.node.host.processes import Processes
from eaves.node.host.smart import Disks
from eaves.node.network.programs import rule_count
from eaves.node.network.status import addresses_of
from eaves.node.runtime.device_status import Calls, device_metric
from eaves.node.runtime.failed_system import send_failed
from eaves.node.runtime.flow_reports import FlowReporter
from eaves.node.runtime.guard import forever
from eaves.node.runtime.health import disk_metrics, process_metrics
from eaves.node.runtime.health_reports import HealthReporter
from eaves.node.runtime.log_collect import Listed, LogCollector, listed_app
from eaves.node.runtime.log_policy import policy_of
from eaves.node.runtime.log_router import route_of
from eaves.node.runtime.log_store import device_origin, upload_pause_s
from eaves.node.runtime.machine_logs import MachineLogs
from eaves.node.runtime.nested_apps import NestedApps
from eaves.node.runtime.nested_stats import with_containers
from eaves.node.runtime.paces import (
    collect_logs_pause_s,
    disk_scan_pause_s,
    metrics_pause_s,
    read_journal_pause_s,
)
from eaves.node.runtime.parts import Parts, Shared, pace
from eaves.node.runtime.workloads import network_items
from eaves.node.storage import status as storage_status
from eaves.node.storage.facts import StorageFacts

log = structlog.get_logger(__name__)

PROCESSES_S = 3600.0  # between two lists of what runs: they are long


class Telemetry:
    def __init__(self, parts: Parts, shared: Shared) -> None:
        self._parts = parts
        self._shared = shared
        self._collector = LogCollector(parts.checkpoint, parts.logs, parts.now)
        self._machine_logs = MachineLogs(
            parts.checkpoint,
            parts.logs,
            parts.state_dir / "logs" / "machine",
            read_journal,
            lambda: shared.items,
        )
        self._flows = FlowReporter(parts, shared)
        self._health = HealthReporter(parts, shared)
        self._nested = NestedApps(self._running, lambda: shared.items)
        self._listed_at = float("-inf")  # the processes
        self._scanned_at, self._stored = float("-inf"), StorageFacts()

    async def run_forever(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(forever("metrics", self._metrics_forever))
            tasks.create_task(forever("collect logs", self._collect_logs_forever))
            tasks.create_task(forever("upload logs", self._upload_logs_forever))
            if self._parts.base_os is not None:
                tasks.create_task(forever("machine logs", self._machine_logs_forever))
            tasks.create_task(forever("hardware health", self._health.run_forever))
            tasks.create_task(forever("nested apps", self._nested.run_forever))
            tasks.create_task(forever("record flows", self._flows.record_forever))
            tasks.create_task(forever("send flows", self._flows.send_forever))

    def follow(self, items: ItemValues) -> None:
        """Properties of the log: what is written, and what of it is sent."""
        policy = policy_of(items)
        self._parts.log_gate.writes = policy.writes
        self._collector.sent.policy = policy
        self._collector.sent.router.follow(route_of(items))

    async def collect_last_logs(self) -> None:
        """Take over what is there now: the last lines before a reboot."""
        await self._collector.collect_last(self._log_sources())

    async def _metrics_forever(self) -> None:
        await self._parts.conversation.ready.wait()
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
        return lambda: metrics_pause_s(self._shared.items, share)

    async def _metrics(self) -> bytes:
        parts, heard = self._parts, self._parts.conversation.heard
        link, engine = parts.conversation.link, parts.engine
        by_port = link.transport.by_port or {"": link.transport.counts}
        ports = {p.logical_label: parts.host.link(p.ifname) for p in engine.ports}
        wish = engine.wish
        apps_mib = sum(
            a.config.fixedresources.memory // 1024
            for a in (wish.apps if wish else ())
            if a.activate and a.config.fixedresources
        )
        interval = self._shared.items.seconds("timer.metric.interval")
        stored = await self._disks_scanned()
        app_metrics, ni_metrics = await parts.workloads.metrics(wish, stored)
        load = parts.host.load()
        device = replace(
            device_metric(
                load,
                parts.host.disk(parts.state_dir),
                {label: seen for label, seen in ports.items() if seen},
                {
                    name: Calls(c.success, c.failures, c.last_success, c.last_failure)
                    for name, c in by_port.items()
                },
                apps_mib=apps_mib,
                node_mib=parts.host.own_memory_mib(),
                received=heard.received,
                processed=heard.processed,
                dormant_s=3 * interval,
                aliases={p.logical_label: p.alias for p in engine.ports},
            ),
            flowlog=self._flows.metric(),
            acl=AclMetric(total_rule_count=rule_count(network_items(wish)) if wish else 0),
        )
        disks = disk_metrics(await asyncio.to_thread(Disks().devices))
        message = ZMetricMsg(
            dev_id=link.device_id or "",
            at_time_stamp=parts.now(),
            dm=replace(device, disk=(*device.disk, *disks)),
            am=parts.patches.measured(with_containers(app_metrics, self._nested.found)),
            nm=ni_metrics,
            vm=storage_status.volume_metrics(wish.config, stored) if wish else (),
            pr=await self._processes(load.uptime_s, load.memory_total_mib * MIB),
        )
        return encode_z_metric_msg(message)

    def _running(self) -> list[tuple[AppInstanceId, AppInstanceConfig, frozenset[str]]]:
        """Apps that run and tell of containers, with their own addresses."""
        wish, workloads = self._parts.engine.wish, self._parts.workloads
        if wish is None:
            return []
        items, leases = network_items(wish), workloads.leases()
        return [
            (a.app, a.config, addresses_of(a.app, items, leases))
            for a in wish.apps
            if a.config.collect_stats_ip_addr and workloads.run(a.app) is not None
        ]

    async def _disks_scanned(self) -> StorageFacts:
        """timer.metric.diskscan.interval: how much is used is looked up no oftener."""
        clock = asyncio.get_running_loop().time()
        if clock - self._scanned_at >= disk_scan_pause_s(self._shared.items):
            self._scanned_at, self._stored = clock, await self._parts.storage.facts()
        return self._stored

    async def _processes(self, uptime_s: float, memory: int) -> tuple[ZMetricProcess, ...]:
        """With the first message, then once an hour."""
        clock = asyncio.get_running_loop().time()
        if clock - self._listed_at < PROCESSES_S:
            return ()
        self._listed_at = clock
        seen = await asyncio.to_thread(Processes().seen)
        watched = frozenset({os.getpid()} if self._parts.notifier.watchdog_s else ())
        started = self._parts.now() - timedelta(seconds=uptime_s)
        return process_metrics(seen, started, uptime_s, memory, watched)

    async def _collect_logs_forever(self) -> None:
        await self._collector.collect_forever(
            self._log_sources,
            lambda: collect_logs_pause_s(self._shared.items),
        )

    async def _machine_logs_forever(self) -> None:
        """Of a machine that booted an image of ours; any other one keeps its own."""
        await self._parts.conversation.ready.wait()
        while True:
            device_id = self._parts.conversation.link.device_id or ""
            await self._send_failed(device_id)
            await self._machine_logs.collect(device_origin(device_id, self._parts.version))
            await pace(lambda: read_journal_pause_s(self._shared.items))

    async def _send_failed(self, device_id: str) -> None:
        """The end of the log of a system that did not pass its trial."""
        folder, logs = self._parts.state_dir / "logs", self._parts.logs
        try:
            await asyncio.to_thread(send_failed, folder, logs, device_id, self._shared.items)
        except OSError as error:
            log.warning("log_of_failed_system_not_sent", error=str(error))

    def _log_sources(self) -> list[Listed]:
        link, wish = self._parts.conversation.link, self._parts.engine.wish
        sources: list[Listed] = []
        if link.device_id:
            origin = device_origin(link.device_id, self._parts.version)
            sources.append(Listed(self._parts.workloads.device_log(), None, origin))
        for app in wish.apps if wish else ():
            source = self._parts.workloads.log_source(
                app.app, container=wish is not None and app.app in wish.containers
            )
            sources.append(listed_app(source, app))
        return sources

    async def _upload_logs_forever(self) -> None:
        await self._parts.conversation.ready.wait()
        link, logs = self._parts.conversation.link, self._parts.logs
        while True:
            fast = self._shared.items.flag("newlog.allow.fastupload")
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
        fast = self._shared.items.flag("newlog.allow.fastupload")
        return upload_pause_s(self._parts.logs.waiting(), fast=fast)
