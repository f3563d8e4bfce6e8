"""What is remembered of updates across slots, in the node's checkpoint.  Pure.

baseos_trial     the version whose trial was begun: noted before the machine goes down for it
baseos_bars      versions that failed here, why, and at which retry counter
baseos_retry     retry counter of the last update that was committed, as the controller is told
baseos_forced    force.fallback.counter as it was seen first, or answered last

A trial is noted before the loader is told, so a note without a trial means that power went between.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

TRIAL_FACT, BARS_FACT = "baseos_trial", "baseos_bars"
RETRY_FACT, FORCED_FACT = "baseos_retry", "baseos_forced"

MOST_BARS = 8  # the oldest goes
MOST_WHY = 1600  # characters: the reason, and the end of the log below it
LAST_LINES = 200  # of the log of a version that failed

T = TypeVar("T")


class Trial(msgspec.Struct, frozen=True):
    """Written before the boot that it is about."""

    version: str
    retry: int | None
    boot_id: str  # of the boot that wrote it
    since: str  # ISO 8601
    why_left: str = ""  # why the trial itself asked to be ended
    check: str = ""  # the health check that failed
    counter: int | None = None  # force.fallback.counter, where that asked for it


class Bar(msgspec.Struct, frozen=True):
    """A version that is not taken again until its retry counter moves."""

    version: str
    retry: int | None
    why: str
    at: str  # ISO 8601
    reason: int = 0  # BootReason of the boot that ended it; 0: it never booted
    check: str = ""


def _decoded(text: str | None, of: type[T], instead: T) -> T:
    """Garbage is taken for nothing: at worst a version is tried once more."""
    if not text:
        return instead
    try:
        return msgspec.json.decode(text.encode(), type=of)
    except (msgspec.MsgspecError, ValueError):
        return instead


def read_trial(text: str | None) -> Trial | None:
    if not text:
        return None
    try:
        return msgspec.json.decode(text.encode(), type=Trial)
    except (msgspec.MsgspecError, ValueError):
        return None


def read_bars(text: str | None) -> dict[str, Bar]:
    """By version, the oldest first."""
    return {bar.version: bar for bar in _decoded(text, list[Bar], [])}


def told(one: Trial | Iterable[Bar]) -> str:
    return msgspec.json.encode(one if isinstance(one, Trial) else list(one)).decode()


def barred(bars: Mapping[str, Bar], bar: Bar) -> dict[str, Bar]:
    """With one more; of the same version, the newer."""
    kept = [one for one in bars.values() if one.version != bar.version]
    kept.append(msgspec.structs.replace(bar, why=_shortened(bar.why)))
    return {one.version: one for one in kept[-MOST_BARS:]}


def _shortened(why: str) -> str:
    """A long log must not push out the sentence above it."""
    reason, line, rest = why.partition("\n")
    if len(why) <= MOST_WHY or not line:
        return why[-MOST_WHY:]
    reason = reason[: MOST_WHY // 2]
    return f"{reason}\n{rest[len(reason) + 1 - MOST_WHY :]}"


def unbarred(bars: Mapping[str, Bar], version: str) -> dict[str, Bar]:
    return {name: bar for name, bar in bars.items() if name != version}
