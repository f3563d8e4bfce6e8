"""A real controller under a flood: who floods is slowed down, the others are served."""

import asyncio
import contextlib
import os
import ssl
import time
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.controller import (
    ONBOARDING_KEY,
    Process,
    WireDevice,
    add_device,
    https,
    in_process,
    render,
    running,
)

from eaves.controller.first_start import prepare_database
from eaves.controller.settings import Bounds, Settings
from eaves.controller.southbound.pressure import Level
from eaves.controller.store.devices import Binding, register_binding
from eaves.controller.store.people import find_user_for_login
from eaves.controller.store.unit import open_engine, unit_of_work
from eaves.evapi.logs import DeviceLogOrigin, LogEntry, encode_log_file
from eaves.evapi.metrics import ZMetricMsg, encode_z_metric_msg
from eaves.evapi.paths import PROTOBUF, Endpoint, endpoint_path
from eaves.ids import ConfigHash, DeviceId

pytestmark = pytest.mark.system

DEADLINE_S = 60.0
AT_ONCE = 50
API = "/api/v2/edgedevice"


def _now() -> datetime:
    return datetime.now(UTC)


async def _prepared(state_dir: Path, devices: Sequence[WireDevice]) -> ConfigHash:
    """A database in which these devices have registered; the hash of their configurations."""
    settings = Settings(state_dir=state_dir)
    await prepare_database(settings, clock=_now, random=os.urandom)
    engine = open_engine(settings.database)
    config_hash = ConfigHash("")
    async with unit_of_work(engine) as db:
        admin = await find_user_for_login(db, "admin")
        assert admin is not None
        for device in devices:
            device.device_id = await add_device(db, device.serial, ONBOARDING_KEY)
            config_hash = await render(db, device.device_id, "first")
            binding = Binding(
                device_id=device.device_id,
                enterprise_id=admin.enterprise_id,
                certificate_hash=device.certificate_hash,
                certificate_der=device.certificate_der,
                onboarding_key=ONBOARDING_KEY,
                serial=device.serial,
                bound_at=_now(),
            )
            await register_binding(db, binding)
    await engine.dispose()
    return config_hash


@pytest.fixture
async def noisy_and_quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Process, WireDevice, WireDevice]]:
    noisy, quiet = WireDevice(serial="noisy"), WireDevice(serial="quiet")
    state = tmp_path / "state"
    state.mkdir()
    await _prepared(state, (noisy, quiet))
    # a rate that even a slow machine can exceed, and 10 seconds of it at once
    monkeypatch.setenv("EAVES_DEVICE_REQUESTS_PER_S", "10")
    process = Process(state)
    process.start()
    try:
        yield process, noisy, quiet
    finally:
        process.stop()


