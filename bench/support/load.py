"""Prepared requests, and what sends them: `wrk`, or `new_connections` with a handshake for each.

A file holds whole requests, each signed by its device over its own content and used once.  The
order of the devices is random.  The file is read as it goes, so that memory stays small.
"""

import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support.devices import Device
from support.server import GENERATOR_CORE, core_ticks

from eaves.evapi.envelope import parse_signed
from eaves.evapi.paths import PROTOBUF

_LUA: Final = Path(__file__).with_name("wrk.lua")
_NEW: Final = Path(__file__).with_name("new_connections.py")

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
    once: bool = False  # each device sends one request, in the order of the devices


@dataclass(frozen=True, slots=True)
class Load:
    """What the generator saw in one run."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    generator_busy: float  # share of its core, other programs there included
    generator_cpu: float  # share of its core that the generator itself took
    problems: tuple[str, ...]
    full_handshakes: int = 0  # where each request has one

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
    """Make and sign `count` requests of devices chosen at random, on all cores.

    With `traffic.once` it is one request of each device.
    """
    workers = os.cpu_count() or 1
    parts = [path.with_suffix(f".{n}") for n in range(workers)]
    context = multiprocessing.get_context("fork")  # the keys are inherited, not sent
    jobs = [
        context.Process(
            target=_write_part,
            args=(
                part,
                devices[n::workers] if traffic.once else devices,
                traffic,
                -(-count // workers),
                os.urandom(16),
            ),
        )
        for n, part in enumerate(parts)
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
        chosen = devices if traffic.once else (chance.choice(devices) for _ in range(count))
        for device in chosen:
            target, body = traffic.make(device, chance)
            request = http_request(target, body, keep=traffic.keep_connections)
            file.write(len(request).to_bytes(4, "little") + request)


def senders(path: Path, count: int) -> list[str]:
    """Ids of the devices of the first requests: they are sent in this order."""
    return [device_id for device_id, _ in sent_first(path, count)]


def sent_first(path: Path, count: int) -> list[tuple[str, str]]:
    """Id of the device, and what it asked for or told (`config`, `info`), of the first requests."""
    found: list[tuple[str, str]] = []
    with path.open("rb", 1024 * 1024) as file:
        while len(found) < count and (head := file.read(4)):
            request = file.read(int.from_bytes(head, "little"))
            target = request.split(b" ", 2)[1].decode()
            device_id, _, what = target.partition("/id/")[2].partition("/")
            found.append((device_id, what))
    return found


def payloads_of(path: Path, wanted: Collection[str]) -> dict[str, list[tuple[int, bytes]]]:
    """What these devices send, in its order: the place of the request, and its payload."""
    found: dict[str, list[tuple[int, bytes]]] = {device_id: [] for device_id in wanted}
    place = 0
    with path.open("rb", 1024 * 1024) as file:
        while head := file.read(4):
            request = file.read(int.from_bytes(head, "little"))
            device_id = request.split(b"/id/", 1)[1][:36].decode()
            if device_id in found:
                signed = parse_signed(request.partition(b"\r\n\r\n")[2])
                if signed is None:
                    raise SystemExit(f"{path.name}: request {place} is no envelope")
                found[device_id].append((place, signed.payload))
            place += 1
    return found


def run_load(port: int, requests: Path, traffic: Traffic, seconds: float) -> Load:
    """Send what the file holds for so long; every answer is looked at."""
    command = ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", str(GENERATOR_CORE)]
    command += _generator(port, requests, traffic, seconds)
    busy, ticks = core_ticks(GENERATOR_CORE)
    begun = time.monotonic()
    sending = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert sending.stdout is not None
    output = sending.stdout.read()
    _, status, used = os.wait4(sending.pid, 0)
    sending.returncode, took = os.waitstatus_to_exitcode(status), time.monotonic() - begun
    sending.stdout.close()
    busy_after, ticks_after = core_ticks(GENERATOR_CORE)
    if sending.returncode != 0:
        raise SystemExit(f"the generator ended with {sending.returncode}: {output}")
    told = json.loads(output.strip().splitlines()[-1])
    return Load(
        requests=told["answered"],
        seconds=told["seconds"],
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
        generator_busy=(busy_after - busy) / max(ticks_after - ticks, 1),
        generator_cpu=(used.ru_utime + used.ru_stime) / took,
        problems=tuple(_problems(told, traffic)),
        full_handshakes=told.get("handshakes", {}).get("full", 0),
    )


def _generator(port: int, requests: Path, traffic: Traffic, seconds: float) -> list[str]:
    wanted = [str(traffic.expected), str(traffic.least_body)]
    if not traffic.keep_connections:
        how = [str(port), str(seconds), str(traffic.connections)]
        return [sys.executable, str(_NEW), *how, str(requests), *wanted]
    how = ["--threads", "1", "--connections", str(traffic.connections)]
    how += ["--duration", f"{seconds:.0f}s", "--timeout", "10s", "--script", str(_LUA)]
    return ["wrk", *how, f"https://localhost:{port}/", "--", str(requests), *wanted]


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
    handshakes = told.get("handshakes", {})
    assert isinstance(handshakes, dict)
    if handshakes.get("other"):
        found.append(f"{handshakes['other']} handshakes were resumed or below TLS 1.3")
    if told["exhausted"]:
        found.append("the prepared requests did not last: prepare more")
    return found
