"""The rows of lists: a controller with 100,000 devices in its database, asked over HTTPS."""

import asyncio
import os
import random
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from support.objects import AT_ONCE, Shared, new_id, put_devices, put_seen, put_shared
from support.rest import Rest, percentile, put_token
from support.row import verify_per_s
from support.server import GENERATOR_CORE, Server

from eaves.controller.first_start import ADMIN, prepare_database
from eaves.controller.keys import open_keys
from eaves.controller.settings import Settings
from eaves.controller.store.files import open_telemetry
from eaves.controller.store.listed import note_reported
from eaves.controller.store.marks import PUBLISHED, put_mark
from eaves.controller.store.people import find_user_for_login
from eaves.controller.store.state_store import InfoRow, put_info
from eaves.controller.store.sync import writing
from eaves.controller.store.unit import Db, attachable, open_engine, unit_of_work
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
        await _put_info(db, settings.database, shared, ids)
        keys = open_keys(settings, clock=now, random=os.urandom)
        await put_mark(db, PUBLISHED, keys.controllercert_confighash)
    await engine.dispose()


async def _put_info(db: Db, url: str, shared: Shared, device_ids: Sequence[str]) -> None:
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
        await note_reported(db, dict.fromkeys(map(DeviceId, some), 1))
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


def measure(
    server: Server, asked: Mapping[str, str], times: int
) -> tuple[dict[str, float], float, dict[str, Any]]:
    """p99 in ms for each question, the median of the runs; server CPU per request; answers."""
    os.sched_setaffinity(0, {GENERATOR_CORE})
    rest, answers = Rest(server), {}
    p99s: dict[str, list[float]] = {name: [] for name in asked}
    for name, path in asked.items():
        answers[name], _ = rest.ask(path)
    before, requests = server.cpu_s(), 0
    for _ in range(RUNS):
        for name, path in asked.items():
            taken = [rest.ask(path)[1] for _ in range(times)]
            requests += times
            p99s[name].append(percentile(taken, 0.99))
            print(
                f"  {name:28} p50 {percentile(taken, 0.5):6.1f} p99 {p99s[name][-1]:6.1f} ms",
                file=sys.stderr,
            )
    cpu_us = (server.cpu_s() - before) / requests * 1e6
    rest.close()
    return {name: sorted(taken)[RUNS // 2] for name, taken in p99s.items()}, cpu_us, answers


def row(name: str, server: Server, p99s: Mapping[str, float], cpu_us: float, limit: float) -> Any:
    worst = max(p99s.values())
    return {
        "name": name,
        "devices": DEVICES,
        "p99_ms": round(worst, 1),
        "by_question": {question: round(p99, 1) for question, p99 in p99s.items()},
        "server_cpu_us_per_request": round(cpu_us),
        "rss_mb": round(server.rss_mb(), 1),
        "verify_per_s": round(verify_per_s()),
        "limit_ms": limit,
        "met": worst <= limit,
    }
