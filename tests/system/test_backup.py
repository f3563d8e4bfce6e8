"""A backup taken under load, the machine lost, the controller restored elsewhere.

Twenty devices poll, report and log all the while.  After the restore they carry on by themselves:
none registers again, each accepts a configuration and is given back what it had put in escrow, and
nothing is missing that was acknowledged before the backup began.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from store.databases import PostgresServer, postgres, postgres_is_there
from support import rest_objects
from support.controller import Process
from support.rest import Caller
from support.several import PASSWORD, now, until_true
from support.telemetry import fold_series, metrics_report, stored_samples

from eaves.controller.settings import Settings
from eaves.controller.store.unit import open_engine, snapshot
from eaves.evapi.attest import AttestVolumeKey, AttestVolumeKeyType
from eaves.evapi.config import decode_edge_dev_config
from eaves.evapi.flows.attest import Attested
from eaves.evapi.flows.poll import AttestFirst, DeviceUnknown, NewConfig, Unchanged
from eaves.evapi.flows.report import Delivered
from eaves.evapi.info import ZInfoDevice, ZInfoMsg, ZInfoTypes, encode_z_info_msg
from eaves.evapi.logs import DeviceLogOrigin, LogEntry, encode_log_file
from eaves.evapi.metrics import DeviceMetric, MemoryMetric, ZMetricMsg, encode_z_metric_msg
from eaves.evapi.paths import Endpoint
from eaves.fleet.device import Onboarding, SoftDevice, new_identity
from eaves.fleet.run import drive, line_to

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

DEVICES = 20
A_LOT = 10_000  # more samples than a device sends here
EARLIER_DAYS = (1, 3)
PASSPHRASE = "correct horse battery staple"


@dataclass
class Site:
    """A controller that can be lost, and where its backup comes to life again."""

    folder: Path
    server: PostgresServer | None
    process: Process
    logged: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    measured: dict[str, list[int]] = field(default_factory=dict[str, list[int]])

    @property
    def database(self) -> str:
        url = "" if self.server is None else self.server.url
        return Settings(state_dir=self.process.state_dir, database_url=url).database

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


POSTGRES = pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.nightly])
on_both = pytest.mark.parametrize("site", ["sqlite", POSTGRES], indirect=True)


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
    await drive(device.attested(escrow_of(device)), line)

    async def settled() -> bool:
        return isinstance((await drive(device.polled(), line)).answer, Unchanged)

    await until_true(settled, "the configuration in force")


def escrow_of(device: SoftDevice) -> tuple[AttestVolumeKey, ...]:
    """The share of its vault's key, which the controller is to keep and cannot read."""
    kind = AttestVolumeKeyType.ATTEST_VOLUME_KEY_TYPE_VSK
    return (AttestVolumeKey(key_type=kind, key=f"sealed to {device.identity.serial}".encode()),)


async def reports_forever(site: Site, device: SoftDevice) -> None:
    """Info, a numbered log line and a numbered sample, again and again; what is acknowledged is
    written down.
    """
    line = line_to(f"127.0.0.1:{site.process.device_port}", device.onboarding.root_certificate_pem)
    device_id, number = device.standing.device_id, 0
    said = site.logged.setdefault(device_id, [])
    measured = site.measured.setdefault(device_id, [])
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
        sample = device.reported(Endpoint.METRICS, metrics(device_id, number, now()))
        if isinstance(await drive(sample, line), Delivered):
            measured.append(number)
        await drive(device.polled(), line)
        number += 1


def metrics(device_id: str, number: int, at: datetime) -> bytes:
    memory = MemoryMetric(used_mem=number)
    return encode_z_metric_msg(
        ZMetricMsg(dev_id=device_id, at_time_stamp=at, dm=DeviceMetric(memory=memory))
    )


def measured_before(site: Site, device_id: str) -> None:
    """Samples of the days before: on PostgreSQL each day has a partition of its own."""
    for days in EARLIER_DAYS:
        at = now() - timedelta(days=days)
        report = metrics_report(device_id, metrics(device_id, days * A_LOT + 1, at), at)
        fold_series(site.database, report)


async def samples_of(site: Site, device_id: str) -> Counter[int]:
    """The numbers of all samples that are kept of a device."""
    engine = open_engine(site.database)
    try:
        async with snapshot(engine) as db:
            found = await db.run_sync(stored_samples, device_id)
            return Counter(number for _, number in found)
    finally:
        await engine.dispose()


async def carries_on(site: Site, device: SoftDevice) -> None:
    """What a device does by itself: poll, attest when asked, poll; and at its next boot, attest."""
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
    proven = await drive(device.attested(), line)
    assert isinstance(proven, Attested)
    assert proven.keys == escrow_of(device)


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
    moved = old_audit_rows(site.process.state_dir, b"moved before the backup")
    measured_before(site, devices[0].standing.device_id)
    working = [asyncio.ensure_future(reports_forever(site, device)) for device in devices]

    async def busy() -> bool:
        return sum(map(len, site.logged.values())) > 3 * DEVICES

    await until_true(busy, "devices report")
    before = {device_id: list(said) for device_id, said in site.logged.items()}
    measured = {device_id: list(sent) for device_id, sent in site.measured.items()}
    measured[devices[0].standing.device_id] += [days * A_LOT + 1 for days in EARLIER_DAYS]
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
    brought = second / moved.relative_to(site.process.state_dir)
    assert brought.read_bytes() == b"moved before the backup"
    site.process.state_dir = second  # another folder, the same address
    site.process.start()
    async with asyncio.TaskGroup() as going_on:
        for device in devices:
            going_on.create_task(carries_on(site, device))
    async with site.caller() as caller:
        for device_id, said in before.items():
            missing = set(said) - await lines_of(caller, device_id)
            assert not missing, f"acknowledged before the backup: {sorted(missing)}"
    for device in devices:  # and it is stored what they go on to say
        device_id = device.standing.device_id
        line = line_to(
            f"127.0.0.1:{site.process.device_port}", device.onboarding.root_certificate_pem
        )
        sample = device.reported(Endpoint.METRICS, metrics(device_id, A_LOT, now()))
        assert isinstance(await drive(sample, line), Delivered)
        kept = await samples_of(site, device_id)
        missing_samples = {*measured[device_id], A_LOT} - kept.keys()
        assert not missing_samples, f"acknowledged: {sorted(missing_samples)}"
        assert set(kept.values()) == {1}


