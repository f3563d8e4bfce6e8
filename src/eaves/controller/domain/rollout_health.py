"""Whether an object of a roll-out runs as wanted, by what its device told since it was started."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from eaves.controller.domain.rollouts import Standing
from eaves.controller.domain.status.words import device_errors
from eaves.evapi.info import BaseOsStatus, ErrorInfo, ZInfoApp, ZInfoDevice, ZSwState

FAILED_OS = frozenset({BaseOsStatus.FAILED, BaseOsStatus.FALLBACK})


@dataclass(frozen=True, slots=True)
class Told:
    """How an object stands, and what of its reports says so."""

    standing: Standing
    text: str


def app_told(
    info: ZInfoApp | None, received_at: datetime | None, started_at: datetime, wanted: str
) -> Told:
    """An app is updated when it runs in the version that was asked for."""
    if info is None or received_at is None or received_at <= started_at:
        return Told(Standing.STARTED, "its device has told nothing of it since")
    seen = f"version {info.app_version or '(none)'}, {info.state.name}"
    if info.app_version == wanted and info.state is ZSwState.RUNNING:
        return Told(Standing.SUCCEEDED, f"runs: {seen}")
    if errors := _errors(info.app_err):
        return Told(Standing.FAILED, f"{seen}: {errors}")
    return Told(Standing.STARTED, f"last told: {seen}, wanted is version {wanted}, RUNNING")


def base_os_told(
    info: ZInfoDevice | None, received_at: datetime | None, started_at: datetime, wanted: str
) -> Told:
    """A base image is updated when its slot is the active one, tested and committed."""
    if info is None or received_at is None or received_at <= started_at:
        return Told(Standing.STARTED, "the device has told nothing since")
    slots = [slot for slot in info.sw_list if slot.short_version == wanted]
    for slot in slots:
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


def _errors(errors: Iterable[ErrorInfo]) -> str:
    return "; ".join(one.description for one in device_errors(errors))
