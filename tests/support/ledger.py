"""Devices that keep a ledger of what was acknowledged, through whatever happens to a controller.

Each device does as a real one: what is not acknowledged is sent again, byte for byte, until it is;
only then comes the next of its kind.  So what a device sends of a kind are numbers from 0 on, and
at the end each number must be there once: the acknowledged ones for certain, and at most one more
that was in flight.  `ledger_check` compares.
"""

import asyncio
import os
import random
import ssl
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from support.controller import (
    ONBOARDING_KEY,
    Process,
    WireDevice,
    add_device,
    https,
    render,
    trusting,
)

from eaves.controller.keys import OnboardingIdentity, open_keys
from eaves.controller.settings import Settings
from eaves.controller.store.unit import open_engine, unit_of_work
from eaves.evapi.flowlog import FlowMessage, FlowRecord, IpFlow, ScopeInfo, encode_flow_message
from eaves.evapi.info import (
    ErrorInfo,
    ZInfoApp,
    ZInfoMsg,
    ZInfoTypes,
    ZSwState,
    encode_z_info_msg,
)
from eaves.evapi.logs import DeviceLogOrigin, LogEntry, encode_log_file
from eaves.evapi.metrics import DeviceMetric, MemoryMetric, ZMetricMsg, encode_z_metric_msg
from eaves.evapi.paths import Endpoint, endpoint_path

ADMIN_PASSWORD = "correct horse battery staple"
REQUEST_S = 60.0
PAUSE_S = 0.1  # of a device that was refused
NOISE = "noise"
SAMPLES = 2900  # of a device: its clock is believed while it is within the hour
CREATED = 201


class Sent(StrEnum):
    """What a device sends without end, each number once."""

    LINE = "line"  # a log file with one line
    STATE = "state"  # info with an error of its own: an event, and the latest word
    SAMPLE = "sample"  # metrics, one second after those before
    FLOW = "flow"  # a message with one record


ENDPOINTS: Mapping[Sent, Endpoint] = {
    Sent.LINE: Endpoint.NEWLOGS,
    Sent.STATE: Endpoint.INFO,
    Sent.SAMPLE: Endpoint.METRICS,
    Sent.FLOW: Endpoint.FLOWLOG,
}
EVERYTHING = frozenset(Sent)


