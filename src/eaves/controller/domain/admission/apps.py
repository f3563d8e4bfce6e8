"""App bundles and app instances: does the bundle hold together, can the device carry the app?"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from eaves.controller.domain.admission.compose import admit_compose, refuse_compose
from eaves.controller.domain.admission.networks import shared_labels, subnet_of
from eaves.controller.domain.admission.refusal import (
    Refusal,
    admit_names,
    conflict,
    in_words,
    invalid,
    parse_size_bytes,
    unknown,
)
from eaves.controller.domain.admission.rules import admit_rules, port_maps
from eaves.controller.domain.admission.signatures import (
    left_to_manifest,
    refuse_unsigned_instance,
)
from eaves.controller.domain.admission.storage import refuse_undeployable
from eaves.controller.domain.contract.apps import App, AppInstance, AppInterface, VmInfo
from eaves.controller.domain.contract.catalogue import AdapterUsage, SysModel
from eaves.controller.domain.contract.datastores import ImageConfig
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.manifests import AppType
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.numerals import number_of
from eaves.controller.domain.signed_images import ANY_IMAGE, ImageTrust
from eaves.hostnames import default_leases

KIB = 1024
BLANK = "HDD_EMPTY"


@dataclass(frozen=True)
class DeviceLoad:
    """What is on the device already, without the instance in question."""

    device: DeviceConfig
    model: SysModel | None = None
    netinsts: tuple[NetInstConfig, ...] = ()
    volumes: tuple[VolInstConfig, ...] = ()
    instances: tuple[AppInstance, ...] = ()
    images: Mapping[str, ImageConfig] = field(default_factory=dict[str, ImageConfig])
    bundles: Mapping[str, App] = field(default_factory=dict[str, App])  # by id
    trust: ImageTrust = ANY_IMAGE  # which images the project of the device lets in
    runs_compose: bool = False  # the device announced it; the device API has no word for it yet

    def netinst_of(self, interface: AppInterface) -> NetInstConfig | None:
        return netinst_of(interface, self.netinsts)

    def vminfo_of(self, instance: AppInstance) -> VmInfo:
        """What an instance runs with: its own figures, else those of its bundle."""
        return effective_vminfo(instance, self.bundles.get(instance.app_id))


def netinst_of(
    interface: AppInterface, netinsts: tuple[NetInstConfig, ...]
) -> NetInstConfig | None:
    """The network instance of the device that an interface names, or else its default."""
    # the name wins: a client that changes it sends the id of the old one along, as it read it
    if interface.netinstname:
        return _first(n for n in netinsts if n.name == interface.netinstname)
    if interface.netinstid:
        return _first(n for n in netinsts if n.id == interface.netinstid)
    if tags := interface.netinsttag:
        return _first(n for n in netinsts if tags.items() <= n.tags.items())
    return _first(n for n in netinsts if n.device_default)


def _first(netinsts: Iterable[NetInstConfig]) -> NetInstConfig | None:
    return next(iter(netinsts), None)


def resource_of(bundle: App | None, name: str) -> int:
    """A figure of the manifest's resources, as a whole number; 0 where it has none."""
    manifest = bundle.manifest_json if bundle is not None else None
    for resource in manifest.resources if manifest is not None else ():
        if resource.name == name:
            try:
                return int(float(resource.value))
            except (ValueError, OverflowError):
                return 0
    return 0


def effective_vminfo(instance: AppInstance, bundle: App | None) -> VmInfo:
    own = instance.vminfo or VmInfo()
    if own.cpus and own.memory:
        return own
    return own.model_copy(
        update={
            "cpus": own.cpus or resource_of(bundle, "cpus"),
            "memory": own.memory or resource_of(bundle, "memory"),
        }
    )


