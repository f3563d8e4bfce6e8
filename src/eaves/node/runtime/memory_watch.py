"""Memory: who has it when the machine runs short, and whether the node's own grows without end.

Each report and the trend are files on the machine, of limited number and size.
Source: node reference 14 and 15.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from eaves.evapi.config_items import ItemValues
from eaves.node.host.files import atomic_write
from eaves.node.host.machine import Host
from eaves.node.host.pressure import memory_pressure
from eaves.node.host.processes import Processes

log = structlog.get_logger(__name__)

LOOK_S: Final = 10.0
PRESSED: Final = 10.0  # per cent of the last ten seconds
SCARCE: Final = 20  # available is less than one part in so many
BETWEEN_REPORTS_S: Final = 600.0
MOST_REPORTS: Final = 20
LARGEST_USERS: Final = 10
BETWEEN_SAMPLES_S: Final = 60.0
MOST_SAMPLES: Final = 720  # in memory; the file has at most twice as many lines
LEAST_SAMPLES: Final = 120
GROWS_MIB_PER_H: Final = 10.0
LEAST_GROWTH_MIB: Final = 30.0
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Look:
    pressure: float | None
    available_mib: int
    total_mib: int
    own_mib: float

    @property
    def short(self) -> bool:
        pressed = self.pressure is not None and self.pressure >= PRESSED
        return pressed or self.available_mib * SCARCE < self.total_mib


@dataclass(frozen=True, slots=True)
class Sample:
    at_s: float
    own_mib: float


def growth_mib_per_h(samples: Sequence[Sample]) -> float:
    """Of the line that fits best."""
    mean_at = sum(s.at_s for s in samples) / len(samples)
    mean = sum(s.own_mib for s in samples) / len(samples)
    spread = sum((s.at_s - mean_at) ** 2 for s in samples)
    both = sum((s.at_s - mean_at) * (s.own_mib - mean) for s in samples)
    return 3600 * both / spread if spread else 0.0


def leaks(samples: Sequence[Sample]) -> bool:
    if len(samples) < LEAST_SAMPLES:
        return False
    grown = samples[-1].own_mib - samples[0].own_mib
    return grown >= LEAST_GROWTH_MIB and growth_mib_per_h(samples) >= GROWS_MIB_PER_H


def look(host: Host) -> Look:
    load = host.load()
    return Look(
        memory_pressure(), load.memory_available_mib, load.memory_total_mib, host.own_memory_mib()
    )


class MemoryWatch:
    def __init__(
        self,
        folder: Path,
        items: Callable[[], ItemValues],
        now: Callable[[], datetime],
        processes: Processes = Processes(),  # noqa: B008 - frozen, and the same for all
    ) -> None:
        self._folder = folder
        self._items = items
        self._now = now
        self._processes = processes
        self._samples: deque[Sample] = deque(maxlen=MOST_SAMPLES)
        self.warnings: list[float] = []  # MiB an hour, each as told
        self._reported_s = self._sampled_s = self._warned_s = float("-inf")

    async def run_forever(self, host: Host) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.to_thread(self.take, look(host), clock())
            await asyncio.sleep(LOOK_S)

    def take(self, seen: Look, at_s: float) -> None:
        """What was seen at a time of an even clock."""
        items = self._items()
        watched = items.flag("memory-monitor.enabled")
        if watched and seen.short and at_s - self._reported_s >= BETWEEN_REPORTS_S:
            self._reported_s = at_s
            self._report(seen)
        if at_s - self._sampled_s < BETWEEN_SAMPLES_S:
            return
        self._sampled_s = at_s
        self._samples.append(Sample(at_s, seen.own_mib))
        if items.flag("internal-memory-monitor.store.enabled"):
            self._keep(seen)
        if items.flag("internal-memory-monitor.analyze.enabled"):
            self._judge(at_s)

    def _report(self, seen: Look) -> None:
        users = sorted(self._processes.seen(), key=lambda p: p.resident_bytes, reverse=True)
        told = {
            "at": self._now().isoformat(),
            "pressure": seen.pressure,
            "available_mib": seen.available_mib,
            "total_mib": seen.total_mib,
            "largest": [
                {"pid": p.pid, "name": p.name, "resident_mib": p.resident_bytes // MIB}
                for p in users[:LARGEST_USERS]
            ],
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"short-{self._now():%Y%m%dT%H%M%S}.json"
        atomic_write(self._folder / name, json.dumps(told, indent=1).encode())
        for old in sorted(self._folder.glob("short-*.json"))[:-MOST_REPORTS]:
            old.unlink(missing_ok=True)
        log.warning("memory_is_short", report=name, available_mib=seen.available_mib)

    def _keep(self, seen: Look) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / "own.csv"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        lines.append(f"{self._now().isoformat(timespec='seconds')},{seen.own_mib:.1f}")
        atomic_write(file, ("\n".join(lines[-2 * MOST_SAMPLES :]) + "\n").encode())

    def _judge(self, at_s: float) -> None:
        """Told once for each time over which it was judged."""
        if at_s - self._warned_s < MOST_SAMPLES * BETWEEN_SAMPLES_S or not leaks(self._samples):
            return
        self._warned_s = at_s
        rate = growth_mib_per_h(self._samples)
        self.warnings = [*self.warnings[-MOST_REPORTS:], round(rate, 1)]
        log.warning(
            "own_memory_grows",
            mib_per_hour=round(rate, 1),
            own_mib=round(self._samples[-1].own_mib, 1),
            advice="report this with own.csv of the folder memory of the node's state",
        )
