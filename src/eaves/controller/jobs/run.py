"""The jobs of one controller process, on the loop of the main thread."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.domain.status.liveness import limits_of
from eaves.controller.jobs import series
from eaves.controller.jobs.alerts.deliver import LOOK_EVERY as DELIVERIES_EVERY
from eaves.controller.jobs.alerts.deliver import Deliveries
from eaves.controller.jobs.alerts.watch import AlertWatch
from eaves.controller.jobs.audit_archive import archive_audit
from eaves.controller.jobs.bulk_jobs import LOOK_EVERY, BulkJobs, Carrier
from eaves.controller.jobs.content_sweep import sweep_content
from eaves.controller.jobs.debug_windows import close_debug_windows
from eaves.controller.jobs.device_events import move_events_forever
from eaves.controller.jobs.free_pages import give_back_free
from eaves.controller.jobs.leased import AT_ONCE, Held, Leases, run_leased
from eaves.controller.jobs.log_retention import bound_logs, forget_gone
from eaves.controller.jobs.moving_logs import move_logs
from eaves.controller.jobs.moving_reports import move_reports
from eaves.controller.jobs.policy_jobs import PolicyJobs
from eaves.controller.jobs.presence import watch_presence
from eaves.controller.jobs.render_jobs import OnBatch, RenderJobs
from eaves.controller.jobs.rendering import Renderer, render_devices
from eaves.controller.jobs.renewal import renew_certificates, rotate_if_asked
from eaves.controller.jobs.retention import drop_old
from eaves.controller.jobs.rollouts import LOOK_EVERY as ROLLOUTS_EVERY
from eaves.controller.jobs.rollouts import Rollouts, Stepper
from eaves.controller.jobs.stale import tell_stale
from eaves.controller.jobs.tick import tick_forever
from eaves.controller.jobs.wanted import RenderWanted
from eaves.controller.keys import KeyStore
from eaves.controller.keys.shared import renew_shared_keys
from eaves.controller.live import Live, LiveDevice
from eaves.controller.settings import Settings
from eaves.controller.store.changes import clear_changes
from eaves.controller.store.content_files import ContentFolder
from eaves.controller.store.marks import PUBLISHED, find_mark, put_mark
from eaves.controller.store.removals import Kept, Removal, note_removals
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.controller.store.wanted import renders_left_over
from eaves.controller.telemetry.pipelines import Telemetry

log = structlog.get_logger()

ROLL_UP_EVERY: Final = timedelta(seconds=30)
A_DAY: Final = timedelta(days=1)
A_MOMENT: Final = timedelta(seconds=1)
BATCH: Final = 500
WAKE_RETRY_S: Final = 5.0
PUBLICATION_EVERY: Final = timedelta(seconds=5)
DEBUG_LOOKED_AT_EVERY: Final = timedelta(seconds=5)
LEFT_OVER_AFTER: Final = timedelta(seconds=5)
CHANGES_CLEARED_EVERY: Final = timedelta(minutes=1)
CHANGES_KEPT: Final = timedelta(minutes=10)  # a process that slept for longer reads all anew


@dataclass(frozen=True)
class Jobs:
    """What the jobs are given; `engine` belongs to their loop."""

    settings: Settings
    engine: AsyncEngine
    keys: KeyStore
    live: Live
    clock: Callable[[], datetime]
    reload_listeners: Callable[[], None]
    wanted: RenderWanted
    leases: Leases
    telemetry: Telemetry
    carrier: Carrier
    stepper: Stepper
    random: Callable[[int], bytes]
    on_batch: OnBatch | None = None  # of render jobs

    def devices(self) -> tuple[LiveDevice, ...]:
        return tuple(device for device in self.live.snapshot() if not device.gone)

    async def renew(self) -> None:
        await renew_certificates(
            self.keys,
            reload_listeners=self.reload_listeners,
            publish_certificates=self.render_all,
        )

    async def render_all(self) -> None:
        """Every device hears of what stands in every configuration."""
        ids = [device.device_id for device in self.devices()]
        self.wanted.publish(ids, self.keys.controllercert_confighash)
        if not ids:
            await self._note_published()

    async def close_debug(self, held: Held) -> None:
        """End debug access whose time is over."""
        self.wanted.add(await close_debug_windows(self.engine, held, self.clock()))

    async def retain(self, _held: Held) -> None:
        now = self.clock()
        dropped = await drop_old(self.engine, self.settings.retention, now)
        await self._tell({Kept.EVENTS: dropped}, now)

    async def archive_audit(self, _held: Held) -> None:
        retention, folder = self.settings.retention, self.settings.audit_archive
        await archive_audit(self.engine, folder, retention, self.clock())

    async def bound_series(self, _held: Held) -> None:
        now, telemetry = self.clock(), self.telemetry
        gone = await series.forget_gone(self.engine, telemetry, now)
        await series.forget_gone_objects(self.engine, telemetry.state_writer.work, now)
        work = telemetry.metrics_writer.work
        read = work if self.engine.dialect.name == "sqlite" else series.reader(self.engine)
        use = await series.bound_series(work, read, self.settings.retention, now)
        devices = gone[Kept.METRICS].devices
        await self._tell({**gone, Kept.METRICS: replace(use.removal, devices=devices)}, now)
        await give_back_free(work, "metrics")
        await give_back_free(telemetry.state_writer.work, "state")

    async def roll_up(self, _held: Held) -> None:
        await series.roll_up_all(self.telemetry, self.clock())

    async def move_reports(self, _held: Held) -> None:
        await move_reports(self.engine, self.telemetry)

    async def move_events(self, held: Held) -> None:
        telemetry = self.telemetry
        await move_events_forever(self.engine, telemetry.state_writer.work, telemetry.news, held)

    async def bound_logs(self, _held: Held) -> None:
        now, work = self.clock(), self.telemetry.log_writer.work
        gone = await forget_gone(self.engine, work, now)
        removals = {**await bound_logs(work, self.settings.retention, now)}
        removals[Kept.LOGS] = replace(removals[Kept.LOGS], devices=gone)
        await self._tell(removals, now)
        await give_back_free(work, "logs")

    async def _tell(self, removals: Mapping[Kept, Removal], now: datetime) -> None:
        """What was dropped, to those who read the log and to those who ask over REST."""
        for kept, removal in removals.items():
            if removal:
                log.info("retention_dropped", kept=kept.value, **asdict(removal))
        if any(removals.values()):
            async with unit_of_work(self.engine) as db:
                await note_removals(db, removals, now)

    async def move_logs(self, _held: Held) -> None:
        await move_logs(self.engine, self.telemetry.log_writer.work, self.clock())

    async def watch(self, held: Held) -> None:
        """Tell of devices that fell silent or came back."""
        limits = limits_of(
            self.settings.intervals.offline_after, self.settings.intervals.attestation_stale
        )
        await watch_presence(self.engine, held, self.devices(), limits, self.clock())

    async def tell_stale(self, held: Held) -> None:
        older = self.settings.intervals.attestation_stale
        await tell_stale(self.engine, held, older, self.clock())

    async def renew_shared(self, _held: Held) -> None:
        """Certificates that every process has alike; the others hear of them as of any change."""
        if await renew_shared_keys(self.engine, self.keys):
            log.info("signing_certificates_renewed", hash=self.keys.controllercert_confighash)

    async def rotate(self, held: Held) -> None:
        await rotate_if_asked(self.engine, self.keys, alone=held.alone)

    async def clear_changes(self, _held: Held) -> None:
        async with unit_of_work(self.engine) as db:
            await clear_changes(db, CHANGES_KEPT)

    async def sweep_content(self) -> None:
        """Bytes of images and artifacts that nobody has any more."""
        folder = ContentFolder(self.settings.content_dir)
        await sweep_content(self.engine, folder, self.clock())

    async def sweep(self, _held: Held) -> None:
        """Render what a process that is no more was asked for."""
        async with snapshot(self.engine) as db:
            left = await renders_left_over(db, LEFT_OVER_AFTER, BATCH)
        self.wanted.sweep(left)

    async def render_wanted_forever(self) -> None:
        """Render again what was asked for: in batches, each with its own transaction."""
        while True:
            batch = await self.wanted.take(BATCH)
            try:
                done = await render_devices(self.engine, self.keys, batch, self.clock())
                self.live.devices_changed(done.changed)
                self.wanted.done({*batch} - {*done.failed})
                for device_id in done.failed:
                    rest_s = self.wanted.failed(device_id)
                    log.info("device_rendered_again_later", device_id=device_id, in_s=rest_s)
                await self._note_published()
            except Exception:
                log.exception("render_failed", devices=len(batch), again_in_s=WAKE_RETRY_S)
                await asyncio.sleep(WAKE_RETRY_S)
                self.wanted.add(batch)

    def render_jobs(self) -> RenderJobs:
        """Changes that touch many devices."""
        return RenderJobs(
            self.engine, Renderer(self.keys), self.clock, self.live.devices_changed, self.on_batch
        )

    def bulk_jobs(self) -> BulkJobs:
        """What was asked for on many objects at once."""
        return BulkJobs(self.engine, self.carrier, self.clock, self.live.devices_changed)

    def policy_jobs(self) -> PolicyJobs:
        """Policies that mean many devices."""
        changed = self.live.devices_changed
        return PolicyJobs(self.engine, self.keys, self.clock, self.wanted, changed)

    def rollouts(self) -> Rollouts:
        """What is rolled out in stages."""
        return Rollouts(self.engine, self.stepper, self.clock, self.live.devices_changed)

    def alert_watch(self) -> AlertWatch:
        """What nodes are like, by the rules of their enterprises."""
        limits = limits_of(
            self.settings.intervals.offline_after, self.settings.intervals.attestation_stale
        )
        return AlertWatch(self.engine, self.clock, self.random, limits)

    def deliveries(self) -> Deliveries:
        """Mails and webhooks."""
        return Deliveries(self.engine, self.keys, self.settings.notify, self.clock, self.random)

    async def _note_published(self) -> None:
        published = self.wanted.published
        if published:
            async with unit_of_work(self.engine) as db:
                await put_mark(db, PUBLISHED, published)
            self.wanted.note_published(published)

    async def publish_unless_published(self) -> None:
        """Render every device if certificates were exchanged while no controller ran, or if one
        died while it published them.
        """
        async with snapshot(self.engine) as db:
            published = await find_mark(db, PUBLISHED)
        if published != self.keys.controllercert_confighash:
            await self.render_all()


class Publication:
    """Renders every device when certificates were exchanged, also by a process that died then.

    Beside other processes it waits for one more look: by then all of them use the new ones.
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._seen = ""

    async def tick(self, held: Held) -> None:
        current = self._jobs.keys.controllercert_confighash
        settled = held.alone or current == self._seen
        self._seen = current
        if settled and self._jobs.wanted.publishing != current:
            await self._jobs.publish_unless_published()