@dataclass
class Entry:
    """What one device got acknowledged, and how long the slowest took."""

    device: WireDevice
    clock: datetime  # of its first sample
    counts: dict[Sent, int] = field(default_factory=lambda: dict.fromkeys(Sent, 0))
    refusals: dict[Sent, int] = field(default_factory=lambda: dict.fromkeys(Sent, 0))
    slowest_s: float = 0.0

    @property
    def app(self) -> str:
        return f"app of {self.device.serial}"

    @property
    def refused(self) -> int:
        """429, 503 and broken connections: sent again."""
        return sum(self.refusals.values())

    @property
    def lines(self) -> list[str]:
        return [self.line(number) for number in range(self.counts[Sent.LINE])]

    def line(self, number: int) -> str:
        return f"{self.device.serial} line {number}"

    def message(self, sent: Sent, number: int, padding: int) -> bytes:
        now, device_id = datetime.now(UTC), self.device.device_id
        match sent:
            case Sent.LINE:
                origin = DeviceLogOrigin(device_id, "IMGA", "1")
                line = LogEntry(content=self.line(number), timestamp=now, msgid=number + 1, iid="1")
                noise = LogEntry(content=NOISE, filename=os.urandom(padding // 2).hex())
                return encode_log_file(origin, now, [line, *[noise] * bool(padding)])
            case Sent.STATE:
                app = ZInfoApp(
                    app_id=self.app,
                    app_name=self.app,
                    state=ZSwState.RUNNING,
                    app_err=(ErrorInfo(description=fault(number)),),
                )
                return encode_z_info_msg(
                    ZInfoMsg(ztype=ZInfoTypes.ZiApp, dev_id=device_id, ainfo=app, at_time_stamp=now)
                )
            case Sent.SAMPLE:
                memory = MemoryMetric(used_mem=number, avail_mem=1)
                at = self.clock + timedelta(seconds=number)
                return encode_z_metric_msg(
                    ZMetricMsg(dev_id=device_id, at_time_stamp=at, dm=DeviceMetric(memory=memory))
                )
            case Sent.FLOW:
                ends = IpFlow(
                    src="10.1.0.2", src_port=4000, dest="192.0.2.1", dest_port=443, protocol=6
                )
                record = FlowRecord(flow=ends, start_time=now, end_time=now, tx_bytes=number)
                scope = ScopeInfo(uuid=self.app, intf="eth0")
                return encode_flow_message(
                    FlowMessage(dev_id=device_id, scope=scope, flows=(record,))
                )


def fault(number: int) -> str:
    return f"fault {number} of its own"


@dataclass
class Applicant:
    """A device that has a record and is still to register."""

    device: WireDevice
    acknowledged: bool = False


@dataclass
class Ledger:
    """`processes` may be killed and started while the devices send to any of them."""

    processes: Sequence[Process]
    settings: Settings  # of the database
    entries: list[Entry]
    applicants: list[Applicant]
    onboarding: OnboardingIdentity
    root: Path
    stopping: bool = False
    padding: int = 0  # bytes of noise in each log file, which no compression makes smaller
    registrations_refused: int = 0
    statuses: Counter[int] = field(default_factory=Counter[int])  # 0: no answer

    def count(self, sent: Sent) -> int:
        """How many of a kind are acknowledged, of all devices."""
        return sum(entry.counts[sent] for entry in self.entries)

    def refused(self) -> int:
        return sum(entry.refused for entry in self.entries)

    def slowest(self) -> float:
        """Seconds until the slowest acknowledgement."""
        return max(entry.slowest_s for entry in self.entries)

    def registered(self) -> int:
        return sum(applicant.acknowledged for applicant in self.applicants)

    async def send(self, kinds: Collection[Sent] = EVERYTHING) -> None:
        """All devices send until `stop`; what is in flight then is still brought to its end."""
        self.stopping = False
        async with asyncio.TaskGroup() as tasks:
            for entry in self.entries:
                for sent in kinds:
                    tasks.create_task(self._send(entry, sent))
            if self.applicants:
                tasks.create_task(self._register())

    def stop(self) -> None:
        self.stopping = True

    async def _send(self, entry: Entry, sent: Sent) -> None:
        tls, path = trusting(self.root), entry.device.path(ENDPOINTS[sent])
        while not self.stopping:
            number = entry.counts[sent]
            if sent is Sent.SAMPLE and number == SAMPLES:
                return
            body = entry.device.sealed(entry.message(sent, number, self.padding))
            while (status := await self._posted(path, body, tls, entry)) != CREATED:
                assert status in {0, 429, 503}, f"{sent}: {status}"  # never refused for good
                entry.refusals[sent] += 1
                if self.stopping:
                    return
                await asyncio.sleep(PAUSE_S)
            entry.counts[sent] += 1

    async def _register(self) -> None:
        """One after the other; 200 says that an earlier attempt was stored, not acknowledged."""
        tls, path = trusting(self.root), endpoint_path(Endpoint.REGISTER)
        pair = self.onboarding
        for applicant in self.applicants:
            if applicant.acknowledged:
                continue
            body = applicant.device.registration(pair.certificate_pem, pair.key_pem)
            while not self.stopping:
                status = await self._posted(path, body, tls)
                if status in {200, CREATED}:
                    applicant.acknowledged = True
                    break
                assert status in {0, 429, 503}, f"register: {status}"
                self.registrations_refused += 1
                await asyncio.sleep(PAUSE_S)
            if self.stopping:
                return

    async def _posted(
        self, path: str, body: bytes, tls: ssl.SSLContext, entry: Entry | None = None
    ) -> int:
        """The status; 0 when there was no answer: killed before or meanwhile."""
        status = await self._answered(path, body, tls, entry)
        self.statuses[status] += 1
        return status

    async def _answered(
        self, path: str, body: bytes, tls: ssl.SSLContext, entry: Entry | None
    ) -> int:
        port = random.choice(self.processes).device_port  # noqa: S311 - which one does not matter
        began = time.monotonic()
        try:
            async with asyncio.timeout(REQUEST_S):
                status = (await https(port, "POST", path, body, tls=tls)).status
        except (OSError, ValueError, TimeoutError):
            return 0
        if entry is not None and status == CREATED:
            entry.slowest_s = max(entry.slowest_s, time.monotonic() - began)
        return status


async def open_ledger(
    processes: Sequence[Process], settings: Settings, devices: int, applicants: int = 0
) -> Ledger:
    """Register devices at the first process, which runs; `settings` name its database."""
    first = processes[0]
    keys = open_keys(
        replace(settings, state_dir=first.state_dir),
        clock=lambda: datetime.now(UTC),
        random=os.urandom,
    )
    identity = keys.issue_onboarding(ONBOARDING_KEY)
    made = [WireDevice(serial=f"SN-{number}") for number in range(devices + applicants)]
    engine = open_engine(settings.database)
    async with unit_of_work(engine) as db:
        for device in made:
            device.device_id = await add_device(db, device.serial, ONBOARDING_KEY)
            await render(db, device.device_id, "first")
    await engine.dispose()
    path, tls = endpoint_path(Endpoint.REGISTER), first.tls()
    clock = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=50)
    for device in made[:devices]:
        body = device.registration(identity.certificate_pem, identity.key_pem)
        reply = await https(first.device_port, "POST", path, body, tls=tls)
        assert reply.status == CREATED, reply
    return Ledger(
        processes,
        settings,
        [Entry(device, clock) for device in made[:devices]],
        [Applicant(device) for device in made[devices:]],
        identity,
        first.state_dir / "root-certificate.pem",
    )
