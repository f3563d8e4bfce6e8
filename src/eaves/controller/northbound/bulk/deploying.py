"""App instances on many devices: the same everywhere, or with an own configuration for each.

An entry without a device is meant for every device of the selection that has no entry of its own.
Its instance is called after the device too, for names are unique in an enterprise.  What an entry
leaves out is taken from the bundle's manifest and from the device's default network instance.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from eaves.controller.domain.admission.refusal import Refusal, invalid, unknown
from eaves.controller.domain.contract.apps import App, AppInstance, AppInterface, Drive
from eaves.controller.domain.contract.catalogue import AdapterUsage
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.jobs import BulkConfig, BulkInstanceConfig
from eaves.controller.domain.contract.netinsts import (
    NetInstConfig,
    NetworkInstanceDhcpType,
    NetworkInstanceKind,
)
from eaves.controller.northbound import catalog, crud, records
from eaves.controller.northbound.bulk.made import Made
from eaves.controller.northbound.problems import Problem, not_found
from eaves.controller.northbound.work import Work
from eaves.controller.store.bulk_jobs import JobObject
from eaves.controller.store.bulk_selection import unseen
from eaves.controller.store.tables import Kind

AT: Final = "instanceDeploy.instanceConfig"
MAX_NAME: Final = 256
MOST_TOLD: Final = 100  # refusals of one kind
DEFAULT_NAME: Final = "default"


def entries_of(config: BulkConfig) -> tuple[BulkInstanceConfig, ...]:
    return config.instance_deploy.instance_config if config.instance_deploy is not None else ()


def parts_of(config: BulkConfig) -> Mapping[str, int]:
    """By device id: which entry speaks of it."""
    return {one.device_id: n for n, one in enumerate(entries_of(config)) if one.device_id}


def template_of(config: BulkConfig) -> int | None:
    """The entry that is meant for every device of the selection."""
    return next((n for n, one in enumerate(entries_of(config)) if not one.device_id), None)


def bundle_id_of(entry: BulkInstanceConfig, config: BulkConfig) -> str:
    own = entry.app_instance_config.app_id if entry.app_instance_config is not None else ""
    selected = config.selection_criteria.bundle_id if config.selection_criteria is not None else ""
    return own or selected


async def check(work: Work, config: BulkConfig) -> tuple[Refusal, ...]:
    entries = entries_of(config)
    if not entries:
        return (invalid(AT, f"no app instance is given; set {AT}"),)
    refusals: list[Refusal] = []
    if sum(not one.device_id for one in entries) > 1:
        refusals.append(
            invalid(AT, "several entries name no device; one is meant for all that have no other")
        )
    devices = Counter(one.device_id for one in entries if one.device_id)
    refusals += [
        invalid(AT, f"device {device!r} has {count} entries; a job makes one instance on each")
        for device, count in devices.items()
        if count > 1
    ][:MOST_TOLD]
    refusals += [
        unknown("device", one, f"{AT}.deviceId")
        for one in await unseen(work.db, work.scope, Kind.DEVICE, devices)
    ][:MOST_TOLD]
    first_with = {bundle_id_of(one, config): n for n, one in reversed([*enumerate(entries)])}
    for bundle_id, index in sorted(first_with.items(), key=lambda one: one[1]):
        if await records.find(work.db, work.scope, records.APP, bundle_id) is None:
            at = f"{AT}[{index}].appInstanceConfig.appId"
            refusals.append(unknown("app bundle", bundle_id, at))
    return tuple(refusals)


async def deploy(work: Work, one: JobObject, config: BulkConfig) -> Made:
    entry = entries_of(config)[one.part]
    device = await crud.find(work, catalog.DEVICES, object_id=one.object_id)
    bundle_id = bundle_id_of(entry, config)
    bundle = await records.find(work.db, work.scope, records.APP, bundle_id)
    if bundle is None:
        raise not_found("app bundle", bundle_id)
    netinsts = await _network_instances(work, entry, device)
    wanted = instance_for(entry, device, bundle, netinsts)
    target = await crud.create(work, catalog.INSTANCES, wanted)
    return Made(f"app instance {target.name!r} created", target.id)


def instance_for(
    entry: BulkInstanceConfig, device: DeviceConfig, bundle: App, netinsts: Mapping[str, str]
) -> AppInstance:
    """The instance that an entry means for a device.  `netinsts`: of the device by the name that
    the entry uses; the one for all other interfaces stands under an empty name.
    """
    sent = entry.app_instance_config or AppInstance()
    manifest = bundle.manifest_json
    name = sent.name or bundle.name
    if not entry.device_id or not sent.name:
        name = f"{name[: max(3, MAX_NAME - len(device.name) - 1)]}-{device.name}"
    changes: dict[str, object] = {
        "name": name,
        "title": sent.title or name,
        "device_id": device.id,
        "app_id": bundle.id,
        "project_id": device.project_id,
    }
    if manifest is not None:
        if not sent.drives:
            changes["drives"] = tuple(
                Drive(
                    imagename=image.imagename,
                    drvtype=image.drvtype,
                    maxsize=image.maxsize,
                    mountpath=image.mountpath,
                    preserve=image.preserve,
                    readonly=image.readonly,
                    target=image.target,
                    cleartext=image.cleartext,
                )
                for image in manifest.images
            )
        if sent.app_type is type(sent.app_type).UNSPECIFIED:
            changes["app_type"] = manifest.app_type
    interfaces = sent.interfaces
    if not interfaces and manifest is not None:
        interfaces = tuple(
            AppInterface(intfname=member.name, privateip=member.privateip)
            for member in manifest.interfaces
            if not member.directattach
        )
    changes["interfaces"] = tuple(_linked(one, netinsts) for one in interfaces)
    return sent.model_copy(update=changes)


def _linked(interface: AppInterface, netinsts: Mapping[str, str]) -> AppInterface:
    if interface.directattach or interface.netinstid or interface.netinsttag:
        return interface
    name = netinsts.get(interface.netinstname, interface.netinstname)
    return interface.model_copy(update={"netinstname": name})


async def _network_instances(
    work: Work, entry: BulkInstanceConfig, device: DeviceConfig
) -> Mapping[str, str]:
    """Make the network instances that an entry asks for, unless they are there; names by the name
    that the entry uses.
    """
    detail = entry.net_instance_detail
    asked = [*entry.net_instance_config]
    if detail is not None and detail.net_instance_config is not None:
        asked.append(detail.net_instance_config)
    there = await records.on_device(work.db, work.scope, records.NETINST, device.id)
    names: dict[str, str] = {}
    for wanted in asked:
        own = f"{wanted.name[: max(3, MAX_NAME - len(device.name) - 1)]}-{device.name}"
        name = wanted.name if any(n.name == wanted.name for n in there) else own
        if not any(netinst.name == name for netinst in there):
            made = wanted.model_copy(update={"name": name, "device_id": device.id, "id": ""})
            await crud.create(work, catalog.NETINSTS, made)
        names[wanted.name] = name
    default = next((netinst.name for netinst in there if netinst.device_default), "")
    if asked:
        names[""] = names[asked[-1].name]
    elif default:
        names[""] = default
    elif detail is not None and detail.net_instance_default:
        names[""] = await _make_default(work, device)
    elif len(there) == 1:
        names[""] = there[0].name
    return names


async def _make_default(work: Work, device: DeviceConfig) -> str:
    port = next(
        (p.intfname for p in device.interfaces if p.intf_usage is AdapterUsage.MANAGEMENT), ""
    )
    if not port:
        raise Problem(
            412,
            f"device {device.name!r} has no network instance and no management port to make its "
            "default one on; make a network instance first",
        )
    wanted = NetInstConfig(
        name=f"{DEFAULT_NAME}-{device.name}",
        title=f"Default network instance of {device.name}"[:MAX_NAME],
        kind=NetworkInstanceKind.LOCAL,
        type=NetworkInstanceDhcpType.V4,
        port=port,
        device_id=device.id,
        device_default=True,
    )
    return (await crud.create(work, catalog.NETINSTS, wanted)).name
