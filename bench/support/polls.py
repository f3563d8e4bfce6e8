"""Polls of devices that a simulator which is behind does not hold up.

A fleet that fills its core measures itself: each of its polls waits for thousands of its own
handshakes.  These come from a process that goes before all others on the generator's core, a few a
second, each on a new connection, of devices that do nothing else.
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from support.devices import Device, make_devices
from support.load import Traffic, write_requests
from support.server import GENERATOR_CORE

from eaves.evapi.paths import Endpoint, endpoint_path

PER_S: Final = 25
UNCHANGED: Final = 304
_GENERATOR: Final = Path(__file__).with_name("new_connections.py")
_END_S: Final = 30.0


def make_free(count: int) -> tuple[Device, ...]:
    """Devices beside others of `make_devices`."""
    return tuple(replace(d, serial=f"FREE-{n}") for n, d in enumerate(make_devices(count)))


def poll(device: Device, _: random.Random) -> tuple[str, bytes]:
    return endpoint_path(Endpoint.CONFIG, device.device_id), device.poll(device.config_hash)


def write_polls(path: Path, devices: Sequence[Device], seconds: float) -> None:
    """For so long at most; about 0.1 ms each."""
    traffic = Traffic(poll, expected=UNCHANGED, keep_connections=False)
    write_requests(path, devices, traffic, round(PER_S * seconds))


@dataclass
class Polls:
    """Call `end` once."""

    process: "subprocess.Popen[str]"

    @classmethod
    def begin(cls, port: int, requests: Path, seconds: float) -> "Polls":
        command = ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", str(GENERATOR_CORE)]
        command += ["chrt", "--rr", "1", sys.executable, str(_GENERATOR)]
        command += [str(port), f"{seconds:.0f}", "0", str(requests), str(UNCHANGED), "0"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        return cls(
            subprocess.Popen(
                [*command, str(PER_S)], stdout=subprocess.PIPE, text=True, env=environment
            )
        )

    def end(self) -> dict[str, Any]:
        """What they were answered so far, in figures of a row."""
        self.process.send_signal(signal.SIGINT)
        said, _ = self.process.communicate(timeout=_END_S)
        told = json.loads(said.splitlines()[-1])
        wrong = {f"status {s}": n for s, n in told["statuses"].items() if s != str(UNCHANGED)}
        failed = ("connect_errors", "read_errors", "write_errors", "timeouts")
        return {
            "requests": told["answered"],
            "p50_ms": round(told["p50_ms"], 1),
            "p99_ms": round(told["p99_ms"], 1),
            "errors_by_cause": wrong | {name: told[name] for name in failed if told[name]},
        }
