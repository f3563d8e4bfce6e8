"""What lists know of objects beside their members: names of projects, devices, bundles."""

from collections import defaultdict
from collections.abc import Mapping

from eaves.controller.domain.contract.apps import App, AppInstance
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.envelope import ObjectParentDetail
from eaves.controller.domain.contract.manifests import ManifestDetails, VMManifest
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.networks import NetConfig
from eaves.controller.domain.contract.roles import Role
from eaves.controller.domain.contract.users import DetailedUser, Realm
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.northbound import records
from eaves.controller.northbound.paging import Facts
from eaves.controller.northbound.work import Work
from eaves.controller.store.tables import Kind

FactsById = Mapping[str, Facts]


async def names(work: Work, kind: Kind) -> Mapping[str, str]:
    """The name of every object of a kind, by id."""
    return await records.names_of(work.db, work.scope, kind)


async def project_facts(work: Work, items: tuple[NetConfig, ...]) -> FactsById:
    projects = await names(work, Kind.PROJECT)
    return {
        item.id: {"projectName": projects.get(item.project_id, ""), "dist": ""} for item in items
    }


async def app_facts(_work: Work, items: tuple[App, ...]) -> FactsById:
    """What the contract filters bundles by stands in their manifests."""
    found: dict[str, Facts] = {}
    for item in items:
        manifest = item.manifest_json or VMManifest()
        about = manifest.desc or ManifestDetails()
        found[item.id] = {
            "appType": manifest.app_type,
            "deploymentType": manifest.deployment_type,
            "category": about.category,
            "appCategory": about.app_category,
            "idOfParentObject": (item.parent_detail or ObjectParentDetail()).id_of_parent_object,
        }
    return found


async def volume_facts(work: Work, items: tuple[VolInstConfig, ...]) -> FactsById:
    carried = await facts_of_carried(work, items)
    used: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for app in await records.list_all(work.db, work.scope, records.APP_INSTANCE):
        for drive in app.drives:
            used[app.device_id, drive.mvolname or drive.imvolname].append(app.name)
    return {
        item.id: {**carried[item.id], "appInstName": tuple(used[item.device_id, item.name])}
        for item in items
    }


async def facts_of_carried(
    work: Work, items: tuple[NetInstConfig, ...] | tuple[VolInstConfig, ...]
) -> FactsById:
    projects, devices = await names(work, Kind.PROJECT), await names(work, Kind.DEVICE)
    return {
        item.id: {
            "projectName": projects.get(item.project_id, ""),
            "deviceName": devices.get(item.device_id, ""),
        }
        for item in items
    }


async def device_facts(work: Work, items: tuple[DeviceConfig, ...]) -> FactsById:
    projects, models = await names(work, Kind.PROJECT), await names(work, Kind.MODEL)
    return {
        item.id: {
            "projectName": projects.get(item.project_id, ""),
            "modelName": models.get(item.model_id, ""),
            "serialno": item.serialno,
            "clusterName": "",  # clusters are not served
            "load": "",  # nor are loads graded, nor images told apart by their support
            "eveLtsSupportType": "",
            "createdBy": item.revision.created_by if item.revision is not None else "",
        }
        for item in items
    }


async def instance_facts(work: Work, items: tuple[AppInstance, ...]) -> FactsById:
    projects, devices = await names(work, Kind.PROJECT), await names(work, Kind.DEVICE)
    bundles = await names(work, Kind.APP)
    return {
        item.id: {
            "projectName": projects.get(item.project_id, ""),
            "deviceName": devices.get(item.device_id, ""),
            "appName": bundles.get(item.app_id, ""),
            "patchEnvelopeName": item.patch_envelope_name,
            "patchEnvelopeReference": (
                "REFERENCING_PATCH" if item.patch_envelope_id else "NOT_REFERENCING_PATCH"
            ),
        }
        for item in items
    }


NOT_KEPT = {"SfdcId": "", "HubspotId": "", "project": ""}  # filters that mean nothing here


async def role_facts(work: Work, items: tuple[Role, ...]) -> FactsById:
    projects = await names(work, Kind.PROJECT)
    found: dict[str, Facts] = {}
    for item in items:
        ids = {one for scope in item.scopes for one in scope.project_filter}
        known = tuple(sorted(ids | {projects.get(one, one) for one in ids}))
        found[item.id] = {**NOT_KEPT, "roleName": item.name, "project": known}
    return found


async def realm_facts(_work: Work, items: tuple[Realm, ...]) -> FactsById:
    return {item.id: {**NOT_KEPT, "roleName": ""} for item in items}


async def user_facts(work: Work, items: tuple[DetailedUser, ...]) -> FactsById:
    roles = await names(work, Kind.ROLE)
    return {
        item.id: {**NOT_KEPT, "name": item.username, "roleName": roles.get(item.role_id, "")}
        for item in items
    }
