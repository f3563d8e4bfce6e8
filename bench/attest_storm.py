"""All integrity tokens of ten thousand devices dropped at once, until all have attested again.

First EVE devices at their cadence, then nodes of Eaves that wait for changes; each exchange is a
poll that is refused, a nonce, a quote with its event log, keys into escrow, a poll.  What EVE
devices report goes on beside it; nodes do so ten times rarer, as in waiting-nodes.  Latencies
count from the moment of the drop until all have attested: of polls of devices that need not, since
the simulator fills its core (its own are told as `p99_ms_in_the_fleet`).
"""

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from support.attesting import (
    Measured,
    attested_in,
    make_measured,
    prepare,
    tokens_in,
    until_all_seen,
    write_measured,
)
from support.fleets import DEVICES, NAMED, STOP_S, Watch, fleet
from support.polls import Polls, make_free, write_polls
from support.rest import Rest
from support.row import finish, verify_per_s, work_folder
from support.server import Server, on_core, running

SPREAD_S: Final = 60
SETTLE_S: Final = 10
EVE_LIMIT_S: Final = 120.0
NODES_LIMIT_S: Final = 60.0
LIMIT_MS, LIMIT_RSS_MB = 300.0, 768.0
GIVE_UP_S: Final = 150.0  # for all devices to have begun
FREE: Final = 200  # devices that need not attest
PROFILES: Final = {
    "eve": (("--profile", "eve"), EVE_LIMIT_S),
    "eaves": (("--profile", "eaves", "--hurry", "0.1"), NODES_LIMIT_S),
}


def storm(
    folder: Path, server: Server, devices: Sequence[Measured], profile: str
) -> tuple[dict[str, Any], Watch, dict[str, Any]]:
    """Seconds until the parts of all have attested again, what it cost, the fleet's figures."""
    words, limit_s = PROFILES[profile]
    path = folder / f"{profile}.json"
    write_measured(path, devices, server)
    most = ("--for", f"{GIVE_UP_S + limit_s:.0f}s", "--settle", f"{SPREAD_S + SETTLE_S}s")
    started = time.time()
    with fleet(path, DEVICES, *words, "--spread", f"{SPREAD_S}s", *most) as attesting:
        until_all_seen(server.state_dir, started, GIVE_UP_S)
        time.sleep(SETTLE_S)
        held = tokens_in(server.state_dir)
        watch, rest = Watch(server), Rest(server)
        polls = Polls.begin(server.device_port, folder / "polls", limit_s)
        begun = time.monotonic()
        told, _ = rest.ask("/api/v1/eaves/attestation/renew", {})
        rest.close()
        accepted = time.monotonic() - begun
        at: dict[str, float] = {}
        done = 0
        while time.monotonic() - begun < limit_s:
            # a look reads every row, on the core of the simulator
            time.sleep(0.5 if done > 0.9 * DEVICES else 2.0)
            done = attested_in(server.state_dir)
            for name, part in (("half_s", 0.5), ("most_s", 0.99), ("all_s", 1.0)):
                if done >= part * DEVICES and name not in at:
                    at[name] = round(time.monotonic() - begun, 1)
            print(f"  {time.monotonic() - begun:.1f} s: {done}", file=sys.stderr)
            if "all_s" in at:
                break
        attesting.process.send_signal(signal.SIGINT)  # what comes after the storm does not count
        of_free = polls.end()
        watch.load_ended()
        watch.settled()
        figures = attesting.figures(limit_s + STOP_S)
    kept = tokens_in(server.state_dir)
    return (
        {
            "dropped": told["devices"],
            "accepted_s": round(accepted, 2),
            **at,
            "left": sum(not kept[one.device.device_id] for one in devices),
            "same_token": sum(kept[one] == token for one, token in held.items()),
            "polls": of_free,
        },
        watch,
        figures,
    )


def without_refused_polls(figures: Mapping[str, Any]) -> dict[str, Any]:
    """A poll or a wait that is told to attest first is no error here."""
    told = {"config: status 403", "wait: status 403"}
    causes = {k: n for k, n in figures["errors_by_cause"].items() if k not in told}
    return {**figures, "errors": sum(causes.values()), "errors_by_cause": causes}


def row_of(
    profile: str, told: Mapping[str, Any], watch: Watch, figures: dict[str, Any], verifies: float
) -> dict[str, Any]:
    row = watch.result(
        "attest-storm",
        without_refused_polls(figures),
        limit_ms=LIMIT_MS,
        limit_rss_mb=LIMIT_RSS_MB,
        verify_per_s=verifies,
    )
    polls = told["polls"]
    limit_s = PROFILES[profile][1]
    met = (
        told.get("all_s", limit_s + 1) <= limit_s
        and told["dropped"] == DEVICES
        and told["left"] == told["same_token"] == 0
        and row["errors"] == 0
        and polls["p99_ms"] < LIMIT_MS
        and not polls["errors_by_cause"]
        and row["rss_mb"] <= LIMIT_RSS_MB
    )
    in_the_fleet = figures["endpoints"]["config"]["p99_ms"]
    more = {"limit_s": limit_s, "p99_ms_of_polls": polls["p99_ms"]}
    return {**row, **told, **more, "p99_ms_in_the_fleet": in_the_fleet, "met": met}


def main() -> int:
    with work_folder() as folder:
        devices, free = make_measured(DEVICES), make_free(FREE)
        prepare(folder / "state", devices, free)
        rows: dict[str, dict[str, Any]] = {}
        for profile in _wanted():
            with running(Server(folder / "state")) as server, on_core():
                verifies = verify_per_s()
                write_polls(folder / "polls", free, PROFILES[profile][1])
                told, watch, figures = storm(folder, server, devices, profile)
                rows[profile] = row_of(profile, told, watch, figures, verifies)
            print(f"  {profile}: {rows[profile]}", file=sys.stderr)
    first, *others = rows.values()
    return finish(
        {
            **first,
            "devices": DEVICES,
            "full": DEVICES == NAMED and len(rows) == len(PROFILES),
            "nodes": others,
            "met": all(one["met"] for one in rows.values()),
            "generator_ok": all(one["generator_ok"] for one in rows.values()),
        }
    )


def _wanted() -> list[str]:
    """Both kinds of devices, unless PROFILE names one."""
    return [os.environ["PROFILE"]] if os.environ.get("PROFILE") else list(PROFILES)


if __name__ == "__main__":
    raise SystemExit(main())
