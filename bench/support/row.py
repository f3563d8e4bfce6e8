"""One row of the table: three runs against a pinned controller, the median, one JSON object.

A row fails (exit status 1) when an answer was wrong, when the generator's core was busy for more
than 90 %, or when a figure misses what is to be reached.
"""

import itertools
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from support.devices import Device
from support.load import Load, Traffic, run_load, senders, write_requests
from support.server import SERVER_CORE, Server, counting_syncs, on_core

RUNS: Final = 3
SECONDS: Final = 10.0  # of one run
WARM_UP_S: Final = 4.0
MOST_BUSY: Final = 0.9  # of the generator's core
_SPARE: Final = 1.3  # requests prepared for each that the warm-up lets expect
_VERIFY_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Goal:
    """What a row is to reach, in requests per second and per P-256 verification of the core."""

    reach: float
    stretch: float
    per_verify: float | None = None


@dataclass(frozen=True, slots=True)
class Run:
    load: Load
    cpu_us: float  # of all processes of the server, per request
    rss_mb: float
    verify_per_s: float
    syncs: Mapping[str, int] = field(default_factory=dict[str, int])
    before: int = 0  # requests that were answered before, in the warm-up


@dataclass(frozen=True, slots=True)
class Settled:
    """Waits until everything acknowledged can be read, and reads some of it."""

    read: Callable[[Sequence[str], Path], None]
    """Is given the ids of devices whose message was acknowledged, and the file of all requests."""

    def after(
        self, load: Load, requests: Path, traffic: Traffic, devices: Sequence[Device]
    ) -> None:
        """On the core of the generator."""
        # those that were on their way at the end are told as not answered
        count = max(load.requests - 2 * traffic.connections, 0)
        if traffic.once:  # the first core's devices are sent first
            workers = os.cpu_count() or 1
            ids = [d.device_id for n in range(workers) for d in devices[n::workers]]
            ids = ids[:count]
        else:
            ids = senders(requests, count)
        with on_core():
            self.read(ids, requests)


@contextmanager
def work_folder() -> Generator[Path]:
    """A folder for state and requests, on a disk: commits are to cost what they cost.

    SIGTERM ends a row as an error does: what it started is stopped, and the folder goes.
    """
    signal.signal(signal.SIGTERM, _end)
    with tempfile.TemporaryDirectory(prefix="eaves-bench-", dir="/var/tmp") as name:
        yield Path(name)


def _end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def verify_per_s() -> float:
    """P-256 verifications per second of processor time on the server's core."""
    key = ec.generate_private_key(ec.SECP256R1())
    public, digest = key.public_key(), os.urandom(32)
    how = ec.ECDSA(Prehashed(hashes.SHA256()))
    signature = key.sign(digest, how)
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {SERVER_CORE})
    try:
        done, begun = 0, time.thread_time()
        while (took := time.thread_time() - begun) < _VERIFY_S:
            for _ in range(100):
                public.verify(signature, digest, how)
            done += 100
        return done / took
    finally:
        os.sched_setaffinity(0, cores)


def measure(
    server: Server,
    devices: Sequence[Device],
    traffic: Traffic,
    folder: Path,
    *,
    expected_per_s: float,
    settled: Settled | None = None,
    durable: bool = False,
    runs: int = RUNS,
    seconds: float = SECONDS,
) -> list[Run]:
    """Load a running server: a warm-up that tells how many requests to prepare, then the runs.

    Requests are prepared for `expected_per_s` at least.  `settled` returns when everything
    acknowledged can be read back; its cost counts.  With `durable` the calls that sync are
    counted as well.
    """
    requests, fresh = folder / "requests", iter(devices)

    def prepare(count: int) -> Sequence[Device]:
        some = tuple(itertools.islice(fresh, count)) if traffic.once else devices
        if not some:
            raise SystemExit(f"all of {len(devices)} devices were used up: make more")
        write_requests(requests, some, traffic, count)
        return some

    some = prepare(int(expected_per_s * WARM_UP_S * 1.5))
    warm = run_load(server.device_port, requests, traffic, WARM_UP_S)
    _refuse(tuple(p for p in warm.problems if "did not last" not in p))
    if settled is not None:
        settled.after(warm, requests, traffic, some)
    taken: list[Run] = []
    rate = max(expected_per_s, warm.per_s)
    for _ in range(runs):
        some = prepare(int(rate * seconds * _SPARE) + 1000)
        run = _one(server, traffic, requests, seconds, settled, some, durable=durable)
        _refuse(run.load.problems)
        _say(run)
        rate = max(rate, run.load.per_s)
        taken.append(replace(run, before=0 if taken else warm.requests))
    requests.unlink()
    return taken


