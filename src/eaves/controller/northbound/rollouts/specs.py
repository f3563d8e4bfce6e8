"""What a roll-out is asked for: checked, and read as the plan that decisions are made by."""

import hashlib
import zoneinfo
from datetime import UTC, datetime, time, tzinfo
from typing import Final

from eaves.controller.domain.admission.refusal import NAME, Refusal, invalid
from eaves.controller.domain.carried import refreshed
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.jobs import BulkConfig, BulkService
from eaves.controller.domain.contract.rollouts import RolloutSpec, RolloutWindow
from eaves.controller.domain.rollouts import DAYS, Plan, Wave, Window
from eaves.controller.northbound import records
from eaves.controller.northbound.bulk.operations import BY_SERVICE, BulkOperation
from eaves.controller.northbound.bulk.selecting import check_selection, selection_of
from eaves.controller.northbound.work import Work
from eaves.controller.store.bulk_selection import Selection, find_selected

SERVICES: Final = (BulkService.BASEOS_UPDATE, BulkService.APPINSTANCE_REFRESH)
PROJECT: Final = "project"
MOST_WAVES: Final = 100
LONGEST_GROUP: Final = 200  # characters; the index of those that wait holds it
TRIED: Final = 100  # instances whose bundles are looked at before a roll-out begins
NEEDS_PURGE: Final = (
    "the newest version of its bundle has other drives, which a device takes at a purge only; set "
    "instanceRefreshAndPurge.purge: true"
)


def operation_of(spec: RolloutSpec) -> BulkOperation:
    return BY_SERVICE[spec.operation_type]


def of_devices(spec: RolloutSpec) -> bool:
    """Else it is of app instances."""
    return spec.operation_type is BulkService.BASEOS_UPDATE


def purges(spec: RolloutSpec) -> bool:
    asked = spec.instance_refresh_and_purge
    return asked is not None and asked.purge


def config_of(spec: RolloutSpec) -> BulkConfig:
    """The task of each object, as a bulk operation has it."""
    return BulkConfig(
        baseos_update=spec.baseos_update,
        instance_refresh_and_purge=spec.instance_refresh_and_purge,
        selection_criteria=spec.selection_criteria,
    )


def plan_of(spec: RolloutSpec) -> Plan:
    waves = tuple(Wave(dict(one.selector), one.share) for one in spec.waves) or (Wave(),)
    budget = spec.budget.max_under_way if spec.budget is not None else 0
    window = spec.window
    return Plan(
        waves,
        spec.success_threshold,
        budget or None,
        Window(_clock(window.opens), _clock(window.closes), _days(window))
        if window is not None
        else None,
    )


def _clock(text: str) -> time:
    """Raises ValueError."""
    return datetime.strptime(text, "%H:%M").replace(tzinfo=UTC).time()


def _days(window: RolloutWindow) -> frozenset[int]:
    """Raises ValueError."""
    return frozenset(DAYS.index(day) for day in window.days)


def group_of(spec: RolloutSpec, device: DeviceConfig) -> str:
    by = spec.budget.group_by if spec.budget is not None else ""
    if by == PROJECT:
        return device.project_id
    return _short(device.tags.get(by, "")) if by else ""


def _short(word: str) -> str:
    if len(word) <= LONGEST_GROUP:
        return word
    return f"{word[: LONGEST_GROUP - 17]}~{hashlib.sha256(word.encode()).hexdigest()[:16]}"


def zone_of(spec: RolloutSpec, device: DeviceConfig) -> str:
    """The name of the time zone of a device: its tag, where that is one."""
    if spec.window is None:
        return ""
    own = device.tags.get(spec.window.time_zone_tag, "")
    return own if own and _zone(own) is not None else spec.window.time_zone


def _zone(name: str) -> tzinfo | None:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def local_time(now: datetime, zone: str) -> datetime:
    return now.astimezone(_zone(zone) or UTC)


