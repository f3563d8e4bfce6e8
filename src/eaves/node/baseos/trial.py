"""How long a system on trial has to prove itself.  Pure: times are seconds of a monotonic clock.

The window is counted from the first answer of the controller, and anew after each request that had
none or was put off.  A controller that refuses, says 403 or 503 is there: it is waited for without
end while the vault is open.  A vault has its time from the first sign of the controller, of any
kind: one that lets nobody in would leave the apps down for ever.  Before that sign, silence counts.
Source: node reference, sections 12.1 and 12.2.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from eaves.node.baseos.slots import Event


class Answer(StrEnum):
    """What a request for the configuration came to."""

    WELL = "well"
    PUT_OFF = "put off"
    NONE = "none"


EVENTS = {
    Answer.WELL: Event.CONTACT,
    Answer.PUT_OFF: Event.PUT_OFF,
    Answer.NONE: Event.LOST,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """From the properties in force."""

    silence_s: float  # timer.update.fallback.no.network
    window_s: float  # timer.test.baseimage.update
    vault_s: float  # timer.vault.ready.cutoff


@dataclass(frozen=True, slots=True)
class Trial:
    heard: float  # the controller's last sign of life; before the first: the begin
    first: float | None = None  # its first sign of life
    window: float | None = None  # since when it answers without a gap


def begun(now: float) -> Trial:
    return Trial(heard=now)


def hear(trial: Trial, answer: Answer, now: float) -> Trial:
    first = now if trial.first is None else trial.first
    match answer:
        case Answer.WELL:
            window = now if trial.window is None else trial.window
            return Trial(now, first, window)
        case Answer.PUT_OFF:
            return Trial(now, first)
        case Answer.NONE:
            return replace(trial, window=None)


def judge(trial: Trial, now: float, limits: Limits, *, vault_open: bool) -> Event | None:
    """What time alone brings; None: wait on."""
    late = trial.first is not None and now - trial.first >= limits.vault_s
    if late and not vault_open:
        return Event.VAULT_LATE
    if now - trial.heard >= limits.silence_s:
        return Event.SILENCE
    if vault_open and seconds_left(trial, now, limits) == 0:
        return Event.WINDOW_OVER
    return None


def seconds_left(trial: Trial, now: float, limits: Limits) -> float:
    """Of the window; all of it while it has not begun."""
    if trial.window is None:
        return limits.window_s
    return max(0.0, limits.window_s - (now - trial.window))