def empty_database(server: PostgresServer) -> None:
    import psycopg  # noqa: PLC0415 - with PostgreSQL only

    with psycopg.connect(server.url, autocommit=True) as db:
        db.execute("DROP SCHEMA public CASCADE")
        db.execute("CREATE SCHEMA public")


def old_audit_rows(state: Path, content: bytes) -> Path:
    """A file as the job that bounds the audit log writes it."""
    moved = state / "audit" / "an-enterprise" / "000000000001-000000001000-ab.jsonl.gz"
    moved.parent.mkdir(parents=True, exist_ok=True)
    moved.write_bytes(content)
    return moved


@on_both
def test_a_restore_refuses_what_it_should_not_touch(site: Site) -> None:
    state, passphrase = site.process.state_dir, str(site.folder / "passphrase")
    backup = site.folder / "backup.eaves"
    moved = old_audit_rows(state, b"moved before the backup")
    done = site.command(state, "backup", "--out", str(backup), "--passphrase-file", passphrase)
    assert done.returncode == 0, done.stderr
    assert backup.stat().st_mode & 0o777 == 0o600
    old_audit_rows(state, b"of the log since")
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
    assert moved.read_bytes() == b"of the log since"  # evidence, whatever is restored
    beside = moved.with_name("000000000001-000000001000-ab.2.jsonl.gz")
    assert beside.read_bytes() == b"moved before the backup"
    site.process.start()


KILLED = """
import os, signal, sys
step, left = sys.argv.pop(1), int(sys.argv.pop(1))

def hook(event, arguments):
    global left
    if arguments and f"{event} {arguments[0]}".startswith(step):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
from eaves.main import main
main()
"""
"""The command, killed as it begins such a step for the nth time."""

STEPS = {
    "sqlite": [("os.rename", 1), ("os.rename", 12)],  # nothing is moved yet; half is
    "postgres": [("import alembic", 1), ("os.rename", 6)],  # there is no table; all rows are there
}


@on_both
def test_a_restore_that_was_cut_off_serves_nothing_and_is_done_again(site: Site) -> None:
    state, passphrase = site.process.state_dir, str(site.folder / "passphrase")
    backup = site.folder / "backup.eaves"
    given = ("--passphrase-file", passphrase)
    done = site.command(state, "backup", "--out", str(backup), *given)
    assert done.returncode == 0, done.stderr
    assert site.process.stop() == 0
    restore = ("restore", str(backup), *given, "--force")
    for step, count in STEPS["postgres" if site.server else "sqlite"]:
        cut = cut_off(site, step, count, *restore)
        while "ends within seconds" in cut.stderr:  # leases of the controller that stopped
            cut = cut_off(site, step, count, *restore)
        assert cut.returncode == -signal.SIGKILL, cut.stderr
        refused = site.command(state)
        assert refused.returncode == 1
        again = f"the restore of {backup} was cut off; run it again: eaves controller restore"
        assert again in refused.stderr
        if site.server is not None:  # no other controller makes a new admin there
            elsewhere = site.command(site.folder / "elsewhere")
            assert again in elsewhere.stderr
        not_saved = site.command(state, "backup", "--out", str(site.folder / "no"), *given)
        assert "was cut off" in not_saved.stderr
    done = site.command(state, *restore)
    assert done.returncode == 0, done.stderr
    site.process.start()
    assert not list(state.glob("restor*"))


@pytest.mark.parametrize(
    "site", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)  # a SQLite database is that of its folder
def test_a_restore_that_another_machine_finished_is_not_done_again(site: Site) -> None:
    assert site.server is not None
    state, backup = site.process.state_dir, site.folder / "backup.eaves"
    given = ("--passphrase-file", str(site.folder / "passphrase"))
    done = site.command(state, "backup", "--out", str(backup), *given)
    assert done.returncode == 0, done.stderr
    assert site.process.stop() == 0
    restore = ("restore", str(backup), *given, "--force")
    cut = cut_off(site, "os.rename", 6, *restore)
    while "ends within seconds" in cut.stderr:  # leases of the controller that stopped
        cut = cut_off(site, "os.rename", 6, *restore)
    assert cut.returncode == -signal.SIGKILL, cut.stderr
    second = site.folder / "second"
    done = site.command(second, *restore)
    while "ends within seconds" in done.stderr:  # as the backup knows them
        done = site.command(second, *restore)
    assert done.returncode == 0, done.stderr
    for again in ((), ("backup", "--out", str(site.folder / "no"), *given)):
        refused = site.command(state, *again)
        assert refused.returncode == 1, refused.stderr
        assert "was restored elsewhere since" in refused.stderr
        assert "use a fresh --state-dir" in refused.stderr
        assert "--force" not in refused.stderr
    site.process.state_dir = second
    site.process.start()


def cut_off(
    site: Site, step: str, count: int, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            *(sys.executable, "-c", KILLED, step, str(count)),
            *("controller", "--state-dir", str(site.process.state_dir)),
            *(*site.options, *arguments),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
