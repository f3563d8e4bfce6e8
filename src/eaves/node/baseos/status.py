"""What the device says of its slots: the software list of its info message.  Pure.

First the slot that runs, then the other one, then a version that no slot holds yet.  The version of
the running slot is that of its verified root, never what was asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.info import ErrorInfo, Severity, ZInfoDevSW, ZSwState
from eaves.evapi.info.device import BaseOsStatus, BaseOsSubStatus
from eaves.node.baseos.record import Bar
from eaves.node.baseos.slots import BEFORE_MARK, TRIAL, Phase, Slot

LABELS: Mapping[str, str] = {"a": "IMGA", "b": "IMGB"}
TOLD_BEFORE_BOOT = (Phase.FETCHING, Phase.WRITING, Phase.SEALING, Phase.REBOOTING)


@dataclass(frozen=True, slots=True)
class SlotSeen:
    letter: str
    device: str
    state: Slot
    version: str  # empty: it holds nothing whole


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything a report is made of, by value."""

    phase: Phase
    running: SlotSeen
    other: SlotSeen
    target: str = ""  # the version that is on its way, or was refused
    activate: bool = False
    fetched: int | None = None  # percent of its content; None: not known
    fetch_error: str = ""
    written: tuple[str, int] = ("", 0)  # "write" or "verify", percent
    seconds_left: int = 0  # of the test window
    deferred: str = ""  # a version that waits for the end of a trial
    error: str = ""  # of the step that is tried again
    other_error: str = ""  # why the other slot is not booted, which was asked for
    ill: str = ""  # what a committed system came up without
    at: datetime | None = None  # of the last error
    bars: Mapping[str, Bar] = field(default_factory=dict[str, Bar])


def software(seen: Seen) -> tuple[ZInfoDevSW, ...]:
    return (_running(seen), _other(seen), *_unattached(seen))


def baseos_text(seen: Seen) -> str:
    """One line, for a person on the spot."""
    said = [f"{seen.running.version} in {LABELS[seen.running.letter]}, {seen.phase}"]
    match seen.phase:
        case Phase.TESTING | Phase.WAITING:
            said.append(f"{seen.seconds_left} s of its test are left")
        case Phase.FETCHING:
            said.append(f"{seen.target}: {_percent(seen.fetched)} here")
        case Phase.FAILED | Phase.REFUSED:
            bar = seen.bars.get(seen.target)
            said.append(f"{seen.target}: {bar.why if bar else 'it failed'}")
        case _:
            pass
    told = (seen.ill, seen.error, seen.other_error, seen.fetch_error)
    said += [text for text in told if text]
    if seen.deferred:
        said.append(f"{seen.deferred} waits for the end of the test")
    return "; ".join(said)


def _percent(value: int | None) -> str:
    return "nothing" if value is None else f"{value} %"


def _running(seen: Seen) -> ZInfoDevSW:
    on_trial = seen.running.state is Slot.INPROGRESS
    sub, text, left = BaseOsSubStatus.NONE_SUBSTATUS, "", 0
    if on_trial:
        sub, left = BaseOsSubStatus.UPDATE_TESTING, seen.seconds_left
        text = f"on trial: {left} s with the controller are to pass"
        if seen.phase is Phase.WAITING:
            text = "on trial: waiting for the controller"
    if seen.deferred:
        sub = BaseOsSubStatus.UPDATE_DEFERRED
        text = f"version {seen.deferred} waits until this one is tested"
    return ZInfoDevSW(
        activated=True,
        partition_label=LABELS[seen.running.letter],
        partition_device=seen.running.device,
        partition_state=seen.running.state,
        status=ZSwState.INSTALLED,
        short_version=seen.running.version,
        long_version=seen.running.version,
        user_status=BaseOsStatus.UPDATING if on_trial else BaseOsStatus.UPDATED,
        sub_status=sub,
        sub_status_str=text,
        sub_status_progress=left,
        sw_err=_error(seen.error if seen.phase in TRIAL else seen.ill, seen.at),
    )


