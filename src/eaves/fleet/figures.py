"""What a run of the fleet measured: requests, errors, latencies; as values that can be added up."""

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from eaves.evapi.flows.steps import SUCCESS, NoConnection, Reply
from eaves.evapi.paths import Endpoint

_STEPS = 48  # for each doubling: 1.5 % apart
_LEAST_S = 1e-4
_BUCKETS = 20 * _STEPS  # up to about 100 s


class Latencies:
    """Counts by logarithmic buckets."""

    __slots__ = ("count", "counts")

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.count = 0

    def note(self, seconds: float) -> None:
        bucket = int(math.log2(max(seconds, _LEAST_S) / _LEAST_S) * _STEPS)
        self.counts[min(bucket, _BUCKETS)] += 1
        self.count += 1

    def add(self, other: "Latencies") -> None:
        self.counts.update(other.counts)
        self.count += other.count

    def at(self, part: float) -> float:
        """Seconds that this part of all took at most; 0 without any."""
        wanted, seen = part * self.count, 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= wanted:
                return _LEAST_S * math.exp2((bucket + 1) / _STEPS)
        return 0.0


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
    generator_cpu_share: float  # of one core
    rss_mb: float
    timeline: list[Second]


@dataclass(slots=True)
class _Window:
    latencies: Latencies = field(default_factory=Latencies)
    errors: int = 0
    busy: int = 0
    slowed: int = 0


_HELD = Endpoint.WAIT  # answered late on purpose: no latency
LONGEST_TIMELINE = 24 * 3600


class Figures:
    """`now` counts seconds on a clock that never jumps."""

    def __init__(self, now: float) -> None:
        self.begun = now
        self.statuses: dict[Endpoint, Counter[str]] = {}
        self.latencies: dict[Endpoint, Latencies] = {}
        self.causes: Counter[str] = Counter()
        self.expected: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.acknowledged: Counter[str] = Counter()
        self.config_ages = Latencies()  # from the timestamp of a configuration to its arrival
        self.waiting = 0  # long polls that are open
        self._windows: dict[int, _Window] = {}

    def note(
        self, endpoint: Endpoint, reply: Reply, seconds: float, now: float, expected: str = ""
    ) -> None:
        """`expected`: the fault for which a refusal of this request is right."""
        refused = isinstance(reply, NoConnection) or reply.status not in SUCCESS
        status = "none" if isinstance(reply, NoConnection) else str(reply.status)
        self.statuses.setdefault(endpoint, Counter())[status] += 1
        window = self._windows.setdefault(int(now - self.begun), _Window())
        if endpoint is not _HELD:
            self.latencies.setdefault(endpoint, Latencies()).note(seconds)
            window.latencies.note(seconds)
        if not refused:
            return
        if expected:
            self.expected[expected] += 1
            return
        window.errors += 1
        window.busy += status == "503"
        window.slowed += status == "429"
        self.causes[cause_of(endpoint, reply)] += 1

    def acknowledge(self, what: str, number: int = 1) -> None:
        self.acknowledged[what] += number

    @property
    def errors(self) -> int:
        return sum(self.causes.values())

    @property
    def requests(self) -> int:
        return sum(sum(c.values()) for c in self.statuses.values())

    def endpoints(self, seconds: float) -> dict[str, OfEndpoint]:
        made: dict[str, OfEndpoint] = {}
        for endpoint, statuses in sorted(self.statuses.items()):
            latencies = self.latencies.get(endpoint, Latencies())
            made[endpoint.value] = OfEndpoint(
                statuses.total(),
                round(statuses.total() / max(seconds, 1e-9), 2),
                dict(sorted(statuses.items())),
                round(1e3 * latencies.at(0.5), 2),
                round(1e3 * latencies.at(0.99), 2),
            )
        return made

    def timeline(self) -> list[Second]:
        return [
            Second(
                at,
                w.latencies.count,
                w.errors,
                w.busy,
                w.slowed,
                round(1e3 * w.latencies.at(0.99), 2),
            )
            for at, w in sorted(self._windows.items())[-LONGEST_TIMELINE:]
        ]

    def all_latencies(self) -> Latencies:
        every = Latencies()
        for latencies in self.latencies.values():
            every.add(latencies)
        return every


def cause_of(endpoint: Endpoint, reply: Reply) -> str:
    """What a person groups errors by: no addresses, no numbers of devices."""
    match reply:
        case NoConnection(reason=reason):
            return f"{endpoint}: {reason.rpartition(': ')[2]}"
        case answer:
            return f"{endpoint}: status {answer.status}"