def start_jobs(tasks: asyncio.TaskGroup, jobs: Jobs) -> tuple[asyncio.Task[None], ...]:
    """Start every job; cancel what is returned to end them."""
    intervals, leases = jobs.settings.intervals, jobs.leases
    publication, bulk, staged = Publication(jobs), jobs.bulk_jobs(), jobs.rollouts()
    watch, deliveries = jobs.alert_watch(), jobs.deliveries()

    async def forget_incidents(held: Held) -> None:
        days = jobs.settings.retention.event_days
        await watch.forget_old(held, jobs.clock() - timedelta(days=days))

    leased = [
        ("retention", intervals.retention, jobs.retain, intervals.retention),
        ("audit-archive", intervals.retention, jobs.archive_audit, intervals.retention),
        ("log-retention", intervals.retention, jobs.bound_logs, intervals.retention),
        ("metrics-retention", intervals.retention, jobs.bound_series, intervals.retention),
        ("roll-up", ROLL_UP_EVERY, jobs.roll_up, ROLL_UP_EVERY),
        ("report-move", A_DAY, jobs.move_reports, AT_ONCE),
        ("events", A_MOMENT, jobs.move_events, AT_ONCE),
        ("log-move", A_DAY, jobs.move_logs, AT_ONCE),
        ("liveness", intervals.liveness, jobs.watch, intervals.liveness),
        ("attestations", intervals.retention, jobs.tell_stale, intervals.retention),
        ("alerts", intervals.liveness, watch.tick, AT_ONCE),
        ("alerts-retention", intervals.retention, forget_incidents, intervals.retention),
        ("notifications", DELIVERIES_EVERY, deliveries.tick, AT_ONCE),
        ("rotation", PUBLICATION_EVERY, jobs.rotate, AT_ONCE),
        ("publication", PUBLICATION_EVERY, publication.tick, AT_ONCE),
        ("debug-windows", DEBUG_LOOKED_AT_EVERY, jobs.close_debug, AT_ONCE),
        ("render-sweep", LEFT_OVER_AFTER, jobs.sweep, AT_ONCE),
        ("rollouts", ROLLOUTS_EVERY, staged.tick, AT_ONCE),
        ("rollouts-retention", intervals.retention, staged.forget_old, intervals.retention),
        ("bulk-jobs", LOOK_EVERY, bulk.tick, AT_ONCE),
        ("bulk-jobs-retention", intervals.retention, bulk.forget_old, intervals.retention),
    ]
    if not leases.alone:
        leased += [
            ("keys", intervals.renewal_check, jobs.renew_shared, AT_ONCE),
            ("changes", CHANGES_CLEARED_EVERY, jobs.clear_changes, CHANGES_CLEARED_EVERY),
        ]
    return (
        tasks.create_task(leases.keep_forever(), name="leases"),
        *(
            tasks.create_task(run_leased(leases, name, every, job, after=after), name=name)
            for name, every, job, after in leased
        ),
        tasks.create_task(tick_forever("renewal", intervals.renewal_check, jobs.renew)),
        tasks.create_task(tick_forever("content", intervals.retention, jobs.sweep_content)),
        tasks.create_task(jobs.render_wanted_forever(), name="render"),
        tasks.create_task(jobs.render_jobs().run_forever(), name="render jobs"),
        tasks.create_task(jobs.policy_jobs().run_forever(), name="policies"),
    )
