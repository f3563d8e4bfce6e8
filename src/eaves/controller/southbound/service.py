"""The device side as a whole: memory warmed, writer running, listener open.

It has a thread and an event loop of its own, so that no REST call or render ever holds a poll.
Devices are served only once the memory is whole: an unknown sender is refused for certain, so
knowing only half of the devices would tell the other half that they are strangers.
"""

import asyncio
import concurrent.futures
import contextlib
import gc
import os
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import structlog
import uvloop
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.keys import KeyStore
from eaves.controller.live import Live
from eaves.controller.live.feed import Feed
from eaves.controller.live.refreshes import Refreshes
from eaves.controller.live.rows import follow, read_all
from eaves.controller.observe import Meters
from eaves.controller.server import Listener, raise_file_limit
from eaves.controller.settings import Endpoint, Settings
from eaves.controller.southbound.app import endpoints
from eaves.controller.southbound.bodies import InFlight, Readers
from eaves.controller.southbound.certs import Published
from eaves.controller.southbound.configs import GATHER_FROM_SERVER_S, GATHER_S, Configs
from eaves.controller.southbound.context import Clock, Random, RateLimits, Southbound
from eaves.controller.southbound.database import Database, open_database
from eaves.controller.southbound.decoding import Decoding
from eaves.controller.southbound.door import Door
from eaves.controller.southbound.gate import Gate
from eaves.controller.southbound.http import Answering, rsgi_application
from eaves.controller.southbound.passing import Passing
from eaves.controller.southbound.pressure import Worth
from eaves.controller.southbound.registering import Asked, Decided, Registrations
from eaves.controller.southbound.turns import Turns
from eaves.controller.southbound.unproven import Unproven
from eaves.controller.store.changes import KEYS, Change
from eaves.controller.store.devices import bound_devices, put_last_seen
from eaves.controller.telemetry.pipeline import Gathering, Pipeline
from eaves.controller.telemetry.pipelines import Telemetry, running_telemetry
from eaves.controller.telemetry.seen import Seen
from eaves.controller.telemetry.writer import Writer
from eaves.errors import EavesError, only_one_of
from eaves.ids import DeviceId

if TYPE_CHECKING:  # loaded with the endpoint, at its first use
    from eaves.controller.southbound.attesting import Attestations, Done, Step

log = structlog.get_logger()

LEAST_BETWEEN_FLUSHES_S = 0.5
ATTESTING_AT_ONCE: Final = 128  # steps in one commit; others have turns while quotes are examined
# A step reads more than it writes: a score of statements for a commit, whatever its size.
ATTESTING_GATHERS: Final = Gathering(few=64, seconds=0.06, quiet_s=0.03)
SPARE_FILES = 256  # besides connections: database, logs, the REST listener

# A batch that is rendered makes as many objects, which all live until it ends: to look through
# them at every 700th took a quarter of its time.
GARBAGE = (50_000, 20, 20)

Application = Callable[[Answering], tuple[Literal["rsgi", "asgi"], Any]]
"""Makes what the listener serves from the device endpoints."""


