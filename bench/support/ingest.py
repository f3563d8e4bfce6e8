"""Rows of what devices report: acknowledged when durable, folded, read back by REST."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from support.devices import Device, make_devices, prepare_state
from support.load import Traffic, payloads_of
from support.messages import until_none_left
from support.person import client_of, make_token
from support.row import Goal, Settled, acknowledged, finish, measure, result, work_folder
from support.server import Server, running

from eaves.evapi.paths import Endpoint, endpoint_path

DEVICES: Final = 10_000
READ_BACK: Final = 20  # devices of a run, by REST
CONNECTIONS: Final = 128  # as many reports as one commit may hold


@dataclass(frozen=True, slots=True)
class Reports:
    """What is sent and how it is known to be folded."""

    name: str
    endpoint: Endpoint
    message: Callable[[str, random.Random], bytes]  # of a device: its payload
    goal: Goal
    file: str  # telemetry file that holds what is still to be done
    waiting: str  # SQL that counts it
    paths: Sequence[str]  # of REST, `{id}` stands for a device
    tells: Callable[[str, Sequence[Any], Sequence[bytes]], bool]
    """Do these answers tell what the device sent?  Given its id, the answers, and the payloads of
    which one was the last that came: requests that are sent together overtake each other.
    """


def run_row(reports: Reports, more: Callable[[Any], dict[str, Any]]) -> int:
    """Measure, print the row; `more` is made from the state folder at the end."""

    def request(device: Device, chance: random.Random) -> tuple[str, bytes]:
        payload = reports.message(device.device_id, chance)
        return endpoint_path(reports.endpoint, device.device_id), device.sealed(payload)

    traffic = Traffic(request, expected=201, connections=CONNECTIONS)
    with work_folder() as folder:
        devices, state = make_devices(DEVICES), folder / "state"
        settings = prepare_state(state, devices)
        token = make_token(settings)
        with running(Server(state)) as server, client_of(server, token) as client:

            def settled(senders: Sequence[str], requests: Path) -> None:
                until_none_left(state, reports.file, reports.waiting)
                _read_back(client, reports, senders, requests)

            runs = measure(
                server,
                devices,
                traffic,
                folder,
                expected_per_s=reports.goal.stretch,
                settled=Settled(settled),
                durable=True,
            )
        told = more(state)
    size = len(reports.message(devices[0].device_id, random.Random(0)))  # noqa: S311 - a size
    told |= {"devices": DEVICES, "message_bytes": size, "read_back": READ_BACK}
    told["acknowledged"] = acknowledged(runs)
    if "rows" in told:
        told["kept_met"] = told["rows"] >= told["acknowledged"]
    return finish(result(reports.name, runs, reports.goal, **told))


def _read_back(
    client: httpx.Client, reports: Reports, senders: Sequence[str], requests: Path
) -> None:
    chance = random.Random(len(senders))  # noqa: S311 - which devices are looked at
    known = sorted(set(senders))
    some = chance.sample(known, min(READ_BACK, len(known)))
    sent = payloads_of(requests, some)
    for device_id in some:
        answers: list[Any] = []
        for path in reports.paths:
            answer = client.get(path.replace("{id}", device_id))
            if answer.status_code != 200:
                raise SystemExit(f"{path} of {device_id}: {answer.status_code} {answer.text[:300]}")
            answers.append(answer.json())
        last = max(place for place, _ in sent[device_id] if place < len(senders))
        near = [p for place, p in sent[device_id] if place > last - 2 * CONNECTIONS]
        if not reports.tells(device_id, answers, near):
            raise SystemExit(f"{device_id}: acknowledged, but REST tells {str(answers)[:500]}")
