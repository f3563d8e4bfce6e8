"""Search in log lines: 10 million of 1,000 devices, the noisiest having a million, of that one.

The lines go in as the writer thread stores them; LINES=1000000 makes a smaller row, which says so.
"""

import os
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Final

from support.devices import Device, make_devices, now, prepare_state
from support.person import Asked, ask, client_of, enterprise_of, make_token
from support.row import MOST_BUSY, RUNS, finish, verify_per_s, work_folder
from support.server import Server, running

from eaves.controller.settings import Settings
from eaves.controller.store.files import open_telemetry
from eaves.controller.store.log_store import Stream, add_lines
from eaves.controller.store.sync import writing
from eaves.controller.store.unit import attachable
from eaves.evapi.log_lines import LogLine

DEVICES: Final = 1000
LINES: Final = int(os.environ.get("LINES", "10000000"))
OF_THE_NOISIEST: Final = LINES // 10
LIMIT_MS: Final = 500
UPLOAD: Final = 500  # lines
IN_ONE_COMMIT: Final = 50  # uploads
ASKED: Final = 10  # times for each word

RARE, FREQUENT, ABSENT = "needle-7f3a", "watchdog", "nowhere-to-be-found"
WORDS: Final = (RARE, FREQUENT, ABSENT, f"{FREQUENT} eth3", "oom", "dhcp 4242")
SOURCES: Final = ("zedagent", "zedrouter", "domainmgr", "volumemgr", "nodeagent", "kernel")
PLACES: Final = tuple(
    f"/pillar/cmd/{n}/{m}.go" for n in SOURCES for m in ("run", "state", "handle")
)
VERBS: Final = (
    "published",
    "received",
    "skipped",
    "retried",
    "finished",
    FREQUENT,
    "dhcp",
    "lease",
)
SEVERITIES: Final = ("info",) * 20 + ("warning",) * 3 + ("err",)


def lines_of(first: int, count: int, chance: random.Random, start_ns: int) -> list[LogLine]:
    """Lines like those of a device: a few words, a number or two, an id."""
    found = []
    for n in range(first, first + count):
        bits = chance.getrandbits(64)
        content = (
            f"{PLACES[bits % 18]}:{bits >> 5 & 1023} {VERBS[bits >> 15 & 7]} eth{bits >> 18 & 7} "
            f"object {bits >> 21 & 0xFFFFFFFF:08x} after {bits >> 53}ms"
        )
        if n % 100_000 == 77_777:
            content += f" {RARE}"
        severity, source = SEVERITIES[bits % 24], SOURCES[bits % 6]
        found.append(
            LogLine(start_ns + n * 86_400_000 + bits % 997, n, "1234", content, severity, source)
        )
    return found


def fill(settings: Settings, devices: tuple[Device, ...]) -> dict[str, Any]:
    """Store the lines as the writer thread does; what that took and takes."""
    file = attachable(settings.database)["logs"]
    enterprise, chance = enterprise_of(settings), random.Random(11)  # noqa: S311 - lines of a log
    start_ns, received_at = int(now().timestamp() - 90_000) * 10**9, int(now().timestamp() * 1e6)
    engine, spent = open_telemetry(file), 0.0
    for number, device in enumerate(devices):
        count = OF_THE_NOISIEST if number == 0 else (LINES - OF_THE_NOISIEST) // (DEVICES - 1)
        stream = Stream(enterprise, device.device_id)
        for begin in range(0, count, UPLOAD * IN_ONE_COMMIT):
            uploads = [
                lines_of(first, min(UPLOAD, count - first), chance, start_ns)
                for first in range(begin, min(begin + UPLOAD * IN_ONE_COMMIT, count), UPLOAD)
            ]
            begun = time.process_time()
            with writing(engine) as connection:
                for upload in uploads:
                    add_lines(connection, stream, upload, received_at)
            spent += time.process_time() - begun
        if number % 100 == 0:
            print(f"  {number} devices filled", file=sys.stderr, flush=True)
    engine.dispose()
    size = sum(path.stat().st_size for path in Path(file.parent).glob("logs.db*"))
    return {
        "lines": LINES,
        "lines_of_the_noisiest": OF_THE_NOISIEST,
        "store_cpu_us_per_line": round(spent / LINES * 1e6, 2),
        "bytes_per_line": round(size / LINES, 1),
    }


def search(server: Server, token: str, device: Device) -> tuple[Asked, dict[str, list[float]]]:
    path = f"/v1/eaves/devices/id/{device.device_id}/logs"
    requests = [
        (path, {"search": words, "next.orderBy": "timestamp:desc", "next.pageSize": "100"})
        for _ in range(ASKED)
        for words in WORDS
    ]
    with client_of(server, token) as client:
        taken, answers = ask(server, client, requests)
    times: dict[str, list[float]] = {}
    for (_, query), answer, took in zip(requests, answers, taken.times_ms, strict=True):
        found = [line["content"] for line in answer["list"]]
        wanted = {RARE: min(OF_THE_NOISIEST // 100_000, 100), FREQUENT: 100, ABSENT: 0}
        words = query["search"]
        if len(found) != wanted.get(words, len(found)) or not all(
            word in content for word in words.split() for content in found
        ):
            raise SystemExit(f"a search for {words!r} found {len(found)} lines: {found[:3]}")
        times.setdefault(words, []).append(took)
    return taken, times


def main() -> int:
    with work_folder() as folder:
        devices = make_devices(DEVICES)
        settings = prepare_state(folder / "state", devices)
        token, filled = make_token(settings), fill(settings, devices)
        taken, of_words, verifies = [], {}, []
        with running(Server(folder / "state")) as server:
            for _ in range(RUNS):
                verifies.append(verify_per_s())
                run, of_words = search(server, token, devices[0])
                taken.append(run)
            rss = server.rss_mb()
    p99 = statistics.median(run.percentile(99) for run in taken)
    busy = max(run.generator_busy for run in taken)
    row = {
        "name": "log-search",
        "requests_per_s": round(statistics.median(run.per_s for run in taken), 1),
        "server_cpu_us_per_request": round(statistics.median(run.cpu_us for run in taken)),
        "p50_ms": round(statistics.median(run.median for run in taken), 1),
        "p99_ms": round(p99, 1),
        "rss_mb": round(rss, 1),
        "verify_per_s": round(statistics.median(verifies)),
        "limit_ms": LIMIT_MS,
        "met": p99 <= LIMIT_MS,
        "generator_busy": round(busy, 3),
        "generator_ok": busy <= MOST_BUSY,
        "first_ms": round(taken[0].times_ms[0], 1),
        "median_ms_of": {w: round(statistics.median(t), 1) for w, t in of_words.items()},
        **filled,
    }
    return finish(row)


if __name__ == "__main__":
    raise SystemExit(main())
