"""Info of 6 KB, durable and folded; events are in the journal."""

import random

from support.devices import Device, make_devices, prepare_state
from support.load import Traffic
from support.messages import info_message, number_in, until_none_left
from support.row import Goal, finish, measure, result, work_folder
from support.server import Server, running

from eaves.evapi.paths import Endpoint, endpoint_path

DEVICES = 10_000
GOAL = Goal(reach=2000, stretch=3000)
WAITING = "SELECT count(*) FROM device_events"


def message(device: Device, chance: random.Random) -> tuple[str, bytes]:
    payload = info_message(device.device_id, chance)
    return endpoint_path(Endpoint.INFO, device.device_id), device.sealed(payload)


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
                settled=lambda: until_none_left(state, "state", WAITING),
                durable=True,
            )
        rows = number_in(state, "state", "SELECT count(*) FROM info_latest")
    sample = len(info_message(devices[0].device_id, random.Random(0)))  # noqa: S311 - a size
    return finish(
        result("ingest-info", runs, GOAL, devices=DEVICES, rows=rows, message_bytes=sample)
    )


if __name__ == "__main__":
    raise SystemExit(main())
