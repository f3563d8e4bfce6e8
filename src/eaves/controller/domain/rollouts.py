"""Staged roll-outs: what starts next, and why the rest waits.

Objects are in waves.  A wave opens when every object of the one before is settled, well or not, and
enough of them well.  Within the open wave an object starts when its device's time window is open
and its group has not as many under way as the budget allows.  Whoever joins late is in the last
wave.  All of it is counted anew at each look, so it does not matter who stopped where.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from math import ceil
from typing import Final

MOST_NAMED: Final = 5
"""Objects that a reason names."""
DAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


class Phase(StrEnum):
    """Of a roll-out."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"  # by somebody, or because too few of a wave succeeded
    ABORTED = "ABORTED"
    COMPLETED = "COMPLETED"
    UNDOING = "UNDOING"
    UNDONE = "UNDONE"


class Standing(StrEnum):
    """Of one object."""

    WAITING = "WAITING"
    STARTED = "STARTED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    UNDONE = "UNDONE"


class Move(StrEnum):
    """What somebody asks of a roll-out."""

    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"
    UNDO = "undo"


MOVES: Final[Mapping[tuple[Phase, Move], Phase]] = {
    (Phase.RUNNING, Move.PAUSE): Phase.PAUSED,
    (Phase.PAUSED, Move.RESUME): Phase.RUNNING,
    (Phase.RUNNING, Move.ABORT): Phase.ABORTED,
    (Phase.PAUSED, Move.ABORT): Phase.ABORTED,
    (Phase.RUNNING, Move.UNDO): Phase.UNDOING,
    (Phase.PAUSED, Move.UNDO): Phase.UNDOING,
    (Phase.ABORTED, Move.UNDO): Phase.UNDOING,
    (Phase.COMPLETED, Move.UNDO): Phase.UNDOING,
}


@dataclass(frozen=True, slots=True)
class Wave:
    """Those that carry all of these tags, or this share of what no wave before took.

    The last wave takes all the rest, whatever it says.
    """

    selector: Mapping[str, str] = field(default_factory=dict[str, str])
    share_percent: float = 100.0


@dataclass(frozen=True, slots=True)
class Window:
    """Of the day, in the time zone of the device; it may lead over midnight.

    `days`: on which it opens, Monday is 0; empty means on every day.
    """

    opens: time
    closes: time
    days: frozenset[int] = frozenset()

    def holds(self, local: datetime) -> bool:
        at = local.time()
        if self.opens <= self.closes:
            return self.opens <= at < self.closes and self._on(local.weekday())
        if at >= self.opens:
            return self._on(local.weekday())
        return at < self.closes and self._on((local.weekday() - 1) % 7)

    def _on(self, day: int) -> bool:
        return not self.days or day in self.days

    def __str__(self) -> str:
        days = "".join(f" {DAYS[day]}" for day in sorted(self.days))
        return f"{self.opens:%H:%M} to {self.closes:%H:%M}{days}"