async def check(work: Work, spec: RolloutSpec) -> tuple[Refusal, ...]:
    """Every reason against a roll-out."""
    refusals: list[Refusal] = []
    if not NAME.fullmatch(spec.name):
        refusals.append(
            invalid(
                "name",
                f"name {spec.name!r} does not fit: 3 to 256 letters, digits, '-', '_' or '.', the "
                "first a letter or digit",
            )
        )
    if spec.operation_type not in SERVICES:
        words = ", ".join(one.value for one in SERVICES)
        refusals.append(invalid("operationType", f"a roll-out does one of {words}"))
    refusals += _check_waves(spec)
    if spec.window is not None:
        refusals += _check_window(spec.window)
    if spec.budget is not None and not spec.budget.max_under_way:
        refusals.append(
            invalid("budget.maxUnderWay", "a budget of 0 would start nothing; give at least 1")
        )
    if spec.operation_type in SERVICES:
        operation, config = operation_of(spec), config_of(spec)
        selection = selection_of(operation, config)
        refusals += await operation.check(work, config)
        refusals += await check_selection(work, selection)
        if not refusals and not of_devices(spec) and not purges(spec):
            refusals += await _check_drives(work, spec, selection)
    return tuple(refusals)


async def _check_drives(work: Work, spec: RolloutSpec, selection: Selection) -> list[Refusal]:
    """Without a purge other drives would stand in the record and reach no device.

    Some are looked at here, each one again when it begins.
    """
    db, scope = work.db, work.scope
    some = await find_selected(db, scope, selection, limit=TRIED)
    ids = [one.object_id for one in some]
    instances = await records.in_order(db, scope, records.APP_INSTANCE, ids)
    if spec.selector:
        devices = await records.in_order(
            db, scope, records.DEVICE, sorted({one.device_id for one in instances})
        )
        meant = {one.id for one in devices if spec.selector.items() <= one.tags.items()}
        instances = tuple(one for one in instances if one.device_id in meant)
    bundles = await records.in_order(
        db, scope, records.APP, sorted({one.app_id for one in instances})
    )
    newest = {bundle.id: bundle for bundle in bundles}
    for one in instances:
        bundle = newest.get(one.app_id)
        if bundle is not None and refreshed(one, bundle, work.now).drives != one.drives:
            text = f"app instance {one.name!r}: {NEEDS_PURGE}"
            return [invalid("instanceRefreshAndPurge.purge", text)]
    return []


def _check_waves(spec: RolloutSpec) -> list[Refusal]:
    refusals: list[Refusal] = []
    if len(spec.waves) > MOST_WAVES:
        refusals.append(invalid("waves", f"{len(spec.waves)} waves, {MOST_WAVES} are allowed"))
    refusals += [
        invalid(f"waves[{n}]", f"wave {n + 1} takes nobody; give a selector or a share in percent")
        for n, wave in enumerate(spec.waves[:-1])
        if not wave.selector and not wave.share
    ]
    if sum(wave.share for wave in spec.waves if not wave.selector) > 100:
        refusals.append(invalid("waves", "the shares are more than 100 % together"))
    return refusals


def _check_window(window: RolloutWindow) -> list[Refusal]:
    refusals: list[Refusal] = []
    for member, text in (("opens", window.opens), ("closes", window.closes)):
        try:
            _clock(text)
        except ValueError:
            refusals.append(invalid(f"window.{member}", f"{text!r} is no time; write it as 22:30"))
    if window.opens == window.closes:
        refusals.append(invalid("window", "it opens when it closes, so it is never open"))
    if strangers := [day for day in window.days if day not in DAYS]:
        refusals.append(invalid("window.days", f"{strangers} are none of {', '.join(DAYS)}"))
    if _zone(window.time_zone) is None:
        refusals.append(
            invalid(
                "window.timeZone",
                f"{window.time_zone!r} is no time zone; give one such as Europe/Paris",
            )
        )
    return refusals
