"""Unchanged polls, each on a new TLS 1.3 connection with a full handshake, as EVE devices poll.

The generator says what each ServerHello chose: a resumed handshake, or an older version, fails the
row.  Latencies are those from the opening of a connection to the answer.
"""

import random

from support.devices import Device, make_devices, prepare_state
from support.load import Traffic
from support.row import Goal, finish, measure, result, work_folder
from support.server import Server, running

from eaves.evapi.paths import Endpoint, endpoint_path

DEVICES = 10_000
GOAL = Goal(reach=1700, stretch=2200, per_verify=0.107)


def poll(device: Device, _chance: random.Random) -> tuple[str, bytes]:
    return endpoint_path(Endpoint.CONFIG, device.device_id), device.poll(device.config_hash)


def main() -> int:
    traffic = Traffic(poll, expected=304, keep_connections=False)
    with work_folder() as folder:
        devices = make_devices(DEVICES)
        prepare_state(folder / "state", devices)
        with running(Server(folder / "state")) as server:
            runs = measure(server, devices, traffic, folder, expected_per_s=GOAL.stretch)
    full = sum(run.load.full_handshakes for run in runs)
    requests = sum(run.load.requests for run in runs)
    row = result(
        "poll-unchanged-newconn",
        runs,
        GOAL,
        devices=DEVICES,
        full_handshakes=full,
        full_handshakes_met=full >= requests,
    )
    return finish(row)


if __name__ == "__main__":
    raise SystemExit(main())