def devices_only(answering: Answering) -> tuple[Literal["rsgi", "asgi"], Any]:
    return "rsgi", rsgi_application(answering)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the device side is built from."""

    settings: Settings
    keys: KeyStore
    live: Live
    clock: Clock
    random: Random
    render_wanted: Callable[[DeviceId], None]  # called in the thread of the devices
    application: Application = devices_only
    meters: Meters = field(default_factory=Meters)


class DeviceService:
    """Runs the device side in a thread; `start` returns when it serves."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._thread = threading.Thread(target=self._run, name="devices")
        self._started = threading.Event()
        self._error: BaseException | None = None
        self._endpoint: Endpoint | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._listener: Listener | None = None
        self._telemetry: Telemetry | None = None
        settings = parts.settings
        self._door = (
            Door(settings.device_proxy_listen, settings.device_proxies)
            if settings.device_proxy_listen is not None
            else None
        )
        self.ended: Callable[[], None] = lambda: None  # called in the thread when it ends

    def start(self) -> Endpoint:
        """Start to serve; raises what stood against it."""
        self._thread.start()
        self._started.wait()
        if self._endpoint is None:
            self._thread.join()
            raise self._error or RuntimeError("the device side ended before it served")
        return self._endpoint

    def stop(self) -> None:
        """Answer what is in flight, commit what waits, end the thread."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def reload_certificate(self) -> None:
        """Serve new connections with what the certificate files hold now; from any thread."""
        if self._loop is not None and self._listener is not None:
            self._loop.call_soon_threadsafe(self._listener.reload)

    def call(self, callback: Callable[[], None]) -> None:
        """Call on the loop of the devices; from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(callback)

    def run(self, work: Coroutine[Any, Any, None]) -> concurrent.futures.Future[None]:
        """Run on the loop of the devices; from any thread."""
        if self._loop is None:
            raise RuntimeError("the device side is not started")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop of the devices; None before `start` and after the end."""
        return self._loop if self._thread.is_alive() else None

    @property
    def telemetry(self) -> Telemetry:
        """What reports of devices pass through; its writers take work from any thread."""
        if self._telemetry is None:
            raise RuntimeError("the device side is not started")
        return self._telemetry

    @property
    def proxied(self) -> Endpoint | None:
        """Where balancers come that say whom they forward; None where that was not asked for."""
        return None if self._door is None else self._door.bound

    @property
    def error(self) -> BaseException | None:
        """Why the thread ended, if not by `stop`."""
        return self._error

    def _run(self) -> None:
        _take_turns()
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        except Exception as error:
            self._error = only_one_of(error)
            if not isinstance(self._error, EavesError):  # else its sentence is told to a person
                log.exception("device_side_failed")
        finally:
            self._started.set()
            self.ended()

    async def _serve(self) -> None:
        parts = self._parts
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with (
            open_database(parts.settings.database, parts.keys.audit_key) as database,
            running_telemetry(parts.settings, parts.random, parts.clock, parts.meters) as telemetry,
        ):
            self._telemetry = telemetry
            feed = _feed(parts, database)
            await feed.start()
            async with database.read() as db:
                for device in await read_all(db):
                    parts.live.put(device)
            gc.freeze()  # what stays as long as the process is not passed over again and again
            gc.set_threshold(*GARBAGE)
            parts.live.bind(self._loop)
            context = _context(parts, database, telemetry, feed, self._loop)
            answering = endpoints(context)
            if self._door is not None:
                answering = self._door.telling(answering)
            self._listener = self._listen(answering)
            listening = self._listener.bind()
            if self._door is not None:
                log.info("proxied_devices_served", listen=str(self._door.bind()))
            self._endpoint = listening
            try:
                await self._serve_until_stopped(context, self._listener, listening, self._stop)
            finally:
                context.passing.close()
                parts.live.unbind()
                await feed.close()

    def _listen(self, answering: Answering) -> Listener:
        settings, keys = self._parts.settings, self._parts.keys
        bounds = settings.bounds
        wanted = bounds.waiters + bounds.concurrent_requests
        each = 1 if self._door is None else 3  # the listener's, and both ends of what is forwarded
        allowed = (raise_file_limit(wanted * each + SPARE_FILES) - SPARE_FILES) // each
        if allowed < wanted:
            log.warning(
                "fewer_waiters",
                waiters=max(allowed - bounds.concurrent_requests, 0),
                wanted=bounds.waiters,
                hint="raise the limit of open files",
            )
            self._parts.live.limit_waiters(max(allowed - bounds.concurrent_requests, 0))
        interface, target = self._parts.application(answering)
        return Listener(
            target,
            interface=interface,
            listen=settings.device_listen,
            certificate=keys.tls.certificate,
            key=keys.tls.key,
            concurrent=max(min(wanted, allowed), 64),
        )

    async def _serve_until_stopped(
        self, context: Southbound, listener: Listener, listening: Endpoint, stop: asyncio.Event
    ) -> None:
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(
                context.live.follow_forever(
                    context.database.devices,
                    lambda: log.warning("change_not_read", again_in_s=0.5),
                ),
                name="follow",
            )
            waking = tasks.create_task(context.live.wake_forever(), name="wake")
            reading = tasks.create_task(context.configs.read_forever(), name="configs")
            watching = tasks.create_task(context.readers.watch_forever(), name="slow bodies")
            pressed = tasks.create_task(context.gate.watch_forever(), name="pressure")
            feeding = tasks.create_task(context.feed.follow_forever(), name="feed")
            flushing = tasks.create_task(
                _flush_seen_forever(context, context.settings.intervals.last_seen_flush),
                name="seen",
            )
            registering = tasks.create_task(context.registering.run_forever(), name="register")
            attesting = tasks.create_task(context.attesting.run_forever(), name="attest")
            writing = tasks.create_task(context.writer.run_forever(), name="writer")
            serving = tasks.create_task(listener.serve(), name="listener")
            forwarding: list[asyncio.Task[None]] = []
            if self._door is not None:
                forwarding.append(tasks.create_task(self._door.serve(listening), name="door"))
            self._started.set()
            await _first_of(stop, serving)
            context.live.close()
            context.turns.close()
            listener.stop()
            await serving
            for task in (
                *forwarding,
                following,
                waking,
                reading,
                watching,
                pressed,
                feeding,
                flushing,
            ):
                task.cancel()
            await _flush_seen(context)
            context.registering.stop()
            await registering
            context.attesting.stop()
            await attesting
            context.writer.stop()
            await writing


def _take_turns() -> None:
    """Let the threads of the device side take turns instead of interrupting each other.

    Each request wakes the thread of the server twice, and the kernel would switch to it at once.
    As batch work it goes on with all that has gathered when the loop is through with its own,
    which on one core takes a fifth off the cost of a poll.  Threads inherit it from this one.
    """
    with contextlib.suppress(OSError):  # where it is forbidden, polls cost a fifth more
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _context(
    parts: Parts,
    database: Database,
    telemetry: Telemetry,
    feed: Feed,
    loop: asyncio.AbstractEventLoop,
) -> Southbound:
    """What the endpoints are given, on the loop that serves them."""
    bounds = parts.settings.bounds
    writer = Writer(
        database.write,
        queue=bounds.ingest_queue,
        queue_bytes=bounds.ingest_queue_bytes,
        batch=bounds.ingest_batch,
    )
    registering = Pipeline[Asked, Decided](
        Registrations(writer, parts.keys),
        queue=bounds.ingest_queue,
        queue_bytes=bounds.ingest_queue_bytes,
        batch=bounds.ingest_batch,
        meter=parts.meters.commits("register"),
    )
    attesting: Pipeline[Step, Done] = Pipeline(
        _Attestations(database, writer, parts.keys),
        queue=bounds.ingest_queue,
        queue_bytes=bounds.ingest_queue_bytes,
        batch=ATTESTING_AT_ONCE,
        meter=parts.meters.commits("attest"),
        gathering=ATTESTING_GATHERS,
    )
    turns = Turns(parts.live, loop)
    parts.meters.gauge(
        "eaves_devices_waiting_to_attest", "Devices that wait for a nonce.", turns.__len__
    )
    queues = (("database", writer), ("register", registering), ("attest", attesting))
    for name, waiting in queues:
        parts.meters.gauge(
            "eaves_queue_messages",
            "Messages that wait for a commit.",
            waiting.__len__,
            pipeline=name,
        )
    bodies = InFlight(bounds.bodies_in_flight_bytes)
    gate = Gate(bounds, bodies, parts.live.count_of, loop.time)
    gate.watch(Worth.ALWAYS, lambda: writer.fullness)
    gate.watch(Worth.ALWAYS, lambda: telemetry.state.fullness)
    gate.watch(Worth.METRICS, lambda: telemetry.metrics.fullness)
    gate.watch(Worth.LOGS, lambda: telemetry.logs.fullness)
    _gauge(parts.meters, gate, bodies)
    return Southbound(
        settings=parts.settings,
        keys=parts.keys,
        live=parts.live,
        writer=writer,
        telemetry=telemetry,
        seen=Seen(),
        database=database,
        feed=feed,
        registrations=RateLimits(bounds.registrations_per_minute),
        registering=registering,
        attesting=attesting,
        turns=turns,
        refreshes=Refreshes(partial(parts.live.refresh, database.devices)),
        bodies=bodies,
        readers=Readers(bounds.body_read_s, loop),
        configs=Configs(
            database.configs,
            kept_bytes=bounds.kept_configs_bytes,
            gather_s=GATHER_S if database.of_thread is None else GATHER_FROM_SERVER_S,
        ),
        certs=Published(parts.keys),
        gate=gate,
        decoding=Decoding(),
        passing=Passing(),
        render_wanted=parts.render_wanted,
        clock=parts.clock,
        random=parts.random,
        meters=parts.meters,
        unproven=Unproven(),
    )


class _Attestations:
    """Loaded with the endpoint: a start that serves polls needs none of it."""

    def __init__(self, database: Database, writer: Writer, keys: KeyStore) -> None:
        self._given = (database, writer, keys)
        self._made: Attestations | None = None

    async def commit(self, batch: "Sequence[Step]", /) -> "Sequence[Done]":
        if self._made is None:
            from eaves.controller.southbound import attesting  # noqa: PLC0415 - see above

            self._made = attesting.Attestations(*self._given)
        return await self._made.commit(batch)


def _gauge(meters: Meters, gate: Gate, bodies: InFlight) -> None:
    """What an operator sees of an overload."""
    meters.gauge(
        "eaves_pressure_level",
        "What is refused: 1 debug logs, 2 all logs, 3 metrics too.",
        lambda: int(gate.level),
    )
    meters.gauge(
        "eaves_device_requests_refused",
        "Requests of devices that were told to come back.",
        lambda: dict(gate.refused),
        by="reason",
        counts_up=True,
    )
    meters.gauge("eaves_bodies_bytes", "Bytes of requests on their way.", lambda: bodies.held)


def _feed(parts: Parts, database: Database) -> Feed:
    """Brings what other processes write into this one: devices, and exchanged keys."""

    async def ids() -> Sequence[DeviceId]:
        async with database.read() as db:
            return await bound_devices(db)

    async def tell(told: Iterable[Change]) -> None:
        changes = tuple(told)
        if any(change.topic == KEYS for change in changes):
            await _take_keys(database.engine, parts.keys)
        await follow(parts.live, database.devices, ids, changes)

    async def read_anew() -> None:
        await _take_keys(database.engine, parts.keys)
        await follow(parts.live, database.devices, ids, None)

    return Feed(database.engine, tell, read_anew)


async def _take_keys(engine: AsyncEngine, keys: KeyStore) -> None:
    # imported here: a start needs none of it
    from eaves.controller.keys.shared import take_shared_keys  # noqa: PLC0415 - see above

    if await take_shared_keys(engine, keys):
        log.info("signing_certificates_taken", hash=keys.controllercert_confighash)


async def _first_of(stop: asyncio.Event, serving: asyncio.Task[None]) -> None:
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((stopping, serving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()


async def _flush_seen_forever(context: Southbound, interval: timedelta) -> None:
    hurry = context.seen.hurry
    while True:
        await asyncio.sleep(LEAST_BETWEEN_FLUSHES_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(interval.total_seconds() - LEAST_BETWEEN_FLUSHES_S):
                await hurry.wait()
        hurry.clear()
        await _flush_seen(context)


async def _flush_seen(context: Southbound) -> None:
    taken = context.seen.take()
    if not taken:
        return
    try:
        await context.writer.write(lambda db: put_last_seen(db, taken))
    except Exception as error:  # noqa: BLE001 - a task boundary: kept for the next flush
        context.seen.give_back(taken)
        log.warning("last_seen_not_written", devices=len(taken), why=str(error))
