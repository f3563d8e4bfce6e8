"""Ten thousand EVE devices against PostgreSQL, JetStream and VictoriaMetrics, for ten minutes.

Two controller processes, each with half of the devices.  Everything that serves runs on the
server's core: both controllers, PostgreSQL with fsync, three NATS servers whose stores are on
file systems mounted `sync`, the metrics store.  At the end the store must have samples of every
device, read by its own query.  SECONDS=60 and DEVICES=1000 make it smaller for a look.
"""

import json
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from store.databases import postgres
from support.devices import make_devices, prepare_state
from support.fleets import DEVICES, STOP_S, Watch, fleet, write_fleet
from support.jetstream import jetstream_cluster
from support.row import finish, verify_per_s, work_folder
from support.server import SERVER_CORE, Server, running
from support.victoria import Victoria, victoria_metrics

FULL: Final = True
SECONDS = int(os.environ.get("SECONDS", "600"))
LIMIT_MS, LIMIT_RSS_MB = 500.0, 1024.0
STORED_WITHIN_S = 60.0
SECRET = "secret.key"  # noqa: S105 - the name of a file


def main() -> int:
    os.sched_setaffinity(0, {SERVER_CORE})  # what is started from here inherits it
    with ExitStack() as stack:
        folder = stack.enter_context(work_folder())
        folder.chmod(0o755)  # PostgreSQL runs as a user of its own
        database = stack.enter_context(postgres(synced=True, below=folder))
        cluster = stack.enter_context(jetstream_cluster())
        victoria = stack.enter_context(victoria_metrics())
        devices = make_devices(DEVICES)
        prepare_state(folder / "one", devices, database_url=database.url)
        environment = {
            "EAVES_STREAM_URL": cluster.url,
            "EAVES_STREAM_MONITOR_URL": cluster.monitor_url,
            "EAVES_METRICS_WRITE_URL": victoria.write_url,
            "EAVES_METRICS_QUERY_URL": victoria.url,
        }
        options = (
            "--database-url",
            database.url,
            "--secret-key-file",
            str(folder / "one" / SECRET),
        )
        servers = [Server(folder / name, options, environment) for name in ("one", "two")]
        for server in servers:
            server.state_dir.mkdir(exist_ok=True)
            stack.enter_context(running(server))
        servers[0].also.append(servers[1].pid)
        servers[0].also.extend(engines(folder))
        verifies, half, spread = verify_per_s(), DEVICES // 2, ("--spread", "40s")
        parts = (devices[:half], devices[half:])
        fleets = []
        for server, part in zip(servers, parts, strict=True):
            path = folder / f"{server.state_dir.name}.json"
            write_fleet(path, part, server)
            words = ("--for", f"{SECONDS}s", *spread)
            fleets.append(stack.enter_context(fleet(path, len(part), *words)))
        watch = Watch(servers[0])
        figures = [one.figures(SECONDS + STOP_S) for one in fleets]
        worse = max(figures, key=lambda f: f["p99_ms"])
        limits = {"limit_ms": LIMIT_MS, "limit_rss_mb": LIMIT_RSS_MB}
        row = watch.result("fleet-postgres", worse, **limits, verify_per_s=verifies)
        requests = sum(f["requests"] for f in figures)
        row |= {
            "devices": DEVICES,
            "requests_per_s": round(sum(f["requests_per_s"] for f in figures), 1),
            "server_cpu_us_per_request": round(
                (servers[0].cpu_s() - watch.cpu_s) / max(requests, 1) * 1e6, 1
            ),
            "errors": sum(f["errors"] for f in figures),
            "errors_by_cause": [f["errors_by_cause"] for f in figures],
            "acknowledged": [f["acknowledged"] for f in figures],
            "rss_mb_of_each": [round(server.rss_mb("VmHWM"), 1) for server in servers],
            **stored(victoria),
        }
        row["met"] = row["met"] and row["errors"] == 0 and row["devices_in_store"] == DEVICES
    return finish(row)


def stored(victoria: Victoria) -> dict[str, int]:
    """What the metrics store has once its readers are through, or after a minute."""
    found = {"devices_in_store": 0, "samples_in_store": 0}
    end = time.monotonic() + STORED_WITHIN_S
    while found["devices_in_store"] < DEVICES and time.monotonic() < end:
        victoria.flush()
        of_device = 'eaves_device_metric{kind="device",field="cpu_ns"}'
        found = {
            "devices_in_store": _number(victoria, f"count(last_over_time({of_device}[30m]))"),
            "samples_in_store": _number(victoria, f"sum(count_over_time({of_device}[30m]))"),
        }
        time.sleep(1)  # another process works meanwhile
    return found


def _number(victoria: Victoria, query: str) -> int:
    asked = urlencode({"query": query, "time": f"{time.time() + 300:.0f}", "nocache": "1"})
    result = json.loads(victoria.get(f"/api/v1/query?{asked}"))["data"]["result"]
    return int(result[0]["value"][1]) if result else 0


def engines(folder: Path) -> list[int]:
    """Processes of the streams and the metrics store, which are children of this one, and those
    of the database in this folder with what it has started by now.
    """
    parents: dict[int, int] = {}
    commands: dict[int, bytes] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        pid = int(path.parent.name)
        try:
            parents[pid] = int(path.read_text().rpartition(")")[2].split()[1])
            commands[pid] = path.with_name("cmdline").read_bytes()
        except OSError:
            continue  # it has ended meanwhile
    mine = os.getpid()
    masters = {p for p, c in commands.items() if b"postgres" in c and bytes(folder) in c}
    return [
        pid
        for pid, command in commands.items()
        if pid in masters
        or parents[pid] in masters
        or (parents[pid] == mine and (b"nats-server" in command or b"victoria" in command))
    ]


if __name__ == "__main__":
    raise SystemExit(main())
