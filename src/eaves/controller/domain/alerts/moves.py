"""What becomes of a condition over time: it holds long enough, an incident opens; it is over long
enough, the incident is.

    (nothing) -> PENDING -> FIRING <-> CLEARING -> (nothing)
                               `-> QUIET, for what happened once: that same thing is not told again

An incident opens with FIRING and ends when FIRING and CLEARING are left, so it opens once and ends
once, however often the condition comes and goes meanwhile.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Verdict(StrEnum):
    MET = "met"
    CLEAR = "clear"
    UNKNOWN = "unknown"  # nothing is known of now: what is open stays, nothing opens


class Phase(StrEnum):
    PENDING = "pending"
    FIRING = "firing"
    CLEARING = "clearing"
    QUIET = "quiet"


OPEN = frozenset({Phase.FIRING, Phase.CLEARING})


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at one object.  `since`: from when it is known to hold, else from this look on.

    `mark` names what happened once (a start of the node); a condition that lasts has none.
    """

    verdict: Verdict
    text: str = ""
    since: datetime | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Tracked:
    """`since`: when the phase began, PENDING: when the condition did."""

    phase: Phase
    since: datetime
    mark: str = ""
    incident_id: str = ""


class Told(StrEnum):
    NOTHING = "nothing"
    OPENED = "opened"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be kept (None: nothing) and what is to be told."""

    keep: Tracked | None
    told: Told = Told.NOTHING


CLEAR = Seen(Verdict.CLEAR)


def step(
    tracked: Tracked | None, seen: Seen, now: datetime, *, hold: timedelta, clear: timedelta
) -> Step:
    match seen.verdict:
        case Verdict.MET:
            return _met(tracked, seen, now, hold, clear)
        case Verdict.CLEAR:
            return _clear(tracked, now, clear)
        case Verdict.UNKNOWN:
            return _unknown(tracked, now)


def ended(tracked: Tracked) -> Step:
    """The rule, or what it looks at, is no more."""
    return Step(None, Told.CLOSED if tracked.phase in OPEN else Told.NOTHING)


def _met(
    tracked: Tracked | None, seen: Seen, now: datetime, hold: timedelta, clear: timedelta
) -> Step:
    if tracked is not None and tracked.phase in OPEN:
        if seen.mark != tracked.mark:  # it happened again: its time runs anew
            return Step(replace(tracked, phase=Phase.FIRING, since=now, mark=seen.mark))
        if seen.mark and now - tracked.since >= clear:
            return Step(Tracked(Phase.QUIET, now, seen.mark), Told.CLOSED)
        if tracked.phase is Phase.CLEARING:
            return Step(replace(tracked, phase=Phase.FIRING, since=now))
        return Step(tracked)
    if tracked is not None and tracked.phase is Phase.QUIET and tracked.mark == seen.mark:
        return Step(tracked)
    since = min(seen.since or now, now)
    if tracked is not None and tracked.phase is Phase.PENDING and tracked.mark == seen.mark:
        since = tracked.since
    if now - since >= hold:
        return Step(Tracked(Phase.FIRING, now, seen.mark), Told.OPENED)
    return Step(Tracked(Phase.PENDING, since, seen.mark))


def _clear(tracked: Tracked | None, now: datetime, clear: timedelta) -> Step:
    if tracked is None or tracked.phase not in OPEN:
        return Step(None)
    if tracked.phase is Phase.CLEARING:
        over = now - tracked.since >= clear
        return Step(None, Told.CLOSED) if over else Step(tracked)
    if not clear:
        return Step(None, Told.CLOSED)
    return Step(replace(tracked, phase=Phase.CLEARING, since=now))


def _unknown(tracked: Tracked | None, now: datetime) -> Step:
    if tracked is None or tracked.phase is Phase.PENDING:
        return Step(None)
    if tracked.phase is Phase.CLEARING:
        return Step(replace(tracked, phase=Phase.FIRING, since=now))
    return Step(tracked)