def admit_app(
    wanted: App, current: App | None, *, images: Mapping[str, ImageConfig]
) -> tuple[Refusal, ...]:
    """`images` holds what the manifest names, under name and id.

    An image that is named only may come later: deploying asks for it.
    """
    refusals = list(admit_names("app bundle", wanted, current))
    manifest = wanted.manifest_json
    if manifest is None:
        refusals.append(
            invalid("manifestJSON", f"app bundle {wanted.name!r} has no manifest; add one")
        )
        return tuple(refusals)
    for index, drive in enumerate(manifest.images):
        if drive.imageid and drive.imageid not in images and drive.imagename not in images:
            refusals.append(
                unknown("image", drive.imageid, f"manifestJSON.images[{index}].imageid")
            )
    refusals += admit_compose(manifest)
    names = [interface.name for interface in manifest.interfaces]
    refusals += [
        invalid("manifestJSON.interfaces", f"interface {name!r} stands twice; make names unique")
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    return tuple(refusals)


def admit_app_instance(
    wanted: AppInstance,
    current: AppInstance | None,
    *,
    bundle: App | None,
    load: DeviceLoad | None,
) -> tuple[Refusal, ...]:
    refusals = list(admit_names("app instance", wanted, current))
    if bundle is None:
        refusals.append(unknown("app bundle", wanted.app_id, "appId"))
    if wanted.edge_node_cluster is not None and not wanted.device_id:
        refusals.append(
            invalid("edgeNodeCluster", "clusters are not served by this release; give deviceId")
        )
    elif load is None:
        refusals.append(unknown("device", wanted.device_id, "deviceId"))
    if current is not None:
        refusals += _refuse_moves(wanted, current)
    if bundle is not None:
        refusals += _admit_interface_names(wanted, bundle)
    if load is None:
        return tuple(refusals)
    if wanted.project_id and wanted.project_id != load.device.project_id:
        refusals.append(
            invalid(
                "projectId",
                f"device {load.device.name!r} belongs to another project; leave projectId empty to "
                "take the device's",
            )
        )
    if bundle is not None:
        refusals += _refuse_project(bundle, load.device)
        refusals += refuse_compose(bundle, load.device, runs_compose=load.runs_compose)
    refusals += _admit_drives(wanted, load)
    refusals += _admit_manifest_images(wanted, bundle, load)
    refusals += refuse_unsigned_instance(wanted, bundle, load.images, load.trust)
    refusals += _admit_resources(wanted, load)
    refusals += _admit_interfaces(wanted, bundle, load)
    return tuple(refusals)


def _refuse_moves(wanted: AppInstance, current: AppInstance) -> list[Refusal]:
    return [
        invalid(member, f"app instance {wanted.name!r} cannot change its {member}; create another")
        for member, before, after in (
            ("deviceId", current.device_id, wanted.device_id),
            ("appId", current.app_id, wanted.app_id),
        )
        if before != after
    ]


def _refuse_project(bundle: App, device: DeviceConfig) -> list[Refusal]:
    allowed = bundle.project_access_list
    if not allowed or device.project_id in allowed:
        return []
    return [
        invalid(
            "appId",
            f"app bundle {bundle.name!r} is not open to the project of device {device.name!r}; "
            "add the project to its projectAccessList",
        )
    ]


def _admit_interface_names(wanted: AppInstance, bundle: App) -> list[Refusal]:
    declared = bundle.manifest_json.interfaces if bundle.manifest_json is not None else ()
    names = {interface.name for interface in declared}
    refusals = [
        invalid(
            f"interfaces[{index}].intfname",
            f"app bundle {bundle.name!r} has no interface {interface.intfname!r}; it has "
            f"{', '.join(sorted(names)) or 'none'}",
        )
        for index, interface in enumerate(wanted.interfaces)
        if interface.intfname not in names
    ]
    seen = [interface.intfname for interface in wanted.interfaces]
    refusals += [
        invalid("interfaces", f"interface {name!r} stands twice; list it once")
        for name in sorted({name for name in seen if seen.count(name) > 1})
    ]
    return refusals


def _admit_drives(wanted: AppInstance, load: DeviceLoad) -> list[Refusal]:
    refusals: list[Refusal] = []
    volumes = {volume.name for volume in load.volumes}
    with_image = 0
    for index, drive in enumerate(wanted.drives):
        at = f"drives[{index}]"
        existing = drive.mvolname or drive.imvolname
        if drive.mvolname and drive.imvolname:
            refusals.append(invalid(at, f"drive {index} names two volumes; give one of them"))
        if existing:
            if existing not in volumes:
                refusals.append(
                    invalid(
                        at,
                        f"device {load.device.name!r} has no volume {existing!r}; create it there "
                        "first",
                    )
                )
            continue
        if drive.drvtype.upper() == BLANK or not drive.imagename:
            if not drive.imagename and drive.maxsize == 0 and not drive.volumelabel:
                refusals.append(invalid(at, f"drive {index} is blank and has no size; set maxsize"))
            continue
        with_image += 1
        image = load.images.get(drive.imagename)
        if image is None:
            refusals.append(unknown("image", drive.imagename, f"{at}.imagename"))
        else:
            refusals += refuse_undeployable(image, load.model, f"{at}.imagename")
    if wanted.app_type is AppType.CONTAINER and with_image > 1:
        refusals.append(
            invalid("drives", f"a container has one image, {with_image} drives name one; keep one")
        )
    return refusals


def _admit_manifest_images(
    wanted: AppInstance, bundle: App | None, load: DeviceLoad
) -> list[Refusal]:
    """What a bundle only names must be there when it is deployed."""
    labels = {volume.label for volume in load.volumes} - {""}
    return [
        unknown("image", template.imagename or template.imageid, f"drives[{index}].imagename")
        for index, drive, template in left_to_manifest(wanted, bundle)
        if (named := {template.imageid, template.imagename} - {""})
        and not named & load.images.keys()
        and (drive.volumelabel or template.volumelabel) not in labels
    ]


def _memory_bytes(instance: AppInstance, load: DeviceLoad) -> int:
    return load.vminfo_of(instance).memory * KIB


def _storage_bytes(instance: AppInstance, images: Mapping[str, ImageConfig]) -> int:
    total = 0
    for drive in instance.drives:
        if drive.mvolname or drive.imvolname:
            continue  # counted as a volume of the device
        image = images.get(drive.imagename)
        total += max(drive.maxsize * KIB, image.image_size_bytes if image else 0)
    return total


def _admit_resources(wanted: AppInstance, load: DeviceLoad) -> list[Refusal]:
    """Compare with the model's figures; a figure that the model does not state is not checked."""
    attributes = {key.lower(): text for key, text in load.model.attr.items()} if load.model else {}
    refusals: list[Refusal] = []
    memory = parse_size_bytes(attributes.get("memory", ""))
    if memory is not None:
        free = memory - sum(_memory_bytes(other, load) for other in load.instances)
        need = _memory_bytes(wanted, load)
        if need > free:
            refusals.append(_too_little("memory", "vminfo.memory", need, free))
    storage = parse_size_bytes(attributes.get("storage", ""))
    if storage is not None:
        used = sum(_storage_bytes(other, load.images) for other in load.instances)
        used += sum(volume.size_bytes for volume in load.volumes)
        need = _storage_bytes(wanted, load.images)
        if need > storage - used:
            refusals.append(_too_little("storage", "drives", need, storage - used))
    cpus = number_of(attributes.get("cpus", "").strip())
    if cpus is not None:
        refusals += _admit_cpus(wanted, load, cpus)
    return refusals


def _admit_cpus(wanted: AppInstance, load: DeviceLoad, cpus: int) -> list[Refusal]:
    """Shared processors may be promised more than once; pinned ones only once."""
    mine = load.vminfo_of(wanted)
    if mine.cpus > cpus:
        return [
            invalid(
                "vminfo.cpus",
                f"{mine.cpus} processors are asked for, the device's model has {cpus}; "
                "ask for fewer",
            )
        ]
    others = [load.vminfo_of(other) for other in load.instances]
    pinned = sum(other.cpus for other in others if other.cpu_pinning_enabled)
    if mine.cpu_pinning_enabled and pinned + mine.cpus > cpus:
        return [
            invalid(
                "vminfo.cpus",
                f"{mine.cpus} pinned processors are asked for, {cpus - pinned} of {cpus} "
                "are not pinned yet; ask for fewer",
            )
        ]
    return []


def _too_little(what: str, member: str, need: int, free: int) -> Refusal:
    return invalid(
        member,
        f"{in_words(need)} of {what} are asked for, {in_words(max(free, 0))} are free on the "
        "device; ask for less, remove another app, or correct the model",
    )


def _admit_interfaces(wanted: AppInstance, bundle: App | None, load: DeviceLoad) -> list[Refusal]:
    refusals: list[Refusal] = []
    for index, interface in enumerate(wanted.interfaces):
        at = f"interfaces[{index}]"
        if interface.directattach:
            refusals += _admit_direct(interface, wanted, load, at)
            continue
        netinst = load.netinst_of(interface)
        if netinst is None:
            name = interface.netinstname or interface.netinstid or "(default)"
            refusals.append(
                invalid(
                    f"{at}.netinstname",
                    f"device {load.device.name!r} has no network instance {name!r}; create it on "
                    "this device first",
                )
            )
        refusals += admit_rules(interface, bundle, netinst, at)
        if netinst is not None:
            refusals += _admit_address(interface, netinst, wanted, load, at)
    refusals += _refuse_taken_ports(wanted, bundle, load)
    return refusals


def _admit_direct(
    interface: AppInterface, wanted: AppInstance, load: DeviceLoad, at: str
) -> list[Refusal]:
    label = interface.io.name if interface.io is not None else ""
    members = load.model.io_member_list if load.model is not None else ()
    member = next((member for member in members if member.logicallabel == label), None)
    if member is None:
        return [unknown("adapter on the device's model", label, f"{at}.io.name")]
    if not member.assigngrp:
        return [
            invalid(
                f"{at}.io.name",
                f"adapter {label!r} has no assignment group, so no app may have it",
            )
        ]
    ports = {port.intfname: port.intf_usage for port in load.device.interfaces}
    usage = ports.get(label, AdapterUsage.UNSPECIFIED)
    if usage is AdapterUsage.UNSPECIFIED:
        usage = member.usage
    if usage in (AdapterUsage.MANAGEMENT, AdapterUsage.DISABLED):
        return [
            conflict(f"{at}.io.name", f"adapter {label!r} of the device is {usage}; free it first")
        ]
    group = {other.logicallabel for other in members if other.assigngrp == member.assigngrp}
    return [
        conflict(
            f"{at}.io.name",
            f"adapter {label!r} belongs to app instance {other.name!r} already; take another",
        )
        for other in load.instances
        if other.id != wanted.id
        and any(
            theirs.directattach and theirs.io is not None and theirs.io.name in group
            for theirs in other.interfaces
        )
    ]


def _admit_address(
    interface: AppInterface,
    netinst: NetInstConfig,
    wanted: AppInstance,
    load: DeviceLoad,
    at: str,
) -> list[Refusal]:
    if not interface.ipaddr:
        return []
    member = f"{at}.ipaddr"
    try:
        address = ipaddress.ip_address(interface.ipaddr)
        subnet = subnet_of(netinst.ip.subnet, netinst.ip.mask) if netinst.ip else None
    except ValueError:
        return [invalid(member, f"{interface.ipaddr!r} is no IP address; give one like 10.1.0.5")]
    refusals: list[Refusal] = []
    if subnet is not None and address not in subnet:
        refusals.append(
            invalid(
                member,
                f"{address} is not inside subnet {subnet} of network instance {netinst.name!r}",
            )
        )
    if netinst.ip is not None and interface.ipaddr == netinst.ip.gateway:
        refusals.append(
            conflict(member, f"{address} is the gateway of network instance {netinst.name!r}")
        )
    leased = _leased(netinst, subnet)
    if isinstance(address, ipaddress.IPv4Address) and leased and leased[0] <= address <= leased[1]:
        refusals.append(
            conflict(
                member,
                f"{address} is among the addresses that network instance {netinst.name!r} leases,"
                f" {leased[0]} to {leased[1]}; choose another, or give it another dhcpRange",
            )
        )
    for other in (*load.instances, wanted):
        for theirs in other.interfaces:
            if theirs is interface or load.netinst_of(theirs) is not netinst:
                continue
            if theirs.ipaddr == interface.ipaddr:
                refusals.append(
                    conflict(
                        member,
                        f"{address} belongs to interface {theirs.intfname!r} of app instance "
                        f"{other.name!r} already; choose another",
                    )
                )
    return refusals


def _leased(
    netinst: NetInstConfig, subnet: ipaddress.IPv4Network | ipaddress.IPv6Network | None
) -> tuple[ipaddress.IPv4Address, ipaddress.IPv4Address] | None:
    """First and last address that the device leases; None where that is not known here."""
    if netinst.ip is None or not isinstance(subnet, ipaddress.IPv4Network):
        return None
    given = netinst.ip.dhcp_range
    try:
        if given is not None and given.start and given.end:
            return ipaddress.IPv4Address(given.start), ipaddress.IPv4Address(given.end)
        gateway = netinst.ip.gateway or str(subnet.network_address + 1)
        return default_leases(subnet, ipaddress.IPv4Address(gateway))
    except ValueError:
        return None  # the network instance itself is refused for that


def _refuse_taken_ports(wanted: AppInstance, bundle: App | None, load: DeviceLoad) -> list[Refusal]:
    """Two apps, or two rules, cannot map the same outer port."""
    shared = shared_labels(load.device)
    taken = [
        (mapped, other.name)
        for other in load.instances
        for interface in other.interfaces
        if not interface.directattach and (netinst := load.netinst_of(interface)) is not None
        for mapped in port_maps(interface, load.bundles.get(other.app_id), netinst)
    ]
    refusals: list[Refusal] = []
    for index, interface in enumerate(wanted.interfaces):
        netinst = load.netinst_of(interface)
        if netinst is None or interface.directattach:
            continue
        for mine in port_maps(interface, bundle, netinst):
            holder = next((name for map_, name in taken if mine.clashes(map_, shared)), None)
            if holder is not None:
                refusals.append(
                    conflict(
                        f"interfaces[{index}].acls",
                        f"{mine.protocol} port {mine.port} of device {load.device.name!r} is "
                        f"mapped by app instance {holder!r} already; choose another lport",
                    )
                )
            taken.append((mine, wanted.name))
    return refusals
