"""A real controller for tests: real TLS, database, certificates, on free ports in a new folder.

`InProcess` runs the device side in a thread of the test; `Process` runs `eaves controller` and
can be killed.  `WireDevice` is a device key with the few requests that tests need to get wrong
on purpose; a device that does everything right is `eaves.fleet`.
"""

import asyncio
import contextlib
import hashlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from sqlalchemy.ext.asyncio import AsyncEngine
from support.tied import start_tied
from support.upgraded import put_tables

from eaves.controller.domain.scope import Scope
from eaves.controller.first_start import prepare_database
from eaves.controller.keys import KeyStore, OnboardingIdentity, open_keys
from eaves.controller.live import Live
from eaves.controller.settings import Endpoint as Listen
from eaves.controller.settings import Settings
from eaves.controller.southbound.service import DeviceService, Parts
from eaves.controller.store.devices import claim_serial
from eaves.controller.store.objects import Draft, Stamp, insert_object
from eaves.controller.store.people import find_user_for_login
from eaves.controller.store.rendered import RenderedConfig, put_rendered
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import Db, open_engine, unit_of_work
from eaves.evapi.config import EdgeDevConfig, UUIDandVersion, encode_edge_dev_config
from eaves.evapi.device_certs import Chance, device_certificate
from eaves.evapi.envelope import (
    Sender,
    device_hash,
    device_sender,
    onboarding_sender,
    open_known,
    seal,
)
from eaves.evapi.keys import KeySigner, VerifyingKey
from eaves.evapi.paths import PROTOBUF, Endpoint, endpoint_path
from eaves.evapi.pem import certificate_key
from eaves.evapi.poll import PollRequest, PollResponse, decode_poll_response, encode_poll_request
from eaves.evapi.register import encode_z_register_msg, registration
from eaves.evapi.uuid import decode_uuid_response
from eaves.ids import ConfigHash, DeviceId, EnterpriseId

ONBOARDING_KEY = "5d0767ee-0547-4569-b530-387e526f8cb9"
DEADLINE_S = 90.0


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes
    cipher: str = ""
    protocol: str = ""
    certificate: bytes = b""  # DER of what the server showed


async def https(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    *,
    tls: ssl.SSLContext,
    headers: tuple[str, ...] = (),
    raw: bytes = b"",
) -> Reply:
    """One request on one connection, as a device makes it.  EVE API v2, section 2."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=tls, server_hostname="localhost"
    )
    try:
        shown: ssl.SSLObject = writer.get_extra_info("ssl_object")
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
        if body is not None:
            lines += [f"Content-Type: {PROTOBUF}", f"Content-Length: {len(body)}"]
        with contextlib.suppress(ConnectionError):  # an answer may come before the whole body
            writer.write("\r\n".join([*lines, "", ""]).encode() + (body or raw))
            await writer.drain()
        raw = await _read_all(reader)
        if not raw:
            raise ConnectionResetError(f"port {port} ended the connection without an answer")
        head, _, content = raw.partition(b"\r\n\r\n")
        status, *fields = head.decode("latin-1").split("\r\n")
        parsed = dict(f.lower().split(": ", 1) for f in fields if ": " in f)
        cipher = shown.cipher()
        return Reply(
            int(status.split(" ")[1]),
            parsed,
            content,
            cipher[0] if cipher else "",
            shown.version() or "",
            shown.getpeercert(binary_form=True) or b"",
        )
    finally:
        writer.close()


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while part := await reader.read(65536):
            parts.append(part)
    return b"".join(parts)


def trusting(root: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(root))


async def until(condition: Callable[[], bool], what: str) -> None:
    """Poll a condition until a deadline."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {DEADLINE_S} s")
        await asyncio.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


NOT_YET = DeviceId("")


