"""Ten thousand EVE devices against PostgreSQL, JetStream and VictoriaMetrics, for ten minutes.

Two controller processes, each with half of the devices.  Everything that serves runs on the
server's core: both controllers, PostgreSQL with fsync, three NATS servers whose stores are on
file systems mounted `sync`, the metrics store.  At the end everything acknowledged must be there:
samples by the query of the metrics store, lines and states in the database, and some devices by
REST.  SECONDS=60 and DEVICES=1000 make it smaller for a look.
"""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import psycopg
from store.databases import postgres
from support.devices import make_devices, prepare_state
from support.fleets import DEVICES, NAMED, STOP_S, Watch, fleet, write_fleet
from support.jetstream import jetstream_cluster
from support.kept import HELD, Held, asked, kept, merged, read_ledger
from support.messages import JOURNAL, until_zero
from support.person import make_token
from support.row import finish, verify_per_s, work_folder
from support.server import SERVER_CORE, Server, cpu_of, running
from support.victoria import Victoria, victoria_metrics

FULL: Final = True
TEN_MINUTES: Final = 600
SECONDS = int(os.environ.get("SECONDS", TEN_MINUTES))
LIMIT_MS, LIMIT_RSS_MB = 500.0, 1024.0
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
        token = make_token(prepare_state(folder / "one", devices, database_url=database.url))
        environment = {
            "EAVES_STREAM_URL": cluster.url,
            "EAVES_STREAM_BYTES": str(512 << 20),  # each of some streams; the servers have 4 GiB
            # this server cannot say that it syncs; its file systems do
            "EAVES_STREAM_UNSYNCED": "i-accept-the-loss-of-acknowledged-telemetry",
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
        verifies, half, spread = verify_per_s(), DEVICES // 2, ("--spread", "40s")
        parts = (devices[:half], devices[half:])
        fleets = []
        ledgers = [folder / f"{server.state_dir.name}-ledger.json" for server in servers]
        servers[0].also += [servers[1].pid, *engines(folder)]
        begun = time.monotonic()
        watch, before = Watch(*servers), cpu_by_kind(folder, servers)
        for server, part, ledger in zip(servers, parts, ledgers, strict=True):
            path = folder / f"{server.state_dir.name}.json"
            write_fleet(path, part, server)
            words = ("--for", f"{SECONDS}s", "--ledger", str(ledger), *spread)
            fleets.append(stack.enter_context(fleet(path, len(part), *words)))
        figures = [one.figures(SECONDS + STOP_S) for one in fleets]
        watch.load_ended()
        after, took = cpu_by_kind(folder, servers), time.monotonic() - begun
        whole, held = merged(*map(read_ledger, ledgers)), stored(database.url, victoria)
        found = kept(servers[0], token, whole, held, by_rest=False)
        until_zero(lambda: number_in_database(database.url, JOURNAL), JOURNAL)
        # connections that were opened meanwhile have processes of their own
        servers[0].also[:] = {*servers[0].also, *engines(folder)}
        watch.settled()
        missing = asked(servers[0], token, whole)
        samples = held("metrics")
        worse = max(figures, key=lambda f: f["p99_ms"])
        limits = {"limit_ms": LIMIT_MS, "limit_rss_mb": LIMIT_RSS_MB}
        every = {**worse, "requests": sum(f["requests"] for f in figures)}
        row = watch.result("fleet-postgres", every, **limits, verify_per_s=verifies)
        row |= {
            "devices": DEVICES,
            "requests_per_s": round(sum(f["requests_per_s"] for f in figures), 1),
            "errors": sum(f["errors"] for f in figures),
            "errors_by_cause": [f["errors_by_cause"] for f in figures],
            "acknowledged": [f["acknowledged"] for f in figures],
            "cores_by_kind": {k: round((after[k] - before[k]) / took, 3) for k in after},
            "rss_mb_of_each": [round(server.rss_mb("VmHWM"), 1) for server in servers],
            "devices_in_store": len(samples),
            "samples_in_store": sum(samples.values()),
            **found,
            "missing_by_rest": missing,
            "full": SECONDS == TEN_MINUTES and DEVICES == NAMED,
        }
        kept_all = found["kept_met"] and not any(missing.values())
        row["met"] = (
            row["met"] and row["errors"] == 0 and row["devices_in_store"] == DEVICES and kept_all
        )
    return finish(row)


def stored(url: str, victoria: Victoria) -> Held:
    """What the engines have of a kind, by device."""

    def held(kind: str) -> Mapping[str, int]:
        if kind == "metrics":
            return _samples(victoria)
        with psycopg.connect(url) as database:
            return {str(d): int(n) for d, n in database.execute(HELD[kind][1].encode())}

    return held


def _samples(victoria: Victoria) -> dict[str, int]:
    victoria.flush()
    of_device = 'eaves_device_metric{kind="device",field="cpu_ns"}'
    query = f"sum by (device) (count_over_time({of_device}[30m]))"
    words = urlencode({"query": query, "time": f"{time.time() + 300:.0f}", "nocache": "1"})
    result = json.loads(victoria.get(f"/api/v1/query?{words}"))["data"]["result"]
    return {one["metric"]["device"]: int(one["value"][1]) for one in result}


def number_in_database(url: str, sql: str) -> int:
    with psycopg.connect(url) as database:
        row = database.execute(sql.encode()).fetchone()
    return int(row[0]) if row else 0


def cpu_by_kind(folder: Path, servers: Sequence[Server]) -> dict[str, float]:
    """Seconds of processor time so far of the controllers together, and of each engine."""
    kinds = {"database": b"postgres", "streams": b"nats-server", "metrics store": b"victoria"}
    found = engines(folder)
    taken = {
        kind: cpu_of(pid for pid, command in found.items() if word in command)
        for kind, word in kinds.items()
    }
    return {"controllers": cpu_of(server.pid for server in servers), **taken}


def engines(folder: Path) -> dict[int, bytes]:
    """Processes, with their commands, of the streams and the metrics store, which are children of
    this one, and those of the database in this folder with what it has started by now.
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
    return {
        pid: command
        for pid, command in commands.items()
        if pid in masters
        or parents[pid] in masters
        or (parents[pid] == mine and (b"nats-server" in command or b"victoria" in command))
    }


if __name__ == "__main__":
    raise SystemExit(main())
