"""The composition root: which parts run, in which thread, in which order.

Devices come first: their thread starts before anything of the REST side is imported, because a
restarted controller with thousands of devices must answer polls again within two seconds.  The
REST side and the jobs share the main thread's loop.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO, cast

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.typing import EventDict

from eaves.controller.arenas import share_arenas
from eaves.controller.first_start import prepare
from eaves.controller.jobs.wanted import RenderWanted
from eaves.controller.keys import KeyStore
from eaves.controller.keys.names import device_server
from eaves.controller.live import Live
from eaves.controller.observe import Meters
from eaves.controller.observe.traces import Traces, open_traces
from eaves.controller.server import Listener
from eaves.controller.settings import Endpoint, Settings
from eaves.controller.southbound.http import Answering, asgi_application
from eaves.controller.southbound.service import DeviceService, Parts, devices_only
from eaves.controller.store.alone import NoPlace, served_alone
from eaves.controller.store.unit import open_engine

if TYPE_CHECKING:
    from eaves.controller.observe.surface import Surface

log = structlog.get_logger()

DEVICE_PATHS: Final = ("/api/v2/edgedevice", "/api/v1/edgedevice", "/api/v2/ext")


def clock() -> datetime:
    return datetime.now(UTC)


def process_name(random: Callable[[int], bytes]) -> str:
    """What tells this process from every other one that ever ran on its database."""
    return f"{socket.gethostname()}:{os.getpid()}:{random(4).hex()}"


_TURNS_TEXT: Final = (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROLS: Final = {
    code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) != "\n"
} | {code: f"\\u{code:04x}" for code in _TURNS_TEXT}


def without_controls(_log: object, _method: str, event: EventDict) -> EventDict:
    """Paths and serials of strangers are logged, and a terminal obeys control characters.

    A line end is left to the renderer, which writes it as two characters.
    """
    return {
        name: value
        if value is None or isinstance(value, bool | int | float)
        else str(value).translate(_CONTROLS)
        for name, value in event.items()
    }


class Untiring:
    """Stderr that never fails who tells something.

    It may be a file on a disk that is full, or a pipe that nobody reads: the line is lost then, and
    the request that it is about is answered all the same.
    """

    def __init__(self, to: TextIO) -> None:
        self._to = to

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._to.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._to.flush()


def configure_logging() -> None:
    """Events as lines on stderr; stdout is for the few lines that a person or script waits for."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            without_controls,
            structlog.processors.LogfmtRenderer(key_order=("timestamp", "level", "event")),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping().get(
                os.environ.get("EAVES_LOG_LEVEL", "info").upper(), logging.INFO
            )
        ),
        # cast: nothing but these two methods of a file is used
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", Untiring(sys.stderr))),
        cache_logger_on_first_use=True,
    )


class SharedPort:
    """Devices and users through one listener: paths tell them apart."""

    def __init__(self) -> None:
        self._rest: Any = None

    def serve_rest(self, app: Any) -> None:
        self._rest = app

    def application(self, answering: Answering) -> tuple[Literal["rsgi", "asgi"], Any]:
        devices = asgi_application(answering)

        async def dispatch(scope: Any, receive: Any, send: Any) -> None:
            of_device = scope["type"] == "http" and scope["path"].lower().startswith(DEVICE_PATHS)
            if of_device or self._rest is None:
                # before the REST side is up its paths are answered as unknown ones of devices
                await devices(scope, receive, send)
            else:
                await self._rest(scope, receive, send)

        return "asgi", dispatch


