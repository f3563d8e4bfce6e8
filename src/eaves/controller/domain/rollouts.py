"""Staged roll-outs: what starts next, and why the rest waits.

Objects are in waves.  A wave opens when every object of the one before is settled, well or not, and
enough of them well.  Within the open wave an object starts when its device's time window is open
and its group has not as many under way as the budget allows.  Whoever joins late is in the last
wave.  All of it is counted anew at each look, so it does not matter who stopped where; and it is
counted by group and time zone, so that nobody stands in the way of those behind.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from enum import StrEnum
from math import ceil
from typing import Final

MOST_NAMED: Final = 5
"""Time zones, and groups, that reasons name."""
DAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


class Phase(StrEnum):
    """Of a roll-out."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"  # by somebody, or because too few of a wave succeeded
    ABORTED = "ABORTED"
    COMPLETED = "COMPLETED"
    UNDOING = "UNDOING"
    UNDO_HELD = "UNDO_HELD"  # whoever asked for the undo may not go on with it
    UNDONE = "UNDONE"


class Standing(StrEnum):
    """Of one object."""

    WAITING = "WAITING"
    STARTED = "STARTED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    UNDOING = "UNDOING"  # it has back what it had, and its device has not told so yet
    UNDONE = "UNDONE"
    NOT_UNDONE = "NOT_UNDONE"  # its result says why


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
    (Phase.UNDO_HELD, Move.UNDO): Phase.UNDOING,
}
HELD: Final[Mapping[Phase, Phase]] = {
    Phase.RUNNING: Phase.PAUSED,
    Phase.PAUSED: Phase.PAUSED,
    Phase.UNDOING: Phase.UNDO_HELD,  # never back to where it would start what was aborted
}
"""Where a roll-out waits that nobody has the right to go on with."""


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
    """How a wave stands.  `undone`: was begun and given back, or is about to be; counts no more."""

    waiting: int = 0
    started: int = 0
    succeeded: int = 0
    failed: int = 0
    undone: int = 0

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
class Waiting:
    """Objects of the open wave that wait, all of one group and one time zone.

    `local`: now, in that zone; `first`: the id of one of them.
    """

    group: str
    zone: str
    local: datetime
    count: int
    first: str = ""


