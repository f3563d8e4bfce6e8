"""The rows of lists: a controller with 100,000 devices in its database, asked over HTTPS."""

import asyncio
import os
import random
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from support.objects import AT_ONCE, Shared, new_id, put_devices, put_seen, put_shared
from support.rest import Rest, percentile, put_token
from support.row import MOST_BUSY, verify_per_s
from support.server import Busy, Server, on_core

from eaves.controller.first_start import ADMIN, prepare_database
from eaves.controller.keys import open_keys
from eaves.controller.settings import Settings
from eaves.controller.store.files import open_telemetry
from eaves.controller.store.listed import note_reported
from eaves.controller.store.marks import PUBLISHED, put_mark
from eaves.controller.store.people import find_user_for_login
from eaves.controller.store.state_store import InfoRow, put_info
from eaves.controller.store.sync import writing
from eaves.controller.store.unit import attachable, open_engine, unit_of_work
from eaves.controller.telemetry.reports import microseconds
from eaves.evapi.info import (
    ZInfoDevice,
    ZInfoDevSW,
    ZInfoManufacturer,
    ZInfoMsg,
    ZInfoTypes,
    encode_z_info_msg,
)
from eaves.ids import DeviceId

DEVICES: Final = 100_000
RUNS: Final = 3


def prepare(state_dir: Path, devices: int = DEVICES) -> None:
    state_dir.mkdir(parents=True, exist_ok=True)
    asyncio.run(_prepare(Settings(state_dir=state_dir), devices))


async def _prepare(settings: Settings, devices: int) -> None:
    def now() -> datetime:
        return datetime.now(UTC)

    seed = random.Random(3)  # noqa: S311 - the same fleet every time
    await prepare_database(settings, clock=now, random=os.urandom)
    engine = open_engine(settings.database)
    ids = [new_id(seed) for _ in range(devices)]
    async with unit_of_work(engine) as db:
        admin = await find_user_for_login(db, ADMIN)
        if admin is None:
            raise SystemExit(f"{settings.state_dir}: the first start made no user {ADMIN}")
        await put_token(db, admin.id, admin.enterprise_id)
        shared = await put_shared(db, admin.enterprise_id, seed)
        await put_devices(db, shared, ids, seed, with_app=False)
        await put_seen(db, shared, ids, seed)
        for start in range(0, len(ids), AT_ONCE):
            await note_reported(db, dict.fromkeys(map(DeviceId, ids[start : start + AT_ONCE]), 1))
        keys = open_keys(settings, clock=now, random=os.urandom)
        await put_mark(db, PUBLISHED, keys.controllercert_confighash)
    await engine.dispose()
    # when nobody reads its file any more: else its log is kept whole, and searched for every page
    _put_info(settings.database, shared, ids)


def _put_info(url: str, shared: Shared, device_ids: Sequence[str]) -> None:
    """What each device last said of itself: about 1 KB."""
    software = ZInfoDevSW(activated=True, partition_label="IMGA", short_version="14.5.0-kvm-amd64")
    device = ZInfoDevice(
        machine_arch="x86_64",
        platform="edge box " * 60,
        ncpu=4,
        memory=8192,
        storage=100_000,
        minfo=ZInfoManufacturer(manufacturer="acme", product_name="box", serial_number="1"),
        sw_list=(software,),
        host_name="edge",
    )
    at = microseconds(datetime.now(UTC))
    engine = open_telemetry(attachable(url)["state"])
    for start in range(0, len(device_ids), AT_ONCE):
        some = device_ids[start : start + AT_ONCE]
        rows = [
            InfoRow(
                (shared.enterprise, one, int(ZInfoTypes.ZiDevice), ""),
                at,
                at,
                encode_z_info_msg(ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dev_id=one, dinfo=device)),
            )
            for one in some
        ]
        with writing(engine) as connection:
            put_info(connection, rows)
    engine.dispose()


@dataclass(frozen=True, slots=True)
class Measured:
    """What a client sees that asks one question after the other; medians of the runs."""

    p50_ms: Mapping[str, float]  # by question
    p99_ms: Mapping[str, float]
    per_s: float
    cpu_us: float  # of the server, per request
    generator_busy: float  # the most of a run
    verify_per_s: float
    rss_mb: float
    answers: Mapping[str, Any]  # the first to each question


def measure(server: Server, asked: Mapping[str, str], times: int) -> Measured:
    """Ask each question so often in each run, from the core of the generator."""
    with on_core():
        rest = Rest(server)
        answers = {name: rest.ask(path)[0] for name, path in asked.items()}
        p50s: dict[str, list[float]] = {name: [] for name in asked}
        p99s: dict[str, list[float]] = {name: [] for name in asked}
        of_run: list[tuple[float, float, float, float]] = []
        for _ in range(RUNS):
            verifies, before, busy = verify_per_s(), server.cpu_s(), Busy()
            spent_ms = 0.0
            for name, path in asked.items():
                taken = [rest.ask(path)[1] for _ in range(times)]
                spent_ms += sum(taken)
                p50s[name].append(percentile(taken, 0.5))
                p99s[name].append(percentile(taken, 0.99))
                print(
                    f"  {name:28} p50 {p50s[name][-1]:6.1f} p99 {p99s[name][-1]:6.1f} ms",
                    file=sys.stderr,
                )
            requests = times * len(asked)
            cpu_us = (server.cpu_s() - before) / requests * 1e6
            of_run.append((1000 * requests / spent_ms, cpu_us, busy.share(), verifies))
        rest.close()
    per_s, cpu, shares, every_verify = zip(*of_run, strict=True)
    return Measured(
        p50_ms={name: statistics.median(taken) for name, taken in p50s.items()},
        p99_ms={name: statistics.median(taken) for name, taken in p99s.items()},
        per_s=statistics.median(per_s),
        cpu_us=statistics.median(cpu),
        generator_busy=max(shares),
        verify_per_s=statistics.median(every_verify),
        rss_mb=server.rss_mb(),
        answers=answers,
    )


def row(name: str, found: Measured, limit: float) -> dict[str, Any]:
    """The row's object; the slowest question counts."""
    worst = max(found.p99_ms.values())
    return {
        "name": name,
        "devices": DEVICES,
        "requests_per_s": round(found.per_s, 1),
        "server_cpu_us_per_request": round(found.cpu_us),
        "p50_ms": round(statistics.median(found.p50_ms.values()), 1),
        "p99_ms": round(worst, 1),
        "by_question": {question: round(p99, 1) for question, p99 in found.p99_ms.items()},
        "rss_mb": round(found.rss_mb, 1),
        "verify_per_s": round(found.verify_per_s),
        "limit_ms": limit,
        "met": worst <= limit,
        "generator_busy": round(found.generator_busy, 3),
        "generator_ok": found.generator_busy <= MOST_BUSY,
    }
