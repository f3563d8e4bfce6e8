"""The operations of bulk jobs: what each needs, whom it is about, what it does to one object.

Each does what the single operation of the contract does, by the same function: the same rules admit
it, and the same events and audit rows tell of it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from eaves.controller.domain.admission.refusal import Refusal, invalid, unknown
from eaves.controller.domain.authz import Area, Rule, Verb
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.envelope import ObjectType
from eaves.controller.domain.contract.jobs import BulkConfig, BulkService
from eaves.controller.northbound import (
    actions,
    catalog,
    crud,
    patch_references,
    records,
    together,
)
from eaves.controller.northbound.bulk import bundles, deploying, importing
from eaves.controller.northbound.bulk.made import Made
from eaves.controller.northbound.global_hardware import IMPORT
from eaves.controller.northbound.problems import not_found
from eaves.controller.northbound.routes import (
    CHANGE_DEVICES,
    CHANGE_INSTANCES,
    RUN_DEVICES,
    RUN_INSTANCES,
)
from eaves.controller.northbound.verbs import store_change
from eaves.controller.northbound.work import Work
from eaves.controller.store.bulk_jobs import Found, JobObject
from eaves.controller.store.tables import Kind

Check = Callable[[Work, BulkConfig], Awaitable[tuple[Refusal, ...]]]
Apply = Callable[[Work, JobObject, BulkConfig], Awaitable[Made]]
ApplyAll = Callable[[Work, Sequence[JobObject], BulkConfig], Awaitable[Mapping[int, Made]]]
"""Of some objects, what came of those that can be done together, by number."""
Listed = Callable[[BulkConfig], Sequence[Found]]
MAX_TAGS: Final = 256


@dataclass(frozen=True)
class BulkOperation:
    service: BulkService
    selects: Kind  # what the objects of the job are
    object_type: ObjectType
    rule: Rule
    check: Check
    apply: Apply
    apply_all: ApplyAll | None = None  # does to many what `apply` does to each
    told: bool = True  # a body says what to do; else the objects are all it needs
    listed: Listed | None = None  # its body names the objects, which are none of the enterprise
    by_itself: bool = True  # else an operation of something else makes its jobs


async def _nothing_to_check(_work: Work, _config: BulkConfig) -> tuple[Refusal, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """One that touches nothing that a device refers to."""

    members: Callable[[DeviceConfig], Mapping[str, object]]
    what: str

    def of(self, device: DeviceConfig) -> DeviceConfig:
        return device.model_copy(update=dict(self.members(device)))


Plan = Callable[[Work, BulkConfig], Awaitable[DeviceChange]]
UNCHANGED: Final = Made("as wanted already")


async def _change_device(work: Work, one: JobObject, change: DeviceChange) -> Made:
    stored = await crud.find_stored(work, catalog.DEVICES, object_id=one.object_id)
    current = catalog.DEVICES.of.read(stored)
    wanted = change.of(current)
    if wanted == current:
        return UNCHANGED
    await store_change(work, catalog.DEVICES, current, wanted, change.what, stored=stored)
    return Made(change.what)


async def _change_devices(
    work: Work, objects: Sequence[JobObject], change: DeviceChange
) -> Mapping[int, Made]:
    """A device that is not there, or named twice, is left to be done by itself."""
    held = dict(await together.hold(work, catalog.DEVICES, [one.object_id for one in objects]))
    made: dict[int, Made] = {}
    changes: list[tuple[together.HeldObject[DeviceConfig], DeviceConfig]] = []
    for one in objects:
        found = held.pop(one.object_id, None)
        if found is None:
            continue
        wanted = change.of(found.current)
        if wanted == found.current:
            made[one.number] = UNCHANGED
        else:
            made[one.number] = Made(change.what)
            changes.append((found, wanted))
    await together.store_changes(work, catalog.DEVICES, changes, change.what)
    return made


async def check_base_os(work: Work, config: BulkConfig) -> tuple[Refusal, ...]:
    image = config.baseos_update.baseimage if config.baseos_update is not None else None
    at = "baseosUpdate.baseimage"
    if image is None or not (image.uuid or image.image_name):
        return (invalid(at, f"no image is given; set {at}.uuid or {at}.imageName"),)
    reference = image.uuid or image.image_name
    if await records.find_named(work.db, work.scope, records.IMAGE, reference) is None:
        return (unknown("image", reference, f"{at}.{'uuid' if image.uuid else 'imageName'}"),)
    return ()


async def _base_os_of(work: Work, config: BulkConfig) -> DeviceChange:
    assert config.baseos_update is not None  # noqa: S101 - checked when the job was made
    wanted = config.baseos_update.baseimage
    assert wanted is not None  # noqa: S101 - as above
    stored = await records.find_named(
        work.db, work.scope, records.IMAGE, wanted.uuid or wanted.image_name
    )
    if stored is None:
        raise not_found("image", wanted.uuid or wanted.image_name)
    image = wanted.model_copy(
        update={
            "uuid": stored.id,
            "image_name": stored.name,
            "version": wanted.version or stored.image_version or stored.name,
        }
    )
    what = "base image applied" if wanted.activate else "base image published"
    return DeviceChange(lambda _: {"base_image": (image,)}, what)


async def retry_base_os(work: Work, one: JobObject, _config: BulkConfig) -> Made:
    current = await crud.find(work, catalog.DEVICES, object_id=one.object_id)
    wanted = await actions.retry_base_os(work, current)
    await store_change(work, catalog.DEVICES, current, wanted, "base image retry asked")
    return Made(f"retry {wanted.base_os_retry_counter} asked")


def _too_many(tags: Mapping[str, str], at: str) -> tuple[Refusal, ...]:
    if len(tags) <= MAX_TAGS:
        return ()
    return (invalid(at, f"{len(tags)} tags are given, {MAX_TAGS} are allowed"),)


async def _check_tags(_work: Work, config: BulkConfig) -> tuple[Refusal, ...]:
    if config.tag_update is None:
        return (invalid("tagUpdate", "no tags are given; set tagUpdate.tags"),)
    if not config.tag_update.tags and not config.tag_update.override:
        return (
            invalid(
                "tagUpdate.tags",
                "no tags are given, so nothing would change; give some, or override: true to "
                "take all away",
            ),
        )
    return _too_many(config.tag_update.tags, "tagUpdate.tags")


async def _tags_of(_work: Work, config: BulkConfig) -> DeviceChange:
    assert config.tag_update is not None  # noqa: S101 - checked when the job was made
    tags, override = config.tag_update.tags, config.tag_update.override

    def changed(device: DeviceConfig) -> Mapping[str, object]:
        return {"tags": _merged(device, tags, override=override)}

    return DeviceChange(changed, "tags changed")


def _merged(device: DeviceConfig, tags: Mapping[str, str], *, override: bool) -> dict[str, str]:
    return {**({} if override else device.tags), **tags}


async def _check_deployment_tag(_work: Work, config: BulkConfig) -> tuple[Refusal, ...]:
    if config.deployment_tag_update is None:
        at = "deploymentTagUpdate"
        return (invalid(at, f"no deployment tag is given; set {at}.deploymentTag"),)
    return ()


async def _deployment_tag_of(_work: Work, config: BulkConfig) -> DeviceChange:
    assert config.deployment_tag_update is not None  # noqa: S101 - checked when the job was made
    tag = config.deployment_tag_update.deployment_tag
    return DeviceChange(lambda _: {"deployment_tag": tag}, "deployment tag changed")


async def _check_project(work: Work, config: BulkConfig) -> tuple[Refusal, ...]:
    at = "deviceProjectAndTargetUpdate"
    wanted = config.device_project_and_target_update
    if wanted is None:
        return (invalid(at, f"no project is given; set {at}.projectId"),)
    project = await records.find(work.db, work.scope, records.PROJECT, wanted.project_id)
    refusals = () if project else (unknown("project", wanted.project_id, f"{at}.projectId"),)
    return refusals + _too_many(wanted.tags, f"{at}.tags")


async def _move_to_project(work: Work, one: JobObject, config: BulkConfig) -> Made:
    wanted = config.device_project_and_target_update
    assert wanted is not None  # noqa: S101 - checked when the job was made
    current = await crud.find(work, catalog.DEVICES, object_id=one.object_id)
    moved = current.model_copy(
        update={
            "project_id": wanted.project_id,
            "tags": _merged(current, wanted.tags, override=wanted.override),
            "deployment_tag": wanted.deployment_tag or current.deployment_tag,
            "revision": None,
        }
    )
    if moved == current.model_copy(update={"revision": None}):
        return Made("as wanted already")
    await crud.store_version(work, catalog.DEVICES, moved, current)
    return Made("project changed")


async def refresh(work: Work, one: JobObject, config: BulkConfig) -> Made:
    asked = config.instance_refresh_and_purge
    purge = asked is not None and asked.purge
    await actions.refresh_instance(work, one.object_id, purge=purge)
    return Made("refreshed and purged" if purge else "refreshed")


async def _purge(work: Work, one: JobObject, _config: BulkConfig) -> Made:
    await actions.refresh_instance(work, one.object_id, purge=True)
    return Made("refreshed and purged")


async def _delete_instance(work: Work, one: JobObject, _config: BulkConfig) -> Made:
    await crud.delete(work, catalog.INSTANCES, one.object_id)
    return Made("deleted")


def _planned(service: BulkService, check: Check, plan: Plan) -> BulkOperation:
    """The same change of each device."""

    async def apply(work: Work, one: JobObject, config: BulkConfig) -> Made:
        return await _change_device(work, one, await plan(work, config))

    async def apply_all(
        work: Work, objects: Sequence[JobObject], config: BulkConfig
    ) -> Mapping[int, Made]:
        return await _change_devices(work, objects, await plan(work, config))

    return BulkOperation(
        service, Kind.DEVICE, ObjectType.EDGE_NODE, CHANGE_DEVICES, check, apply, apply_all
    )


def _on_instances(service: BulkService, apply: Apply, rule: Rule) -> BulkOperation:
    return BulkOperation(
        service,
        Kind.APP_INSTANCE,
        ObjectType.EDGE_APP_INSTANCE,
        rule,
        _nothing_to_check,
        apply,
        told=False,
    )


ALL: Final = (
    _planned(BulkService.BASEOS_UPDATE, check_base_os, _base_os_of),
    BulkOperation(
        BulkService.BASEOS_UPDATE_RETRY,
        Kind.DEVICE,
        ObjectType.EDGE_NODE,
        RUN_DEVICES,
        _nothing_to_check,
        retry_base_os,
        told=False,
    ),
    _planned(BulkService.DEVICE_TAG_UPDATE, _check_tags, _tags_of),
    _planned(BulkService.DEVICE_TAG_DEPLOYMENT_UPDATE, _check_deployment_tag, _deployment_tag_of),
    BulkOperation(
        BulkService.DEVICE_PROJECT_AND_TARGET_UPDATE,
        Kind.DEVICE,
        ObjectType.EDGE_NODE,
        CHANGE_DEVICES,
        _check_project,
        _move_to_project,
    ),
    BulkOperation(
        BulkService.APPINSTANCE_DEPLOY,
        Kind.DEVICE,
        ObjectType.EDGE_NODE,
        Rule(Area.APP_INSTANCE, Verb.CREATE),
        deploying.check,
        deploying.deploy,
    ),
    _on_instances(BulkService.APPINSTANCE_REFRESH, refresh, RUN_INSTANCES),
    _on_instances(BulkService.APPINSTANCE_PURGE, _purge, RUN_INSTANCES),
    _on_instances(
        BulkService.APPINSTANCE_DELETE, _delete_instance, Rule(Area.APP_INSTANCE, Verb.DELETE)
    ),
    BulkOperation(
        BulkService.MODEL_IMPORT,
        Kind.MODEL,
        ObjectType.UNSPECIFIED,
        IMPORT,
        importing.check,
        importing.import_one,
        listed=importing.models_of,
    ),
    BulkOperation(
        BulkService.BUNDLE_IMPORT,
        Kind.APP,
        ObjectType.EDGE_APP,
        Rule(Area.EDGE_APP, Verb.CREATE),
        bundles.check,
        bundles.import_one,
        listed=bundles.bundles_of,
    ),
    BulkOperation(
        BulkService.APPLY_PATCH_ENVELOPE,
        Kind.APP_INSTANCE,
        ObjectType.EDGE_APP_INSTANCE,
        CHANGE_INSTANCES,
        patch_references.nothing_to_check,
        patch_references.refer_one,
        by_itself=False,
    ),
)
BY_SERVICE: Final[Mapping[BulkService, BulkOperation]] = {one.service: one for one in ALL}