def _one(
    server: Server,
    traffic: Traffic,
    requests: Path,
    seconds: float,
    settled: Settled | None,
    devices: Sequence[Device],
    *,
    durable: bool,
) -> Run:
    verifies = verify_per_s()
    before = server.cpu_s()
    syncs: dict[str, int] = {}
    if durable:
        with counting_syncs((server.pid, *server.also)) as syncs:
            load = run_load(server.device_port, requests, traffic, seconds)
            if settled is not None:
                settled.after(load, requests, traffic, devices)
    else:
        load = run_load(server.device_port, requests, traffic, seconds)
        if settled is not None:
            settled.after(load, requests, traffic, devices)
    cpu_us = (server.cpu_s() - before) / max(load.requests, 1) * 1e6
    return Run(load, cpu_us, server.rss_mb(), verifies, syncs)


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        print(json.dumps({"ok": False, "problems": list(problems)}))
        raise SystemExit(1)


def _say(run: Run) -> None:
    print(
        f"  {run.load.per_s:8.0f}/s {run.cpu_us:6.0f} us of server CPU  "
        f"p50 {run.load.p50_ms:.1f} ms p99 {run.load.p99_ms:.1f} ms  "
        f"generator {run.load.generator_busy:.0%}  verify {run.verify_per_s:.0f}/s",
        file=sys.stderr,
        flush=True,
    )


def result(name: str, runs: Sequence[Run], goal: Goal, **more: Any) -> dict[str, Any]:
    """The JSON object of a row: medians of the runs, and whether the goal is met.

    A key of `more` that ends in `_met` counts towards `met`.
    """

    def median(of: Callable[[Run], float]) -> float:
        return statistics.median(of(run) for run in runs)

    per_s, verifies = median(lambda r: r.load.per_s), median(lambda r: r.verify_per_s)
    busy = max(run.load.generator_busy for run in runs)
    per_verify = per_s / verifies
    reached = per_s >= goal.reach and (goal.per_verify is None or per_verify >= goal.per_verify)
    syncs = {k: sum(run.syncs.get(k, 0) for run in runs) for k in runs[0].syncs}
    # where they are counted, each run has to have some
    synced = all(any(run.syncs.values()) for run in runs if run.syncs)
    return {
        "name": name,
        "requests_per_s": round(per_s),
        "server_cpu_us_per_request": round(median(lambda r: r.cpu_us), 1),
        "p50_ms": round(median(lambda r: r.load.p50_ms), 2),
        "p99_ms": round(median(lambda r: r.load.p99_ms), 2),
        "rss_mb": round(max(run.rss_mb for run in runs), 1),
        "verify_per_s": round(verifies),
        "per_verify": round(per_verify, 3),
        "limit": goal.reach,
        "limit_per_verify": goal.per_verify,
        "stretch": goal.stretch,
        "met": reached and synced and all(more[k] for k in more if k.endswith("_met")),
        "stretch_met": per_s >= goal.stretch,
        "generator_busy": round(busy, 3),
        "generator_ok": busy <= MOST_BUSY,
        "requests": sum(run.load.requests for run in runs),
        "runs": [
            {
                "requests_per_s": round(run.load.per_s),
                "server_cpu_us_per_request": round(run.cpu_us, 1),
                "p99_ms": round(run.load.p99_ms, 2),
            }
            for run in runs
        ],
        **({"syncs": syncs, "syncs_ok": synced} if syncs else {}),
        **more,
    }


def acknowledged(runs: Sequence[Run]) -> int:
    """All requests that were answered as they should be, with those of the warm-up."""
    return sum(run.before + run.load.requests for run in runs)


def finish(row: Mapping[str, Any]) -> int:
    """Print the row, which tells `met` and `generator_ok`; the exit status."""
    ok = bool(row["met"]) and bool(row["generator_ok"])
    print(json.dumps({**row, "ok": ok}), flush=True)
    return 0 if ok else 1
