"""How long after a SIGKILL, followed by a start, a device gets its first 304 again.

Makes a database of 10,000 devices, starts `eaves controller`, kills it, starts it again and polls
until the answer comes.  The controller has one core, the device the other.  Prints one JSON object;
times in seconds.  Exit status 1 when the slowest of the runs missed its limit.
"""

import asyncio
import hashlib
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from sqlalchemy import insert
from support.controller import ONBOARDING_KEY, Process, WireDevice, add_device, https, render
from support.row import MOST_BUSY, finish
from support.server import SERVER_CORE, Busy, on_core

from eaves.controller.first_start import prepare_database
from eaves.controller.settings import Settings
from eaves.controller.store.devices import Binding, register_binding
from eaves.controller.store.owners import enterprise_of
from eaves.controller.store.tables import device_bindings, rendered_configs, rendered_contents
from eaves.controller.store.unit import open_engine, unit_of_work
from eaves.evapi.paths import Endpoint
from eaves.ids import ConfigHash

DEVICES = 10_000
RUNS = 3
LIMIT_S = 2.0


def now() -> datetime:
    return datetime.now(UTC)


async def make_devices(settings: Settings) -> tuple[WireDevice, ConfigHash]:
    """One device with a key, the others with rows of the same size."""
    await prepare_database(settings, clock=now, random=os.urandom)
    device = WireDevice()
    engine = open_engine(settings.database)
    async with unit_of_work(engine) as db:
        device.device_id = await add_device(db, device.serial, ONBOARDING_KEY)
        config_hash = await render(db, device.device_id, "first")
        owner = await enterprise_of(db, device.device_id)
        assert owner is not None
        binding = Binding(
            device_id=device.device_id,
            enterprise_id=owner,
            certificate_hash=device.certificate_hash,
            certificate_der=device.certificate_der,
            onboarding_key=ONBOARDING_KEY,
            serial=device.serial,
            bound_at=now(),
        )
        await register_binding(db, binding)
        ids = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(1, DEVICES)]
        common = {"enterprise_id": owner, "gone": False, "attestation_required": False}
        rows = [
            {
                "device_id": device_id,
                "certificate_hash": hashlib.sha256(device_id.encode()).digest(),
                "certificate_der": device.certificate_der,
                "onboarding_key": ONBOARDING_KEY,
                "serial": device_id,
                "bound_at": now(),
                **common,
            }
            for device_id in ids
        ]
        await db.execute(insert(device_bindings), rows)
        hashes = [
            {
                "enterprise_id": owner,
                "device_id": i,
                "config_hash": i * 2,
                "config_timestamp": now(),
                "missing": "[]",
            }
            for i in ids
        ]
        await db.execute(insert(rendered_configs), hashes)
        await db.execute(
            insert(rendered_contents),
            [{"enterprise_id": owner, "device_id": i, "config": bytes(4096)} for i in ids],
        )
    await engine.dispose()
    return device, config_hash


async def first_304(process: Process, device: WireDevice, config_hash: str) -> float:
    """Seconds from the start of the process to the first 304."""
    body, tls = device.poll(config_hash), process.tls()
    start = time.monotonic()
    with on_core(SERVER_CORE):
        process.spawn()
    while time.monotonic() - start < 60:
        try:
            reply = await https(
                process.device_port, "POST", device.path(Endpoint.CONFIG), body, tls=tls
            )
        except OSError:
            await asyncio.sleep(0.01)
            continue
        if reply.status == 304:
            return time.monotonic() - start
    raise SystemExit("no 304 within 60 s")


async def measure() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        state.mkdir()
        device, config_hash = await make_devices(Settings(state_dir=state))
        process = Process(state)
        process.start()
        taken: list[float] = []
        shares: list[float] = []
        try:
            with on_core():
                for _ in range(RUNS):
                    process.kill()
                    busy = Busy()
                    taken.append(await first_304(process, device, config_hash))
                    shares.append(busy.share())
        finally:
            process.kill()
    return {
        "name": "controller-restart",
        "devices": DEVICES,
        "first_304_s": [round(t, 3) for t in taken],
        "worst_s": round(max(taken), 3),
        "limit_s": LIMIT_S,
        "met": max(taken) <= LIMIT_S,
        "generator_busy": round(max(shares), 3),
        "generator_ok": max(shares) <= MOST_BUSY,
    }


if __name__ == "__main__":
    raise SystemExit(finish(asyncio.run(measure())))
