"""What there is to see of a whole process: its gauges, its checks, its pages.

Beside the composition root, since it asks every part; the parts know nothing of it.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import structlog
from cryptography import x509
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from eaves.controller.jobs.wanted import RenderWanted
from eaves.controller.keys import KeyStore
from eaves.controller.live import Live
from eaves.controller.observe import Meters
from eaves.controller.observe import probes as probe
from eaves.controller.observe.health import Check, Checks
from eaves.controller.observe.lag import watch_lag_forever
from eaves.controller.observe.listener import serve_surface
from eaves.controller.observe.supervisor import feed_watchdog_forever, notify, watchdog_every_s
from eaves.controller.observe.surface import Surface
from eaves.controller.settings import Settings
from eaves.controller.southbound.service import DeviceService
from eaves.controller.store.schema import HEAD

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Seen:
    """The parts that are asked; `loop` is that of the REST side and the jobs."""

    settings: Settings
    keys: KeyStore
    live: Live
    devices: DeviceService
    wanted: RenderWanted
    loop: asyncio.AbstractEventLoop
    clock: Callable[[], datetime]


def surface_of(seen: Seen, meters: Meters) -> Surface:
    """Registers the gauges with `meters` and makes the pages."""
    _gauges(seen, meters)
    loops = (
        Check("devices", probe.turning("the device side", lambda: seen.devices.loop)),
        Check("rest", probe.turning("the REST side and the jobs", lambda: seen.loop)),
    )
    keys, settings = seen.keys, seen.settings
    ready = (
        *loops,
        Check("database", probe.database(settings.database)),
        Check("disk", probe.disk(settings.state_dir)),
        Check(
            "server certificate",
            probe.certificate("the server certificate", lambda: _served(keys), seen.clock),
        ),
        Check(
            "signing certificate",
            probe.certificate("the signing certificate", lambda: keys.ring.signing.pem, seen.clock),
        ),
    )
    return Surface(
        meters=meters,
        alive=Checks("alive", loops),
        ready=Checks("ready", ready),
        token=lambda: _token(settings.observing.metrics_token_file),
    )


def _token(path: Path | None) -> str:
    """Empty opens nothing: a file that cannot be read is as none."""
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        log.warning("metrics_token_not_read", file=str(path), why=str(error))
        return ""


def _gauges(seen: Seen, meters: Meters) -> None:
    live, keys, state_dir = seen.live, seen.keys, seen.settings.state_dir
    meters.gauge("eaves_devices", "Devices held in memory.", lambda: len(live))
    meters.gauge(
        "eaves_waiters",
        "Devices whose request waits: for a change, or their turn to attest.",
        lambda: live.waiter_count,
    )
    meters.gauge(
        "eaves_render_backlog_devices",
        "Devices whose configuration is to be made again.",
        lambda: len(seen.wanted),
    )
    meters.gauge(
        "eaves_state_file_bytes", "Size of a database file.", lambda: _files(state_dir), by="file"
    )
    meters.gauge(
        "eaves_certificate_expiry_timestamp_seconds",
        "When a certificate of this controller ends, since 1970.",
        lambda: {
            "server": _ends(_served(keys)),
            "signing": _ends(keys.ring.signing.pem),
        },
        by="certificate",
    )
    meters.gauge(
        "eaves_build_info",
        "Release and schema, as labels.",
        lambda: 1,
        version=version("eaves"),
        schema=HEAD,
    )


def watch_streams(meters: Meters, taken: Callable[[], int]) -> None:
    meters.gauge("eaves_streams", "Streams of events that are open.", taken)


def watch_pool(meters: Meters, pool: str, engine: AsyncEngine) -> None:
    """Tell how many connections this engine has in use."""
    of_engine = engine.sync_engine.pool
    if isinstance(of_engine, QueuePool):  # every one but that of a database in memory
        meters.gauge(
            "eaves_database_connections_in_use",
            "Connections lent out by a pool.",
            of_engine.checkedout,
            pool=pool,
        )


def _files(state_dir: Path) -> Mapping[str, float]:
    found = (*state_dir.glob("*.db*"), *(state_dir / "telemetry").glob("*.db*"))
    return {str(path.relative_to(state_dir)): path.stat().st_size for path in found}


def _served(keys: KeyStore) -> bytes:
    return keys.tls.certificate.read_bytes()  # as it is now: it may be renewed by another


def _ends(pem: bytes) -> float:
    return x509.load_pem_x509_certificates(pem)[0].not_valid_after_utc.timestamp()


@asynccontextmanager
async def observing(
    seen: Seen, surface: Surface, environment: Mapping[str, str]
) -> AsyncGenerator[None]:
    """Watch the loops, serve `--metrics-listen`, tell systemd; entered when REST is served."""
    meters, listen = surface.meters, seen.settings.observing.metrics_listen
    of_devices = seen.devices.run(watch_lag_forever(meters.lag("devices")))
    every_s = watchdog_every_s(environment)
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(watch_lag_forever(meters.lag("rest")), name="lag")]
            if every_s:
                feeding = feed_watchdog_forever(
                    surface.alive, every_s, lambda: notify(environment, "WATCHDOG=1")
                )
                running.append(tasks.create_task(feeding, name="watchdog"))
            if listen is None:
                notify(environment, "READY=1")
                yield
            else:
                trusted = seen.settings.observing.trusts_callers
                async with serve_surface(surface, listen, trusted=trusted):
                    notify(environment, "READY=1")
                    yield
            notify(environment, "STOPPING=1")
            for task in running:
                task.cancel()
    finally:
        of_devices.cancel()
