"""Snapshots as part of an app instance: `availableSnapshots` of a write takes them, or goes back.

An entry with a new name takes one; `activate` of a known one goes back to it.  What an entry leaves
out stays: a snapshot is deleted by its own operation only.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from eaves.controller.domain.admission import Refusal
from eaves.controller.domain.admission.refusal import invalid, not_ready
from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.manifests import AppType
from eaves.controller.domain.contract.snapshots import AppInstanceSnapshot, SnapshotState
from eaves.controller.domain.snapshots import (
    MOST_LISTED,
    Snapshot,
    active_of,
    most_kept,
    state_of,
    too_many,
)
from eaves.controller.northbound.work import Work
from eaves.controller.store import reports, snapshots
from eaves.evapi.info import APICapability, ZInfoApp, ZInfoTypes, decode_z_info_msg
from eaves.ids import DeviceId

VM_TYPES: Final = frozenset({AppType.VM, AppType.VM_RUNTIME})
FORGOTTEN_AFTER: Final = timedelta(days=30)
NEEDED = {
    False: APICapability.API_CAPABILITY_VOLUME_SNAPSHOTS,
    True: APICapability.API_CAPABILITY_VOLUME_SNAPSHOTS_IMMEDIATE,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a write of an instance asks for."""

    taken: tuple[AppInstanceSnapshot, ...] = ()
    back_to: Snapshot | None = None
    refusals: tuple[Refusal, ...] = ()


async def plan_snapshots(work: Work, wanted: AppInstance, current: AppInstance | None) -> Plan:
    listed = len(wanted.available_snapshots)
    if not listed:
        return Plan()
    if listed > MOST_LISTED:  # not looked at one by one: the transaction holds up everybody
        told = f"{listed:,} snapshots are listed, {MOST_LISTED:,} are allowed; list the new ones"
        return Plan(refusals=(invalid("availableSnapshots", told),))
    asked = tuple(AppInstanceSnapshot.from_json(one) for one in wanted.available_snapshots)
    have = (await snapshots.snapshots_of(work.db, (wanted.id,))).get(wanted.id, ())
    kept = {one.name: one for one in have if one.kept}
    taken = tuple(one for one in asked if one.name not in kept)
    active = active_of(have)
    back = [
        (index, kept[one.name])
        for index, one in enumerate(asked)
        if one.activate and one.name in kept and (active is None or kept[one.name].id != active.id)
    ]
    refusals = _refuse(wanted, current, asked, taken)
    refusals += await _refuse_old_device(work, wanted, taken)
    if len(back) > 1 or (back and taken):
        refusals.append(
            invalid(
                "availableSnapshots",
                "go back to one snapshot in a request of its own, without taking another",
            )
        )
    elif back:
        refusals += await _refuse_rollback(work, wanted, back[0])
    return Plan(taken, back[0][1] if back else None, tuple(refusals))


def _refuse(
    wanted: AppInstance,
    current: AppInstance | None,
    asked: tuple[AppInstanceSnapshot, ...],
    taken: tuple[AppInstanceSnapshot, ...],
) -> list[Refusal]:
    refusals: list[Refusal] = []
    seen: set[str] = set()
    for index, one in enumerate(asked):
        at = f"availableSnapshots[{index}].name"
        if not one.name:
            refusals.append(invalid(at, f"snapshot {index} has no name; give one"))
        elif one.name in seen:
            refusals.append(invalid(at, f"snapshot {one.name!r} stands twice; list it once"))
        seen.add(one.name)
    if not taken:
        return refusals
    new, most = len({one.name for one in taken if one.name}), most_kept(wanted.max_snapshots)
    if new > most:
        refusals.append(
            invalid(
                "availableSnapshots",
                f"{new:,} new snapshots are asked for, app instance {wanted.name!r} keeps {most} "
                "(maxSnapshots); ask for those that are to be kept",
            )
        )
    if current is None:
        refusals.append(
            not_ready(
                "availableSnapshots",
                f"app instance {wanted.name!r} is not there yet; take snapshots of it later",
            )
        )
    if wanted.app_type not in VM_TYPES:
        refusals.append(
            not_ready(
                "availableSnapshots",
                f"app instance {wanted.name!r} is of type {wanted.app_type}; only virtual machines "
                "have snapshots",
            )
        )
    if not wanted.allow_snapshots:
        refusals.append(
            not_ready(
                "allowSnapshots",
                f"app instance {wanted.name!r} does not allow snapshots; set allowSnapshots",
            )
        )
    return refusals


