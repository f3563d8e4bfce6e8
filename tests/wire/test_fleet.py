"""Soft devices over real TLS connections, against a small controller."""

import asyncio
import os
import time
import uuid
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from wire.peer import NOW, Controller, clock, issue, serve

from eaves.evapi.device_certs import Chance
from eaves.evapi.flows.attest import Attested
from eaves.evapi.flows.poll import NewConfig, Unchanged, Unreachable
from eaves.evapi.flows.report import Delivered
from eaves.evapi.flows.steps import Cause, NoConnection, Received, Reply, Send
from eaves.evapi.paths import Endpoint, endpoint_path
from eaves.fleet.device import Onboarding, SoftDevice, new_identity
from eaves.fleet.figures import Figures
from eaves.fleet.identities import (
    KeptDevice,
    KeptFleet,
    identity_of,
    known_of,
    new_device,
    onboarding_of,
)
from eaves.fleet.life import Life
from eaves.fleet.messages import Templates
from eaves.fleet.run import drive, line_to, looked_up, request
from eaves.fleet.wire import Line, request_head, request_id
from eaves.fleet.world import Profile, World


async def no_wait(_seconds: float) -> None:
    raise AssertionError("nothing should have to be waited for")


def soft_device(controller: Controller) -> SoftDevice:
    folder = Onboarding(controller.root.pem, controller.onboard.pem, controller.onboard.key_pem)
    return SoftDevice(new_identity("SN-7", NOW, os.urandom), folder, clock, lambda: 0.5)


async def test_a_soft_device_onboards_attests_polls_and_reports(tmp_path: Path) -> None:
    controller = Controller(token=b"a-token-to-enforce")
    device = soft_device(controller)
    async with serve(controller, issue("localhost", controller.root), tmp_path) as server:
        line = line_to(f"{server}\n", controller.root.pem)
        await drive(device.onboarded(), line, no_wait)
        assert isinstance(await drive(device.attested(), line, no_wait), Attested)
        first = await drive(device.polled(), line, no_wait)
        again = await drive(device.polled(), line, no_wait)
        told = await drive(device.reported(Endpoint.INFO, b"\x08\x01"), line, no_wait)
    assert isinstance(first.answer, NewConfig)
    assert again.answer == Unchanged()
    assert told == Delivered()
    assert device.standing.device_id == controller.device_id


async def test_a_refused_connection_is_told_apart(tmp_path: Path) -> None:
    controller = Controller()
    device = soft_device(controller)
    async with serve(controller, issue("localhost", controller.root), tmp_path) as server:
        line = line_to(server, controller.root.pem)
        await drive(device.onboarded(), line, no_wait)
    done = await drive(device.polled(), line, no_wait)
    assert isinstance(done.answer, Unreachable)
    assert done.answer.temporary


@pytest.mark.parametrize("case", ["foreign root", "expired"])
async def test_an_untrusted_server_is_told_apart(tmp_path: Path, case: str) -> None:
    controller = Controller()
    root, end = controller.root, NOW + timedelta(days=3650)
    if case == "foreign root":
        root = issue("another root", ca=True)
    if case == "expired":
        end = NOW - timedelta(days=10)  # long ago by any real clock
    send = Send(Endpoint.CERTS, "GET", endpoint_path(Endpoint.CERTS))
    async with serve(controller, issue("localhost", root, end=end), tmp_path) as server:
        reply = await request(send, line_to(server, controller.root.pem))
    assert isinstance(reply, NoConnection)
    assert reply.cause is (Cause.UNKNOWN_CA if case == "foreign root" else Cause.TIME_INVALID)


async def test_a_server_of_another_name_is_not_trusted(tmp_path: Path) -> None:
    controller = Controller()
    send = Send(Endpoint.CERTS, "GET", endpoint_path(Endpoint.CERTS))
    async with serve(controller, issue("localhost", controller.root), tmp_path) as server:
        line = line_to(server, controller.root.pem)
        elsewhere = replace(await looked_up(line), host="elsewhere.example")
        assert isinstance(await request(send, line), Received)
        reply = await request(send, elsewhere)
    assert isinstance(reply, NoConnection)
    assert "hostname mismatch" in reply.reason


async def test_a_certificate_that_changes_is_checked_anew(tmp_path: Path) -> None:
    controller = Controller()
    send = Send(Endpoint.CERTS, "GET", endpoint_path(Endpoint.CERTS))
    served = [issue("localhost", controller.root), issue("localhost", controller.root)]
    served.append(issue("localhost", issue("another root", ca=True)))
    replies: list[Reply] = []
    trusted = line_to("localhost:1", controller.root.pem)
    for number, certificate in enumerate(served):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with serve(controller, certificate, folder) as server:
            line = replace(trusted, port=int(server.rpartition(":")[2]))
            replies += [await request(send, line) for _ in range(2)]
    assert [isinstance(reply, Received) for reply in replies] == [True] * 4 + [False] * 2
    assert all(isinstance(r, NoConnection) and r.cause is Cause.UNKNOWN_CA for r in replies[4:])


