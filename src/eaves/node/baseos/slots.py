"""What becomes of a base OS update: one table of (phase, event) -> phase and what is to be done.

Two slots hold the system.  An update goes to the one that does not run, is booted once on trial,
and is either committed or left by itself: whatever ends the trial boot before it is committed
(panic, hang, power cut, silence of the controller) leads back to the slot that was good.

    idle -> fetching -> writing -> sealing -> rebooting        (active, unused ... updating)
              the loader boots the other slot, once, and counts that before it does
    waiting <-> testing -> committing -> idle                  (inprogress, active)
        `----------`-> leaving                                 the loader boots the old one again
    failed                                                     (active, inprogress)

A phase is not stored: each start finds it from what the loader shows.  Pure; node reference 12.
"""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Slot(StrEnum):
    """The state of one slot, in the words of the wire."""

    ACTIVE = "active"  # good: what boots unless told otherwise
    UPDATING = "updating"  # written and checked: the next boot tries it, once
    INPROGRESS = "inprogress"  # was booted for its trial, and is not committed
    UNUSED = "unused"  # never booted; may hold an old version


class Phase(StrEnum):
    START = "start"
    IDLE = "idle"
    FETCHING = "fetching"
    WRITING = "writing"
    SEALING = "sealing"
    REBOOTING = "rebooting"
    WAITING = "waiting"
    TESTING = "testing"
    COMMITTING = "committing"
    LEAVING = "leaving"
    FAILED = "failed"
    REFUSED = "refused"


class Event(StrEnum):
    FOUND_IDLE = "the slot that runs is good, the other holds nothing to boot"
    FOUND_WRITTEN = "the other slot is to be booted next"
    FOUND_NOT_TAKEN = "the loader was to boot the other slot, and booted this one"
    FOUND_TRIAL = "this is the trial boot"
    FOUND_FAILED = "the trial boot ended before it was committed"
    WANTED = "another version is to run"
    OTHER_WANTED = "yet another version is to run"
    WITHDRAWN = "no other version is to run any more"
    BARRED = "the version that is to run has failed before"
    RETRY = "the retry counter moved"
    FORCED = "the fallback counter moved"
    CONTENT_THERE = "its content is here and verified"
    WRITTEN = "the slot holds it, as read back"
    UNUSABLE = "it cannot run here: signature, digest, version, size or age"
    SEALED = "the vault opens for what it will measure"
    INTERRUPTED = "a step failed that may go well later"
    CONTACT = "the controller answered"
    PUT_OFF = "the controller is there and does not serve now: refused, 403, 503"
    LOST = "a request had no answer"
    SILENCE = "no sign of the controller for too long"
    VAULT_LATE = "the vault did not open in time"
    UNHEALTHY = "a health check failed"
    WINDOW_OVER = "the test window passed"
    COMMITTED = "the slot is marked good"


class Act(StrEnum):
    WRITE = "write the other slot, read it back"
    STOP_WRITING = "end the writing that is under way"
    DROP = "the other slot is not to be booted"
    ANNOUNCE = "let the vault open for the PCRs it will have"
    MARK = "let the loader try the other slot, once"
    REBOOT = "stop apps and restart the machine"
    BEGIN_TRIAL = "count time since the boot"
    START_WINDOW = "count the test window from now"
    STOP_WINDOW = "the window begins anew with the next answer"
    COMMIT = "mark the running slot good, then the other unused"
    SETTLE = "seal to what runs now, and forget the trial"
    FALL_BACK = "restart into the good slot, reason: fallback"
    FALL_BACK_VAULT = "restart into the good slot, reason: vault failure"
    BAR = "do not take this version again before its retry counter moves"
    UNBAR = "take the version again"
    DEFER = "tell that it waits for the end of the trial"
    LATER = "try the step again after a while"


Move = tuple[Phase, tuple[Act, ...]]

BEFORE_MARK: Final = (Phase.FETCHING, Phase.WRITING, Phase.SEALING)
TRIAL: Final = (Phase.WAITING, Phase.TESTING, Phase.COMMITTING)

