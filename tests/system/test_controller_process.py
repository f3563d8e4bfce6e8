"""`eaves controller` as a process: started, killed under load, started again, stopped."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.controller import (
    ONBOARDING_KEY,
    Process,
    WireDevice,
    add_device,
    https,
    render,
    running,
    until,
)
from support.telemetry import stored_lines

from eaves.controller.keys import open_keys
from eaves.controller.settings import Settings
from eaves.controller.store.unit import open_engine, snapshot, unit_of_work
from eaves.evapi.logs import DeviceLogOrigin, LogEntry, encode_log_file
from eaves.evapi.paths import Endpoint, endpoint_path

pytestmark = pytest.mark.system


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    with running(Process(tmp_path / "state")) as started:
        yield started


async def _registered(process: Process) -> WireDevice:
    settings = Settings(state_dir=process.state_dir)
    device = WireDevice()
    engine = open_engine(settings.database)
    async with unit_of_work(engine) as db:
        device.device_id = await add_device(db, device.serial, ONBOARDING_KEY)
        await render(db, device.device_id, "first")
    await engine.dispose()
    keys = open_keys(settings, clock=lambda: datetime.now(UTC), random=os.urandom)
    identity = keys.issue_onboarding(ONBOARDING_KEY)
    body = device.registration(identity.certificate_pem, identity.key_pem)
    path = endpoint_path(Endpoint.REGISTER)
    reply = await https(process.device_port, "POST", path, body, tls=process.tls())
    assert reply.status == 201
    return device


async def test_a_first_start_prints_the_admin_password_once(process: Process) -> None:
    """The password is shown once and never again."""
    assert sum("password" in line for line in process.output) == 1
    assert process.stop() == 0
    process.output.clear()
    process.start()
    assert not any("password" in line for line in process.output)


async def test_nothing_acknowledged_is_lost_when_the_controller_is_killed_under_load(
    process: Process,
) -> None:
    """Section 9: 201 lets the device delete its file, so it must be on disk by then."""
    device = await _registered(process)
    acknowledged: list[str] = []
    tls = process.tls()

    async def send(worker: int) -> None:
        number = 0
        while True:
            name, number = f"{worker}-{number}", number + 1
            file = encode_log_file(
                DeviceLogOrigin(device.device_id, "IMGA", "1"),
                datetime.now(UTC),
                [LogEntry(content=name, timestamp=datetime.now(UTC))],
            )
            try:
                reply = await https(
                    process.device_port,
                    "POST",
                    device.path(Endpoint.NEWLOGS),
                    device.sealed(file),
                    tls=tls,
                )
            except (OSError, IndexError, ValueError):
                return
            if reply.status == 201:
                acknowledged.append(name)

    async with asyncio.TaskGroup() as tasks:
        for worker in range(8):
            tasks.create_task(send(worker))
        await until(lambda: len(acknowledged) >= 100, "some load was acknowledged")
        process.kill()
    engine = open_engine(Settings(state_dir=process.state_dir).database)
    async with snapshot(engine) as db:
        stored = {line.content for line in await stored_lines(db)}
    await engine.dispose()
    assert len(acknowledged) >= 100
    assert set(acknowledged) <= stored

    process.start()
    reply = await https(
        process.device_port, "POST", device.path(Endpoint.CONFIG), device.poll(), tls=tls
    )
    assert reply.status == 200


async def test_a_stop_ends_with_success(process: Process) -> None:
    """SIGTERM: what is in flight is answered, what waits is committed."""
    assert process.stop() == 0


async def test_devices_and_users_may_share_one_port(tmp_path: Path) -> None:
    """Both listeners on one port: paths tell them apart."""
    shared = Process(tmp_path / "state")
    shared.rest_port = shared.device_port
    with running(shared):
        tls = shared.tls()
        ping = await https(shared.device_port, "GET", endpoint_path(Endpoint.PING), tls=tls)
        assert ping.status == 200
        rest = await https(shared.device_port, "GET", "/api/v1/projects", tls=tls)
        assert rest.status == 401
        assert shared.stop() == 0


async def test_a_port_that_another_controller_holds_is_refused(
    process: Process, tmp_path: Path
) -> None:
    """Two listeners on one port would each get half of the devices."""
    second = Process(tmp_path / "second" / "state")
    second.device_port = process.device_port
    with pytest.raises(AssertionError, match="did not start"):
        second.start()
    assert second.stop() == 1
    said = second.log.read_text()
    assert f"Error: cannot listen on 127.0.0.1:{process.device_port}" in said
    assert "Traceback" not in said


async def test_a_second_controller_on_the_same_sqlite_database_is_refused_by_name(
    process: Process,
) -> None:
    second = Process(process.state_dir)
    with pytest.raises(AssertionError, match="did not start"):
        second.start()
    assert second.stop() == 1
    said = process.log.read_text()
    assert f"{process.state_dir}/eaves.db is served by process {process.pid} already" in said
    assert "EAVES_DATABASE_URL" in said
    process.kill()  # the lock ends with its process, however that ends
    process.start()
