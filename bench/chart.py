"""Charts of 30 days of one device, through REST; all devices take part at random.

The roll-ups go in as the store writes them: 5 minutes and an hour, of every device.
"""

import random
import sys
import time
from array import array
from typing import Any, Final

from support.devices import Device, make_devices, now, prepare_state
from support.person import Asked, ask, client_of, enterprise_of, finish_row, make_token
from support.row import work_folder
from support.server import Server

from eaves.controller.settings import Settings
from eaves.controller.store.files import open_telemetry
from eaves.controller.store.packed import pack
from eaves.controller.store.series_store import (
    FIVE_MINUTES,
    HOUR,
    SECOND,
    Latest,
    Rollup,
    put_latest,
    put_layouts,
    put_rollups,
)
from eaves.controller.store.sync import writing
from eaves.controller.store.unit import attachable
from eaves.controller.telemetry.reports import digest_of
from eaves.evapi.metrics import (
    AppCpuMetric,
    DeviceMetric,
    MemoryMetric,
    NetworkMetric,
    ZMetricMsg,
    encode_z_metric_msg,
)
from eaves.evapi.metrics_fold import fold_metrics

DEVICES: Final = 20
DAYS: Final = 30
LIMIT_MS: Final = 200
ASKED: Final = 60  # requests of a run
CHARTS: Final = ("CPU_USAGE", "MEMORY_UTILIZATION", "NETWORK_RATES")


def message() -> bytes:
    """Counters of a device with four ports."""
    return encode_z_metric_msg(
        ZMetricMsg(
            at_time_stamp=now(),
            dm=DeviceMetric(
                cpu_metric=AppCpuMetric(total_ns=10**12),
                memory=MemoryMetric(used_mem=2000, avail_mem=6000),
                network=tuple(
                    NetworkMetric(i_name=f"eth{n}", rx_bytes=10**9, tx_bytes=10**8)
                    for n in range(4)
                ),
            ),
        )
    )


def fill(settings: Settings, devices: tuple[Device, ...]) -> dict[str, Any]:
    """Write 30 days of roll-ups of every device."""
    enterprise, chance = enterprise_of(settings), random.Random(5)  # noqa: S311 - figures of a chart
    sent, end = message(), int(now().timestamp()) // HOUR * HOUR
    fold = fold_metrics(sent)
    layout, count = digest_of(fold.objects.encode()), len(fold.values) // 8
    file, rows = attachable(settings.database)["metrics"], 0
    engine = open_telemetry(file)
    with writing(engine) as connection:
        put_layouts(connection, [(enterprise, layout, fold.objects)])
        at = int(now().timestamp()) * SECOND
        put_latest(
            connection,
            [Latest(enterprise, d.device_id, at, at, digest_of(sent), sent) for d in devices],
        )
    begun = time.monotonic()
    for device in devices:
        made = [
            Rollup(
                enterprise,
                device.device_id,
                level,
                start * SECOND,
                layout,
                level // 60,
                pack(
                    array("f", [chance.random() * level * 1e6 for _ in range(3 * count)]).tobytes()
                ),
            )
            for level in (FIVE_MINUTES, HOUR)
            for start in range(end - DAYS * 24 * HOUR, end, level)
        ]
        rows += len(made)
        with writing(engine) as connection:
            put_rollups(connection, made)
    engine.dispose()
    print(f"  {rows} roll-ups in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return {"devices": DEVICES, "rollups": rows, "file_mb": round(file.stat().st_size / 1e6, 1)}


def look(server: Server, token: str, devices: tuple[Device, ...], seed: int) -> Asked:
    chance = random.Random(seed)  # noqa: S311 - which device is asked for
    start = now().timestamp() - DAYS * 86_400
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start))
    requests = [
        (
            f"/v1/devices/id/{chance.choice(devices).device_id}/timeSeries/{CHARTS[n % 3]}",
            {"startTime": since} | ({"interval": "1h"} if n % 2 else {}),
        )
        for n in range(ASKED)
    ]
    with client_of(server, token) as client:
        taken, answers = ask(server, client, requests)
    for (path, query), answer in zip(requests, answers, strict=True):
        least = DAYS * 24 - 2 if "interval" in query else DAYS * 6 - 2
        labels = 8 if path.endswith("NETWORK_RATES") else 1
        if len(answer["list"]) < least or len(answer["yLabels"]) != labels:
            raise SystemExit(f"{path}: {len(answer['list'])} points of {answer['yLabels']}")
    return taken


def main() -> int:
    with work_folder() as folder:
        devices = make_devices(DEVICES)
        settings = prepare_state(folder / "state", devices)
        token, filled = make_token(settings), fill(settings, devices)
        return finish_row(
            "chart",
            LIMIT_MS,
            folder / "state",
            lambda server, run: look(server, token, devices, run),
            lambda: filled,
        )


if __name__ == "__main__":
    raise SystemExit(main())
