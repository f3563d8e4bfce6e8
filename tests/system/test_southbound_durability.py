"""What is acknowledged is kept, repeated messages change nothing, certificates change in flight."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from sqlalchemy import select, text
from support.controller import InProcess, WireDevice, https, in_process, until
from support.telemetry import stored_lines

from eaves.controller.jobs.device_events import move_events
from eaves.controller.jobs.leased import Held
from eaves.controller.jobs.renewal import renew_certificates
from eaves.controller.store import tables
from eaves.controller.store.leases import Lease
from eaves.controller.store.unit import snapshot
from eaves.evapi.envelope import parse_envelope
from eaves.evapi.info import (
    ErrorInfo,
    ZInfoApp,
    ZInfoDevice,
    ZInfoMsg,
    ZInfoTypes,
    ZSwState,
    encode_z_info_msg,
)
from eaves.evapi.info.device import ZDeviceState
from eaves.evapi.logs import DeviceLogOrigin, LogEntry, encode_log_file
from eaves.evapi.metrics import ZMetricMsg, encode_z_metric_msg
from eaves.evapi.paths import Endpoint, endpoint_path
from eaves.fleet.device import Onboarding, SoftDevice, new_identity
from eaves.fleet.run import drive, line_to
from eaves.ids import AppInstanceId

pytestmark = pytest.mark.system

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ALONE = Held(Lease("events", "test", 0), alone=True)
APP = AppInstanceId("22222222-2222-4222-8222-222222222222")


@pytest.fixture
async def controller(tmp_path: Path) -> AsyncIterator[InProcess]:
    async with in_process(tmp_path / "state") as running:
        yield running


@pytest.fixture
async def device(controller: InProcess) -> WireDevice:
    return await controller.registered()


async def _count(controller: InProcess, table: str) -> int:
    async with controller.database() as engine, snapshot(engine) as db:
        rows = await db.execute(text(f"SELECT count(*) FROM {table}"))  # noqa: S608 - a test's own words
        return int(rows.scalar_one())


async def _lines(controller: InProcess) -> int:
    async with controller.database() as engine, snapshot(engine) as db:
        return len(await stored_lines(db))


async def _event_types(controller: InProcess) -> list[str]:
    async with controller.database() as engine:
        await move_events(engine, controller.service.telemetry.state_writer.work, ALONE)
    async with controller.database() as engine, snapshot(engine) as db:
        rows = await db.execute(select(tables.events.c.event_type).order_by(tables.events.c.row))
        return [row.event_type for row in rows]


async def _twice(controller: InProcess, path: str, body: bytes) -> None:
    for _ in range(2):
        reply = await controller.post(path, body)
        assert (reply.status, reply.body) == (201, b"")


async def test_metrics_are_stored_once_however_often_they_are_sent(
    controller: InProcess, device: WireDevice
) -> None:
    """Section 2.3: the same POST comes again on other uplinks."""
    message = encode_z_metric_msg(ZMetricMsg(dev_id=device.device_id, at_time_stamp=NOW))
    await _twice(controller, device.path(Endpoint.METRICS), device.sealed(message))
    assert await _count(controller, "metric_samples") == 1
    assert await _count(controller, "metrics_latest") == 1


async def test_a_log_file_is_stored_once_however_often_it_is_sent(
    controller: InProcess, device: WireDevice
) -> None:
    """Section 9: 201 is delivered; device and app logs."""
    file = encode_log_file(
        DeviceLogOrigin(device.device_id, "IMGA", "1"),
        NOW,
        [LogEntry(content=f"line {n}\0", timestamp=NOW) for n in range(3)],
    )
    await _twice(controller, device.path(Endpoint.NEWLOGS), device.sealed(file))
    assert await _lines(controller) == 3
    path = endpoint_path(Endpoint.APP_NEWLOGS, device.device_id, APP)
    await _twice(controller, path, device.sealed(file))
    assert await _lines(controller) == 6


async def test_flow_logs_and_health_reports_are_stored_once(
    controller: InProcess, device: WireDevice
) -> None:
    """Section 3: flowlog and hardwarehealth are accepted and stored."""
    body = device.sealed(b"\x0a\x04dev1")
    await _twice(controller, device.path(Endpoint.FLOWLOG), body)
    await _twice(controller, device.path(Endpoint.HARDWAREHEALTH), body)
    assert await _count(controller, "telemetry_uploads") == 1
    assert await _count(controller, "health_reports") == 1


async def test_the_latest_info_of_each_object_is_kept_and_news_become_events(
    controller: InProcess, device: WireDevice
) -> None:
    """Section 3, info; device behaviour 4.2: errors come and go without a change of state."""

    def app(state: ZSwState, error: str = "") -> bytes:
        errors = (ErrorInfo(description=error),) if error else ()
        return encode_z_info_msg(
            ZInfoMsg(
                ztype=ZInfoTypes.ZiApp,
                dev_id=device.device_id,
                ainfo=ZInfoApp(app_id=APP, app_name="web", state=state, app_err=errors),
                at_time_stamp=NOW,
            )
        )

    online = encode_z_info_msg(
        ZInfoMsg(
            ztype=ZInfoTypes.ZiDevice,
            dev_id=device.device_id,
            dinfo=ZInfoDevice(state=ZDeviceState.ZDEVICE_STATE_ONLINE),
        )
    )
    gone = encode_z_info_msg(
        ZInfoMsg(ztype=ZInfoTypes.ZiApp, dev_id=device.device_id, ainfo=ZInfoApp(app_id=APP))
    )
    for message in (
        online,
        app(ZSwState.DOWNLOAD_STARTED),
        app(ZSwState.DOWNLOAD_STARTED, "no route to host"),
        app(ZSwState.RUNNING),
    ):
        await _twice(controller, device.path(Endpoint.INFO), device.sealed(message))
    assert await _count(controller, "info_latest") == 2
    await _twice(controller, device.path(Endpoint.INFO), device.sealed(gone))
    assert await _count(controller, "info_latest WHERE length(message) > 0") == 1
    assert await _event_types(controller) == [
        "EDGE_NODE_REGISTERED",
        "EDGE_NODE_STATE",
        "APP_INSTANCE_STATE",
        "APP_INSTANCE_ERROR",
        "APP_INSTANCE_STATE",
        "APP_INSTANCE_ERROR_CLEARED",
        "APP_INSTANCE_REMOVED_FROM_DEVICE",
    ]


async def test_info_that_names_another_device_is_refused(
    controller: InProcess, device: WireDevice
) -> None:
    """Device behaviour 1: every message has devId = UUID of its sender."""
    message = encode_z_info_msg(ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dev_id=APP))
    reply = await controller.post(device.path(Endpoint.INFO), device.sealed(message))
    assert reply.status == 422


async def test_a_soft_device_onboards_attests_and_polls(controller: InProcess) -> None:
    """Section 6: the whole sequence of a device without TPM, by the flows it really uses."""
    await controller.add_record("SN-soft")
    identity = controller.onboarding()
    root = controller.keys.root_certificate_pem
    device = SoftDevice(
        new_identity("SN-soft", controller.clock(), os.urandom),
        Onboarding(root, identity.certificate_pem, identity.key_pem),
        controller.clock,
        lambda: 0.0,
    )
    line = line_to(f"127.0.0.1:{controller.port}", root)
    async with asyncio.timeout(20):
        await drive(device.onboarded(), line)
        await drive(device.attested(), line)
        await drive(device.polled(), line)
    assert device.standing.integrity_token
    assert device.standing.config_hash
    assert controller.render_wanted == [device.standing.device_id]  # its certificates
    assert "EDGE_NODE_ATTESTATION_PASSED" in await _event_types(controller)


async def test_a_server_certificate_is_renewed_without_a_lost_connection(
    controller: InProcess,
) -> None:
    """Section 2, TLS; the listener goes on while its certificate changes."""
    shown: set[bytes] = set()
    ended = asyncio.Event()
    tls = controller.tls()

    async def ping_until_ended() -> None:
        while not ended.is_set():
            reply = await https(controller.port, "GET", endpoint_path(Endpoint.PING), tls=tls)
            assert reply.status == 200
            shown.add(reply.certificate)

    async def publish() -> None:
        raise AssertionError("only the server certificate was to be renewed")

    # served by now; a missing certificate is made again at the next check
    assert (await controller.get(endpoint_path(Endpoint.PING))).status == 200
    before = controller.keys.tls.certificate.read_bytes()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ping_until_ended())
        controller.keys.tls.certificate.unlink()
        renewed = await renew_certificates(
            controller.keys,
            reload_listeners=controller.service.reload_certificate,
            publish_certificates=publish,
        )
        assert renewed.tls
        await until(lambda: len(shown) == 2, "the new certificate is shown")
        ended.set()
    served = x509.load_pem_x509_certificate(controller.keys.tls.certificate.read_bytes())
    assert before != controller.keys.tls.certificate.read_bytes()
    assert any(x509.load_der_x509_certificate(der) == served for der in shown)


async def test_new_signing_certificates_sign_at_once_and_every_device_is_told(
    controller: InProcess,
) -> None:
    """Section 5, "Rotation": published, hash changed, then signed with."""
    told = asyncio.Event()

    async def publish() -> None:
        told.set()

    before = controller.controller_key.signing_hash
    controller.clock.ahead = timedelta(days=5 * 365 + 1)
    renewed = await renew_certificates(
        controller.keys, reload_listeners=lambda: None, publish_certificates=publish
    )
    assert renewed.signing
    assert told.is_set()
    reply = await controller.get(endpoint_path(Endpoint.CERTS))
    sender = parse_envelope(reply.body).sender_hash
    assert sender != before
    assert sender == hashlib.sha256(controller.keys.ring.signing.pem).digest()
