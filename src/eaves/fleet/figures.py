"""What a run of the fleet measured: requests, errors, latencies; as values that can be added up."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
        self.note_in(bucket_of(seconds))

    def note_in(self, bucket: int) -> None:
        self.counts[bucket] += 1
        self.count += 1

    def add_counts(self, counts: Mapping[int, int]) -> None:
        """By bucket."""
        self.counts.update(counts)
        self.count += sum(counts.values())

    def at(self, part: float) -> float:
        """Seconds that this part of all took at most; 0 without any."""
        wanted, seen = part * self.count, 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= wanted:
                return _LEAST_S * math.exp2((bucket + 1) / _STEPS)
        return 0.0


def bucket_of(seconds: float) -> int:
    if seconds <= _LEAST_S:
        return 0
    return min(int(math.log2(seconds / _LEAST_S) * _STEPS), _BUCKETS)


@dataclass(slots=True)
class Window:
    """One second of the run."""

    latencies: Latencies = field(default_factory=Latencies)
    errors: int = 0
    busy: int = 0  # answers 503
    slowed: int = 0  # answers 429


_HELD = Endpoint.WAIT  # answered late on purpose: no latency


class Figures:
    """`now` counts seconds on a clock that never jumps.

    `settle_s`: the first seconds, whose latencies stand in the timeline only.
    """

    def __init__(self, now: float, settle_s: float = 0.0) -> None:
        self.begun = now
        self._settle_s = settle_s
        self.statuses: dict[Endpoint, Counter[str]] = {}
        self.latencies: dict[Endpoint, Latencies] = {}
        self.causes: Counter[str] = Counter()
        self.expected: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.acknowledged: Counter[str] = Counter()
        self.config_ages = Latencies()  # from the timestamp of a configuration to its arrival
        self.waiting = 0  # long polls that are open
        self._windows: dict[int, Window] = {}

    def note(
        self, endpoint: Endpoint, reply: Reply, seconds: float, now: float, expected: str = ""
    ) -> None:
        """`expected`: the fault for which a refusal of this request is right."""
        refused = isinstance(reply, NoConnection) or reply.status not in SUCCESS
        status = "none" if isinstance(reply, NoConnection) else str(reply.status)
        if (statuses := self.statuses.get(endpoint)) is None:
            statuses = self.statuses[endpoint] = Counter()
        statuses[status] += 1
        at_s = now - self.begun
        if (window := self._windows.get(int(at_s))) is None:
            window = self._windows[int(at_s)] = Window()
        if endpoint is not _HELD:
            bucket = bucket_of(seconds)
            window.latencies.note_in(bucket)
            if at_s >= self._settle_s:
                if (latencies := self.latencies.get(endpoint)) is None:
                    latencies = self.latencies[endpoint] = Latencies()
                latencies.note_in(bucket)
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

    def part(self, since_s: int = 0) -> "Part":
        """All of it but the seconds before `since_s`, which do not change any more."""
        return Part(
            statuses={e: dict(counted) for e, counted in self.statuses.items()},
            latencies={e: dict(some.counts) for e, some in self.latencies.items()},
            causes=dict(self.causes),
            expected=dict(self.expected),
            faults={str(fault): n for fault, n in self.faults.items()},
            acknowledged=dict(self.acknowledged),
            config_ages=dict(self.config_ages.counts),
            waiting=self.waiting,
            windows={
                at: PartOfSecond(dict(w.latencies.counts), w.errors, w.busy, w.slowed)
                for at, w in self._windows.items()
                if at >= since_s
            },
        )

    def add(self, part: "Part") -> None:
        for endpoint, statuses in part.statuses.items():
            self.statuses.setdefault(endpoint, Counter()).update(statuses)
        for endpoint, counts in part.latencies.items():
            self.latencies.setdefault(endpoint, Latencies()).add_counts(counts)
        self.causes.update(part.causes)
        self.expected.update(part.expected)
        self.faults.update(part.faults)
        self.acknowledged.update(part.acknowledged)
        self.config_ages.add_counts(part.config_ages)
        self.waiting += part.waiting
        for at, second in part.windows.items():
            window = self._windows.setdefault(at, Window())
            window.latencies.add_counts(second.latencies)
            window.errors += second.errors
            window.busy += second.busy
            window.slowed += second.slowed

    @property
    def errors(self) -> int:
        return sum(self.causes.values())

    @property
    def requests(self) -> int:
        return sum(c.total() for c in self.statuses.values())

    def windows(self) -> Sequence[tuple[int, Window]]:
        """By seconds since the begin, in which the requests ended."""
        return sorted(self._windows.items())

    def all_latencies(self) -> Latencies:
        every = Latencies()
        for latencies in self.latencies.values():
            every.add_counts(latencies.counts)
        return every


class PartOfSecond(msgspec.Struct, frozen=True):
    latencies: dict[int, int]  # by bucket
    errors: int = 0
    busy: int = 0
    slowed: int = 0


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Figures on their way to another process; parts add up."""

    statuses: dict[Endpoint, dict[str, int]]
    latencies: dict[Endpoint, dict[int, int]]
    causes: dict[str, int]
    expected: dict[str, int]
    faults: dict[str, int]
    acknowledged: dict[str, int]
    config_ages: dict[int, int]
    waiting: int
    windows: dict[int, PartOfSecond]


def cause_of(endpoint: Endpoint, reply: Reply) -> str:
    """What a person groups errors by: no addresses, no numbers of devices."""
    match reply:
        case NoConnection(reason=reason):
            return f"{endpoint}: {reason.rpartition(': ')[2]}"
        case answer:
            return f"{endpoint}: status {answer.status}"
