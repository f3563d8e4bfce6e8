"""The controller is killed and comes back to ten thousand EVE devices that all want to talk.

Five minutes of outage with FULL=1, else 30 s; the devices poll and report at their cadence, keep
what they could not tell, and tell it when the controller answers again.  From the moment it serves:
no 503 for 30 s, and the 99th percentile of each second back in its bound within 90 s for good.
From then on, as before the outage, there is no error of any kind; until then, 429 to logs is how a
controller under pressure puts them off, and the devices keep them.  At the end the devices must ask
as often as their cadence tells, and everything that was acknowledged must be there.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from support.devices import make_devices, prepare_state
from support.fleets import DEVICES, FULL, NAMED, STOP_S, Watch, fleet, second_of, write_fleet
from support.kept import in_files, kept, read_ledger, settle
from support.person import make_token
from support.row import finish, verify_per_s, work_folder
from support.server import Server, running

BEFORE_S = 120 if FULL else 60
OUTAGE_S = 300 if FULL else 30
AFTER_S = 180 if FULL else 120
LIMIT_MS, LIMIT_RSS_MB = 300.0, 512.0
QUIET_S, BACK_WITHIN_S = 30, 90
RATE_S = 60  # at the end of a part: an interval of polls
CADENCE_PER_S = 0.05  # polls and metrics of a device
LEAST_RATE = 0.9  # of that before the outage, which has the begin of the devices in it


def main() -> int:
    with work_folder() as folder:
        devices = make_devices(DEVICES)
        token = make_token(prepare_state(folder / "state", devices))
        with running(Server(folder / "state")) as server:
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
            watch.load_ended()
            settle(server.state_dir)
            watch.settled()
            found = kept(server, token, read_ledger(ledger), in_files(server.state_dir))
            row = watch.result(
                "fleet-return",
                {**figures, "requests": requests_after(figures, back)},
                limit_ms=LIMIT_MS,
                limit_rss_mb=LIMIT_RSS_MB,
                verify_per_s=verifies,
            )
    within = row["rss_mb"] <= LIMIT_RSS_MB
    row |= {**judged(figures, gone, back), **found, "full": FULL and DEVICES == NAMED}
    row["met"] = row["met"] and within and found["kept_met"]
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
    # a device that failed in the simulator itself stands in no second
    of_no_second = figures["errors"] - sum(s["errors"] for s in timeline)
    errors = of_no_second + sum(s["errors"] for s in (*before, *after)) - slowed
    busy_first = sum(s["busy"] for s in first)
    rate_before = rate(timeline, begin - 1)
    rate_at_end = rate(timeline, figures["seconds"] - 1)
    wanted = LEAST_RATE * min(rate_before, CADENCE_PER_S * figures["devices"])
    return {
        "outage_s": round(end - begin, 1),
        "errors": errors,
        "errors_of_no_second": of_no_second,
        "requests_per_s_before": round(rate_before, 1),
        "requests_per_s_at_end": round(rate_at_end, 1),
        "limit_requests_per_s_at_end": round(wanted, 1),
        "busy_in_first_30_s": busy_first,
        "busy_after_return": sum(s["busy"] for s in after),
        "slowed_in_first_90_s": slowed,
        "last_late_second_s": last_late_s,
        "peak_per_s": max((s["requests"] for s in after), default=0),
        "limit_s": BACK_WITHIN_S,
        "met": bool(after)
        and errors == 0
        and busy_first == 0
        and last_late_s <= BACK_WITHIN_S
        and rate_at_end >= wanted > 0,
    }


def requests_after(figures: Mapping[str, Any], back: datetime) -> int:
    end = second_of(figures, back)
    return sum(s["requests"] for s in figures["timeline"] if s["at_s"] >= int(end))


def rate(timeline: Sequence[Mapping[str, Any]], end_s: float) -> float:
    """Requests a second in the minute before `end_s`, or in what there is of it."""
    begin_s = max(0, int(end_s) - RATE_S)
    requests: int = sum(s["requests"] for s in timeline if begin_s <= s["at_s"] < int(end_s))
    return requests / max(int(end_s) - begin_s, 1)


if __name__ == "__main__":
    raise SystemExit(main())
