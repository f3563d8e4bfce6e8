"""App bundles and app instances."""

import asyncio
from collections.abc import Mapping
from functools import partial

from eaves.controller.catalogue import applications
from eaves.controller.domain.admission import (
    DeviceLoad,
    Refusal,
    admit_app,
    admit_app_instance,
)
from eaves.controller.domain.admission.patches import admit_patch_reference
from eaves.controller.domain.admission.signatures import images_named, left_to_manifest
from eaves.controller.domain.carried import complete_instance, to_be_read_anew
from eaves.controller.domain.concealment import conceal_app, conceal_instance
from eaves.controller.domain.contract.apps import App, AppInstance
from eaves.controller.domain.secrets import USER_DATA
from eaves.controller.northbound import records
from eaves.controller.northbound.completion import complete_app, descent
from eaves.controller.northbound.resources.snapshots import (
    carry_out,
    gone_back,
    plan_snapshots,
)
from eaves.controller.northbound.sealing import brings_new
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store import carriers
from eaves.controller.store.image_trust import find_trust


async def prepare_app(work: Work, wanted: App, current: App | None) -> Prepared[App]:
    if current is not None and not descends(wanted):  # a copy stays one, whoever writes it
        wanted = wanted.model_copy(update={"parent_detail": current.parent_detail})
    manifest = wanted.manifest_json
    drives = manifest.images if manifest is not None else ()
    names = [drive.imagename for drive in drives] + [drive.imageid for drive in drives]
    images = await records.by_reference(work.db, work.scope, records.IMAGE, names)
    lost = await records.missing(work.db, work.scope, records.DATASTORE, wanted.datastore_id_list)
    references = {image.id for image in images.values()}
    references |= set(wanted.datastore_id_list) - set(lost)
    concealed = conceal_app(complete_app(wanted, entry=await entry_of(wanted)))
    return Prepared(
        concealed.public,
        admit_app(wanted, current, images=images),
        references=frozenset(references),
        state=manifest.app_type.value if manifest is not None else "",
        secrets=concealed.secrets,
        secret_fields=concealed.fields,
    )


def descends(app: App) -> bool:
    return app.parent_detail is not None and bool(app.parent_detail.id_of_parent_object)


async def entry_of(app: App) -> App | None:
    """The entry of the catalogue that a bundle was copied from."""
    if app.parent_detail is None or not descends(app):
        return None
    shelf = await asyncio.to_thread(applications)  # reads files when it is asked first
    return shelf.find_app(app_id=app.parent_detail.id_of_parent_object)


async def of_this_moment(work: Work, items: tuple[App, ...]) -> tuple[App, ...]:
    """With how many instances each has; copies of the catalogue as that is in this release."""
    counts = await carriers.instances_of(work.db, work.scope, [item.id for item in items])
    return tuple(
        [
            (await _with_descent(item)).model_copy(
                update={"app_inst_count": counts.get(item.id, 0)}
            )
            for item in items
        ]
    )


async def _with_descent(item: App) -> App:
    if item.parent_detail is None or not descends(item):
        return item
    parent = descent(item.parent_detail, await entry_of(item))
    return item.model_copy(update={"parent_detail": parent})


async def load_of(
    work: Work, device_id: str, *, without: str, drives_of: AppInstance
) -> DeviceLoad | None:
    """What is on a device beside the instance of id `without`; None for an unknown device."""
    db, scope = work.db, work.scope
    device = await records.find(db, scope, records.DEVICE, device_id)
    if device is None:
        return None
    others = tuple(
        other
        for other in await records.on_device(db, scope, records.APP_INSTANCE, device_id)
        if other.id != without
    )
    wanted_images = [
        drive.imagename for instance in (*others, drives_of) for drive in instance.drives
    ]
    bundle_ids = {instance.app_id for instance in (*others, drives_of)}
    bundles = await records.by_reference(db, scope, records.APP, bundle_ids)
    images = await records.by_reference(
        db,
        scope,
        records.IMAGE,
        [*wanted_images, *images_named((bundles.get(drives_of.app_id),))],
    )
    image_ids = {image.id for image in images.values()}
    return DeviceLoad(
        device=device,
        model=await records.find(db, scope, records.MODEL, device.model_id),
        netinsts=await records.on_device(db, scope, records.NETINST, device_id),
        volumes=await records.on_device(db, scope, records.VOLUME, device_id),
        instances=others,
        images=images,
        bundles=bundles,
        trust=await find_trust(db, scope.enterprise, device.project_id, image_ids),
    )


