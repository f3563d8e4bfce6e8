"""What an app's state is, from the report on its parts.  Pure.

The state stays where the app got stuck, and the errors say why.  Source: EVE API v2, "States".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from eaves.evapi.info import DeviceEntity, Entity, ErrorInfo, Severity, ZSwState
from eaves.reconcile.item import ItemRef
from eaves.reconcile.report import Cause, ItemState, Report, Status

# From the first to the last; the wire's numbers are in another order.
PROGRESSION = (
    ZSwState.INITIAL,
    ZSwState.RESOLVING_TAG,
    ZSwState.RESOLVED_TAG,
    ZSwState.DOWNLOAD_STARTED,
    ZSwState.DOWNLOADED,
    ZSwState.VERIFYING,
    ZSwState.VERIFIED,
    ZSwState.LOADING,
    ZSwState.LOADED,
    ZSwState.DELIVERED,
    ZSwState.CREATING_VOLUME,
    ZSwState.CREATED_VOLUME,
)
_RANK = {state: rank for rank, state in enumerate(PROGRESSION)}

HALTING_PHASE = ZSwState.HALTING.name  # noted by a configurator that takes a workload down

_ENTITIES = {
    "content-tree": Entity.ENTITY_CONTENT_TREE,
    "volume": Entity.ENTITY_VOLUME,
    "bridge": Entity.ENTITY_NETWORK_INSTANCE,
    "domain": Entity.ENTITY_APP_INSTANCE,
    "container": Entity.ENTITY_APP_INSTANCE,
}
RETRIES_BEFORE_WARNING = 10
RETRIES_BEFORE_ERROR = 20


@dataclass(frozen=True, slots=True)
class AppParts:
    """The references of one app: its volumes, its vifs and its domain or container."""

    volumes: tuple[ItemRef, ...]
    vifs: tuple[ItemRef, ...]
    workload: ItemRef


@dataclass(frozen=True, slots=True)
class AppState:
    state: ZSwState
    errors: tuple[ErrorInfo, ...]


def app_state(
    report: Report,
    parts: AppParts,
    *,
    activate: bool,
    ran_before: bool,
    warnings: Sequence[str] = (),
) -> AppState:
    """`ran_before`: the app has run since it was deployed, so that off means halted.

    `warnings` are appended as such; they do not change the state.
    """
    errors = tuple(_errors(report, parts)) + tuple(
        ErrorInfo(description=text, severity=Severity.SEVERITY_WARNING) for text in warnings
    )
    return AppState(_state(report, parts, activate=activate, ran_before=ran_before), errors)


def _state(report: Report, parts: AppParts, *, activate: bool, ran_before: bool) -> ZSwState:
    workload = report.items.get(parts.workload)
    match workload:
        case Status(state=ItemState.LEAVING):
            return ZSwState.HALTING
        case Status(state=ItemState.PRESENT):
            return ZSwState.RUNNING
        case Status(state=ItemState.WORKING, progress=progress):
            phase = progress.phase if progress else ""
            return ZSwState.HALTING if phase == HALTING_PHASE else ZSwState.BOOTING
        case Status(state=ItemState.FAILED):
            return ZSwState.HALTED
        case _:
            pass
    least = min(
        (_volume_state(report, ref) for ref in parts.volumes),
        key=_RANK.__getitem__,
        default=ZSwState.CREATED_VOLUME,
    )
    if least != ZSwState.CREATED_VOLUME:
        return least
    if not activate:
        return ZSwState.HALTED if ran_before else ZSwState.INSTALLED
    if all(_present(report, vif) for vif in parts.vifs):
        return ZSwState.BOOTING if workload else ZSwState.INSTALLED
    return ZSwState.AWAITNETWORKINSTANCE


def _present(report: Report, ref: ItemRef) -> bool:
    status = report.items.get(ref)
    return status is not None and status.state is ItemState.PRESENT


def _volume_state(report: Report, ref: ItemRef) -> ZSwState:
    status = report.items.get(ref)
    match status:
        case None:
            return ZSwState.INITIAL
        case Status(state=ItemState.PRESENT | ItemState.LEAVING):
            return ZSwState.CREATED_VOLUME
        case Status(state=ItemState.WAITING, waits_for=needs):
            return min(
                (_tree_state(report, need) for need in needs),
                key=_RANK.__getitem__,
                default=ZSwState.INITIAL,
            )
        case _:
            return ZSwState.CREATING_VOLUME


def _tree_state(report: Report, ref: ItemRef) -> ZSwState:
    status = report.items.get(ref)
    match status:
        case None | Status(state=ItemState.WAITING):
            return ZSwState.INITIAL
        case Status(state=ItemState.PRESENT | ItemState.LEAVING):
            return ZSwState.DELIVERED
        case Status(progress=progress):
            phase = progress.phase if progress else ""
            state = ZSwState.__members__.get(phase, ZSwState.DOWNLOAD_STARTED)
            return state if state in _RANK else ZSwState.DOWNLOAD_STARTED


def _errors(report: Report, parts: AppParts) -> Iterable[ErrorInfo]:
    """One for each different root cause, in the order volumes, vifs, workload."""
    seen: set[ItemRef] = set()
    for ref in (*parts.volumes, *parts.vifs, parts.workload):
        if ref not in report.items:
            continue
        chain = report.why(ref)
        if chain and chain[-1].fault and chain[-1].ref not in seen:
            seen.add(chain[-1].ref)
            yield error_of(chain[-1])


def error_of(cause: Cause) -> ErrorInfo:
    """A fault as the wire tells it: severity grows with the number of failed tries."""
    fault = cause.fault
    attempts = fault.attempts if fault else 1
    workload = cause.ref.kind in {"domain", "container"}
    if workload or (fault and fault.final) or attempts > RETRIES_BEFORE_ERROR:
        severity = Severity.SEVERITY_ERROR
    elif attempts > RETRIES_BEFORE_WARNING:
        severity = Severity.SEVERITY_WARNING
    else:
        severity = Severity.SEVERITY_NOTICE
    retry_at = fault.retry_at if fault else None
    return ErrorInfo(
        description=cause.text,
        timestamp=fault.at if fault else None,
        severity=severity,
        entities=_entities(cause.ref),
        retry_condition=f"tried again at {_clock(retry_at)}" if retry_at else "",
    )


def _entities(ref: ItemRef) -> tuple[DeviceEntity, ...]:
    kind = _ENTITIES.get(ref.kind)
    if kind is None:
        return ()
    return (DeviceEntity(entity=kind, entity_id=ref.name.partition("#")[0]),)


def _clock(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")
