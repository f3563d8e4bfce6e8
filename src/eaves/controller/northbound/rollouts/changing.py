"""What a roll-out does to one object, and how that is undone.

What the object had (`was`) and what it has then (`made`) are kept with it: an undo gives back what
was, and leaves what somebody changed since.  The transaction and the savepoint are the caller's.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from eaves.controller.domain.carried import bumped
from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.base import JsonObject
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.rollouts import RolloutSpec
from eaves.controller.domain.rollout_health import WantedApp
from eaves.controller.domain.rollouts import Standing
from eaves.controller.northbound import catalog, crud, policies, records, rendering
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.resources.snapshots import heard_of
from eaves.controller.northbound.rollouts.specs import (
    NEEDS_PURGE,
    config_of,
    of_devices,
    operation_of,
    purges,
)
from eaves.controller.northbound.verbs import store_change
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store.bulk_jobs import JobObject, Outcome
from eaves.controller.store.rollouts import RolloutObject

OF_APP: Final = ("drives", "bundleversion", "user_defined_version", "manifest_info")
OF_DEVICE: Final = ("base_image",)
DECISIVE: Final = ("drives", "bundleversion", "baseImage")
"""Members that say what runs; the others are texts that any write of the object brings up to date.
"""


@dataclass(frozen=True, slots=True)
class Trace:
    """What was written to an object.

    `active`: the app was to run; `booted_at`: when the app booted that ran before, where the change
    boots it anew.
    """

    members: JsonObject
    active: bool = True
    booted_at: datetime | None = None

    def to_text(self) -> str:
        booted = self.booted_at.isoformat() if self.booted_at is not None else ""
        return json.dumps({"members": self.members, "active": self.active, "bootedAt": booted})

    @staticmethod
    def from_text(text: str) -> "Trace":
        """Of an object that an earlier release began: nothing is known."""
        if not text:
            return Trace({})
        told: JsonObject = json.loads(text)
        booted = str(told["bootedAt"])
        return Trace(
            told["members"],
            active=bool(told["active"]),
            booted_at=datetime.fromisoformat(booted) if booted else None,
        )


def wanted_app(each: RolloutObject) -> WantedApp:
    trace = Trace.from_text(each.made)
    return WantedApp(each.wanted, active=trace.active, booted_at=trace.booted_at)


async def begin(work: Work, spec: RolloutSpec, each: RolloutObject) -> RolloutObject:
    """Change an object and render its device.  Raises EavesError and ValidationError."""
    operation, config = operation_of(spec), config_of(spec)
    of_job = JobObject(0, each.object_id, each.object_name, each.project_id, 0, Outcome.PENDING)
    boots = purges(spec) and not of_devices(spec)
    booted_at = await _booted_at(work, each.object_id) if boots else None
    was, _ = await _members(work, spec, each.object_id)
    await operation.apply(work, of_job, config)
    made, active = await _members(work, spec, each.object_id)
    if not of_devices(spec) and not purges(spec) and was["drives"] != made["drives"]:
        raise Problem(412, f"app instance {each.object_name!r}: {NEEDS_PURGE}")
    read = await policies.touch_left(work)
    await rendering.render_all(work.db, work.keys, sorted(work.changed), work.now, read)
    return replace(
        each,
        standing=Standing.STARTED,
        result="",
        wanted=_version(made),
        was=json.dumps(was),
        made=Trace(made, active=active, booted_at=booted_at).to_text(),
        started_at=work.now,
        settled_at=None,
    )


async def _booted_at(work: Work, instance_id: str) -> datetime | None:
    """When the app booted that runs, as its device told last."""
    instance = await crud.find(work, catalog.INSTANCES, object_id=instance_id)
    info, _ = await heard_of(work, instance)
    return info.boot_time if info is not None else None


async def _members(work: Work, spec: RolloutSpec, object_id: str) -> tuple[JsonObject, bool]:
    """What the operation changes, as it is now, and whether the object is to run."""
    if of_devices(spec):
        device = await crud.find(work, catalog.DEVICES, object_id=object_id)
        return device.model_dump(mode="json", by_alias=True, include={*OF_DEVICE}), True
    instance = await crud.find(work, catalog.INSTANCES, object_id=object_id)
    members = instance.model_dump(mode="json", by_alias=True, include={*OF_APP})
    return members, instance.activate


def _version(members: JsonObject) -> str:
    """The version that the object is to report; empty where it need not run any."""
    images = DeviceConfig.from_json({"baseImage": members.get("baseImage") or ()}).base_image
    if images:
        return images[0].version
    return str(members.get("bundleversion") or "")


async def undo(work: Work, spec: RolloutSpec, each: RolloutObject) -> RolloutObject:
    """Give an object back what it had, and render its device; what somebody changed since stays.

    Raises EavesError and ValidationError.
    """
    if not each.was:
        return _settled(work, each, Standing.UNDONE, "nothing of it was changed")
    was: JsonObject = json.loads(each.was)
    if was == Trace.from_text(each.made).members:
        return _settled(work, each, Standing.UNDONE, "it had what was asked for already")
    now_is, active = await _members(work, spec, each.object_id)
    if not _as_it_was_made(each, now_is):
        by = await _last_writer(work, spec, each.object_id)
        text = f"left as it is: it was changed since; its last change is by {by}"
        return _settled(work, each, Standing.NOT_UNDONE, text)
    if of_devices(spec):
        await _restore_device(work, each.object_id, was)
        booted_at, version = None, _running_version(was)
    else:
        again = purges(spec) and was.get("drives") != now_is.get("drives")
        booted_at = await _booted_at(work, each.object_id) if again else None
        await _restore_instance(work, spec, each.object_id, was, purge=again)
        version = _version(was)
    read = await policies.touch_left(work)
    await rendering.render_all(work.db, work.keys, sorted(work.changed), work.now, read)
    if not version:
        text = "as it was before: no base image is asked for, it goes on with the one that it runs"
        return _settled(work, each, Standing.UNDONE, text)
    return replace(
        each,
        standing=Standing.UNDOING,
        result="",
        wanted=version,
        made=Trace(was, active=active, booted_at=booted_at).to_text(),
        started_at=work.now,
        settled_at=None,
    )


def _settled(work: Work, each: RolloutObject, standing: Standing, text: str) -> RolloutObject:
    return replace(each, standing=standing, result=text, settled_at=work.now)


def not_undone(each: RolloutObject, why: str, now: datetime) -> RolloutObject:
    return replace(each, standing=Standing.NOT_UNDONE, result=f"not undone: {why}", settled_at=now)


def _as_it_was_made(each: RolloutObject, now_is: JsonObject) -> bool:
    made = Trace.from_text(each.made).members
    if not made:  # an earlier release began it, which kept the version only
        return _version(now_is) == each.wanted
    return _decisive(made) == _decisive(now_is)


def _decisive(members: JsonObject) -> Mapping[str, object]:
    return {name: members[name] for name in DECISIVE if name in members}


async def _last_writer(work: Work, spec: RolloutSpec, object_id: str) -> str:
    if of_devices(spec):
        stored = await crud.find_stored(work, catalog.DEVICES, object_id=object_id)
    else:
        stored = await crud.find_stored(work, catalog.INSTANCES, object_id=object_id)
    return stored.revision.updated_by or "the controller"


def _running_version(was: JsonObject) -> str:
    """Of the base image that a device is to run; one that is only published need not run."""
    images = DeviceConfig.from_json({"baseImage": was.get("baseImage") or ()}).base_image
    return images[0].version if images and images[0].activate else ""


async def _restore_device(work: Work, device_id: str, was: JsonObject) -> None:
    device = await crud.find(work, catalog.DEVICES, object_id=device_id)
    before = DeviceConfig.from_json(was)
    for image in before.base_image:
        reference = image.uuid or image.image_name
        if await records.find_named(work.db, work.scope, records.IMAGE, reference) is None:
            raise Problem(412, f"the image {reference!r} that it had is not there any more")
    wanted = device.model_copy(update={name: getattr(before, name) for name in OF_DEVICE})
    await store_change(work, catalog.DEVICES, device, wanted, "roll-out undone")


async def _restore_instance(
    work: Work, spec: RolloutSpec, instance_id: str, was: JsonObject, *, purge: bool
) -> None:
    """`purge`: what it had is on its device only after a purge, as what it has now was."""
    instance = await crud.find(work, catalog.INSTANCES, object_id=instance_id)
    old = AppInstance.from_json(was)
    if purges(spec) and not old.drives:
        await _refuse_drives_of_bundle(work, instance)
    kept: dict[str, object] = {name: getattr(old, name) for name in OF_APP}
    kept["refresh"] = bumped(instance.refresh, work.now)
    if purge:
        kept["purge"] = bumped(instance.purge, work.now)
    prepared = await catalog.INSTANCES.prepare(work, instance.model_copy(update=kept), instance)
    if prepared.refusals:
        raise Problem.of_refusals(prepared.refusals, catalog.INSTANCES.target(instance))
    await crud.store_prepared(
        work,
        catalog.INSTANCES,
        Prepared(
            prepared.wanted.model_copy(update=kept),
            (),
            references=prepared.references,
            project_id=prepared.project_id,
            device_id=prepared.device_id,
            state=prepared.state,
        ),
        instance,
        what="roll-out undone",
    )


async def _refuse_drives_of_bundle(work: Work, instance: AppInstance) -> None:
    """An instance without drives has those of its bundle as that is now: none are kept of before.

    Raises Problem.
    """
    bundle = await records.find(work.db, work.scope, records.APP, instance.app_id)
    manifest = bundle.manifest_json if bundle is not None else None
    if bundle is not None and manifest is not None and manifest.images:
        raise Problem(
            412,
            f"its drives are those of bundle {bundle.name!r} as it is now; give the bundle back "
            "the images that it had, then refresh and purge",
        )
