"""Ten thousand waiting nodes of Eaves, and 500 requests a second of EVE devices beside them.

A node holds its long poll on a kept connection and asks again when it is answered, after 50 s.  Its
own polls and reports come ten times rarer than they do in life, so that the 500 requests a second
are those of others: of EVE devices, each on a new connection.  Latencies count once all have begun.
"""

from support.devices import make_devices, prepare_state
from support.fleets import DEVICES, FULL, STOP_S, Watch, fleet, write_fleet
from support.row import finish, verify_per_s, work_folder
from support.server import Server, running

SECONDS = 600 if FULL else 90
OTHERS_PER_S = 500 * DEVICES / 10_000
OTHERS = DEVICES * 9 // 10  # each asks 0.058 times a second
SETTLE_S = 50
LIMIT_MS, LIMIT_RSS_MB = 300.0, 768.0


def main() -> int:
    with work_folder() as folder:
        devices = make_devices(DEVICES + OTHERS)
        prepare_state(folder / "state", devices)
        with running(Server(folder / "state")) as server:
            write_fleet(folder / "nodes.json", devices[:DEVICES], server)
            write_fleet(folder / "others.json", devices[DEVICES:], server)
            verifies = verify_per_s()
            nodes = ("--profile", "eaves", "--hurry", "0.1", "--spread", "30s")
            both = ("--for", f"{SECONDS}s", "--settle", f"{SETTLE_S}s")
            with (
                fleet(folder / "nodes.json", DEVICES, *nodes, *both) as waiting,
                fleet(folder / "others.json", OTHERS, "--spread", "40s", *both) as others,
            ):
                watch = Watch(server)
                of_others = others.figures(SECONDS + STOP_S)
                of_nodes = waiting.figures(STOP_S)
                row = watch.result(
                    "waiting-nodes",
                    of_others,
                    limit_ms=LIMIT_MS,
                    limit_rss_mb=LIMIT_RSS_MB,
                    verify_per_s=verifies,
                )
    row["p99_ms_of_nodes"] = of_nodes["p99_ms"]  # of their own polls and reports
    row["waiting"] = of_nodes["waiting"]
    row["errors_of_nodes"] = of_nodes["errors_by_cause"]
    row["others_per_s_at_the_end"] = settled_rate(of_others["timeline"])
    row["met"] = (
        row["met"]
        and of_nodes["errors"] == 0
        and row["waiting"] >= 0.99 * DEVICES
        and row["others_per_s_at_the_end"] >= OTHERS_PER_S
    )
    return finish(row)


def settled_rate(timeline: list[dict[str, float]]) -> float:
    """Requests per second of the last half minute but for its last, broken second."""
    last = timeline[-31:-1]
    return round(sum(second["requests"] for second in last) / max(len(last), 1), 1)


if __name__ == "__main__":
    raise SystemExit(main())