async def _pipelined(port: int, tls: ssl.SSLContext, request: bytes, seen: Counter[int]) -> None:
    """Send without end on one connection, many at once, and count what comes back."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=tls, server_hostname="localhost"
    )
    try:
        while True:
            writer.write(request * AT_ONCE)
            await writer.drain()
            for _ in range(AT_ONCE):
                head = await reader.readuntil(b"\r\n\r\n")
                fields = head.decode("latin-1").lower().split("\r\n")
                length = next((f for f in fields if f.startswith("content-length:")), ":0")
                await reader.readexactly(int(length.partition(":")[2]))
                seen[int(fields[0].split(" ")[1])] += 1
    finally:
        writer.close()


def _request(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {PROTOBUF}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def test_a_device_that_floods_is_slowed_down_and_the_others_are_served(
    noisy_and_quiet: tuple[Process, WireDevice, WireDevice],
) -> None:
    """Section 3.3: 503 makes a device keep everything and come back."""
    process, noisy, quiet = noisy_and_quiet
    tls, seen = process.tls(), Counter[int]()
    flood = _request(noisy.path(Endpoint.CONFIG), noisy.poll())
    flooding = [
        asyncio.create_task(_pipelined(process.device_port, tls, flood, seen)) for _ in range(4)
    ]
    answers: list[int] = []
    slowest, end = 0.0, time.monotonic() + DEADLINE_S
    try:
        while not (seen[503] > 200 and len(answers) > 20):
            assert time.monotonic() < end, f"the flood got {seen}, the other device {answers}"
            begun = time.monotonic()
            reply = await https(
                process.device_port, "POST", quiet.path(Endpoint.CONFIG), quiet.poll(), tls=tls
            )
            slowest = max(slowest, time.monotonic() - begun)
            answers.append(reply.status)
            await asyncio.sleep(0.2)  # the pace of a device that asks within its own rate
    finally:
        for task in flooding:
            task.cancel()
        await asyncio.gather(*flooding, return_exceptions=True)
    assert set(answers) == {200}
    assert slowest < 5
    assert set(seen) <= {200, 503}
    while True:  # and it is not shut out: it pays for what it asked
        reply = await https(
            process.device_port, "POST", noisy.path(Endpoint.CONFIG), noisy.poll(), tls=tls
        )
        if reply.status == 200:
            break
        assert time.monotonic() < end, reply
        await asyncio.sleep(0.05)


async def test_forged_envelopes_of_an_address_end_at_its_rate(tmp_path: Path) -> None:
    """Section 10: each would cost a check of its signature."""
    bounds = Bounds(stranger_requests_per_s=1, stranger_requests_burst_s=3)
    async with in_process(tmp_path / "state", bounds=bounds) as controller:
        device = await controller.registered()
        forged = bytearray(device.poll("something to sign"))
        forged[forged.index(b"something")] ^= 1
        path = device.path(Endpoint.CONFIG)
        statuses = [(await controller.post(path, bytes(forged))).status for _ in range(10)]
        assert statuses[0] == 401
        assert statuses[-1] == 503
        assert (await controller.get(endpoint_path(Endpoint.PING))).status == 429


async def test_memory_full_of_bodies_refuses_logs_and_metrics_but_no_poll(tmp_path: Path) -> None:
    """Section 9: 429 for log files, 503 for metrics; configurations are always served."""
    bounds = Bounds(bodies_in_flight_bytes=100_000, body_read_s=DEADLINE_S)
    async with in_process(tmp_path / "state", bounds=bounds) as controller:
        device = await controller.registered()
        now = controller.clock()
        file = encode_log_file(
            DeviceLogOrigin(device.device_id, "IMGA", "1"),
            now,
            [LogEntry(content="line", timestamp=now)],
        )
        metrics = encode_z_metric_msg(ZMetricMsg(dev_id=device.device_id, at_time_stamp=now))
        async with _half_sent(controller.port, controller.tls(), device, 90_000):
            end = time.monotonic() + DEADLINE_S
            logs = device.path(Endpoint.NEWLOGS), device.sealed(file)
            while (await controller.post(*logs)).status != 429:
                assert time.monotonic() < end, "log files are still taken"
            late = await controller.post(device.path(Endpoint.METRICS), device.sealed(metrics))
            assert late.status == 503
            poll = await controller.post(device.path(Endpoint.CONFIG), device.poll())
            assert poll.status == 200
        end = time.monotonic() + DEADLINE_S
        while (
            await controller.post(device.path(Endpoint.METRICS), device.sealed(metrics))
        ).status != 201:
            assert time.monotonic() < end, f"still at {Level.METRICS.name}"


@contextlib.asynccontextmanager
async def _half_sent(
    port: int, tls: ssl.SSLContext, device: WireDevice, size: int
) -> AsyncGenerator[None]:
    """A body of which the last byte does not come."""
    _, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=tls, server_hostname="localhost"
    )
    try:
        head = f"POST {device.path(Endpoint.INFO)} HTTP/1.1\r\nHost: localhost\r\n"
        writer.write(f"{head}Content-Length: {size + 1}\r\n\r\n".encode() + bytes(size))
        await writer.drain()
        yield
    finally:
        writer.close()


LARGE = 200_000  # bytes of a body; a window of the connection holds less


async def _sent_before_read(
    port: int, tls: ssl.SSLContext, path: str, body: bytes, *, announced: bool = True
) -> int:
    """Send all of a request, part by part, and only then look for the answer; its status."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=tls, server_hostname="localhost"
    )
    length = f"Content-Length: {len(body)}" if announced else "Transfer-Encoding: chunked"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {PROTOBUF}\r\n{length}"
    try:
        writer.write(f"{head}\r\n\r\n".encode())
        for start in range(0, len(body), 8192):
            part = body[start : start + 8192]
            writer.write(part if announced else b"%x\r\n%b\r\n" % (len(part), part))
            await writer.drain()
            await asyncio.sleep(0.005)  # the pace of a slow uplink
        if not announced:
            writer.write(b"0\r\n\r\n")
        return int((await reader.readline()).split(b" ")[1])
    finally:
        writer.close()


@pytest.mark.parametrize("announced", [True, False], ids=["length", "chunked"])
async def test_who_is_refused_before_its_body_was_read_still_sees_the_answer(
    tmp_path: Path, *, announced: bool
) -> None:
    """Section 3.3: a device that sees no answer counts its uplink as broken."""
    bounds = Bounds(bodies_in_flight_bytes=100_000, body_read_s=DEADLINE_S)
    async with in_process(tmp_path / "state", bounds=bounds) as controller:
        device, tls = await controller.registered(), controller.tls()
        path, body = device.path(Endpoint.METRICS), bytes(LARGE)
        async with _half_sent(controller.port, tls, device, 90_000):
            end = time.monotonic() + DEADLINE_S
            while (await controller.post(path, device.sealed(b""))).status != 503:
                assert time.monotonic() < end, "metrics are still taken"
            for _ in range(5):
                status = await _sent_before_read(
                    controller.port, tls, path, body, announced=announced
                )
                assert status == 503
            logs = device.path(Endpoint.NEWLOGS)
            status = await _sent_before_read(controller.port, tls, logs, body, announced=announced)
            assert status == 429
        for other, expected in ((device.path(Endpoint.CONFIG), 413), (f"{path}/nowhere", 404)):
            status = await _sent_before_read(controller.port, tls, other, body, announced=announced)
            assert status == expected


async def test_on_a_shared_port_the_answer_comes_after_the_body(tmp_path: Path) -> None:
    """The server of users reads nothing after its answer."""
    shared = Process(tmp_path / "state")
    shared.rest_port = shared.device_port
    device = WireDevice()
    device.device_id = DeviceId(str(uuid.uuid4()))
    with running(shared):
        for path, expected in ((device.path(Endpoint.CONFIG), 413), (f"{API}/nowhere", 404)):
            for announced in (True, False):
                status = await _sent_before_read(
                    shared.device_port, shared.tls(), path, bytes(LARGE), announced=announced
                )
                assert status == expected