def _other(seen: Seen) -> ZInfoDevSW:
    slot, bar = seen.other, seen.bars.get(seen.other.version)
    user, sub, text, error = BaseOsStatus.NONE, BaseOsSubStatus.NONE_SUBSTATUS, "", None
    match slot.state:
        case Slot.UPDATING:
            user, sub = BaseOsStatus.UPDATING, BaseOsSubStatus.UPDATE_REBOOTING
        case Slot.ACTIVE:
            user, text = BaseOsStatus.FALLBACK, "boots if the version on trial does not pass"
        case Slot.INPROGRESS if _comes_again(seen):
            pass  # how far the new try is, is told by an entry of its own
        case Slot.INPROGRESS:
            user = BaseOsStatus.FAILED
            error = _of_bar(bar) if bar else _error("its trial boot did not pass its test", None)
        case Slot.UNUSED:
            error = _error(seen.other_error, seen.at)
    return ZInfoDevSW(
        activated=False,
        partition_label=LABELS[slot.letter],
        partition_device=slot.device,
        partition_state=slot.state,
        status=ZSwState.INSTALLED if slot.version else ZSwState.INITIAL,
        short_version=slot.version,
        long_version=slot.version,
        user_status=user,
        sub_status=sub,
        sub_status_str=text,
        sw_err=error,
    )


def _unattached(seen: Seen) -> tuple[ZInfoDevSW, ...]:
    """A version on its way to a slot, or one that is not let in."""
    if not seen.target or seen.target in (seen.running.version, _shown(seen)):
        return ()
    bar = seen.bars.get(seen.target)
    if seen.phase in (Phase.REFUSED, Phase.FAILED):
        return (
            _version(
                seen.target,
                ZSwState.INITIAL,
                BaseOsStatus.FAILED,
                error=_of_bar(bar) if bar else None,
            ),
        )
    if seen.phase not in BEFORE_MARK and seen.phase is not Phase.IDLE:
        return ()
    return (_on_its_way(seen),)


def _shown(seen: Seen) -> str:
    """The version whose fate the entry of the other slot tells."""
    if seen.other.state is Slot.UNUSED or _comes_again(seen):
        return ""
    return seen.other.version


def _comes_again(seen: Seen) -> bool:
    """Is the version that failed on its way to its slot once more?"""
    return seen.phase in BEFORE_MARK and seen.target == seen.other.version


def _on_its_way(seen: Seen) -> ZInfoDevSW:
    error = _error(seen.error or seen.fetch_error, seen.at)
    match seen.phase:
        case Phase.WRITING | Phase.SEALING:
            what, percent = seen.written
            verifying = what == "verify"
            return _version(
                seen.target,
                ZSwState.VERIFYING if verifying else ZSwState.DELIVERED,
                BaseOsStatus.UPDATING,
                sub=BaseOsSubStatus.VERIFY_INPROGRESS
                if verifying
                else BaseOsSubStatus.UPDATE_INITIALIZING,
                progress=percent,
                error=error,
            )
        case _ if seen.fetched == 100:
            return _version(
                seen.target,
                ZSwState.DELIVERED,
                BaseOsStatus.DOWNLOAD_DONE if seen.activate else BaseOsStatus.NONE,
                downloaded=100,
                error=error,
            )
        case _:
            return _version(
                seen.target,
                ZSwState.DOWNLOAD_STARTED,
                BaseOsStatus.DOWNLOADING if seen.activate else BaseOsStatus.NONE,
                sub=BaseOsSubStatus.DOWNLOAD_INPROGRESS,
                progress=seen.fetched or 0,
                downloaded=seen.fetched or 0,
                error=error,
            )


def _version(
    version: str,
    status: ZSwState,
    user: BaseOsStatus,
    *,
    sub: BaseOsSubStatus = BaseOsSubStatus.NONE_SUBSTATUS,
    progress: int = 0,
    downloaded: int = 0,
    error: ErrorInfo | None = None,
) -> ZInfoDevSW:
    return ZInfoDevSW(
        status=status,
        short_version=version,
        long_version=version,
        user_status=user,
        sub_status=sub,
        sub_status_progress=progress,
        download_progress=downloaded,
        sw_err=error,
    )


def _of_bar(bar: Bar) -> ErrorInfo:
    check = f"health check {bar.check}: " if bar.check else ""
    return ErrorInfo(
        description=check + bar.why,
        timestamp=datetime.fromisoformat(bar.at),
        severity=Severity.SEVERITY_ERROR,
        retry_condition="the retry counter of the base OS moves, or another version is asked for",
    )


def _error(text: str, at: datetime | None) -> ErrorInfo | None:
    if not text:
        return None
    return ErrorInfo(description=text, timestamp=at, severity=Severity.SEVERITY_WARNING)