@dataclass(frozen=True, slots=True)
class Plan:
    """`threshold_percent`: of a wave, that must succeed.

    `budget`: objects of one group that may be under way at once; None: any number.
    """

    waves: tuple[Wave, ...]
    threshold_percent: float = 100.0
    budget: int | None = None
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How a wave stands."""

    waiting: int = 0
    started: int = 0
    succeeded: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        return self.waiting + self.started + self.succeeded + self.failed

    @property
    def settled(self) -> bool:
        return self.waiting == 0 and self.started == 0

    @property
    def best_percent(self) -> float:
        """The share that succeeds if nothing more fails."""
        return 100.0 * (self.total - self.failed) / self.total if self.total else 100.0

    def lost(self, threshold_percent: float) -> bool:
        return self.best_percent < threshold_percent


@dataclass(frozen=True, slots=True)
class Candidate:
    """An object that waits.  `local`: now, in the time zone of its device."""

    object_id: str
    name: str
    group: str
    local: datetime


@dataclass(frozen=True, slots=True)
class Start:
    wave: int
    object_ids: tuple[str, ...]
    reasons: tuple[str, ...]  # why others of the wave wait


@dataclass(frozen=True, slots=True)
class Wait:
    wave: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """Too few of a wave can succeed still; somebody must decide."""

    wave: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    reasons: tuple[str, ...]


Decision = Start | Wait | Stop | Finished


def wave_of(
    plan: Plan, rollout_id: str, objects: Sequence[tuple[str, Mapping[str, str]]]
) -> Mapping[str, int]:
    """The wave of each object, told by its id and the tags of its device.

    Shares are cut from an order that the ids give: the same at each time, and no site is first.
    """
    last = len(plan.waves) - 1
    left = sorted(
        objects, key=lambda one: hashlib.sha256(f"{rollout_id}/{one[0]}".encode()).digest()
    )
    taken: dict[str, int] = {}
    for number, wave in enumerate(plan.waves[:last]):
        if wave.selector:
            chosen = [one for one in left if wave.selector.items() <= one[1].items()]
        else:
            chosen = left[: ceil(len(objects) * wave.share_percent / 100)]
        taken |= {one[0]: number for one in chosen}
        left = [one for one in left if one[0] not in taken]
    return taken | {one[0]: last for one in left}


def open_wave(plan: Plan, counts: Sequence[Count], accepted: int) -> int | Stop:
    """The first wave that is not settled; `accepted`: waves before it count whatever failed."""
    for number, count in enumerate(counts):
        lost = _lost(plan, count)
        if number >= accepted and lost:
            return Stop(number, (f"wave {number + 1}: {lost}",))
        if not count.settled:
            return number
    return len(counts)


def _lost(plan: Plan, count: Count) -> str:
    """Why a wave cannot reach its threshold any more; empty while it can."""
    if not count.lost(plan.threshold_percent):
        return ""
    return (
        f"{count.failed:,} of {count.total:,} failed, so at most {count.best_percent:.4g} % can "
        f"succeed and {plan.threshold_percent:.4g} % must; resume to go on all the same, or undo"
    )


def decide(
    plan: Plan,
    counts: Sequence[Count],
    candidates: Sequence[Candidate],
    busy: Mapping[str, int],
    *,
    accepted: int = 0,
    at_once: int = 20,
) -> Decision:
    """What to start now.

    `counts`: of every wave; `candidates`: some that wait in the open wave; `busy`: how many objects
    of each group are under way, of whichever wave.
    """
    wave = open_wave(plan, counts, accepted)
    if isinstance(wave, Stop):
        return wave
    if wave >= len(counts):
        return Finished(("every wave is done",))
    under_way, chosen = dict(busy), list[str]()
    closed: list[Candidate] = []
    full: dict[str, list[Candidate]] = {}
    for one in candidates:
        if plan.window is not None and not plan.window.holds(one.local):
            closed.append(one)
        elif plan.budget is not None and under_way.get(one.group, 0) >= plan.budget:
            full.setdefault(one.group, []).append(one)
        elif len(chosen) < at_once:
            chosen.append(one.object_id)
            under_way[one.group] = under_way.get(one.group, 0) + 1
    reasons = _reasons(plan, wave, counts, closed, full)
    return Start(wave, tuple(chosen), reasons) if chosen else Wait(wave, reasons)


def _reasons(
    plan: Plan,
    wave: int,
    counts: Sequence[Count],
    closed: Sequence[Candidate],
    full: Mapping[str, Sequence[Candidate]],
) -> tuple[str, ...]:
    reasons: list[str] = []
    count = counts[wave]
    if count.started:
        reasons.append(
            f"wave {wave + 1}: {count.started:,} of {count.total:,} are under way and have not "
            "told yet that they run as wanted"
        )
    if closed and plan.window is not None:
        local = closed[0].local
        reasons.append(
            f"window closed for {_named(closed)}: it is open {plan.window}, and there it is "
            f"{DAYS[local.weekday()]} {local:%H:%M}"
        )
    for group, waiting in sorted(full.items())[:MOST_NAMED]:
        what = f"group {group!r}" if group else "all together"
        reasons.append(
            f"budget of {what} used up: {plan.budget} may be under way at once; {_named(waiting)} "
            "waits"
        )
    later = sum(one.waiting for one in counts[wave + 1 :])
    if later:
        reasons.append(
            f"{later:,} of later waves wait until wave {wave + 1} is settled and "
            f"{plan.threshold_percent:.4g} % of it succeeded"
        )
    return tuple(reasons)


def _named(some: Sequence[Candidate]) -> str:
    names = ", ".join(one.name for one in some[:MOST_NAMED])
    more = f" and {len(some) - MOST_NAMED:,} more" if len(some) > MOST_NAMED else ""
    return names + more
