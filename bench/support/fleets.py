"""Simulated fleets as the load of a row: prepared in the database, run on the generator's core."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.devices import Device
from support.row import MOST_BUSY
from support.server import GENERATOR_CORE, Server, core_ticks

from eaves.fleet.identities import KeptDevice, KeptFleet, save_fleet

FULL: Final = bool(os.environ.get("FULL"))
NAMED: Final = 10_000  # devices of a row under its name
DEVICES: Final = int(os.environ.get("DEVICES", NAMED))
STOP_S: Final = 120.0


def write_fleet(
    path: Path, devices: Sequence[Device], server: Server, *, configured: bool = False
) -> None:
    """Identities for `eaves fleet run`, of devices that the server knows.

    `configured`: they have what is in force, as devices that go on running.
    """
    spare = _der(ec.generate_private_key(ec.SECP256R1()))  # nothing is encrypted to these devices
    kept = [
        KeptDevice(
            serial=d.serial,
            key=_der(d.key),
            ecdh_key=spare,
            certs=[d.certificate_pem],
            device_id=d.device_id,
            config_hash=d.config_hash if configured else "",
        )
        for d in devices
    ]
    save_fleet(
        path,
        KeptFleet(
            server=f"localhost:{server.device_port}",
            root_pem=server.root_certificate.read_bytes(),
            devices=kept,
        ),
    )


def _der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@dataclass
class Fleet:
    """A running `eaves fleet run`."""

    process: "subprocess.Popen[str]"

    def figures(self, timeout_s: float) -> dict[str, Any]:
        """What it prints at its end, which must come within the time."""
        try:
            told, said = self.process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise SystemExit(f"the fleet did not end within {timeout_s:.0f} s") from error
        lines = told.strip().splitlines()
        if not lines:
            raise SystemExit(f"the fleet ended with {self.process.returncode}: {said[-2000:]}")
        figures: dict[str, Any] = json.loads(lines[-1])
        return figures


@contextmanager
def fleet(path: Path, devices: int, *options: str) -> Generator[Fleet]:
    """On the generator's core; gone afterwards, whatever happened."""
    command = ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", str(GENERATOR_CORE)]
    command += [sys.executable, "-m", "eaves", "fleet", "run"]
    command += ["--devices", str(devices), "--state", str(path), "--json", *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    try:
        yield Fleet(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


class Watch:
    """What server and generator cost from now on; `others`: more processes of the controller.

    Call `load_ended`, then `settled` when everything acknowledged is folded, then read some of it
    back, then `result`.
    """

    def __init__(self, server: Server, *others: Server) -> None:
        self._server, self._servers, self._begun = server, (server, *others), time.monotonic()
        self._busy = core_ticks(GENERATOR_CORE)
        self._cpu_s = server.cpu_s()
        self._took = self._generator = self._settled_cpu_s = 0.0

    def load_ended(self) -> None:
        self._took = time.monotonic() - self._begun
        busy, ticks = core_ticks(GENERATOR_CORE)
        self._generator = (busy - self._busy[0]) / max(ticks - self._busy[1], 1)

    def settled(self) -> None:
        """What the server had to do for the load is done, reading back is not."""
        self._settled_cpu_s = self._server.cpu_s() - self._cpu_s

    def result(
        self,
        name: str,
        figures: Mapping[str, Any],
        *,
        limit_ms: float,
        limit_rss_mb: float,
        limit_cpu: float | None = None,
        verify_per_s: float,
    ) -> dict[str, Any]:
        """The row's object.  `limit_cpu`: most of the server's core that its processes may take."""
        if not self._took or not self._settled_cpu_s:
            raise RuntimeError("say first that the load ended, and that it is settled")
        cpu_s = self._server.cpu_s() - self._cpu_s
        # what was done after the end of the load was owed to it
        share = self._settled_cpu_s / self._took
        rss, generator = max(s.rss_mb("VmHWM") for s in self._servers), self._generator
        met = (
            figures["errors"] == 0
            and figures["p99_ms"] < limit_ms
            and rss <= limit_rss_mb
            and (limit_cpu is None or share <= limit_cpu)
        )
        return {
            "name": name,
            "requests_per_s": figures["requests_per_s"],
            "server_cpu_us_per_request": round(cpu_s / max(figures["requests"], 1) * 1e6, 1),
            "p50_ms": figures["p50_ms"],
            "p99_ms": figures["p99_ms"],
            "rss_mb": round(rss, 1),
            "verify_per_s": round(verify_per_s),
            "devices": figures["devices"],
            "seconds": figures["seconds"],
            "errors": figures["errors"],
            "errors_by_cause": figures["errors_by_cause"],
            "server_cpu_share": round(share, 3),
            "limit_ms": limit_ms,
            "limit_rss_mb": limit_rss_mb,
            "limit_cpu_share": limit_cpu,
            "met": met,
            "generator_busy": round(generator, 3),
            "generator_ok": generator <= MOST_BUSY,
            "single_run": True,
            "generator_cpu_share": figures["generator_cpu_share"],
            "endpoints": {
                n: {k: e[k] for k in ("requests", "p50_ms", "p99_ms", "statuses")}
                for n, e in figures["endpoints"].items()
            },
            "acknowledged": figures["acknowledged"],
            "by_10_s": tens(figures["timeline"]),
        }


def tens(timeline: Sequence[Mapping[str, Any]]) -> list[tuple[int, int, float]]:
    """Of each ten seconds: when, requests, and the worst 99th percentile of a second."""
    some: dict[int, list[Mapping[str, Any]]] = {}
    for second in timeline:
        some.setdefault(second["at_s"] // 10 * 10, []).append(second)
    return [
        (at, sum(s["requests"] for s in part), max(s["p99_ms"] for s in part))
        for at, part in some.items()
    ]


def second_of(figures: Mapping[str, Any], moment: datetime) -> float:
    """Seconds from the begin of the fleet's run to a moment of this machine's clock."""
    return (moment - datetime.fromisoformat(figures["began"])).total_seconds()
