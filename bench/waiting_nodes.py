"""Ten thousand waiting nodes of Eaves, and 500 requests a second of others beside them.

A node holds its long poll on a kept connection and asks again when it is answered, after 50 s.  Its
own polls and reports come ten times rarer than they do in life, so that the 500 requests a second
are those of others: polls, metrics and info as EVE devices send them, each on a new connection,
begun at that rate whether the ones before are answered or not.  They begin when all nodes wait.
At the end everything acknowledged must be there.
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from support.devices import Device, make_devices, prepare_state
from support.fleets import DEVICES, FULL, NAMED, STOP_S, Watch, fleet, write_fleet
from support.kept import Ledger, in_files, kept, merged, read_ledger, settle
from support.load import Traffic, sent_first, write_requests
from support.messages import info_message, metrics_message
from support.person import make_token
from support.row import finish, verify_per_s, work_folder
from support.server import GENERATOR_CORE, Server, running

from eaves.evapi.paths import Endpoint, endpoint_path

SPREAD_S, SETTLE_S = 50, 15
SECONDS = 300 if FULL else 45
OTHERS_PER_S: Final = 500
LIMIT_MS, LIMIT_RSS_MB = 300.0, 768.0
_GENERATOR: Final = Path(__file__).parent / "support" / "new_connections.py"


def request(device: Device, chance: random.Random) -> tuple[str, bytes]:
    """Of 40: 19 polls, 19 metrics, 2 info, as devices send them in ten minutes."""
    number = chance.randrange(40)
    if number < 19:
        path = endpoint_path(Endpoint.CONFIG, device.device_id)
        return path, device.poll(device.config_hash)
    endpoint = Endpoint.METRICS if number < 38 else Endpoint.INFO
    message = metrics_message if number < 38 else info_message
    payload = message(device.device_id, chance)
    return endpoint_path(endpoint, device.device_id), device.sealed(payload)


def sent(port: int, requests: Path) -> dict[str, Any]:
    """What the generator tells when it has sent them at their rate."""
    command = ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", str(GENERATOR_CORE)]
    command += [sys.executable, str(_GENERATOR)]
    command += [str(port), str(SECONDS), "0", str(requests), "0", "0", str(OTHERS_PER_S)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def figures_of(told: dict[str, Any], devices: int) -> dict[str, Any]:
    """In the words of a fleet's figures."""
    statuses: dict[str, int] = told["statuses"]
    failed = {f"status {s}": n for s, n in statuses.items() if s not in ("304", "201")}
    names = ("connect_errors", "read_errors", "write_errors", "timeouts")
    failed |= {name: told[name] for name in names if told[name]}
    return {
        "requests": told["answered"],
        "requests_per_s": round(told["answered"] / told["seconds"], 1),
        "p50_ms": round(told["p50_ms"], 2),
        "p99_ms": round(told["p99_ms"], 2),
        "devices": devices,
        "seconds": told["seconds"],
        "errors": sum(failed.values()),
        "errors_by_cause": failed,
        "generator_cpu_share": None,
        "endpoints": {},
        "acknowledged": {"by status": statuses},
        "timeline": [],
    }


def ledger_of(requests: Path, answered: int) -> Ledger:
    """Of the requests of the others: when one was not answered, the row has failed anyway."""
    counts: dict[str, dict[str, int]] = {}
    for device_id, what in sent_first(requests, answered):
        of_device = counts.setdefault(device_id, {})
        of_device[what] = of_device.get(what, 0) + 1
    return counts


def main() -> int:
    with work_folder() as folder:
        devices = make_devices(2 * DEVICES)
        token = make_token(prepare_state(folder / "state", devices))
        nodes, others = devices[:DEVICES], devices[DEVICES:]
        requests = folder / "requests"
        traffic = Traffic(request, expected=0, keep_connections=False)
        write_requests(requests, others, traffic, OTHERS_PER_S * SECONDS)
        with running(Server(folder / "state")) as server:
            write_fleet(folder / "nodes.json", nodes, server, configured=True)
            verifies = verify_per_s()
            words = ("--profile", "eaves", "--hurry", "0.1", "--spread", f"{SPREAD_S}s")
            ledger = folder / "ledger.json"
            most = ("--for", f"{SPREAD_S + SETTLE_S + SECONDS + 5}s", "--ledger", str(ledger))
            with fleet(folder / "nodes.json", DEVICES, *words, *most) as waiting:
                time.sleep(SPREAD_S + SETTLE_S)
                watch = Watch(server)
                of_others = figures_of(sent(server.device_port, requests), DEVICES)
                watch.load_ended()
                of_nodes = waiting.figures(STOP_S)
            settle(server.state_dir)
            watch.settled()
            whole = merged(ledger_of(requests, of_others["requests"]), read_ledger(ledger))
            found = kept(server, token, whole, in_files(server.state_dir), "metrics", "info")
            row = watch.result(
                "waiting-nodes",
                of_others,
                limit_ms=LIMIT_MS,
                limit_rss_mb=LIMIT_RSS_MB,
                verify_per_s=verifies,
            )
    row |= {**found, "full": FULL and DEVICES == NAMED}
    row["waiting"] = of_nodes["waiting"]
    row["errors_of_nodes"] = of_nodes["errors_by_cause"]
    row["p99_ms_of_nodes"] = of_nodes["p99_ms"]  # of their own polls and reports
    row["met"] = (
        row["met"]
        and found["kept_met"]
        and of_nodes["errors"] == 0
        and row["waiting"] >= 0.99 * DEVICES
        and row["requests_per_s"] >= 0.99 * OTHERS_PER_S
    )
    return finish(row)


if __name__ == "__main__":
    raise SystemExit(main())
