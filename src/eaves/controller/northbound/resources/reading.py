"""What a read of one object shows beside what is stored."""

import asyncio

from eaves.controller.catalogue import hardware
from eaves.controller.domain.contract.apps import App, AppInstance, ManifestInfo
from eaves.controller.domain.contract.catalogue import SysModel
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.northbound import policies, records
from eaves.controller.northbound.buckets import both_ways
from eaves.controller.northbound.resources.apps import of_this_moment
from eaves.controller.northbound.resources.snapshots import snapshots_shown
from eaves.controller.northbound.sources import counts_by
from eaves.controller.northbound.work import Work
from eaves.controller.store import objects
from eaves.controller.store.objects import Filter
from eaves.controller.store.tables import Kind


async def present_project(work: Work, item: Tag) -> Tag:
    counts = await objects.count_by_state(
        work.db, work.scope, Kind.DEVICE, Filter(project_id=item.id)
    )
    shown = await policies.present_policies(work, item)
    return shown.model_copy(update={"numdevices": sum(counts.values())})


async def projects_of_this_moment(work: Work, items: tuple[Tag, ...]) -> tuple[Tag, ...]:
    """With how many devices each has; of its policies a list says no more than what is stored."""
    _states, devices = both_ways(await counts_by(work.db, work.scope, Kind.DEVICE))
    return tuple(item.model_copy(update={"numdevices": devices.get(item.id, 0)}) for item in items)


async def present_app(work: Work, item: App) -> App:
    (shown,) = await of_this_moment(work, (item,))
    return shown


async def present_instance(work: Work, item: AppInstance) -> AppInstance:
    """The newest version of the bundle is a fact of this moment."""
    bundle = await records.find(work.db, work.scope, records.APP, item.app_id)
    info = item.manifest_info or ManifestInfo()
    changes: dict[str, object] = {}
    if bundle is not None and bundle.revision is not None:
        changes["manifest_info"] = info.model_copy(
            update={"next_bundle_version": bundle.revision.curr}
        )
    found = await snapshots_shown(work, item, whole=False)
    if found:
        changes["available_snapshots"] = tuple(one.to_json() for one in found)
    return item.model_copy(update=changes)


async def present_model(_work: Work, item: SysModel) -> SysModel:
    """Whether the model that it was imported from has a newer version is a fact of this release."""
    parent = item.parent_detail
    if parent is None or not parent.id_of_parent_object:
        return item
    of = (await asyncio.to_thread(hardware)).find_model(model_id=parent.id_of_parent_object)
    newest = of.revision.curr if of is not None and of.revision is not None else ""
    return item.model_copy(
        update={
            "parent_detail": parent.model_copy(
                update={
                    "reference_exists": of is not None,
                    "update_available": newest.isdecimal()
                    and int(newest) > parent.version_of_parent_object,
                }
            )
        }
    )
