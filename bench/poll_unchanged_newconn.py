"""Unchanged polls, each on a new TLS 1.3 connection with a full handshake, as EVE devices poll.

The latencies of `wrk` begin when the handshake is done; `mean_ms_with_handshake` is the mean from
connect to answer, by the number of connections and the rate.

`wrk` offers its last session again, and the server remembers 256 (two for each handshake).  With
this many connections a session is forgotten before its connection comes back, so that every
handshake is a full one; that this holds is looked at on the wire before the runs.
"""

import random

from support.devices import Device, make_devices, prepare_state
from support.handshakes import counting_handshakes
from support.load import Traffic, run_load, write_requests
from support.row import Goal, finish, measure, result, work_folder
from support.server import Server, running

from eaves.evapi.paths import Endpoint, endpoint_path

DEVICES = 10_000
CONNECTIONS = 600
GOAL = Goal(reach=1700, stretch=2200, per_verify=0.107)
LOOKED_AT_S = 2.0


def poll(device: Device, _chance: random.Random) -> tuple[str, bytes]:
    return endpoint_path(Endpoint.CONFIG, device.device_id), device.poll(device.config_hash)


def main() -> int:
    traffic = Traffic(poll, expected=304, keep_connections=False, connections=CONNECTIONS)
    with work_folder() as folder:
        devices = make_devices(DEVICES)
        prepare_state(folder / "state", devices)
        with running(Server(folder / "state")) as server:
            write_requests(folder / "looked-at", devices, traffic, 10_000)
            with counting_handshakes(server.device_port) as seen:
                run_load(seen.port, folder / "looked-at", traffic, LOOKED_AT_S)
            runs = measure(server, devices, traffic, folder, expected_per_s=GOAL.stretch)
    full_met = seen.full > 0 and seen.resumed == 0 and seen.older == 0
    row = result(
        "poll-unchanged-newconn", runs, GOAL, devices=DEVICES, full_handshakes_met=full_met
    )
    row["handshakes_looked_at"] = {
        "full": seen.full,
        "resumed": seen.resumed,
        "below_tls_1_3": seen.older,
    }
    row["mean_ms_with_handshake"] = round(traffic.connections / row["requests_per_s"] * 1000, 2)
    return finish(row)


if __name__ == "__main__":
    raise SystemExit(main())