MOVES: Final[MappingProxyType[tuple[Phase, Event], Move]] = MappingProxyType(
    {
        (Phase.START, Event.FOUND_IDLE): (Phase.IDLE, ()),
        (Phase.START, Event.FOUND_WRITTEN): (Phase.REBOOTING, (Act.REBOOT,)),
        (Phase.START, Event.FOUND_NOT_TAKEN): (Phase.REFUSED, (Act.DROP, Act.BAR)),
        (Phase.START, Event.FOUND_TRIAL): (Phase.WAITING, (Act.BEGIN_TRIAL,)),
        (Phase.START, Event.FOUND_FAILED): (Phase.FAILED, (Act.BAR,)),
        (Phase.IDLE, Event.WANTED): (Phase.FETCHING, ()),
        (Phase.IDLE, Event.BARRED): (Phase.REFUSED, ()),
        (Phase.IDLE, Event.FORCED): (Phase.SEALING, (Act.ANNOUNCE,)),
        (Phase.FETCHING, Event.CONTENT_THERE): (Phase.WRITING, (Act.WRITE,)),
        (Phase.FETCHING, Event.OTHER_WANTED): (Phase.FETCHING, ()),
        (Phase.FETCHING, Event.WITHDRAWN): (Phase.IDLE, ()),
        (Phase.FETCHING, Event.FORCED): (Phase.SEALING, (Act.ANNOUNCE,)),
        (Phase.WRITING, Event.WRITTEN): (Phase.SEALING, (Act.ANNOUNCE,)),
        (Phase.WRITING, Event.UNUSABLE): (Phase.REFUSED, (Act.DROP, Act.BAR)),
        (Phase.WRITING, Event.INTERRUPTED): (Phase.FETCHING, (Act.LATER,)),
        (Phase.WRITING, Event.OTHER_WANTED): (Phase.FETCHING, (Act.STOP_WRITING, Act.DROP)),
        (Phase.WRITING, Event.WITHDRAWN): (Phase.IDLE, (Act.STOP_WRITING, Act.DROP)),
        (Phase.SEALING, Event.SEALED): (Phase.REBOOTING, (Act.MARK, Act.REBOOT)),
        (Phase.SEALING, Event.UNUSABLE): (Phase.REFUSED, (Act.DROP, Act.BAR)),
        (Phase.SEALING, Event.INTERRUPTED): (Phase.FETCHING, (Act.LATER,)),
        (Phase.SEALING, Event.OTHER_WANTED): (Phase.FETCHING, (Act.DROP,)),
        (Phase.SEALING, Event.WITHDRAWN): (Phase.IDLE, (Act.DROP,)),
        # The machine goes down either way; what boots is the slot that runs now.
        (Phase.REBOOTING, Event.INTERRUPTED): (Phase.FETCHING, (Act.DROP, Act.LATER)),
        (Phase.REBOOTING, Event.OTHER_WANTED): (Phase.REBOOTING, (Act.DROP,)),
        (Phase.REBOOTING, Event.WITHDRAWN): (Phase.REBOOTING, (Act.DROP,)),
        (Phase.WAITING, Event.CONTACT): (Phase.TESTING, (Act.START_WINDOW,)),
        (Phase.WAITING, Event.PUT_OFF): (Phase.WAITING, ()),
        (Phase.WAITING, Event.LOST): (Phase.WAITING, ()),
        (Phase.WAITING, Event.SILENCE): (Phase.LEAVING, (Act.FALL_BACK,)),
        (Phase.WAITING, Event.VAULT_LATE): (Phase.LEAVING, (Act.FALL_BACK_VAULT,)),
        (Phase.WAITING, Event.UNHEALTHY): (Phase.LEAVING, (Act.FALL_BACK,)),
        (Phase.WAITING, Event.OTHER_WANTED): (Phase.WAITING, (Act.DEFER,)),
        (Phase.TESTING, Event.CONTACT): (Phase.TESTING, ()),
        (Phase.TESTING, Event.PUT_OFF): (Phase.WAITING, (Act.STOP_WINDOW,)),
        (Phase.TESTING, Event.LOST): (Phase.WAITING, (Act.STOP_WINDOW,)),
        (Phase.TESTING, Event.SILENCE): (Phase.LEAVING, (Act.FALL_BACK,)),
        (Phase.TESTING, Event.VAULT_LATE): (Phase.LEAVING, (Act.FALL_BACK_VAULT,)),
        (Phase.TESTING, Event.UNHEALTHY): (Phase.LEAVING, (Act.FALL_BACK,)),
        (Phase.TESTING, Event.OTHER_WANTED): (Phase.TESTING, (Act.DEFER,)),
        (Phase.TESTING, Event.WINDOW_OVER): (Phase.COMMITTING, (Act.COMMIT,)),
        (Phase.COMMITTING, Event.COMMITTED): (Phase.IDLE, (Act.SETTLE,)),
        (Phase.COMMITTING, Event.INTERRUPTED): (Phase.WAITING, (Act.STOP_WINDOW, Act.LATER)),
        (Phase.COMMITTING, Event.OTHER_WANTED): (Phase.COMMITTING, (Act.DEFER,)),
        (Phase.FAILED, Event.OTHER_WANTED): (Phase.FETCHING, ()),
        # Written anew, not only marked: what is wrong with it may be its bytes on this disk.
        (Phase.FAILED, Event.RETRY): (Phase.FETCHING, (Act.UNBAR,)),
        (Phase.REFUSED, Event.OTHER_WANTED): (Phase.FETCHING, ()),
        (Phase.REFUSED, Event.RETRY): (Phase.FETCHING, (Act.UNBAR,)),
        (Phase.REFUSED, Event.WITHDRAWN): (Phase.IDLE, ()),
        (Phase.REFUSED, Event.FORCED): (Phase.SEALING, (Act.ANNOUNCE,)),
    }
)