async def _refuse_old_device(
    work: Work, wanted: AppInstance, taken: tuple[AppInstanceSnapshot, ...]
) -> list[Refusal]:
    """A device that told what it can do, and cannot do this, is not asked."""
    if not taken:
        return []
    device = DeviceId(wanted.device_id)
    for info in await reports.list_info(work.db, (device,), (int(ZInfoTypes.ZiDevice),)):
        about = decode_z_info_msg(info.message).dinfo
        needed = max(NEEDED[one.immediate] for one in taken)
        if about is not None and about.api_capability < needed:
            return [
                not_ready(
                    "availableSnapshots",
                    f"the device of app instance {wanted.name!r} runs a release that cannot take "
                    f"such snapshots (it announces {about.api_capability.name}, {needed.name} is "
                    "needed); update it first",
                )
            ]
    return []


async def _refuse_rollback(
    work: Work, wanted: AppInstance, back: tuple[int, Snapshot]
) -> list[Refusal]:
    index, snapshot = back
    heard = await heard_of(work, wanted)
    state = state_of(snapshot, *heard, active=False)
    if state is SnapshotState.CREATED:
        return []
    return [
        not_ready(
            f"availableSnapshots[{index}].activate",
            f"snapshot {snapshot.name!r} of app instance {wanted.name!r} is {state}; it can be "
            f"gone back to once it is {SnapshotState.CREATED}",
        )
    ]


async def heard_of(work: Work, instance: AppInstance) -> tuple[ZInfoApp | None, datetime | None]:
    """What the device last said of this app, and when that came."""
    device = DeviceId(instance.device_id)
    for info in await reports.list_info(work.db, (device,), (int(ZInfoTypes.ZiApp),)):
        if info.object_id == instance.id:
            return decode_z_info_msg(info.message).ainfo, info.received_at
    return None, None


def gone_back(complete: AppInstance, snapshot: Snapshot) -> AppInstance:
    """The instance as it was: the device restores that configuration, counters too."""
    saved = AppInstance.from_json_text(snapshot.config)
    return saved.model_copy(
        update={
            "id": complete.id,
            "revision": None,
            "available_snapshots": (),
            "allow_snapshots": complete.allow_snapshots,
            "max_snapshots": complete.max_snapshots,
            "activate": complete.activate,
        }
    )


async def carry_out(
    work: Work, wanted: AppInstance, current: AppInstance | None, plan: Plan
) -> None:
    """After the instance is stored, in the same transaction."""
    if plan.back_to is not None:
        await snapshots.roll_back(work.db, plan.back_to, work.now)
    if not plan.taken or current is None:
        return
    config = current.model_copy(update={"available_snapshots": (), "revision": None})
    for one in plan.taken:
        await snapshots.insert_snapshot(
            work.db,
            work.scope.enterprise,
            Snapshot(
                id=work.new_id(),
                instance_id=wanted.id,
                name=one.name,
                config=config.to_json_text(),
                immediate=one.immediate,
                rollback=0,
                created_at=work.now,
                changed_at=work.now,
            ),
        )
    have = (await snapshots.snapshots_of(work.db, (wanted.id,))).get(wanted.id, ())
    for old in too_many(have, most_kept(wanted.max_snapshots)):
        await snapshots.delete_snapshot(work.db, old.id, work.now)
    await snapshots.forget_deleted(work.db, wanted.id, work.now - FORGOTTEN_AFTER)


def shown(
    snapshot: Snapshot, state: SnapshotState, *, active: bool, whole: bool = True
) -> AppInstanceSnapshot:
    """`whole`: with the configuration of that moment."""
    return AppInstanceSnapshot(
        id=snapshot.id,
        name=snapshot.name,
        immediate=snapshot.immediate,
        activate=active,
        state=state,
        config=AppInstance.from_json_text(snapshot.config) if whole else None,
    )


async def snapshots_shown(
    work: Work, instance: AppInstance, *, whole: bool = True
) -> tuple[AppInstanceSnapshot, ...]:
    have = (await snapshots.snapshots_of(work.db, (instance.id,))).get(instance.id, ())
    if not have:
        return ()
    app, at = await heard_of(work, instance)
    active = active_of(have)
    found: list[AppInstanceSnapshot] = []
    for one in have:
        led = active is not None and one.id == active.id
        state = state_of(one, app, at, active=led)
        if state is not SnapshotState.DELETED:
            found.append(shown(one, state, active=led, whole=whole))
    return tuple(found)
