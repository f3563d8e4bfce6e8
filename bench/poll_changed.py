"""Polls of devices that hold an older configuration: each answer is 11 KB and signed.

A device that asks again for what it was given gets the same envelope, so the first answer to each
device is signed and later ones are not; the first run has more of the former.
"""

import hashlib
import http.client
import random
import ssl
from collections.abc import Sequence

from cryptography import x509
from support.devices import Device, make_devices, prepare_state
from support.load import Traffic
from support.row import Goal, finish, measure, result, work_folder
from support.server import Server, running

from eaves.evapi.certs import ZCertType, decode_z_controller_cert
from eaves.evapi.envelope import open_known, parse_envelope
from eaves.evapi.paths import Endpoint, endpoint_path
from eaves.evapi.pem import certificate_key
from eaves.evapi.poll import decode_poll_response

DEVICES = 10_000
GOAL = Goal(reach=3000, stretch=4000)
CONFIG_BYTES = 11_000
OLDER = "0" * 64


def poll(device: Device, _chance: random.Random) -> tuple[str, bytes]:
    return endpoint_path(Endpoint.CONFIG, device.device_id), device.poll(OLDER)


def exchange(server: Server, method: str, path: str, body: bytes = b"") -> bytes:
    """The body of one answer."""
    tls = ssl.create_default_context(cafile=str(server.root_certificate))
    connection = http.client.HTTPSConnection("localhost", server.device_port, context=tls)
    try:
        connection.request(method, path, body)
        return connection.getresponse().read()
    finally:
        connection.close()


def check_answers(server: Server, devices: Sequence[Device]) -> None:
    """Some answers looked at as a device does: signature, hash, content."""
    listed = parse_envelope(exchange(server, "GET", endpoint_path(Endpoint.CERTS)))
    certs = decode_z_controller_cert(listed.payload).certs
    (signing,) = [c for c in certs if c.type is ZCertType.CERT_TYPE_CONTROLLER_SIGNING]
    key = certificate_key(x509.load_pem_x509_certificate(signing.cert))
    for device in devices:
        path, body = poll(device, random.Random(0))  # noqa: S311 - not used
        answer = exchange(server, "POST", path, body)
        payload = open_known(answer, hashlib.sha256(signing.cert).digest(), key)
        response = decode_poll_response(payload)
        if (response.config, response.config_hash) != (device.config, device.config_hash):
            raise SystemExit(f"device {device.device_id} got another configuration than its own")


def main() -> int:
    traffic = Traffic(poll, expected=200, least_body=CONFIG_BYTES)
    with work_folder() as folder:
        devices = make_devices(DEVICES, config_bytes=CONFIG_BYTES)
        prepare_state(folder / "state", devices)
        with running(Server(folder / "state")) as server:
            # the warm-up reads every configuration from the database: what follows is faster
            prepared = 2 * GOAL.stretch
            runs = measure(server, devices, traffic, folder, expected_per_s=prepared)
            check_answers(server, devices[:20])
    return finish(result("poll-changed", runs, GOAL, devices=DEVICES, config_bytes=CONFIG_BYTES))


if __name__ == "__main__":
    raise SystemExit(main())