_NOTHING_TO_BOOT: Final = frozenset({Slot.UNUSED, Slot.INPROGRESS})

SLOTS: Final[MappingProxyType[Phase, tuple[Slot, frozenset[Slot]]]] = MappingProxyType(
    {
        Phase.IDLE: (Slot.ACTIVE, _NOTHING_TO_BOOT),
        Phase.FETCHING: (Slot.ACTIVE, _NOTHING_TO_BOOT),
        Phase.WRITING: (Slot.ACTIVE, _NOTHING_TO_BOOT),
        Phase.SEALING: (Slot.ACTIVE, _NOTHING_TO_BOOT),
        Phase.REFUSED: (Slot.ACTIVE, _NOTHING_TO_BOOT),
        Phase.REBOOTING: (Slot.ACTIVE, frozenset({Slot.UPDATING, Slot.UNUSED})),
        Phase.WAITING: (Slot.INPROGRESS, frozenset({Slot.ACTIVE})),
        Phase.TESTING: (Slot.INPROGRESS, frozenset({Slot.ACTIVE})),
        Phase.COMMITTING: (Slot.INPROGRESS, frozenset({Slot.ACTIVE})),
        Phase.LEAVING: (Slot.INPROGRESS, frozenset({Slot.ACTIVE})),
        Phase.FAILED: (Slot.ACTIVE, _NOTHING_TO_BOOT),
    }
)
"""For each phase the state of the running slot, and what the other may be."""


class ImpossibleMove(Exception):
    """A fault of this program: an event was raised in a phase that does not know it."""

    def __init__(self, phase: Phase, event: Event) -> None:
        super().__init__(f"the base OS is {phase} and cannot take {event.name}: {event}")


def move(phase: Phase, event: Event) -> Move:
    try:
        return MOVES[phase, event]
    except KeyError:
        raise ImpossibleMove(phase, event) from None


def takes(phase: Phase, event: Event) -> bool:
    """Does this phase know the event?  Answers of the controller come in every phase."""
    return (phase, event) in MOVES


def loaded(current: Slot, other: Slot) -> tuple[Slot, Slot]:
    """What a loader makes of both at a boot: the slot that it boots, then the other one.

    It marks a slot that is to be tried before it jumps there, so that a boot that ends in any way
    is not repeated.
    """
    if other is Slot.UPDATING:
        return Slot.INPROGRESS, current
    if current is Slot.ACTIVE:
        return Slot.ACTIVE, other
    return other, current


def mended(current: Slot, other: Slot) -> tuple[Slot, Slot]:
    """What two slots are taken for that a cut left between two writes of one move.

    A commit marks the running slot first: two good ones are a commit that was cut.  A running slot
    beside which nothing is good must be kept, whatever its mark says.
    """
    if current is Slot.ACTIVE:
        return Slot.ACTIVE, Slot.UNUSED if other is Slot.ACTIVE else other
    if other is Slot.ACTIVE:
        return Slot.INPROGRESS, Slot.ACTIVE
    return Slot.ACTIVE, Slot.UNUSED


def found(current: Slot, other: Slot, *, tried: bool) -> Event:
    """What a start of the node finds, given both slots as `mended`.

    `tried`: an earlier boot of the machine noted that it goes down for a trial.
    """
    if current is Slot.INPROGRESS:
        return Event.FOUND_TRIAL
    match other:
        case Slot.UPDATING:
            return Event.FOUND_NOT_TAKEN if tried else Event.FOUND_WRITTEN
        case Slot.INPROGRESS:
            return Event.FOUND_FAILED
        case Slot.UNUSED | Slot.ACTIVE:
            return Event.FOUND_IDLE