async def prepare_instance(
    work: Work, wanted: AppInstance, current: AppInstance | None
) -> Prepared[AppInstance]:
    bundle = await records.find(work.db, work.scope, records.APP, wanted.app_id)
    load = await load_of(work, wanted.device_id, without=wanted.id, drives_of=wanted)
    refusals = admit_app_instance(wanted, current, bundle=bundle, load=load)
    netinsts = {netinst.name: netinst.id for netinst in load.netinsts} if load else {}
    plan = await plan_snapshots(work, wanted, current)
    refusals += plan.refusals
    complete = complete_instance(
        wanted,
        current,
        bundle=bundle,
        project=load.device.project_id if load else wanted.project_id,
        netinst_ids=netinsts,
    )
    if plan.back_to is not None:
        complete = gone_back(complete, plan.back_to)
    complete, envelope_refusals = await _with_envelope(work, complete, current, load)
    refusals += envelope_refusals
    concealed = conceal_instance(complete, bundle)
    public = concealed.public
    raised = current is None or public.cloud_init_version != current.cloud_init_version
    if not raised and plan.back_to is None and await brings_new(work, wanted.id, concealed.secrets):
        public = to_be_read_anew(public)
    return Prepared(
        public,
        refusals,
        references=references_of(complete, load) | {complete.patch_envelope_id},
        project_id=complete.project_id,
        device_id=complete.device_id,
        state=complete.app_type.value,
        secrets=concealed.secrets,
        secret_fields=concealed.fields,
        after=partial(carry_out, work, public, current, plan),
    )


def with_user_data(instance: AppInstance, clear: Mapping[str, str]) -> AppInstance:
    return instance.model_copy(update={"user_data": clear.get(USER_DATA, "")})


async def _with_envelope(
    work: Work, complete: AppInstance, current: AppInstance | None, load: DeviceLoad | None
) -> tuple[AppInstance, tuple[Refusal, ...]]:
    """The patch envelope has an operation of its own: a write that names none leaves it."""
    named = complete.patch_envelope_id
    before = current.patch_envelope_id if current is not None else ""
    envelope = await records.find(work.db, work.scope, records.PATCH_ENVELOPE, named or before)
    refers = complete.model_copy(
        update={
            "patch_envelope_id": envelope.id if envelope is not None else "",
            "patch_envelope_name": envelope.name if envelope is not None else "",
            "available_snapshots": (),  # they stand in a table of their own
        }
    )
    if not named or named == before:
        return refers, ()
    wanted = complete if envelope is None else refers
    return refers, admit_patch_reference(wanted, envelope, load.netinsts if load else ())


def references_of(instance: AppInstance, load: DeviceLoad | None) -> frozenset[str]:
    found = {instance.app_id, instance.device_id}
    if load is None:
        return frozenset(found)
    volumes = {volume.name: volume.id for volume in load.volumes}
    for drive in instance.drives:
        volume = volumes.get(drive.mvolname or drive.imvolname)
        image = load.images.get(drive.imagename)
        found |= {volume} if volume else set()
        found |= {image.id} if image is not None and not volume else set()
    for _, _, template in left_to_manifest(instance, load.bundles.get(instance.app_id)):
        image = load.images.get(template.imageid) or load.images.get(template.imagename)
        found |= {image.id} if image is not None else set()
    for interface in instance.interfaces:
        netinst = None if interface.directattach else load.netinst_of(interface)
        found |= {netinst.id} if netinst is not None else set()
    return frozenset(found)
