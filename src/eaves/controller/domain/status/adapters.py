"""Assignable adapters of a device: what is in each, and the app that has it."""

from collections.abc import Mapping
from typing import Final

from eaves.controller.domain.contract.catalogue import IoType
from eaves.controller.domain.contract.statuses import (
    IoAddresses,
    IoBundleStatus,
    IoMemberStatus,
)
from eaves.controller.domain.contract.stored import made
from eaves.controller.domain.render.adapters import IO_TYPES
from eaves.controller.domain.status.words import told_error
from eaves.evapi.info import ZInfoDevice, ZioBundle

# a modem is one of two words of the contract; WWAN has the device's name
_KINDS: Final = {told: kind for kind, told in IO_TYPES.items() if kind is not IoType.LTE}


def adapter_statuses(info: ZInfoDevice) -> tuple[IoBundleStatus, ...]:
    apps = {app.uuid: app.name for app in info.app_instances}
    return tuple(_status(bundle, apps) for bundle in info.assignable_adapters)


def _status(bundle: ZioBundle, apps: Mapping[str, str]) -> IoBundleStatus:
    """An app that the device does not name is told by its id."""
    app = bundle.used_by_app_uuid
    return made(
        IoBundleStatus,
        name=bundle.name,
        type=_KINDS.get(bundle.type, IoType.UNSPECIFIED),
        app_name=apps.get(app) or app,
        members=bundle.members,
        member_list=_members(bundle),
        err=told_error(bundle.err),
    )


def _members(bundle: ZioBundle) -> tuple[IoMemberStatus, ...]:
    """With addresses only where each has one: those of members without any are left out."""
    addresses = [one.mac_address for one in bundle.io_address_list if one.vf_info is None]
    if len(addresses) != len(bundle.members):
        return tuple(made(IoMemberStatus, name=name) for name in bundle.members)
    return tuple(
        made(IoMemberStatus, name=name, io_address=made(IoAddresses, mac_address=address))
        for name, address in zip(bundle.members, addresses, strict=True)
    )
