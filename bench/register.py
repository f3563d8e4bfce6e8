"""Registrations, durable: each device once, known by its record and by memory afterwards."""

import os
import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx
from support.devices import ONBOARDING_KEY, Device, make_devices, now, prepare_state
from support.load import Traffic
from support.person import client_of, make_token
from support.row import Goal, Settled, acknowledged, finish, measure, result, work_folder
from support.server import Server, running

from eaves.controller.keys import open_keys
from eaves.evapi.envelope import onboarding_sender, seal
from eaves.evapi.keys import KeySigner
from eaves.evapi.paths import Endpoint, endpoint_path
from eaves.evapi.pem import load_private_key
from eaves.evapi.register import encode_z_register_msg, registration

GOAL: Final = Goal(reach=1000, stretch=2000)
DEVICES: Final = 60_000  # each registers once; so many last for three runs at the stretch
SECONDS: Final = 6.0
CONNECTIONS: Final = 256  # what comes during one commit goes into the next
READ_BACK: Final = 20
ENVIRONMENT: Final = {"EAVES_REGISTRATIONS_PER_MINUTE": "1000000000"}  # one address is them all


def main() -> int:
    with work_folder() as folder:
        devices, state = make_devices(DEVICES, config_bytes=512), folder / "state"
        settings = prepare_state(state, devices, registered=False)
        identity = open_keys(settings, clock=now, random=os.urandom).issue_onboarding(
            ONBOARDING_KEY
        )
        signer = KeySigner(load_private_key(identity.key_pem))
        onboarding = onboarding_sender(signer, identity.certificate_pem)
        token = make_token(settings)

        def request(device: Device, _chance: random.Random) -> tuple[str, bytes]:
            message = registration(device.certificate_pem, device.serial, "")
            return endpoint_path(Endpoint.REGISTER), seal(
                encode_z_register_msg(message), onboarding
            )

        traffic = Traffic(request, expected=201, once=True, connections=CONNECTIONS)
        server = Server(state, environment=ENVIRONMENT)
        with running(server), client_of(server, token) as client:
            runs = measure(
                server,
                devices,
                traffic,
                folder,
                expected_per_s=GOAL.reach,
                settled=Settled(lambda ids, _requests: read_back(client, ids)),
                durable=True,
                seconds=SECONDS,
            )
        bound = number_of_bindings(state)
    answered = acknowledged(runs)
    more = {
        "devices": DEVICES,
        "acknowledged": answered,
        "bound": bound,
        "kept_met": bound >= answered,
    }
    return finish(result("register", runs, GOAL, **more))


def read_back(client: httpx.Client, ids: Sequence[str]) -> None:
    """REST tells of some of them that they have registered."""
    some = min(READ_BACK, len(ids))
    for device_id in random.Random(len(ids)).sample(list(ids), some):  # noqa: S311 - which ones
        answer = client.get(f"/v1/devices/id/{device_id}/events")
        if answer.status_code != 200 or "EDGE_NODE_REGISTERED" not in answer.text:
            raise SystemExit(f"{device_id} registered, but REST tells {answer.text[:300]}")


def number_of_bindings(state: Path) -> int:
    with sqlite3.connect(f"file:{state / 'eaves.db'}?mode=ro", uri=True) as database:
        return int(database.execute("SELECT count(*) FROM device_bindings").fetchone()[0])


if __name__ == "__main__":
    raise SystemExit(main())
