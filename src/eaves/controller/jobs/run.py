"""The jobs of one controller process, on the loop of the main thread."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.jobs.leased import Held, Leases, run_leased
from eaves.controller.jobs.liveness import Presence, Turned, turned
from eaves.controller.jobs.render_jobs import RenderJobs
from eaves.controller.jobs.rendering import Renderer, render_devices
from eaves.controller.jobs.renewal import renew_certificates
from eaves.controller.jobs.retention import drop_old
from eaves.controller.jobs.tick import at_start, tick_forever
from eaves.controller.jobs.wanted import RenderWanted
from eaves.controller.keys import KeyStore
from eaves.controller.live import Live, LiveDevice
from eaves.controller.settings import Settings
from eaves.controller.store.devices import find_last_seen
from eaves.controller.store.events import Event, insert_event
from eaves.controller.store.marks import PUBLISHED, find_mark, put_mark
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.ids import DeviceId

log = structlog.get_logger()

BATCH = 500
WAKE_RETRY_S = 5.0


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
    presence: dict[DeviceId, Presence] = field(default_factory=dict[DeviceId, Presence])

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

    async def retain(self, _held: Held) -> None:
        ids = [device.device_id for device in self.devices()]
        await drop_old(self.engine, self.settings.retention, ids, self.clock())

    async def watch(self, _held: Held) -> None:
        """Tell of devices that fell silent or came back."""
        devices, now = self.devices(), self.clock()
        after = self.settings.intervals.offline_after
        for start in range(0, len(devices), BATCH):
            batch = devices[start : start + BATCH]
            ids = [device.device_id for device in batch]
            async with snapshot(self.engine) as db:
                seen = await find_last_seen(db, ids)
            found = turned(self.presence, seen, ids, now, after)
            if found:
                await self._tell(batch, found, now)
            for device_id, at in seen.items():
                silent = now - at > after
                self.presence[device_id] = Presence.SILENT if silent else Presence.ONLINE

    async def _tell(
        self, devices: Sequence[LiveDevice], found: Sequence[Turned], now: datetime
    ) -> None:
        enterprises = {device.device_id: device.enterprise_id for device in devices}
        async with unit_of_work(self.engine) as db:
            for turn in found:
                silent = turn.now is Presence.SILENT
                text = (
                    f"not heard of since {turn.last_seen.isoformat()}; check its power and network"
                    if silent
                    else "heard of again"
                )
                await insert_event(
                    db,
                    Event(
                        at=now,
                        enterprise_id=enterprises[turn.device_id],
                        device_id=turn.device_id,
                        event_type="EDGE_NODE_SILENT" if silent else "EDGE_NODE_BACK",
                        severity="warning" if silent else "notice",
                        description=text,
                        object_kind=Kind.DEVICE.value,
                        object_id=turn.device_id,
                    ),
                )
        log.info("presence_turned", devices=len(found))

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
        return RenderJobs(self.engine, Renderer(self.keys), self.clock, self.live.devices_changed)

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


def start_jobs(tasks: asyncio.TaskGroup, jobs: Jobs) -> tuple[asyncio.Task[None], ...]:
    """Start every job; cancel what is returned to end them."""
    intervals = jobs.settings.intervals
    leased = (
        ("retention", intervals.retention, jobs.retain),
        ("liveness", intervals.liveness, jobs.watch),
    )
    return (
        tasks.create_task(jobs.leases.keep_forever(), name="leases"),
        *(
            tasks.create_task(run_leased(jobs.leases, name, every, job, after=every), name=name)
            for name, every, job in leased
        ),
        tasks.create_task(tick_forever("renewal", intervals.renewal_check, jobs.renew)),
        tasks.create_task(jobs.render_wanted_forever(), name="render"),
        tasks.create_task(jobs.render_jobs().run_forever(), name="render jobs"),
        tasks.create_task(at_start("publication", jobs.publish_unless_published)),
    )
