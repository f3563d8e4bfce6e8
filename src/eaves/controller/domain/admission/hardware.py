"""Brands, models, projects, devices."""

from collections import Counter
from collections.abc import Mapping

from eaves.controller.domain.admission.refusal import (
    Refusal,
    admit_names,
    conflict,
    invalid,
    unknown,
)
from eaves.controller.domain.admission.templates import admit_template
from eaves.controller.domain.contract.catalogue import SysBrand, SysModel
from eaves.controller.domain.contract.devices import DeviceConfig, SysInterface
from eaves.controller.domain.contract.networks import NetConfig
from eaves.controller.domain.contract.projects import Tag

MAX_COST = 255


def admit_brand(wanted: SysBrand, current: SysBrand | None) -> tuple[Refusal, ...]:
    return admit_names("brand", wanted, current)


def admit_project(wanted: Tag, current: Tag | None) -> tuple[Refusal, ...]:
    return admit_names("project", wanted, current)


def admit_model(
    wanted: SysModel, current: SysModel | None, *, brand: SysBrand | None
) -> tuple[Refusal, ...]:
    refusals = list(admit_names("model", wanted, current))
    if brand is None:
        refusals.append(unknown("brand", wanted.brand_id, "brandId"))
    labels = Counter(member.logicallabel for member in wanted.io_member_list)
    for index, member in enumerate(wanted.io_member_list):
        at = f"ioMemberList[{index}]"
        if not member.logicallabel:
            refusals.append(
                invalid(f"{at}.logicallabel", f"I/O member {index} has no logical label; name it")
            )
        if not 0 <= member.cost <= MAX_COST:
            refusals.append(
                invalid(f"{at}.cost", f"{member.logicallabel}: cost {member.cost} is not 0 to 255")
            )
    refusals += [
        invalid("ioMemberList", f"logical label {label!r} stands {count} times; make it unique")
        for label, count in labels.items()
        if label and count > 1
    ]
    for index, template in enumerate(wanted.pcr_templates):
        others = wanted.pcr_templates[:index]
        refusals += admit_template(template, others, at=f"PCRTemplates[{index}].")
    return tuple(refusals)


def admit_device(
    wanted: DeviceConfig,
    current: DeviceConfig | None,
    *,
    project: Tag | None,
    model: SysModel | None,
    networks: Mapping[str, NetConfig],
    claimed: bool,
) -> tuple[Refusal, ...]:
    """Check a device against its model.

    `networks` holds what the interfaces refer to, under both name and id; `claimed` says that
    another device, of any enterprise, has this onboarding key and serial.
    """
    refusals = list(admit_names("device", wanted, current))
    if project is None:
        refusals.append(unknown("project", wanted.project_id, "projectId"))
    if model is None:
        refusals.append(unknown("model", wanted.model_id, "modelId"))
    if claimed:
        refusals.append(
            conflict(
                "serialno",
                f"another device already has serial {wanted.serialno!r} with this onboarding key; "
                "correct the serial or delete the other record",
            )
        )
    refusals += _admit_labels(wanted)
    for index, port in enumerate(wanted.interfaces):
        refusals += _admit_port(f"interfaces[{index}]", port, wanted, networks)
    for index, vlan in enumerate(wanted.vlan_adapters):
        if not 1 <= vlan.vlan_id <= 4094:
            refusals.append(
                invalid(
                    f"vlanAdapters[{index}].vlanId",
                    f"{vlan.logical_label}: VLAN id {vlan.vlan_id} is not 1 to 4094",
                )
            )
        if vlan.interface is not None:
            refusals += _admit_port(
                f"vlanAdapters[{index}].interface", vlan.interface, wanted, networks
            )
    return tuple(refusals)


def _admit_labels(wanted: DeviceConfig) -> list[Refusal]:
    names = [port.intfname for port in wanted.interfaces]
    return [
        invalid("interfaces", f"interface {name!r} stands {count} times; list it once")
        for name, count in Counter(names).items()
        if count > 1
    ]


def _admit_port(
    at: str, port: SysInterface, device: DeviceConfig, networks: Mapping[str, NetConfig]
) -> list[Refusal]:
    refusals: list[Refusal] = []
    if not 0 <= port.cost <= MAX_COST:
        refusals.append(
            invalid(f"{at}.cost", f"interface {port.intfname!r}: cost {port.cost} is not 0 to 255")
        )
    # the name wins: a client that changes it sends the id of the old one along, as it read it
    reference, member = (port.netname, "netname") if port.netname else (port.netid, "netid")
    if not reference:
        return refusals
    network = networks.get(reference)
    if network is None:
        refusals.append(unknown("network", reference, f"{at}.{member}"))
    elif network.project_id and network.project_id != device.project_id:
        refusals.append(
            invalid(
                f"{at}.{member}",
                f"network {network.name!r} belongs to another project than device {device.name!r}; "
                "use a network of the device's project",
            )
        )
    return refusals
