"""The controller is killed and comes back to ten thousand EVE devices that all want to talk.

Five minutes of outage with FULL=1, else 30 s; the devices poll and report at their cadence, keep
what they could not tell, and tell it when the controller answers again.  From the moment it serves:
no 503 for 30 s, and the 99th percentile of each second back in its bound within 90 s for good.
From then on, as before the outage, there is no error of any kind; until then, 429 to logs is how a
controller under pressure puts them off, and the devices keep them.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from support.devices import make_devices, prepare_state
from support.fleets import DEVICES, FULL, STOP_S, Watch, fleet, second_of, write_fleet
from support.ledger import lost_lines, set_password
from support.row import finish, verify_per_s, work_folder
from support.server import Server, running

BEFORE_S = 120 if FULL else 60
OUTAGE_S = 300 if FULL else 30
AFTER_S = 180 if FULL else 120
LIMIT_MS, LIMIT_RSS_MB = 300.0, 512.0
QUIET_S, BACK_WITHIN_S = 30, 90


def main() -> int:
    with work_folder() as folder:
        devices = make_devices(DEVICES)
        prepare_state(folder / "state", devices)
        with running(Server(folder / "state")) as server:
            set_password(server)
            write_fleet(folder / "fleet.json", devices, server)
            verifies = verify_per_s()
            options = ("--for", f"{BEFORE_S + OUTAGE_S + AFTER_S}s", "--spread", "40s")
            ledger = folder / "ledger.json"
            given = ("--ledger", str(ledger), *options)
            with fleet(folder / "fleet.json", DEVICES, *given) as returning:
                time.sleep(BEFORE_S)
                server.kill()
                gone = datetime.now(UTC)
                time.sleep(OUTAGE_S)
                server.start()
                back = datetime.now(UTC)
                watch = Watch(server)
                figures = returning.figures(AFTER_S + STOP_S)
                row = watch.result(
                    "fleet-return",
                    figures,
                    limit_ms=LIMIT_MS,
                    limit_rss_mb=LIMIT_RSS_MB,
                    verify_per_s=verifies,
                )
            lost = lost_lines(server, ledger)
    row |= {**judged(figures, gone, back), "acknowledged_lines_lost": lost}
    row["met"] = row["met"] and lost == 0
    return finish(row)


def judged(figures: Mapping[str, Any], gone: datetime, back: datetime) -> dict[str, Any]:
    timeline: Sequence[Mapping[str, Any]] = figures["timeline"]
    begin, end = second_of(figures, gone), second_of(figures, back)
    # a request that ends in the second of the return may have begun in the outage
    before = [s for s in timeline if s["at_s"] < int(begin) - 1]
    after = [s for s in timeline if s["at_s"] > end + 1]
    first = [s for s in after if s["at_s"] <= end + QUIET_S]
    late = [s["at_s"] - end for s in after if s["p99_ms"] >= LIMIT_MS]
    last_late_s = round(max(late, default=0.0), 1)
    slowed = sum(s["slowed"] for s in after if s["at_s"] <= end + BACK_WITHIN_S)
    errors = sum(s["errors"] for s in before) + sum(s["errors"] for s in after) - slowed
    busy_first = sum(s["busy"] for s in first)
    return {
        "outage_s": round(end - begin, 1),
        "errors": errors,
        "busy_in_first_30_s": busy_first,
        "busy_after_return": sum(s["busy"] for s in after),
        "slowed_in_first_90_s": slowed,
        "last_late_second_s": last_late_s,
        "peak_per_s": max((s["requests"] for s in after), default=0),
        "limit_s": BACK_WITHIN_S,
        "met": bool(after) and errors == 0 and busy_first == 0 and last_late_s <= BACK_WITHIN_S,
    }


if __name__ == "__main__":
    raise SystemExit(main())
