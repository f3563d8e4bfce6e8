"""Several `eaves controller` processes on one PostgreSQL, and who talks to them."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from store.databases import PostgresServer, postgres
from support.controller import Process
from support.rest import Caller

from eaves.evapi.config import decode_edge_dev_config
from eaves.evapi.flows.poll import Unchanged
from eaves.fleet.device import Onboarding, SoftDevice, new_identity
from eaves.fleet.run import drive, line_to
from eaves.fleet.wire import Line

PASSWORD = "given to every test"
DEADLINE_S = 60.0


@dataclass
class Several:
    """`processes` are equal; the first of them made the tables and the keys."""

    server: PostgresServer
    processes: list[Process]
    secret: Path  # opens the secrets of the database

    @property
    def roots(self) -> bytes:
        return (self.processes[0].state_dir / "root-certificate.pem").read_bytes()

    def line(self, number: int) -> Line:
        return line_to(f"127.0.0.1:{self.processes[number].device_port}", self.roots)

    @asynccontextmanager
    async def caller(self, number: int) -> AsyncGenerator[Caller]:
        """Somebody who is logged in at this process."""
        process = self.processes[number]
        async with httpx.AsyncClient(
            base_url=f"https://127.0.0.1:{process.rest_port}/api", verify=process.tls(), timeout=30
        ) as http:
            given = {"usernameAtRealm": "admin", "password": PASSWORD}
            answer = await http.post("/v1/login", json=given)
            assert answer.status_code == 200, answer.text
            http.headers["Authorization"] = f"Bearer {answer.json()['token']['base64']}"
            yield Caller(http)

    async def device(self, caller: Caller, device_id: str, serial: str) -> SoftDevice:
        """A device that has its onboarding folder."""
        folder = await caller.get(f"/v1/devices/id/{device_id}/onboarding")
        pair = folder["onboarding"]
        return SoftDevice(
            new_identity(serial, now(), os.urandom),
            Onboarding(self.roots, pair["pemCert"].encode(), pair["pemKey"].encode()),
            now,
            lambda: 0.5,
        )


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def several(
    folder: Path, count: int = 2, environment: Mapping[str, str] | None = None
) -> Generator[Several]:
    """Start a server and its controllers, all at the same moment; stop them afterwards.

    `environment`: variables of the controllers besides those of the tests.
    """
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        password, secret = folder / "password", folder / "secret"
        password.write_text(PASSWORD)
        secret.touch(mode=0o600)
        secret.write_text(os.urandom(32).hex())
        options = ("--database-url", server.url, "--secret-key-file", str(secret))
        made = [
            Process(
                folder / f"c{n}" / "state",
                *options,
                "--admin-password-file",
                str(password),
                environment=environment,
            )
            for n in range(count)
        ]
        for process in made:
            process.state_dir.parent.mkdir(parents=True)
            process.spawn()
            stack.callback(process.kill)
        for process in made:
            process.wait_ready()
        yield Several(server, made, secret)


async def until_true(condition: Callable[[], Awaitable[bool]], what: str) -> float:
    """Wait until a condition holds; tells how long that took, in seconds."""
    begun = time.monotonic()
    while not await condition():
        if time.monotonic() - begun > DEADLINE_S:
            raise AssertionError(f"{what}: not within {DEADLINE_S} s")
        await asyncio.sleep(0.02)
    return time.monotonic() - begun


async def settled(device: SoftDevice, line: Line) -> None:
    """Poll until the device has the configuration that is made with its certificates."""

    async def unchanged() -> bool:
        answer = (await drive(device.polled(), line)).answer
        made = decode_edge_dev_config(device.standing.config).cipher_contexts
        return isinstance(answer, Unchanged) and bool(made)

    await until_true(unchanged, "the configuration in force")
