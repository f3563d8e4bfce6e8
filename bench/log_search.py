"""Search in log lines: 10 million of 1,000 devices, the noisiest having a million, of that one.

The lines go in as the writer thread stores them; LINES=1000000 makes a smaller row, which says so.
Those of the noisiest device and of 20 others are made one by one; the other devices, which are not
asked for, have the chunks of these 20, each device its own copies.
"""

import os
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine
from support.devices import Device, make_devices, now, prepare_state
from support.person import Asked, ask, client_of, enterprise_of, finish_row, make_token
from support.row import work_folder
from support.server import Server

from eaves.controller.settings import Settings
from eaves.controller.store.files import open_telemetry
from eaves.controller.store.log_store import Stream, add_lines
from eaves.controller.store.sync import execute, writing
from eaves.controller.store.unit import attachable
from eaves.evapi.log_lines import LogLine

DEVICES: Final = 1000
NAMED: Final = 10_000_000  # lines of the row under its name
LINES: Final = int(os.environ.get("LINES", NAMED))
OF_THE_NOISIEST: Final = LINES // 10
LIMIT_MS: Final = 500
UPLOAD: Final = 500  # lines
IN_ONE_COMMIT: Final = 50  # uploads
MADE: Final = 20  # devices besides the noisiest whose lines are made one by one
ASKED: Final = 10  # times for each word
KEPT: Final = "received_at, first_ns, last_ns, lines, levels, size, grams, heads, texts"
COPY: Final = (
    f"INSERT INTO log_chunks (enterprise_id, device_id, app_id, {KEPT}) "  # noqa: S608 - constants
    f"SELECT enterprise_id, ?, app_id, {KEPT} FROM log_chunks WHERE device_id = ?"
)

RARE, FREQUENT, ABSENT = "needle-7f3a", "watchdog", "nowhere-to-be-found"
WORDS: Final = (RARE, FREQUENT, ABSENT, f"{FREQUENT} eth3", "oom", "qq", "dhcp 4242")
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
    found: list[LogLine] = []
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


def store(engine: Engine, stream: Stream, count: int, chance: random.Random) -> float:
    """Store lines of a device as the writer thread does; the processor time that took, in s."""
    start_ns, received_at = int(now().timestamp() - 90_000) * 10**9, int(now().timestamp() * 1e6)
    spent = 0.0
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
    return spent


def fill(settings: Settings, devices: tuple[Device, ...]) -> dict[str, Any]:
    """Store the lines of all devices; what that took and takes."""
    file = attachable(settings.database)["logs"]
    enterprise, chance = enterprise_of(settings), random.Random(11)  # noqa: S311 - lines of a log
    engine, begun = open_telemetry(file), time.monotonic()
    streams = [Stream(enterprise, device.device_id) for device in devices]
    each = (LINES - OF_THE_NOISIEST) // (DEVICES - 1)
    spent = store(engine, streams[0], OF_THE_NOISIEST, chance)
    spent += sum(store(engine, stream, each, chance) for stream in streams[1 : MADE + 1])
    for number, stream in enumerate(streams[MADE + 1 :]):
        with writing(engine) as connection:
            execute(connection, COPY, (stream.device_id, streams[1 + number % MADE].device_id))
    engine.dispose()
    print(f"  {LINES} lines in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    size = sum(path.stat().st_size for path in Path(file.parent).glob("logs.db*"))
    return {
        "full": LINES == NAMED,
        "lines": LINES,
        "lines_of_the_noisiest": OF_THE_NOISIEST,
        "store_cpu_us_per_line": round(spent / (OF_THE_NOISIEST + MADE * each) * 1e6, 2),
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
        of_words: dict[str, list[float]] = {}

        def look(server: Server, _run: int) -> Asked:
            taken, times = search(server, token, devices[0])
            for words, took in times.items():
                of_words.setdefault(words, []).extend(took)
            return taken

        def more() -> dict[str, Any]:
            medians = {w: round(statistics.median(t), 1) for w, t in of_words.items()}
            slowest = {w: round(max(t), 1) for w, t in of_words.items()}
            return {"median_ms_of": medians, "slowest_ms_of": slowest, **filled}

        return finish_row("log-search", LIMIT_MS, folder / "state", look, more)


if __name__ == "__main__":
    raise SystemExit(main())
