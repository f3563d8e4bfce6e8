"""The signing key of the controller is exchanged while ten thousand EVE devices poll.

Every device is under ENFORCE and holds a token, and hears of the exchange by its configuration,
which is rendered again for all.  Each must be served with an answer of the new key, after it has
fetched the certificates, within two intervals of its polls, and none may attest again.  Latencies
are told and not judged: they are those of the simulator, whose core is full while all of them
fetch certificates and configurations.
"""

import re
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from support.attesting import make_measured, prepare, until_all_seen, write_measured
from support.fleets import DEVICES, NAMED, STOP_S, Watch, fleet
from support.row import finish, verify_per_s, work_folder
from support.server import GENERATOR_CORE, Server, on_core, running

SPREAD_S: Final = 60
SETTLE_S: Final = 10
GIVE_UP_S: Final = 150.0  # for all devices to have begun
INTERVAL_S: Final = 60.0
LIMIT_S: Final = 2 * INTERVAL_S
LIMIT_MS, LIMIT_RSS_MB = 300.0, 768.0
_WORD: Final = re.compile(r"(\w+)=(\S+)")  # of a line of the log


def rotate(server: Server) -> None:
    """As an operator does it."""
    command = ["taskset", "-c", str(GENERATOR_CORE), sys.executable, "-m", "eaves", "controller"]
    command += ["--state-dir", str(server.state_dir), "rotate-certificates", "--signing"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def served(log: Path) -> tuple[datetime | None, list[datetime]]:
    """When the exchange was done, and when each device got its first configuration after it."""
    rotated: datetime | None = None
    seen: dict[str, datetime] = {}
    for line in log.read_text().splitlines():
        told = dict(_WORD.findall(line))
        match told.get("event"):
            case "certificates_rotated":
                rotated = datetime.fromisoformat(told["timestamp"])
            case "config_served" if rotated is not None:
                seen.setdefault(told["device_id"], datetime.fromisoformat(told["timestamp"]))
            case _:
                pass
    return rotated, sorted(seen.values())


def main() -> int:
    with work_folder() as folder:
        devices = make_measured(DEVICES)
        prepare(folder / "state", devices, real=True)
        with running(Server(folder / "state")) as server, on_core():
            write_measured(folder / "fleet.json", devices, server)
            verifies = verify_per_s()
            most = ("--for", f"{GIVE_UP_S + LIMIT_S:.0f}s", "--settle", f"{SPREAD_S + SETTLE_S}s")
            path, started = folder / "fleet.json", time.time()
            with fleet(path, DEVICES, "--spread", f"{SPREAD_S}s", *most) as polling:
                until_all_seen(server.state_dir, started, GIVE_UP_S)
                time.sleep(SETTLE_S)
                watch = Watch(server)
                rotate(server)
                time.sleep(LIMIT_S)
                polling.process.send_signal(signal.SIGINT)
                figures = polling.figures(STOP_S)
            watch.load_ended()
            watch.settled()
            row = watch.result(
                "rotate-signing",
                figures,
                limit_ms=LIMIT_MS,
                limit_rss_mb=LIMIT_RSS_MB,
                verify_per_s=verifies,
            )
            rotated, times = served(server.log)
    told = judged(figures, rotated, times)
    # latencies are told and not held to a bound: the simulator's core is full meanwhile
    del row["limit_ms"]
    served_well = row["errors"] == 0 and row["rss_mb"] <= LIMIT_RSS_MB
    row |= {**told, "full": DEVICES == NAMED, "met": served_well and told["met"]}
    return finish(row)


def judged(
    figures: dict[str, Any], rotated: datetime | None, times: list[datetime]
) -> dict[str, Any]:
    endpoints = figures["endpoints"]
    asked = {name: endpoints.get(name, {}).get("requests", 0) for name in ("certs", "attest")}
    taken = figures["acknowledged"].get("config", 0)
    after = [round((at - rotated).total_seconds(), 1) for at in times] if rotated else []
    return {
        "served": len(after),
        "taken_by_devices": taken,
        "half_s": after[len(after) // 2] if after else None,
        "all_s": after[-1] if after else None,
        "certificates_fetched": asked["certs"],
        "attested_again": asked["attest"],
        "limit_s": LIMIT_S,
        "met": len(after) == taken == DEVICES
        and after[-1] <= LIMIT_S
        and asked["attest"] == 0
        and asked["certs"] >= DEVICES,
    }


if __name__ == "__main__":
    raise SystemExit(main())