def run_controller(settings: Settings, announce: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT; `announce` gets the lines meant for a person.

    Raises EavesError with what stood against a start.
    """
    share_arenas()
    with served_alone(settings.database):
        _run(settings, announce)


def _run(settings: Settings, announce: Callable[[str], None]) -> None:
    traces = open_traces(settings.observing.traces_url, process_name(os.urandom))
    try:
        _run_traced(settings, announce, traces)
    finally:
        if traces is not None:
            traces.close()


def _run_traced(settings: Settings, announce: Callable[[str], None], traces: Traces | None) -> None:
    try:
        keys, lines = asyncio.run(prepare(settings, clock=clock, random=os.urandom))
    except OSError as error:
        if error.filename is None:
            raise  # it is about no file
        raise NoPlace(error, settings.state_dir) from error
    for line in lines:
        announce(line)
    live = Live(waiters=settings.bounds.waiters)
    wanted, meters = RenderWanted(), Meters()
    if traces is not None:
        meters.on_commit = traces.note_commit
        meters.users.on_note = traces.note_request
    shared = SharedPort() if settings.shared_port else None
    devices = DeviceService(
        Parts(
            settings=settings,
            keys=keys,
            live=live,
            clock=clock,
            random=os.urandom,
            render_wanted=lambda device_id: wanted.add((device_id,)),
            application=devices_only if shared is None else shared.application,
            meters=meters,
        )
    )
    endpoint = devices.start()
    log.info("devices_served", listen=str(endpoint), devices=len(live))
    try:
        asyncio.run(
            _rest_side(
                _Rest(settings, keys, live, devices, endpoint, shared, wanted, meters, traces),
                announce,
            )
        )
    finally:
        devices.stop()
    if devices.error is not None:
        raise devices.error
    log.info("controller_stopped")


@dataclass(frozen=True, slots=True)
class _Rest:
    settings: Settings
    keys: KeyStore
    live: Live
    devices: DeviceService
    device_endpoint: Endpoint
    shared: SharedPort | None
    wanted: RenderWanted
    meters: Meters
    traces: Traces | None


async def _rest_side(rest: _Rest, announce: Callable[[str], None]) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def end() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: it ended first
            loop.call_soon_threadsafe(stop.set)

    rest.devices.ended = end
    if rest.devices.error is not None:
        return
    from eaves.controller import observed  # noqa: PLC0415 - devices come first

    seen = observed.Seen(
        rest.settings, rest.keys, rest.live, rest.devices, rest.wanted, loop, clock
    )
    surface = observed.surface_of(seen, rest.meters)
    app = await asyncio.to_thread(_build_rest, rest, surface)
    from eaves.controller.jobs.leased import Leases  # noqa: PLC0415 - as above
    from eaves.controller.jobs.run import Jobs, start_jobs  # noqa: PLC0415 - as above
    from eaves.controller.northbound.bulk.acting import Means  # noqa: PLC0415 - as above
    from eaves.controller.northbound.bulk.carrying import Carrier  # noqa: PLC0415 - as above
    from eaves.controller.northbound.rollouts.stepping import (  # noqa: PLC0415 - as above
        Stepper,
    )
    from eaves.controller.northbound.status import limits_in  # noqa: PLC0415 - as above

    serving = _beside_devices if rest.shared is not None else _own_listener
    engine = open_engine(rest.settings.database, rest.keys.audit_key)
    observed.watch_pool(rest.meters, "jobs", engine)
    observed.watch_pool(rest.meters, "rest", app.state.context.engine)
    observed.watch_streams(rest.meters, lambda: app.state.context.places.taken)
    async with (
        _disposed(engine),
        serving(rest, app) as (endpoint, reload_listener),
        observed.observing(seen, surface, os.environ),
    ):
        announce(_ready(rest, endpoint))
        async with asyncio.TaskGroup() as tasks:
            jobs = start_jobs(
                tasks,
                Jobs(
                    settings=rest.settings,
                    engine=engine,
                    keys=rest.keys,
                    live=rest.live,
                    clock=clock,
                    wanted=rest.wanted,
                    telemetry=rest.devices.telemetry,
                    leases=Leases(engine, process_name(os.urandom)),
                    carrier=Carrier(Means(rest.keys, os.urandom)),
                    stepper=Stepper(Means(rest.keys, os.urandom), limits_in(app.state.context)),
                    random=os.urandom,
                    reload_listeners=lambda: _reload(rest, reload_listener),
                    on_batch=None if rest.traces is None else rest.traces.note_batch,
                ),
            )
            await stop.wait()
            log.info("controller_stopping")
            for job in jobs:
                job.cancel()


@asynccontextmanager
async def _disposed(engine: AsyncEngine) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await engine.dispose()


def _reload(rest: _Rest, reload_listener: Callable[[], None]) -> None:
    rest.devices.reload_certificate()
    reload_listener()


def _build_rest(rest: _Rest, surface: "Surface") -> Any:
    # imported here: it takes longer than everything that a poll needs
    from eaves.controller.northbound.app import build_app  # noqa: PLC0415 - see above

    return build_app(
        settings=_told(rest),
        database_url=rest.settings.database,
        keys=rest.keys,
        live=rest.live,
        clock=clock,
        random=os.urandom,
        surface=surface,
    )


def _told(rest: _Rest) -> Settings:
    """The settings with what devices are told filled in."""
    return replace(
        rest.settings, device_server=device_server(rest.settings, rest.device_endpoint.port)
    )


Serving = AsyncGenerator[tuple[Endpoint, Callable[[], None]], None]


@asynccontextmanager
async def _own_listener(rest: _Rest, app: Any) -> Serving:
    listener = Listener(
        app,
        interface="asgi",
        listen=rest.settings.rest_listen,
        certificate=rest.keys.tls.certificate,
        key=rest.keys.tls.key,
        concurrent=rest.settings.bounds.concurrent_requests + rest.settings.bounds.streams,
    )
    endpoint = listener.bind()
    async with app.router.lifespan_context(app), asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(listener.serve(), name="rest")
        try:
            yield endpoint, lambda: _renewed(app, listener)
        finally:
            app.state.context.places.close()  # the listener waits for what is in flight
            listener.stop()
            await serving


def _renewed(app: Any, listener: Listener) -> None:
    listener.reload()
    app.state.context.places.end_all()  # else the worker before would stay for them


@asynccontextmanager
async def _beside_devices(rest: _Rest, app: Any) -> Serving:
    """Serve REST from the listener of the devices; its loop runs the app's lifespan too."""
    assert rest.shared is not None  # noqa: S101 - the caller chose this way by it
    begun, over = threading.Event(), asyncio.Event()

    async def live_long() -> None:
        async with app.router.lifespan_context(app):
            begun.set()
            await over.wait()

    living = rest.devices.run(live_long())
    await asyncio.to_thread(begun.wait)
    rest.shared.serve_rest(app)
    try:
        yield (
            rest.device_endpoint,
            lambda: rest.devices.call(app.state.context.places.end_all),
        )
    finally:
        rest.devices.call(app.state.context.places.close)
        rest.devices.call(over.set)
        await asyncio.wrap_future(living)


def _ready(rest: _Rest, endpoint: Endpoint) -> str:
    told = _told(rest).device_server
    return (
        f"eaves controller ready: devices https://{told} "
        f"(listening on {rest.device_endpoint}), REST https://{_reachable(endpoint)}, "
        f"{_console(endpoint)}, "
        f"root certificate {rest.settings.state_dir.absolute() / 'root-certificate.pem'}, "
        f"SHA-256 fingerprint of the server certificate {fingerprint(rest.keys.tls.certificate)}"
    )


def _console(endpoint: Endpoint) -> str:
    from eaves.controller.northbound.console import (  # noqa: PLC0415 - devices come first
        Files,
        built_folder,
    )

    if Files(built_folder()).present:
        return f"console https://{_reachable(endpoint)}/"
    return "no console (it was not built into this installation)"


def fingerprint(certificate: Path) -> str:
    """SHA-256 of the first certificate of a PEM file, as openssl prints it."""
    leaf = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    return leaf.fingerprint(hashes.SHA256()).hex(":").upper()


def _reachable(endpoint: Endpoint) -> Endpoint:
    any_address = endpoint.host in {"0.0.0.0", "::"}
    return Endpoint("localhost", endpoint.port) if any_address else endpoint
