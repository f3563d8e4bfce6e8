"""Unchanged polls on kept connections, 10,000 devices known; and the same with 100 devices."""

import random

from support.devices import Device, make_devices, prepare_state
from support.load import Traffic
from support.row import Goal, finish, measure, result, work_folder
from support.server import Server, running

from eaves.evapi.paths import Endpoint, endpoint_path

DEVICES, FEW = 10_000, 100
GOAL = Goal(reach=4500, stretch=5500, per_verify=0.28)


def poll(device: Device, _chance: random.Random) -> tuple[str, bytes]:
    return endpoint_path(Endpoint.CONFIG, device.device_id), device.poll(device.config_hash)


def main() -> int:
    traffic = Traffic(poll, expected=304)
    with work_folder() as folder:
        devices = make_devices(DEVICES)
        prepare_state(folder / "many", devices)
        with running(Server(folder / "many")) as server:
            many = measure(server, devices, traffic, folder, expected_per_s=GOAL.stretch)
        prepare_state(folder / "few", devices[:FEW])
        with running(Server(folder / "few")) as server:
            few = measure(server, devices[:FEW], traffic, folder, expected_per_s=GOAL.stretch)
    of_few = result("poll-unchanged", few, GOAL)
    with_few = of_few["requests_per_s"]
    row = result("poll-unchanged", many, GOAL, devices=DEVICES, requests_per_s_100=with_few)
    row["generator_busy_100"] = of_few["generator_busy"]
    row["generator_ok"] = row["generator_ok"] and of_few["generator_ok"]
    row["of_100"] = round(row["requests_per_s"] / with_few, 3)
    row["met"] = row["met"] and row["of_100"] >= 0.9
    return finish(row)


if __name__ == "__main__":
    raise SystemExit(main())
