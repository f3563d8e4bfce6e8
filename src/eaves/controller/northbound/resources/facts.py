"""What lists know of objects beside their members: names of projects, devices, bundles."""

from collections.abc import Mapping

from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.networks import NetConfig
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.northbound.work import Work
from eaves.controller.store import objects
from eaves.controller.store.tables import Kind

Facts = Mapping[str, Mapping[str, str]]


async def names(work: Work, kind: Kind) -> Mapping[str, str]:
    """The name of every object of a kind, by id."""
    found: dict[str, str] = {}
    after = ""
    while True:
        batch = await objects.list_objects(
            work.db, work.scope, kind, after=after, limit=objects.MAX_PAGE
        )
        found |= {stored.id: stored.name for stored in batch}
        if len(batch) < objects.MAX_PAGE:
            return found
        after = batch[-1].name


async def project_facts(work: Work, items: tuple[NetConfig, ...]) -> Facts:
    projects = await names(work, Kind.PROJECT)
    return {item.id: {"projectName": projects.get(item.project_id, "")} for item in items}


async def facts_of_carried(
    work: Work, items: tuple[NetInstConfig, ...] | tuple[VolInstConfig, ...]
) -> Facts:
    projects, devices = await names(work, Kind.PROJECT), await names(work, Kind.DEVICE)
    return {
        item.id: {
            "projectName": projects.get(item.project_id, ""),
            "deviceName": devices.get(item.device_id, ""),
        }
        for item in items
    }


async def device_facts(work: Work, items: tuple[DeviceConfig, ...]) -> Facts:
    projects, models = await names(work, Kind.PROJECT), await names(work, Kind.MODEL)
    return {
        item.id: {
            "projectName": projects.get(item.project_id, ""),
            "modelName": models.get(item.model_id, ""),
            "serialno": item.serialno,
        }
        for item in items
    }


async def instance_facts(work: Work, items: tuple[AppInstance, ...]) -> Facts:
    projects, devices = await names(work, Kind.PROJECT), await names(work, Kind.DEVICE)
    bundles = await names(work, Kind.APP)
    return {
        item.id: {
            "projectName": projects.get(item.project_id, ""),
            "deviceName": devices.get(item.device_id, ""),
            "appName": bundles.get(item.app_id, ""),
        }
        for item in items
    }
