"""Prepared requests, and `wrk` that sends them.

A file holds whole requests, each signed by its device over its own content and used once.  The
order of the devices is random.  `wrk` reads the file as it goes, so that its memory stays small.
"""

import json
import multiprocessing
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support.devices import Device
from support.server import GENERATOR_CORE, core_ticks

from eaves.evapi.paths import PROTOBUF

_LUA: Final = Path(__file__).with_name("wrk.lua")

Make = Callable[[Device, random.Random], tuple[str, bytes]]
"""Makes one request of a device: its path and its signed body."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is sent and what must come back."""

    make: Make
    expected: int  # the only right status
    least_body: int = 0  # bytes of a right answer, at least
    keep_connections: bool = True  # else each request has a connection of its own
    connections: int = 64


@dataclass(frozen=True, slots=True)
class Load:
    """What `wrk` saw in one run."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    generator_busy: float  # share of its core, other programs there included
    generator_cpu: float  # share of its core that wrk itself took
    problems: tuple[str, ...]

    @property
    def per_s(self) -> float:
        return self.requests / self.seconds


def http_request(path: str, body: bytes, *, keep: bool) -> bytes:
    """The bytes of a request as a device sends it."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Go-http-client/1.1\r\n"
        f"Content-Type: {PROTOBUF}\r\nContent-Length: {len(body)}\r\n"
        f"{'' if keep else 'Connection: close' + chr(13) + chr(10)}Accept-Encoding: gzip\r\n\r\n"
    )
    return head.encode() + body


def write_requests(path: Path, devices: Sequence[Device], traffic: Traffic, count: int) -> None:
    """Make and sign `count` requests of devices chosen at random, on all cores."""
    workers = os.cpu_count() or 1
    parts = [path.with_suffix(f".{n}") for n in range(workers)]
    context = multiprocessing.get_context("fork")  # the keys are inherited, not sent
    jobs = [
        context.Process(
            target=_write_part, args=(part, devices, traffic, -(-count // workers), os.urandom(16))
        )
        for part in parts
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
        if job.exitcode != 0:
            raise SystemExit(f"making requests for {path.name} failed with {job.exitcode}")
    with path.open("wb") as whole:
        for part in parts:
            with part.open("rb") as one:
                shutil.copyfileobj(one, whole, 1024 * 1024)
            part.unlink()


def _write_part(
    path: Path, devices: Sequence[Device], traffic: Traffic, count: int, seed: bytes
) -> None:
    chance = random.Random(seed)  # noqa: S311 - the order of a load is no secret
    with path.open("wb", 1024 * 1024) as file:
        for _ in range(count):
            target, body = traffic.make(chance.choice(devices), chance)
            request = http_request(target, body, keep=traffic.keep_connections)
            file.write(len(request).to_bytes(4, "little") + request)


def senders(path: Path, count: int) -> list[str]:
    """Ids of the devices of the first requests: wrk sends them in this order."""
    found: list[str] = []
    with path.open("rb", 1024 * 1024) as file:
        while len(found) < count and (head := file.read(4)):
            request = file.read(int.from_bytes(head, "little"))
            found.append(request.split(b"/id/", 1)[1][:36].decode())
    return found


def run_load(port: int, requests: Path, traffic: Traffic, seconds: float) -> Load:
    """Send what the file holds for so long; every answer is looked at."""
    command = ["taskset", "-c", str(GENERATOR_CORE), "wrk", "--threads", "1"]
    command += ["--connections", str(traffic.connections), "--duration", f"{seconds:.0f}s"]
    command += ["--timeout", "10s", "--script", str(_LUA)]
    command += [f"https://localhost:{port}/", "--", str(requests)]
    command += [str(traffic.expected), str(traffic.least_body)]
    busy, ticks = core_ticks(GENERATOR_CORE)
    begun = time.monotonic()
    wrk = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert wrk.stdout is not None
    output = wrk.stdout.read()
    _, status, used = os.wait4(wrk.pid, 0)
    wrk.returncode, took = os.waitstatus_to_exitcode(status), time.monotonic() - begun
    wrk.stdout.close()
    busy_after, ticks_after = core_ticks(GENERATOR_CORE)
    if wrk.returncode != 0:
        raise SystemExit(f"wrk ended with {wrk.returncode}: {output}")
    told = json.loads(output.strip().splitlines()[-1])
    return Load(
        requests=told["answered"],
        seconds=told["seconds"],
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
        generator_busy=(busy_after - busy) / max(ticks_after - ticks, 1),
        generator_cpu=(used.ru_utime + used.ru_stime) / took,
        problems=tuple(_problems(told, traffic)),
    )


def _problems(told: dict[str, int | dict[str, int]], traffic: Traffic) -> list[str]:
    found: list[str] = []
    statuses = told["statuses"]
    assert isinstance(statuses, dict)
    wrong = {status: n for status, n in statuses.items() if status != str(traffic.expected)}
    if wrong:
        found.append(f"answers other than {traffic.expected}: {wrong}")
    if told["short"]:
        found.append(f"{told['short']} answers shorter than {traffic.least_body} bytes")
    found += [
        f"{told[name]} {name.replace('_', ' ')}"
        for name in ("connect_errors", "read_errors", "write_errors", "timeouts")
        if told[name]
    ]
    if told["exhausted"]:
        found.append("the prepared requests did not last: prepare more")
    return found