async def test_a_server_that_says_nothing_is_given_up() -> None:
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        line = Line("127.0.0.1", port, None, request_timeout_s=0.05)
        send = Send(Endpoint.CERTS, "GET", endpoint_path(Endpoint.CERTS))
        reply = await request(send, line)
        await gone.wait()
    assert reply == NoConnection(f"no answer from 127.0.0.1:{port} in time")


@pytest.mark.parametrize(
    ("server", "host", "port", "plain"),
    [
        ("controller.example\n", "controller.example", 443, False),
        (" controller.example:8443 ", "controller.example", 8443, False),
        ("https://controller.example:1", "controller.example", 1, False),
        ("http://10.0.0.1:8080", "10.0.0.1", 8080, True),
        ("[::1]:8443", "::1", 8443, False),
    ],
)
def test_the_server_file_names_scheme_host_and_port(
    server: str, host: str, port: int, *, plain: bool
) -> None:
    line = line_to(server, Controller().root.pem)
    assert (line.host, line.port, line.tls is None) == (host, port, plain)


def test_each_request_names_itself_anew_and_closes_its_connection() -> None:
    line = Line("controller.example", 8443, None)
    post = Send(Endpoint.UUID, "POST", endpoint_path(Endpoint.UUID), b"body", (("X-Serial", "1"),))
    heads = [request_head(post, line, request_id()).decode().split("\r\n") for _ in range(2)]
    first, second = (dict(h.split(": ", 1) for h in head[1:] if h) for head in heads)
    assert heads[0][0] == "POST /api/v2/edgedevice/uuid HTTP/1.1"
    assert uuid.UUID(first.pop("X-Request-Id")) != uuid.UUID(second.pop("X-Request-Id"))
    assert {uuid.UUID(request_id()).version for _ in range(50)} == {4}
    assert first == second
    assert first == {
        "Host": "controller.example:8443",
        "Connection": "close",
        "Content-Type": "application/x-proto-binary",
        "Content-Length": "4",
        "X-Serial": "1",
    }
    get = request_head(
        Send(Endpoint.CERTS, "GET", endpoint_path(Endpoint.CERTS)), line, "id"
    ).decode()
    assert "Content-Type" not in get


async def test_a_node_that_is_told_twice_to_attest_does_so_once(tmp_path: Path) -> None:
    """Its poll and its wait are refused at the same time."""
    controller = Refusing(token=b"a-token-to-enforce")
    kept = new_device("SN-7", Chance(NOW, os.urandom))
    kept.device_id, kept.token = controller.device_id, b"the one before"
    kept.config_hash, controller.device_pem = controller.config_hash, kept.certs[0]
    # a second wait is not served, so the third one is far
    waits: list[Reply] = [Received(403), Received(503)]
    controller.refuse = {Endpoint.CONFIG: [Received(403)], Endpoint.WAIT: waits}
    async with serve(controller, issue("localhost", controller.root), tmp_path) as server:
        line = await looked_up(line_to(server, controller.root.pem))
        running = asyncio.create_task(node_on(line, controller, kept).live_forever(0))
        async with asyncio.timeout(30):
            await controller.waited_twice.wait()
        running.cancel()
        await asyncio.wait((running,))
        assert line.waiting is not None
        line.waiting.close()
    assert kept.token == controller.token
    attesting = [one for one, _ in controller.seen if one is Endpoint.ATTEST]
    assert len(attesting) == 2  # a nonce and a quote


@dataclass
class Refusing(Controller):
    """Refuses what the test says; `waited_twice`: it has refused all waits that it shall."""

    waited_twice: asyncio.Event = field(default_factory=asyncio.Event)

    def answer(self, path: str, body: bytes) -> Reply:
        reply = super().answer(path, body)
        if not self.refuse[Endpoint.WAIT]:
            self.waited_twice.set()
        return reply


def node_on(line: Line, controller: Controller, kept: KeptDevice) -> Life:
    """A node that goes on running, with what `kept` tells of it."""
    fleet = KeptFleet(server="", root_pem=controller.root.pem, trust=controller.listed())
    standing = known_of(fleet, clock).standing(kept)
    assert standing is not None
    device = SoftDevice(identity_of(kept), onboarding_of(fleet), clock, lambda: 0.5)
    device.resume(standing)
    chance = Random(0)  # noqa: S311 - to be the same again, not to be secret
    world = World(
        line=line,
        profile=Profile.EAVES,
        figures=Figures(time.monotonic()),
        templates=Templates(chance, NOW),
        clock=clock,
        seconds=time.monotonic,
        app_step_s=1.0,
    )
    return Life(0, device, kept, frozenset(), world, chance)
