"""Metrics of 10 KB, durable: folded, rolled up and read back."""

import random

from support.devices import Device, make_devices, prepare_state
from support.load import Traffic
from support.messages import metrics_message, number_in, until_none_left
from support.row import Goal, finish, measure, result, work_folder
from support.server import Server, running

from eaves.evapi.paths import Endpoint, endpoint_path

DEVICES = 10_000
GOAL = Goal(reach=2500, stretch=3500)
DUE = "SELECT count(*) FROM metric_due WHERE level = 300"


def message(device: Device, chance: random.Random) -> tuple[str, bytes]:
    payload = metrics_message(device.device_id, chance)
    return endpoint_path(Endpoint.METRICS, device.device_id), device.sealed(payload)


def main() -> int:
    traffic = Traffic(message, expected=201)
    with work_folder() as folder:
        devices, state = make_devices(DEVICES), folder / "state"
        prepare_state(state, devices)
        with running(Server(state)) as server:
            runs = measure(
                server,
                devices,
                traffic,
                folder,
                expected_per_s=GOAL.stretch,
                settled=lambda: until_none_left(state, "metrics", DUE),
                durable=True,
            )
        rows = number_in(state, "metrics", "SELECT count(*) FROM metric_samples")
        size = number_in(state, "metrics", "SELECT sum(length(numbers)) FROM metric_samples")
        kept_met = rows >= sum(run.load.requests for run in runs)
    sample = len(metrics_message(devices[0].device_id, random.Random(0)))  # noqa: S311 - a size
    more = {"message_bytes": sample, "rows": rows, "bytes_per_row": round(size / rows)}
    return finish(result("ingest-metrics", runs, GOAL, devices=DEVICES, kept_met=kept_met, **more))


if __name__ == "__main__":
    raise SystemExit(main())
