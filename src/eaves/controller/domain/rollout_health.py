"""Whether an object of a roll-out runs as wanted, by what its device told since it was started."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from eaves.controller.domain.rollouts import Standing
from eaves.controller.domain.status.words import device_errors, fatal
from eaves.evapi.info import (
    BaseOsStatus,
    ErrorInfo,
    ZInfoApp,
    ZInfoDevice,
    ZSwState,
)

FAILED_OS: Final = frozenset({BaseOsStatus.FAILED, BaseOsStatus.FALLBACK})
STOPPED: Final = frozenset({ZSwState.HALTED, ZSwState.INSTALLED})
WAITS: Final = "waits for a "
"""What a device tells of an app whose change it knows and has not applied."""


@dataclass(frozen=True, slots=True)
class Told:
    """How an object stands, and what of its reports says so."""

    standing: Standing
    text: str


@dataclass(frozen=True, slots=True)
class WantedApp:
    """`booted_at`: when the app booted that ran before, where the change boots it anew."""

    version: str
    active: bool = True
    booted_at: datetime | None = None


def app_told(
    info: ZInfoApp | None, received_at: datetime | None, started_at: datetime, wanted: WantedApp
) -> Told:
    """An app is updated when what runs is of the version that was asked for.

    A device may tell the new version while the old one runs: it says then what the new one waits
    for, or tells of the boot that it told of before.
    """
    if info is None or received_at is None or received_at <= started_at:
        return Told(Standing.STARTED, "its device has told nothing of it since")
    seen = f"version {info.app_version or '(none)'}, {info.state.name}"
    waits = _waits(info.app_err)
    if info.app_version != wanted.version:  # its errors are of the one before
        seen = f"last told: {seen}, wanted is version {wanted.version}"
        return Told(Standing.STARTED, f"{seen}; {waits}" if waits else seen)
    if waits:
        return Told(Standing.STARTED, f"{seen}: {waits}")
    if not wanted.active and info.state in STOPPED:
        return Told(Standing.SUCCEEDED, f"is there and stopped: {seen}")
    if wanted.active and info.state is ZSwState.RUNNING:
        if wanted.booted_at is not None and info.boot_time == wanted.booted_at:
            return Told(Standing.STARTED, f"{seen}, not booted since: the one before runs")
        return Told(Standing.SUCCEEDED, f"runs: {seen}")
    if errors := _errors(info.app_err):
        return Told(Standing.FAILED, f"{seen}: {errors}")
    state = ZSwState.RUNNING.name if wanted.active else "stopped"
    return Told(Standing.STARTED, f"last told: {seen}, wanted is {state}")


def base_os_told(
    info: ZInfoDevice | None, received_at: datetime | None, started_at: datetime, wanted: str
) -> Told:
    """A base image is updated when its slot is the active one, tested and committed."""
    if info is None or received_at is None or received_at <= started_at:
        return Told(Standing.STARTED, "the device has told nothing since")
    slots = [slot for slot in info.sw_list if slot.short_version == wanted]
    for slot in slots:
        if not slot.activated and slot.partition_state == "active":
            continue  # it is good, and boots again if the version on trial does not pass
        if errors := _errors([slot.sw_err] if slot.sw_err is not None else []):
            return Told(Standing.FAILED, f"version {wanted}: {errors}")
        if slot.user_status in FAILED_OS:
            why = slot.sub_status_str or slot.user_status.name
            return Told(Standing.FAILED, f"version {wanted}: {why}")
        if slot.activated and slot.partition_state == "active":
            return Told(Standing.SUCCEEDED, f"runs version {wanted}")
    running = next((slot.short_version for slot in info.sw_list if slot.activated), "(none)")
    return Told(Standing.STARTED, f"last told: runs version {running}, wanted is {wanted}")


def settled_by(told: Told, started_at: datetime, deadline: timedelta, now: datetime) -> Told:
    """What takes longer than the deadline has failed."""
    if told.standing is not Standing.STARTED or now - started_at <= deadline:
        return told
    limit = f"{deadline.total_seconds():,.0f} s"
    return Told(Standing.FAILED, f"not as wanted within {limit}; {told.text}")


def undone_by(told: Told) -> Told:
    """The same of an object that was given back what it had."""
    match told.standing:
        case Standing.SUCCEEDED:
            return Told(Standing.UNDONE, f"as it was before; {told.text}")
        case Standing.FAILED:
            return Told(Standing.NOT_UNDONE, f"it has back what it had; {told.text}")
        case _:
            return Told(Standing.UNDOING, told.text)


def _errors(errors: Iterable[ErrorInfo]) -> str:
    """Of the others the deadline tells."""
    return "; ".join(one.description for one in device_errors(fatal(errors)))


def _waits(errors: Iterable[ErrorInfo]) -> str:
    return "; ".join(one.description for one in errors if WAITS in one.description)
