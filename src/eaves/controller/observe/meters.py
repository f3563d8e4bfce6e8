"""Counts and times of one controller process, cheap enough for the path of a poll.

A meter is lists and dicts that one thread writes and any thread reads: no lock, no label objects,
no library.  A note costs less than a microsecond.  What is read from elsewhere (devices in memory,
length of a queue) is a `Gauge`, asked when somebody looks.  `observe.exposition` puts it all into
the text that Prometheus reads, and loads what it needs only then.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

LATENCY_S: Final = (
    *(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025),
    *(0.05, 0.1, 0.3, 0.5, 1.0, 2.5, 10.0, 60.0),
)
BATCH: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)


class Histogram:
    """How many values lie at or below each bound; one thread notes, any thread reads."""

    __slots__ = ("_counts", "bounds", "total")

    def __init__(self, bounds: tuple[float, ...] = LATENCY_S) -> None:
        self.bounds = bounds
        self._counts = [0] * (len(bounds) + 1)  # the last: above every bound
        self.total = 0.0

    def note(self, value: float) -> None:
        self._counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        return sum(self._counts)

    def cumulative(self) -> tuple[tuple[str, int], ...]:
        """As Prometheus has it: (upper bound, values at or below it), the last bound `+Inf`."""
        found: list[tuple[str, int]] = []
        below = 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self._counts, strict=True):
            below += count
            found.append((bound, below))
        return tuple(found)


OnAnswer = Callable[[str, int, float], None]
"""Told of an answer: what was asked, status, seconds."""


class Requests:
    """Answers by what was asked and by status, and how long each took."""

    __slots__ = ("_counts", "_times", "on_note")

    def __init__(self) -> None:
        self.on_note: OnAnswer | None = None
        self._counts: dict[tuple[str, int], int] = {}
        self._times: dict[str, Histogram] = {}

    def note(self, what: str, status: int, seconds: float) -> None:
        """One answer.  `what` is of a small set (an endpoint, never a path or an id)."""
        key = (what, status)
        counts = self._counts
        counts[key] = counts.get(key, 0) + 1
        times = self._times.get(what)
        if times is None:
            times = self._times[what] = Histogram()
        times.note(seconds)
        if self.on_note is not None:
            self.on_note(what, status, seconds)

    def counts(self) -> Mapping[tuple[str, int], int]:
        return dict(self._counts)

    def times(self) -> Mapping[str, Histogram]:
        return dict(self._times)


OnCommit = Callable[[str, int, float, bool], None]
"""Told of a group commit that just ended: pipeline, messages, seconds, whether it succeeded."""


class Commits:
    """The group commits of one pipeline: how many messages each held, how long each took.

    The thread that commits notes; refusals are noted by the loop that queues.
    """

    __slots__ = ("_on_commit", "failures", "messages", "name", "payload_bytes", "refused", "times")

    def __init__(self, name: str, on_commit: OnCommit | None = None) -> None:
        self.name = name
        self._on_commit = on_commit
        self.messages = Histogram(BATCH)
        self.times = Histogram()
        self.payload_bytes = 0
        self.failures = 0
        self.refused = 0

    def note(self, messages: int, payload_bytes: int, seconds: float) -> None:
        """One commit that is durable now."""
        self.messages.note(messages)
        self.times.note(seconds)
        self.payload_bytes += payload_bytes
        if self._on_commit is not None:
            self._on_commit(self.name, messages, seconds, True)

    def note_failure(self, messages: int, seconds: float) -> None:
        """A commit that was rolled back."""
        self.failures += 1
        if self._on_commit is not None:
            self._on_commit(self.name, messages, seconds, False)

    def note_refused(self) -> None:
        """A message that found the queue full; its sender keeps it."""
        self.refused += 1


Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Gauge:
    """Numbers that are read when somebody looks; `name` as Prometheus shall have it.

    `read` gives one number, or one for each value of the label `by`.
    """

    name: str
    help: str
    read: Callable[[], float | Mapping[str, float]] = field(repr=False)
    labels: Labels = ()
    by: str = ""
    counts_up: bool = False  # a total that only grows

    @property
    def label_names(self) -> tuple[str, ...]:
        return (*(name for name, _ in self.labels), *((self.by,) if self.by else ()))

    def values(self) -> tuple[tuple[tuple[str, ...], float], ...]:
        """(values of the labels, number) for each; raises what `read` raises."""
        fixed = tuple(value for _, value in self.labels)
        found = self.read()
        if isinstance(found, Mapping):
            return tuple(((*fixed, label), float(value)) for label, value in found.items())
        return ((fixed, float(found)),)


class Meters:
    """All meters of a process: made once, handed to who notes."""

    def __init__(self) -> None:
        self.devices = Requests()  # what devices asked; noted on their loop
        self.users = Requests()  # what users asked; noted on the loop of the REST side
        self.on_commit: OnCommit | None = None  # set before the first `commits`
        self._commits: dict[str, Commits] = {}
        self._lags: dict[str, Histogram] = {}
        self._gauges: list[Gauge] = []
        self._lock = threading.Lock()  # for making them; noting needs none

    def commits(self, pipeline: str) -> Commits:
        """The meter of this pipeline: the same one for the same name."""
        with self._lock:
            found = self._commits.get(pipeline)
            if found is None:
                found = self._commits[pipeline] = Commits(pipeline, self.on_commit)
            return found

    def lag(self, loop: str) -> Histogram:
        """How late the timers of this event loop are, in seconds."""
        with self._lock:
            return self._lags.setdefault(loop, Histogram())

    def gauge(
        self,
        name: str,
        help: str,  # noqa: A002 - the word of the format
        read: Callable[[], float | Mapping[str, float]],
        *,
        by: str = "",
        counts_up: bool = False,
        **labels: str,
    ) -> None:
        """Have `read` asked at every look, from any thread; what it raises leaves it out."""
        with self._lock:
            self._gauges.append(Gauge(name, help, read, tuple(labels.items()), by, counts_up))

    def all_commits(self) -> tuple[Commits, ...]:
        with self._lock:
            return tuple(self._commits.values())

    def all_lags(self) -> Mapping[str, Histogram]:
        with self._lock:
            return dict(self._lags)

    def gauges(self) -> Iterable[Gauge]:
        with self._lock:
            return tuple(self._gauges)
