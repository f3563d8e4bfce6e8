"""A backup taken under load, the machine lost, the controller restored elsewhere.

Twenty devices poll, report and log all the while.  After the restore they carry on by themselves:
none registers again, each accepts a configuration, and nothing is missing that was acknowledged
before the backup began.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from store.databases import PostgresServer, postgres, postgres_is_there
from support import rest_objects
from support.controller import Process
from support.rest import Caller
from support.several import PASSWORD, now, until_true

from eaves.evapi.config import decode_edge_dev_config
from eaves.evapi.flows.attest import Attested
from eaves.evapi.flows.poll import AttestFirst, DeviceUnknown, NewConfig, Unchanged
from eaves.evapi.flows.report import Delivered
from eaves.evapi.info import ZInfoDevice, ZInfoMsg, ZInfoTypes, encode_z_info_msg
from eaves.evapi.logs import DeviceLogOrigin, LogEntry, encode_log_file
from eaves.evapi.paths import Endpoint
from eaves.fleet.device import Onboarding, SoftDevice, new_identity
from eaves.fleet.run import drive, line_to

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

DEVICES = 20
PASSPHRASE = "correct horse battery staple"


@dataclass
class Site:
    """A controller that can be lost, and where its backup comes to life again."""

    folder: Path
    server: PostgresServer | None
    process: Process
    logged: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @property
    def options(self) -> tuple[str, ...]:
        return self.process.options

    def command(self, state: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [
                *(sys.executable, "-m", "eaves", "controller", "--state-dir", str(state)),
                *self.options,
                *arguments,
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @asynccontextmanager
    async def caller(self) -> AsyncGenerator[Caller]:
        async with httpx.AsyncClient(
            base_url=f"https://127.0.0.1:{self.process.rest_port}/api",
            verify=self.process.tls(),
            timeout=60,
        ) as http:
            given = {"usernameAtRealm": "admin", "password": PASSWORD}
            answer = await http.post("/v1/login", json=given)
            assert answer.status_code == 200, answer.text
            http.headers["Authorization"] = f"Bearer {answer.json()['token']['base64']}"
            yield Caller(http)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        server = None
        (tmp_path / "password").write_text(PASSWORD)
        (tmp_path / "passphrase").write_text(PASSPHRASE)
        options: tuple[str, ...] = ("--admin-password-file", str(tmp_path / "password"))
        if request.param == "postgres":
            if not postgres_is_there():
                pytest.skip("no PostgreSQL on this machine; install the package postgresql")
            server = stack.enter_context(postgres())
            options += ("--database-url", server.url)
        process = Process(tmp_path / "first" / "state", *options)
        (tmp_path / "first").mkdir()
        stack.callback(process.kill)
        process.start()
        yield Site(tmp_path, server, process)


async def make_devices(site: Site) -> list[SoftDevice]:
    roots = (site.process.state_dir / "root-certificate.pem").read_bytes()
    made: list[SoftDevice] = []
    async with site.caller() as caller:
        model = await caller.create(
            "/v1/sysmodels",
            rest_objects.model(await caller.create("/v1/brands", rest_objects.brand())),
        )
        project = await caller.create("/v1/projects", rest_objects.project())
        await caller.create("/v1/networks", rest_objects.network(project))
        for n in range(DEVICES):
            body = rest_objects.device(project, model, f"edge-{n}")
            device_id = await caller.create("/v1/devices", body)
            folder = (await caller.get(f"/v1/devices/id/{device_id}/onboarding"))["onboarding"]
            onboarding = Onboarding(roots, folder["pemCert"].encode(), folder["pemKey"].encode())
            identity = new_identity(f"serial-of-edge-{n}", now(), os.urandom)
            made.append(SoftDevice(identity, onboarding, now, lambda: 0.5))
    return made


async def joins(site: Site, device: SoftDevice) -> None:
    line = line_to(f"127.0.0.1:{site.process.device_port}", device.onboarding.root_certificate_pem)
    await drive(device.onboarded(), line)
    await drive(device.attested(), line)

    async def settled() -> bool:
        return isinstance((await drive(device.polled(), line)).answer, Unchanged)

    await until_true(settled, "the configuration in force")


async def reports_forever(site: Site, device: SoftDevice) -> None:
    """Info and a numbered log line, again and again; what is acknowledged is written down."""
    line = line_to(f"127.0.0.1:{site.process.device_port}", device.onboarding.root_certificate_pem)
    device_id, number = device.standing.device_id, 0
    said = site.logged.setdefault(device_id, [])
    while True:
        text = f"line {number} of {device.identity.serial}"
        origin = DeviceLogOrigin(device_id, "IMGA", "test")
        logs = encode_log_file(origin, now(), [LogEntry(content=text, timestamp=now())])
        if isinstance(await drive(device.reported(Endpoint.NEWLOGS, logs), line), Delivered):
            said.append(text)
        info = ZInfoMsg(
            ztype=ZInfoTypes.ZiDevice, dev_id=device_id, dinfo=ZInfoDevice(), at_time_stamp=now()
        )
        await drive(device.reported(Endpoint.INFO, encode_z_info_msg(info)), line)
        await drive(device.polled(), line)
        number += 1


async def carries_on(site: Site, device: SoftDevice) -> None:
    """What a device does by itself: poll, attest when asked, poll."""
    line = line_to(f"127.0.0.1:{site.process.device_port}", device.onboarding.root_certificate_pem)
    held = decode_edge_dev_config(device.standing.config)

    async def accepted() -> bool:
        answer = (await drive(device.polled(), line)).answer
        assert not isinstance(answer, DeviceUnknown), "it would register again"
        if isinstance(answer, AttestFirst):
            assert isinstance(await drive(device.attested(), line), Attested)
        given = decode_edge_dev_config(device.standing.config)
        assert held.config_timestamp is not None
        assert given.config_timestamp is not None
        newer = given.config_timestamp > held.config_timestamp + timedelta(minutes=30)
        return newer and isinstance(answer, NewConfig | Unchanged)

    await until_true(accepted, "a configuration that the device accepts")
    again = decode_edge_dev_config(device.standing.config)
    assert again.controller_epoch > held.controller_epoch
    assert {app.uuidandversion for app in again.apps} == {app.uuidandversion for app in held.apps}


async def lines_of(caller: Caller, device_id: str) -> set[str]:
    """Every log line that REST gives out for a device."""
    found: set[str] = set()
    token = ""
    while True:
        page = await caller.get(
            f"/v1/eaves/devices/id/{device_id}/logs",
            **(
                {"startTime": "1970-01-01T00:00:01Z"} | ({"next.pageToken": token} if token else {})
            ),
        )
        found |= {line["content"] for line in page["list"]}
        token = page.get("next", {}).get("pageToken", "")
        if not token:
            return found


async def test_devices_carry_on_at_a_controller_that_was_restored_elsewhere(site: Site) -> None:
    devices = await make_devices(site)
    async with asyncio.TaskGroup() as joining:
        for device in devices:
            joining.create_task(joins(site, device))
    backup = site.folder / "backup.eaves"
    working = [asyncio.ensure_future(reports_forever(site, device)) for device in devices]

    async def busy() -> bool:
        return sum(map(len, site.logged.values())) > 3 * DEVICES

    await until_true(busy, "devices report")
    before = {device_id: list(said) for device_id, said in site.logged.items()}
    passphrase = str(site.folder / "passphrase")
    arguments = ("backup", "--out", str(backup), "--passphrase-file", passphrase)
    done = await asyncio.to_thread(site.command, site.process.state_dir, *arguments)
    assert done.returncode == 0, done.stderr
    async with site.caller() as caller:
        # something that the backup does not know: devices then hold a newer configuration
        for device in devices[:5]:
            await caller.put(f"/v1/devices/id/{device.standing.device_id}/reboot")
    for task in working:
        task.cancel()
    await asyncio.gather(*working, return_exceptions=True)
    site.process.kill()
    shutil.rmtree(site.process.state_dir)
    second = site.folder / "second" / "state"
    if site.server is not None:
        empty_database(site.server)
    done = site.command(second, "restore", str(backup), "--passphrase-file", passphrase)
    assert done.returncode == 0, done.stderr
    assert "every device gets its configuration anew" in done.stdout
    site.process.state_dir = second  # another folder, the same address
    site.process.start()
    async with asyncio.TaskGroup() as going_on:
        for device in devices:
            going_on.create_task(carries_on(site, device))
    async with site.caller() as caller:
        for device_id, said in before.items():
            missing = set(said) - await lines_of(caller, device_id)
            assert not missing, f"acknowledged before the backup: {sorted(missing)}"


def empty_database(server: PostgresServer) -> None:
    import psycopg  # noqa: PLC0415 - with PostgreSQL only

    with psycopg.connect(server.url, autocommit=True) as db:
        db.execute("DROP SCHEMA public CASCADE")
        db.execute("CREATE SCHEMA public")


def test_a_restore_refuses_what_it_should_not_touch(site: Site) -> None:
    state, passphrase = site.process.state_dir, str(site.folder / "passphrase")
    backup = site.folder / "backup.eaves"
    done = site.command(state, "backup", "--out", str(backup), "--passphrase-file", passphrase)
    assert done.returncode == 0, done.stderr
    assert backup.stat().st_mode & 0o777 == 0o600
    restore = ("restore", str(backup), "--passphrase-file", passphrase)
    running = site.command(state, *restore, "--force")
    assert "is served by" in running.stderr
    assert "stop " in running.stderr
    site.process.stop()
    refused = site.command(state, *restore)
    while "ends within seconds" in refused.stderr:  # leases of the controller that stopped
        refused = site.command(state, *restore)
    assert refused.returncode == 1
    assert "add --force" in refused.stderr
    whole = backup.read_bytes()
    backup.write_bytes(whole[:-100])
    before = {path: path.stat().st_mtime_ns for path in state.rglob("*") if path.is_file()}
    damaged = site.command(state, *restore, "--force")
    assert "is damaged" in damaged.stderr
    after = {path: path.stat().st_mtime_ns for path in state.rglob("*") if path.is_file()}
    assert {p: t for p, t in after.items() if p in before} == before
    backup.write_bytes(whole)
    forced = site.command(state, *restore, "--force")
    assert forced.returncode == 0, forced.stderr
    assert "what was there is in" in forced.stdout
    site.process.start()
