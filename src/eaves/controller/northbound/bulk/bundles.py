"""Bundles of the catalogue, imported by a job: one result for each.

The controller reaches no registry, so the images of an entry must be the enterprise's already, with
the digest that its tag had when they were made; `eaves marketplace import` makes them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from eaves.controller.domain.admission.refusal import NAME, Refusal, invalid, unknown
from eaves.controller.domain.contract.apps import App
from eaves.controller.domain.contract.datastores import ImageConfig
from eaves.controller.domain.contract.envelope import ObjectParentDetail, Origin
from eaves.controller.domain.contract.jobs import BulkConfig, BundleDetail
from eaves.controller.domain.contract.manifests import AppType, VMManifest
from eaves.controller.domain.numerals import number_of
from eaves.controller.northbound import catalog, crud, records
from eaves.controller.northbound.bulk.made import Made
from eaves.controller.northbound.global_apps import shelf
from eaves.controller.northbound.problems import Problem, not_found
from eaves.controller.northbound.work import Work
from eaves.controller.store.bulk_jobs import Found, JobObject

AT: Final = "bundleImport.bundleConfig"
MOST: Final = 1000
ENTRY: Final = "global app bundle"


async def check(_work: Work, config: BulkConfig) -> tuple[Refusal, ...]:
    wanted = _asked(config)
    if not wanted:
        return (invalid(AT, f"no bundle is given; set {AT}[].parentBundleId"),)
    if len(wanted) > MOST:
        return (invalid(AT, f"{len(wanted)} bundles are given, {MOST} are allowed"),)
    entries = await shelf()
    times = Counter(one.parent_bundle_id for one in wanted)
    refusals: list[Refusal] = []
    for index, one in enumerate(wanted):
        at = f"{AT}[{index}]"
        if all(entry.id != one.parent_bundle_id for entry in entries.apps):
            refusals.append(unknown(ENTRY, one.parent_bundle_id, f"{at}.parentBundleId"))
        elif times[one.parent_bundle_id] > 1:
            refusals.append(invalid(f"{at}.parentBundleId", "the bundle is given twice"))
        if one.name and not NAME.fullmatch(one.name):
            refusals.append(invalid(f"{at}.name", f"{one.name!r} is no name of a bundle"))
    return tuple(refusals)


def bundles_of(config: BulkConfig) -> Sequence[Found]:
    return [
        Found(one.parent_bundle_id, one.name or one.parent_bundle_id, "", index)
        for index, one in enumerate(_asked(config))
    ]


async def import_one(work: Work, one: JobObject, config: BulkConfig) -> Made:
    entry = next((e for e in (await shelf()).apps if e.id == one.object_id), None)
    if entry is None:
        raise not_found(ENTRY, one.object_id)
    name = _asked(config)[one.part].name or entry.name
    taken = await records.find_named(work.db, work.scope, records.APP, name)
    if taken is not None and not _is_copy(taken, entry):
        raise Problem(
            409,
            f"there is an app bundle {name!r} that is no copy of {entry.name!r}; give another name",
            target=catalog.APPS.target(taken),
            location="name",
        )
    images = await records.list_all(work.db, work.scope, records.IMAGE)
    manifest, used = _with_images(entry, images)
    revision = entry.revision.curr if entry.revision is not None else ""
    copy = entry.model_copy(
        update={
            "name": name,
            "origin_type": Origin.IMPORTED,
            "is_imported": True,
            "revision": None,
            "parent_detail": ObjectParentDetail(
                id_of_parent_object=entry.id,
                reference_exists=True,
                update_available=False,
                version_of_parent_object=number_of(revision) or 0,
            ),
            "datastore_id_list": tuple(sorted({image.datastore_id for image in used})),
            "manifest_json": manifest.model_copy(update={"name": name}),
        }
    )
    if taken is None:
        target = await crud.create(work, catalog.APPS, copy)
        return Made(f"imported as {name}", target.id)
    kept = {"id": taken.id, "project_access_list": taken.project_access_list}
    await crud.store_version(
        work, catalog.APPS, copy.model_copy(update=kept), taken, what="imported again"
    )
    return Made(f"imported again as {name}", taken.id)


def _is_copy(app: App, entry: App) -> bool:
    parent = app.parent_detail
    return parent is not None and parent.id_of_parent_object == entry.id


def _with_images(
    entry: App, images: Iterable[ImageConfig]
) -> tuple[VMManifest, tuple[ImageConfig, ...]]:
    """The manifest with the enterprise's images in place of references.  Raises Problem(412)."""
    manifest = entry.manifest_json
    assert manifest is not None  # noqa: S101 - every entry has one
    if manifest.app_type is AppType.DOCKER_COMPOSE:
        raise _not_pinned(entry, "the images of its compose file")
    newest = sorted(images, key=_made_at, reverse=True)
    drives, used = list(manifest.images), list[ImageConfig]()
    for index, drive in enumerate(drives):
        if not drive.imagename:
            continue  # a blank disk
        image = next((one for one in newest if is_of(drive.imagename, one)), None)
        if image is None:
            raise _not_pinned(entry, f"image {drive.imagename}")
        used.append(image)
        drives[index] = drive.model_copy(update={"imagename": image.name, "imageid": image.id})
    return manifest.model_copy(update={"images": tuple(drives)}), tuple(used)


def is_of(reference: str, image: ImageConfig) -> bool:
    """Whether an image is what an entry names: `repository:tag` of a container, or a file."""
    repository, colon, tag = reference.rpartition(":")
    place = image.image_rel_url
    if colon:
        there = place.partition("@")[0].rpartition(":")[0] or place.partition("@")[0]
        return image.image_version == tag and there == repository
    return place.rpartition("/")[2] == reference


def _made_at(image: ImageConfig) -> str:
    return image.revision.created_at if image.revision is not None else ""


def _not_pinned(entry: App, what: str) -> Problem:
    return Problem(
        412,
        f"{entry.name!r} needs {what}, and the enterprise has none with a digest; "
        f"`eaves marketplace import {entry.name}` finds it in a registry or a datastore",
        location="parentBundleId",
    )


def _asked(config: BulkConfig) -> tuple[BundleDetail, ...]:
    return config.bundle_import.bundle_config if config.bundle_import is not None else ()