@dataclass(frozen=True, slots=True)
class Take:
    """So many of those that wait in a group and a time zone."""

    group: str
    zone: str
    count: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some wait, or why all is over.

    `count`: how many it speaks of; `first`: the id of one of these, whose name is told.
    """

    text: str
    count: int = 0
    first: str = ""

    def told(self, names: Mapping[str, str]) -> str:
        """For a person; `names` leads from ids to names."""
        if not self.count:
            return self.text
        name = names.get(self.first, "")
        if not name:
            return f"{self.count:,}: {self.text}"
        more = f" and {self.count - 1:,} more" if self.count > 1 else ""
        return f"{name}{more}: {self.text}"


@dataclass(frozen=True, slots=True)
class Start:
    wave: int
    takes: tuple[Take, ...]
    reasons: tuple[Reason, ...]  # why others of the wave wait


@dataclass(frozen=True, slots=True)
class Wait:
    wave: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """Too few of a wave can succeed still; somebody must decide."""

    wave: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    reasons: tuple[Reason, ...]


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
            return Stop(number, (Reason(f"wave {number + 1}: {lost}"),))
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
    waiting: Sequence[Waiting],
    busy: Mapping[str, int],
    *,
    accepted: int = 0,
    at_once: int = 20,
) -> Decision:
    """What to start now.

    `counts`: of every wave; `waiting`: all that wait in the open wave; `busy`: how many objects of
    each group are under way, of whichever wave.
    """
    wave = open_wave(plan, counts, accepted)
    if isinstance(wave, Stop):
        return wave
    if wave >= len(counts):
        return Finished((Reason("every wave is done"),))
    takes, closed, full = _take(plan, waiting, busy, at_once)
    reasons = (
        *_under_way(wave, counts),
        *_closed(plan, closed),
        *_full(plan, full),
        *_later(plan, wave, counts),
    )
    return Start(wave, takes, reasons) if takes else Wait(wave, reasons)


def _take(
    plan: Plan, waiting: Sequence[Waiting], busy: Mapping[str, int], at_once: int
) -> tuple[tuple[Take, ...], tuple[Waiting, ...], tuple[Waiting, ...]]:
    """What starts, what waits for its window, what waits for the budget of its group."""
    under_way, left = dict(busy), at_once
    takes, closed, full = list[Take](), list[Waiting](), list[Waiting]()
    for one in waiting:
        if plan.window is not None and not plan.window.holds(one.local):
            closed.append(one)
            continue
        room = one.count
        if plan.budget is not None:
            room = max(0, plan.budget - under_way.get(one.group, 0))
        count = min(one.count, room, left)
        if count:
            takes.append(Take(one.group, one.zone, count))
            under_way[one.group] = under_way.get(one.group, 0) + count
            left -= count
        if room < one.count:  # the first of them may be among those that start
            first = one.first if not count else ""
            full.append(replace(one, count=one.count - room, first=first))
    return tuple(takes), tuple(closed), tuple(full)


def _under_way(wave: int, counts: Sequence[Count]) -> Iterable[Reason]:
    count = counts[wave]
    if count.started:
        yield Reason(
            f"wave {wave + 1}: {count.started:,} of {count.total:,} are under way and have not "
            "told yet that they run as wanted"
        )


def _closed(plan: Plan, closed: Sequence[Waiting]) -> Iterable[Reason]:
    """A reason for each time zone, those with the most objects first."""
    if plan.window is None:
        return
    local = {one.zone: one.local for one in closed}
    for zone, count, first in _summed(closed, lambda one: one.zone):
        there = local[zone]
        yield Reason(
            f"window closed: it is open {plan.window}, and there it is {DAYS[there.weekday()]} "
            f"{there:%H:%M}",
            count,
            first,
        )


def _full(plan: Plan, full: Sequence[Waiting]) -> Iterable[Reason]:
    for group, count, first in _summed(full, lambda one: one.group):
        what = f"group {group!r}" if group else "all together"
        yield Reason(
            f"budget of {what} used up, {plan.budget} may be under way at once", count, first
        )


def _summed(
    some: Sequence[Waiting], by: Callable[[Waiting], str]
) -> Sequence[tuple[str, int, str]]:
    """(word, how many, the id of one) for the words with the most, `MOST_NAMED` of them."""
    counts: dict[str, int] = {}
    first: dict[str, str] = {}
    for one in some:
        word = by(one)
        counts[word] = counts.get(word, 0) + one.count
        first[word] = first.get(word, "") or one.first
    most = sorted(counts, key=lambda word: (-counts[word], word))[:MOST_NAMED]
    return [(word, counts[word], first[word]) for word in most]


def _later(plan: Plan, wave: int, counts: Sequence[Count]) -> Iterable[Reason]:
    later = sum(one.waiting for one in counts[wave + 1 :])
    if later:
        yield Reason(
            f"{later:,} of later waves wait until wave {wave + 1} is settled and "
            f"{plan.threshold_percent:.4g} % of it succeeded"
        )


@dataclass(frozen=True, slots=True)
class Due:
    """A roll-out that may be looked at: whose it is, and when that was done last."""

    enterprise_id: str
    id: str
    created_at: datetime
    paused: bool = False
    looked_at: datetime | None = None


def take_turns(due: Sequence[Due], limit: int) -> tuple[Due, ...]:
    """Whom to look at now: of each enterprise the one that waits for the longest, then the second
    of each, and so on, so that nobody's roll-outs stand in the way of another's.
    """
    never = datetime.min.replace(tzinfo=UTC)
    turns: dict[str, int] = {}
    ordered: list[tuple[int, datetime, datetime, str, Due]] = []
    for one in sorted(due, key=lambda o: (o.looked_at or never, o.created_at, o.id)):
        turn = turns.get(one.enterprise_id, 0)
        turns[one.enterprise_id] = turn + 1
        ordered.append((turn, one.looked_at or never, one.created_at, one.id, one))
    return tuple(each[-1] for each in sorted(ordered, key=lambda each: each[:-1])[:limit])
