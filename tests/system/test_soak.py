"""A controller under load for a while: flat memory, bounded disk, no error.

`SOAK_S` says how long; a minute by itself, ten in `make test-system`.  What is kept is bounded so
narrowly that the bounds are in force from the first quarter on.
"""

import json
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from support.cli import Cli
from support.controller import DEADLINE_S, Process, running
from system.test_fleet_run import APP

from eaves.controller.settings import Retention

pytestmark = [pytest.mark.system, pytest.mark.soak, pytest.mark.timeout(3600)]

SOAK_S = float(os.environ.get("SOAK_S", "60"))
DEVICES = 60
EVERY_S = 1.0
MIB = 1024 * 1024
NARROW = {
    "metric_bytes": 2 * MIB,
    "health_rows_per_device": 50,
    "log_bytes": MIB,
    "log_bytes_per_device": MIB // 4,
    "flow_bytes": MIB,
    "flow_bytes_per_device": MIB,
    "event_rows": 2000,
    "event_rows_per_device": 50,
}
MOST_GROWTH_MB_AN_HOUR = 60.0  # of a line through the second half; noise of ten minutes is less
SLACK_MB = 24.0  # of a minute, in which caches still fill
DISK_SLACK = 1.15


@dataclass(frozen=True, slots=True)
class Sample:
    at_s: float
    rss_mb: float
    disk_mb: float


def sample(process: Process, begun: float) -> Sample:
    status = Path(f"/proc/{process.pid}/status").read_text()
    rss_kb = next(int(w.split()[1]) for w in status.splitlines() if w.startswith("VmRSS:"))
    disk = 0
    for path in process.state_dir.rglob("*"):
        try:
            disk += path.stat().st_blocks * 512
        except FileNotFoundError:
            continue  # a file that came and went
    return Sample(time.monotonic() - begun, rss_kb / 1024, disk / MIB)


def growth_mb_per_hour(samples: Sequence[Sample]) -> float:
    """Slope of the straight line with the least squares of differences."""
    mean_t = sum(s.at_s for s in samples) / len(samples)
    mean_m = sum(s.rss_mb for s in samples) / len(samples)
    spread = sum((s.at_s - mean_t) ** 2 for s in samples)
    return 3600 * sum((s.at_s - mean_t) * (s.rss_mb - mean_m) for s in samples) / spread


def test_memory_stays_flat_and_the_disk_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("correct horse battery")
    (tmp_path / "app.yaml").write_text(APP)
    assert NARROW.keys() <= {field.name for field in fields(Retention)}
    for name, number in NARROW.items():
        monkeypatch.setenv(f"EAVES_KEEP_{name.upper()}", str(number))
    monkeypatch.setenv("EAVES_KEEP_EVERY_S", "5")
    options = ("--admin-password-file", str(tmp_path / "password"))
    with running(Process(tmp_path / "state", *options)) as process:
        cli = Cli.of(process, tmp_path)
        cli.ok("login", cli.rest_url, "--ca", str(cli.root), "--password-file", "password")
        onboard(cli, process, tmp_path)
        samples, figures = soaked(cli, process, tmp_path)
        log = process.log.read_text()
    errors = [line for line in log.splitlines() if "level=error" in line]
    pressed = [line for line in log.splitlines() if "event=pressure" in line][:9]
    told = "\n".join(f"{s.at_s:6.0f} s {s.rss_mb:7.1f} MB {s.disk_mb:7.1f} MB" for s in samples)
    print(told)  # noqa: T201 - what a soak is looked at for
    for one in figures:
        assert one["requests"] > DEVICES
        assert one["errors"] == 0, (one["errors_by_cause"], pressed)
    assert not errors, errors[:3]
    half = samples[len(samples) // 2 :]
    allowed = MOST_GROWTH_MB_AN_HOUR + 3600 * SLACK_MB / SOAK_S * (SOAK_S < 300)
    assert growth_mb_per_hour(half) <= allowed, told
    middle = [s.disk_mb for s in samples[len(samples) // 3 : 2 * len(samples) // 3]]
    last = [s.disk_mb for s in samples[2 * len(samples) // 3 :]]
    slack_mb = SLACK_MB if SOAK_S < 300 else 0.0
    assert max(last) <= max(middle) * DISK_SLACK + slack_mb, told


def onboard(cli: Cli, process: Process, folder: Path) -> None:
    words = ("--devices", str(DEVICES), "--state", str(folder / "eve.json"), "--for", "8s")
    cli.ok(
        "fleet", "run", *words, "--server", f"localhost:{process.device_port}", "--name", "fleet"
    )
    shutil.copy(folder / "eve.json", folder / "eaves.json")


def soaked(cli: Cli, process: Process, folder: Path) -> tuple[list[Sample], list[dict[str, Any]]]:
    """EVE devices with faults, nodes that wait, and a person who changes things, for SOAK_S."""
    hurry = ("--hurry", "20", "--spread", "5s", "--json")
    faults = (
        *("--offline-share", "10%", "--slow-links", "5%", "--clock-skew", "10%"),
        *("--duplicate-serials", "2", "--bad-signatures", "5%", "--crash-loops", "5%"),
    )
    fleets = (
        ("--devices", str(DEVICES), "--state", str(folder / "eve.json"), *faults),
        ("--devices", "20", "--state", str(folder / "eaves.json"), "--profile", "eaves"),
    )
    begun, samples = time.monotonic(), list[Sample]()
    with ExitStack() as stack:
        running_fleets = [
            stack.enter_context(cli.start("fleet", "run", *words, *hurry)) for words in fleets
        ]
        there = False
        while (left := SOAK_S - (time.monotonic() - begun)) > 0:
            samples.append(sample(process, begun))
            cli.ok("delete" if there else "apply", "-f", str(folder / "app.yaml"))
            there = not there
            cli.ok("get", "devices")
            time.sleep(min(EVERY_S, left))
        figures: list[dict[str, Any]] = []
        for one in running_fleets:
            one.terminate()
            told, said = one.communicate(timeout=DEADLINE_S)
            assert told, said
            figures.append(json.loads(told.splitlines()[-1]))
    return samples, figures
