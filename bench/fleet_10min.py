"""Ten thousand simulated EVE devices at their cadence, each request on a new TLS connection.

Ten minutes with FULL=1, else one and a half.  The devices begin within the minute that is the
interval of their polls, and fetch their configuration and tell of themselves then, so that the
begin is the busiest time; it counts.  At the end everything acknowledged must be there.
"""

from support.devices import make_devices, prepare_state
from support.fleets import DEVICES, FULL, NAMED, STOP_S, Watch, fleet, write_fleet
from support.kept import in_files, kept, read_ledger, settle
from support.person import make_token
from support.row import finish, verify_per_s, work_folder
from support.server import Server, running

SECONDS = 600 if FULL else 90
LIMIT_MS, LIMIT_RSS_MB, LIMIT_CPU = 300.0, 512.0, 0.6


def main() -> int:
    with work_folder() as folder:
        devices = make_devices(DEVICES)
        token = make_token(prepare_state(folder / "state", devices))
        with running(Server(folder / "state")) as server:
            write_fleet(folder / "fleet.json", devices, server)
            verifies = verify_per_s()
            ledger = folder / "ledger.json"
            options = ("--for", f"{SECONDS}s", "--spread", "60s", "--ledger", str(ledger))
            with fleet(folder / "fleet.json", DEVICES, *options) as running_fleet:
                watch = Watch(server)
                figures = running_fleet.figures(SECONDS + STOP_S)
            watch.load_ended()
            settle(server.state_dir)
            watch.settled()
            found = kept(server, token, read_ledger(ledger), in_files(server.state_dir))
            row = watch.result(
                "fleet-10min",
                figures,
                limit_ms=LIMIT_MS,
                limit_rss_mb=LIMIT_RSS_MB,
                limit_cpu=LIMIT_CPU,
                verify_per_s=verifies,
            )
    row |= {**found, "full": FULL and DEVICES == NAMED}
    row["met"] = row["met"] and found["kept_met"]
    return finish(row)


if __name__ == "__main__":
    raise SystemExit(main())
