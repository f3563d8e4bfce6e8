"""Devices that keep a ledger of what was acknowledged, and what a controller shows of it.

Each device does as a real one: what is not acknowledged is sent again, byte for byte, until it is;
only then comes the next.  So at the end every line and every sample must be there once: the
acknowledged ones for certain, and of each device at most one more that was in flight.
"""

import asyncio
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx
from support.controller import (
    ONBOARDING_KEY,
    Process,
    WireDevice,
    add_device,
    https,
    render,
    trusting,
)

from eaves.controller.keys import open_keys
from eaves.controller.settings import Settings
from eaves.controller.store.unit import open_engine, unit_of_work
from eaves.evapi.logs import DeviceLogOrigin, LogEntry, encode_log_file
from eaves.evapi.metrics import AppCpuMetric, DeviceMetric, ZMetricMsg, encode_z_metric_msg
from eaves.evapi.paths import Endpoint, endpoint_path

ADMIN_PASSWORD = "correct horse battery staple"
REQUEST_S = 60.0
NOISE = "noise"


@dataclass
class Entry:
    """What one device got acknowledged, and how long the slowest took."""

    device: WireDevice
    lines: list[str] = field(default_factory=list[str])
    samples: list[datetime] = field(default_factory=list[datetime])
    refused: int = 0  # 429, 503 and broken connections: sent again
    slowest_s: float = 0.0


@dataclass
class Ledger:
    """`processes` may be killed and started while the devices send to any of them."""

    processes: Sequence[Process]
    entries: list[Entry]
    root: Path
    stopping: bool = False
    padding: int = 0  # bytes of noise in each log file, which no compression makes smaller

    def lines(self) -> int:
        return sum(len(entry.lines) for entry in self.entries)

    async def send(self, *, metrics: bool = False) -> None:
        """All devices send until `stop`; what is in flight then is still brought to its end."""
        self.stopping = False
        async with asyncio.TaskGroup() as tasks:
            for entry in self.entries:
                tasks.create_task(self._send_logs(entry))
                if metrics:
                    tasks.create_task(self._send_metrics(entry))

    def stop(self) -> None:
        self.stopping = True

    async def _send_logs(self, entry: Entry) -> None:
        while not self.stopping:
            now, text = datetime.now(UTC), f"{entry.device.serial} line {len(entry.lines)}"
            origin = DeviceLogOrigin(entry.device.device_id, "IMGA", "1")
            line = LogEntry(content=text, timestamp=now, msgid=len(entry.lines) + 1, iid="1")
            noise = [LogEntry(content=NOISE, filename=os.urandom(self.padding // 2).hex())]
            file = encode_log_file(origin, now, [line, *noise * bool(self.padding)])
            if await self._until_acknowledged(entry, Endpoint.NEWLOGS, file):
                entry.lines.append(text)

    async def _send_metrics(self, entry: Entry) -> None:
        device = entry.device
        at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
        while not self.stopping:
            at += timedelta(seconds=1)
            counters = DeviceMetric(cpu_metric=AppCpuMetric(total=len(entry.samples) + 1))
            message = ZMetricMsg(dev_id=device.device_id, at_time_stamp=at, dm=counters)
            body = encode_z_metric_msg(message)
            if await self._until_acknowledged(entry, Endpoint.METRICS, body):
                entry.samples.append(at)

    async def _until_acknowledged(self, entry: Entry, endpoint: Endpoint, payload: bytes) -> bool:
        """Send until it is taken; False when `stop` came while it was refused."""
        sealed, tls = entry.device.sealed(payload), trusting(self.root)
        while True:
            port = random.choice(self.processes).device_port  # noqa: S311 - which one does not matter
            began = time.monotonic()
            try:
                async with asyncio.timeout(REQUEST_S):
                    reply = await https(port, "POST", entry.device.path(endpoint), sealed, tls=tls)
                status = reply.status
            except (OSError, ValueError, TimeoutError):  # killed before or meanwhile
                status = 0
            if status == 201:
                entry.slowest_s = max(entry.slowest_s, time.monotonic() - began)
                return True
            assert status in {0, 429, 503}, f"{endpoint}: {status}"  # never a refusal for good
            entry.refused += 1
            if self.stopping:
                return False
            await asyncio.sleep(0.1)


async def open_ledger(processes: Sequence[Process], settings: Settings, devices: int) -> Ledger:
    """Register devices at the first process, which runs; `settings` name its database."""
    first = processes[0]
    keys = open_keys(
        replace(settings, state_dir=first.state_dir),
        clock=lambda: datetime.now(UTC),
        random=os.urandom,
    )
    identity = keys.issue_onboarding(ONBOARDING_KEY)
    entries: list[Entry] = []
    engine = open_engine(settings.database)
    for number in range(devices):
        device = WireDevice(serial=f"SN-{number}")
        async with unit_of_work(engine) as db:
            device.device_id = await add_device(db, device.serial, ONBOARDING_KEY)
            await render(db, device.device_id, "first")
        body = device.registration(identity.certificate_pem, identity.key_pem)
        path = endpoint_path(Endpoint.REGISTER)
        reply = await https(first.device_port, "POST", path, body, tls=first.tls())
        assert reply.status == 201, reply
        entries.append(Entry(device))
    await engine.dispose()
    return Ledger(processes, entries, first.state_dir / "root-certificate.pem")


class Reader:
    """The admin's view through REST of one process."""

    def __init__(self, process: Process, password: str = ADMIN_PASSWORD) -> None:
        self._password = password
        self._http = httpx.AsyncClient(
            base_url=f"https://localhost:{process.rest_port}/api", verify=process.tls(), timeout=30
        )

    async def __aenter__(self) -> Self:
        answer = await self._http.post(
            "/v1/login", json={"usernameAtRealm": "admin", "password": self._password}
        )
        assert answer.status_code == 200, answer.text
        self._http.headers["Authorization"] = f"Bearer {answer.json()['token']['base64']}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def lines(self, device: WireDevice) -> list[str]:
        """All log lines of a device, through all pages."""
        found: list[str] = []
        token = ""
        while True:
            params = {"startTime": "2000-01-01T00:00:00Z", "next.pageSize": "500"}
            if token:
                params["next.pageToken"] = token
            page = await self._get(f"/v1/eaves/devices/id/{device.device_id}/logs", params)
            found += [item["content"] for item in page["list"] if item["content"] != NOISE]
            token = page["next"].get("pageToken") or ""
            if not token:
                return found

    async def _get(self, path: str, params: dict[str, str]) -> dict[str, Any]:
        answer = await self._http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document


async def require_all_lines(reader: Reader, ledger: Ledger, within_s: float = 60.0) -> None:
    """Every acknowledged line is shown once, and nothing else but what was in flight."""
    end = time.monotonic() + within_s
    for entry in ledger.entries:
        shown = await reader.lines(entry.device)
        while not set(entry.lines) <= set(shown) and time.monotonic() < end:
            await asyncio.sleep(0.1)
            shown = await reader.lines(entry.device)
        missing = sorted(set(entry.lines) - set(shown))
        assert not missing, f"{entry.device.serial}: {len(missing)} missing, such as {missing[:3]}"
        assert len(shown) == len(set(shown)), f"{entry.device.serial}: doubled lines"
        unknown = set(shown) - set(entry.lines)
        assert len(unknown) <= 1, f"{entry.device.serial}: more than the one in flight: {unknown}"