@dataclass
class WireDevice:
    """A device key and what it signs."""

    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    serial: str = "SN-1"
    soft_serial: str = ""
    made: datetime = datetime(1995, 1, 1, tzinfo=UTC)  # its clock is far off: dates do not count
    device_id: DeviceId = NOT_YET
    certificate_pem: bytes = b""

    def __post_init__(self) -> None:
        self.certificate_pem = device_certificate(self.key, Chance(self.made, os.urandom))

    @property
    def certificate_der(self) -> bytes:
        certificate = x509.load_pem_x509_certificate(self.certificate_pem)
        return certificate.public_bytes(Encoding.DER)

    @property
    def certificate_hash(self) -> bytes:
        return device_hash(self.certificate_pem)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def sender(self) -> Sender:
        return device_sender(KeySigner(self.key), self.certificate_pem)

    def sealed(self, payload: bytes) -> bytes:
        return seal(payload, self.sender)

    def registration(self, onboard_cert_pem: bytes, onboard_key_pem: bytes) -> bytes:
        key = load_pem_private_key(onboard_key_pem, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        message = registration(self.certificate_pem, self.serial, self.soft_serial)
        return seal(
            encode_z_register_msg(message), onboarding_sender(KeySigner(key), onboard_cert_pem)
        )

    def path(self, endpoint: Endpoint) -> str:
        return endpoint_path(endpoint, self.device_id)

    def poll(self, config_hash: str = "", token: bytes = b"") -> bytes:
        return self.sealed(
            encode_poll_request(PollRequest(config_hash=config_hash, integrity_token=token))
        )


@dataclass(frozen=True)
class ControllerKey:
    """What a device knows of its controller after `certs`."""

    signing_hash: bytes
    signing_key: VerifyingKey

    def open(self, body: bytes) -> bytes:
        return open_known(body, self.signing_hash, self.signing_key)

    def poll_response(self, body: bytes) -> PollResponse:
        return decode_poll_response(self.open(body))

    def uuid(self, body: bytes) -> DeviceId:
        return DeviceId(decode_uuid_response(self.open(body)).uuid)


class ManualClock:
    """The real time, moved by hand."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def pass_by(self, span: timedelta) -> None:
        self.ahead += span


@dataclass
class InProcess:
    """The device side of a controller in a thread of the test."""

    settings: Settings
    clock: ManualClock
    keys: KeyStore
    live: Live
    service: DeviceService
    port: int
    render_wanted: list[DeviceId]

    def tls(self) -> ssl.SSLContext:
        return trusting(self.settings.state_dir / "root-certificate.pem")

    @property
    def controller_key(self) -> ControllerKey:
        ring = self.keys.ring
        return ControllerKey(
            hashlib.sha256(ring.signing.pem).digest(), certificate_key(ring.signing.certificate)
        )

    async def post(self, path: str, body: bytes) -> Reply:
        return await https(self.port, "POST", path, body, tls=self.tls())

    async def get(self, path: str) -> Reply:
        return await https(self.port, "GET", path, tls=self.tls())

    @contextlib.asynccontextmanager
    async def database(self) -> AsyncGenerator[AsyncEngine, None]:
        engine = open_engine(self.settings.database)
        try:
            yield engine
        finally:
            await engine.dispose()

    async def add_record(self, serial: str, onboarding_key: str = ONBOARDING_KEY) -> DeviceId:
        """A device record that waits for its device, with a configuration rendered for it."""
        async with self.database() as engine, unit_of_work(engine) as db:
            device_id = await add_device(db, serial, onboarding_key)
            await render(db, device_id, "first")
        self.live.device_changed(device_id)
        return device_id

    async def change(self, device_id: DeviceId, work: Callable[[Db], Awaitable[object]]) -> None:
        """Do what the REST side does: one transaction, then say which device changed."""
        async with self.database() as engine, unit_of_work(engine) as db:
            await work(db)
        self.live.device_changed(device_id)

    def onboarding(self, onboarding_key: str = ONBOARDING_KEY) -> OnboardingIdentity:
        return self.keys.issue_onboarding(onboarding_key)

    async def registered(self, serial: str = "SN-1") -> WireDevice:
        """A device that went through register."""
        device = WireDevice(serial=serial)
        device.device_id = await self.add_record(serial)
        identity = self.onboarding()
        body = device.registration(identity.certificate_pem, identity.key_pem)
        reply = await self.post(endpoint_path(Endpoint.REGISTER), body)
        assert reply.status == 201, reply
        return device


@contextlib.asynccontextmanager
async def in_process(
    state_dir: Path, wanted: Callable[[DeviceId], None] | None = None, **changes: Any
) -> AsyncGenerator[InProcess, None]:
    """Start the device side on a free port and stop it; `wanted` is told what to render."""
    settings = replace(
        Settings(state_dir=state_dir, device_listen=Listen("127.0.0.1", 0)), **changes
    )
    clock = ManualClock()
    keys = open_keys(settings, clock=clock)
    if settings.database.startswith("sqlite"):
        engine = open_engine(settings.database)
        await put_tables(engine)
        await engine.dispose()
    await prepare_database(settings, clock=clock, random=os.urandom)
    live = Live(waiters=settings.bounds.waiters)
    render_wanted: list[DeviceId] = []
    service = DeviceService(
        Parts(
            settings=settings,
            keys=keys,
            live=live,
            clock=clock,
            random=os.urandom,
            render_wanted=wanted or render_wanted.append,
        )
    )
    endpoint = service.start()
    try:
        yield InProcess(settings, clock, keys, live, service, endpoint.port, render_wanted)
    finally:
        service.stop()


async def add_device(db: Db, serial: str, onboarding_key: str) -> DeviceId:
    """A device record as the REST side would store it, as far as devices notice."""
    device_id = DeviceId(str(uuid.uuid4()))
    users = await find_user_for_login(db, "admin")
    assert users is not None
    draft = Draft(
        kind=Kind.DEVICE,
        id=device_id,
        enterprise_id=users.enterprise_id,
        name=f"device {serial}",
        body="{}",
    )
    scope = Scope(EnterpriseId(users.enterprise_id))
    await insert_object(db, scope, draft, Stamp(datetime.now(UTC), "test"))
    await claim_serial(db, device_id, onboarding_key, serial)
    return device_id


async def render(db: Db, device_id: DeviceId, version: str) -> ConfigHash:
    """Store a configuration as rendering does."""
    config = encode_edge_dev_config(
        EdgeDevConfig(id=UUIDandVersion(uuid=device_id, version=version))
    )
    config_hash = ConfigHash(hashlib.sha256(config).hexdigest())
    await put_rendered(db, device_id, RenderedConfig(config_hash, datetime.now(UTC), config))
    return config_hash


class Process:
    """`eaves controller` as a process of its own."""

    def __init__(
        self, state_dir: Path, *options: str, environment: Mapping[str, str] | None = None
    ) -> None:
        """`environment`: variables besides those of the tests."""
        self.state_dir = state_dir
        self.device_port, self.rest_port = free_port(), free_port()
        self.options, self.environment = options, dict(environment or {})
        self.output: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait for the line that says it is ready."""
        self.spawn()
        self.wait_ready()

    def spawn(self) -> None:
        self.state_dir.mkdir(parents=True, exist_ok=True)
        with (self.state_dir.parent / "controller.log").open("ab") as log:
            self._process = start_tied(
                [
                    sys.executable,
                    "-m",
                    "eaves",
                    "controller",
                    "--state-dir",
                    str(self.state_dir),
                    "--device-listen",
                    f"127.0.0.1:{self.device_port}",
                    "--rest-listen",
                    f"127.0.0.1:{self.rest_port}",
                    *self.options,
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                environment=self.environment,
                own_session=True,
            )

    def wait_ready(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.output.append(line.decode().rstrip("\n"))
            if b"ready" in line:
                return
        raise AssertionError(f"the controller did not start; see {self.log}")

    @property
    def log(self) -> Path:
        return self.state_dir.parent / "controller.log"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; tells the exit status."""
        return self._end(signal.SIGTERM)

    @contextlib.contextmanager
    def silent(self) -> Generator[None]:
        """It is there, takes connections, and says nothing; then it goes on."""
        os.killpg(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.pid, signal.SIGCONT)

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        try:
            status = self._process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None
        return status

    def tls(self) -> ssl.SSLContext:
        return trusting(self.state_dir / "root-certificate.pem")


@contextlib.contextmanager
def running(process: Process) -> Generator[Process, None, None]:
    try:
        process.start()
        yield process
    finally:
        process.kill()
