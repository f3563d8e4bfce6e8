"""The figures of a run as people and programs read them: one value, made from counts."""

import resource
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from eaves.fleet.figures import Figures, Latencies, Part

LONGEST_TIMELINE = 24 * 3600


class OfEndpoint(msgspec.Struct, frozen=True):
    requests: int
    per_s: float
    statuses: dict[str, int]  # of the answers; "none" without one
    p50_ms: float
    p99_ms: float


class Second(msgspec.Struct, frozen=True):
    """One second of the run, by when the requests ended."""

    at_s: int  # since the start
    requests: int
    errors: int
    busy: int  # answers 503
    slowed: int  # answers 429
    p99_ms: float


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a run; times in the unit that the name says."""

    profile: str
    devices: int
    online: int  # joined, and not in an offline phase
    began: datetime
    waiting: int  # long polls that were open at the end
    seconds: float
    requests: int
    requests_per_s: float
    errors: int
    errors_by_cause: dict[str, int]
    faults: dict[str, int]  # how often each showed itself: phases, starts, requests
    expected_refusals: dict[str, int]  # by the fault that earned them
    p50_ms: float
    p99_ms: float
    endpoints: dict[str, OfEndpoint]
    acknowledged: dict[str, int]  # messages, and lines of logs
    config_age_p99_s: float  # from the timestamp of a configuration to its arrival
    app_states: dict[str, int]
    generator_cpu_share: float  # of one core, all processes of the simulator together
    rss_mb: float
    timeline: list[Second]


@dataclass(frozen=True, slots=True)
class Run:
    """What does not change while a fleet runs; `began_s` is of a clock that never jumps."""

    profile: str
    devices: int
    began: datetime
    began_s: float


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What one process tells of its devices."""

    figures: Part
    online: int
    app_states: dict[str, int]
    cpu_s: float
    rss_mb: float


def summary_of(run: Run, every: Iterable[Told], now_s: float, *, timeline: bool = True) -> Summary:
    """Of all processes together; without its timeline it costs little, however long the run."""
    figures, states = Figures(run.began_s), Counter[str]()
    online, cpu_s, rss_mb = 0, 0.0, 0.0
    for told in every:
        figures.add(told.figures)
        states.update(told.app_states)
        online += told.online
        cpu_s += told.cpu_s
        rss_mb += told.rss_mb
    seconds = max(now_s - run.began_s, 1e-9)
    latencies = figures.all_latencies()
    return Summary(
        profile=run.profile,
        devices=run.devices,
        online=online,
        began=run.began,
        waiting=figures.waiting,
        seconds=round(seconds, 1),
        requests=figures.requests,
        requests_per_s=round(figures.requests / seconds, 1),
        errors=figures.errors,
        errors_by_cause=dict(figures.causes.most_common(20)),
        faults={fault: n for fault, n in sorted(figures.faults.items()) if n},
        expected_refusals=dict(figures.expected),
        p50_ms=_ms(latencies, 0.5),
        p99_ms=_ms(latencies, 0.99),
        endpoints=_endpoints(figures, seconds),
        acknowledged={k: n for k, n in sorted(figures.acknowledged.items()) if n},
        config_age_p99_s=round(figures.config_ages.at(0.99), 3),
        app_states=dict(sorted(states.items())),
        generator_cpu_share=round(cpu_s / seconds, 3),
        rss_mb=round(rss_mb, 1),
        timeline=_timeline(figures) if timeline else [],
    )


def _ms(latencies: Latencies, part: float) -> float:
    return round(1e3 * latencies.at(part), 2)


def _endpoints(figures: Figures, seconds: float) -> dict[str, OfEndpoint]:
    made: dict[str, OfEndpoint] = {}
    for endpoint, statuses in sorted(figures.statuses.items()):
        latencies = figures.latencies.get(endpoint, Latencies())
        made[endpoint.value] = OfEndpoint(
            statuses.total(),
            round(statuses.total() / seconds, 2),
            dict(sorted(statuses.items())),
            _ms(latencies, 0.5),
            _ms(latencies, 0.99),
        )
    return made


def _timeline(figures: Figures) -> list[Second]:
    return [
        Second(at, w.latencies.count, w.errors, w.busy, w.slowed, _ms(w.latencies, 0.99))
        for at, w in figures.windows()[-LONGEST_TIMELINE:]
    ]


def used_cpu_s() -> float:
    """Processor time of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def held_mb() -> float:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6
