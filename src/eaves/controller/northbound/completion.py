"""What the controller itself sets on an object that somebody writes.  Pure: values in, value out.

The rule behind all of it: what a caller sent stays as it was sent; only members which the contract
gives to the server are filled.  A counter never goes back, whatever a replacement says.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from eaves.controller.domain.admission import resource_of
from eaves.controller.domain.admission.identity import as_sent
from eaves.controller.domain.contract.apps import App
from eaves.controller.domain.contract.base import rfc3339
from eaves.controller.domain.contract.catalogue import SysModel
from eaves.controller.domain.contract.datastores import (
    DatastoreInfo,
    DatastoreStatus,
    ImageConfig,
    ImageStatus,
)
from eaves.controller.domain.contract.devices import (
    AdminState,
    DeviceConfig,
    DeviceConfigLock,
    PolicyConfig,
    PolicyStatus,
)
from eaves.controller.domain.contract.envelope import (
    ObjectParentDetail,
    ObjectRevision,
    Origin,
)
from eaves.controller.domain.contract.networks import (
    NetCellularConfig,
    NetConfig,
    NetProxyConfig,
    NetWirelessConfig,
)
from eaves.controller.domain.contract.projects import Tag

T = TypeVar("T")

NO_PARENT = ObjectParentDetail(
    id_of_parent_object="",
    reference_exists=False,
    update_available=False,
    version_of_parent_object=0,
)
POLICIES = (
    "app_policy",
    "attestation_policy",
    "cloud_policy",
    "configuration_lock_policy",
    "edgeview_policy",
    "local_operator_console_policy",
    "network_policy",
    "pcr_policy",
    "port_based_network_access_control_policy",
)


def first_revision(user: str, now: datetime) -> ObjectRevision:
    moment = rfc3339(now)
    return ObjectRevision(
        prev="", curr="1", created_by=user, created_at=moment, updated_by=user, updated_at=moment
    )


def next_revision(current: ObjectRevision | None, user: str, now: datetime) -> ObjectRevision:
    if current is None:
        return first_revision(user, now)
    number = int(current.curr) if current.curr.isdecimal() else 0
    return current.model_copy(
        update={
            "prev": current.curr,
            "curr": str(number + 1),
            "updated_by": user,
            "updated_at": rfc3339(now),
        }
    )


def complete_project(wanted: Tag, current: Tag | None, new_id: Callable[[], str]) -> Tag:
    """Every policy that is present is in force at once; its id stays what it was."""
    ready: dict[str, object] = {
        name: _in_force(policy, _policy(current, name) if current is not None else None, new_id)
        for name in POLICIES
        if (policy := _policy(wanted, name)) is not None
    }
    ready["module_policy"] = tuple(
        _in_force(policy, None, new_id) for policy in wanted.module_policy
    )
    return wanted.model_copy(update=ready)


def _policy(project: Tag, name: str) -> PolicyConfig | None:
    policy: object = getattr(project, name)
    return policy if isinstance(policy, PolicyConfig) else None


def _in_force(
    policy: PolicyConfig, before: PolicyConfig | None, new_id: Callable[[], str]
) -> PolicyConfig:
    return policy.model_copy(
        update={
            "id": (before.id if before is not None else "") or policy.id or new_id(),
            "status": PolicyStatus.READY,
            "status_message": "Policy configured successfully",
        }
    )


def complete_network(wanted: NetConfig) -> NetConfig:
    proxy = wanted.proxy or NetProxyConfig()
    wireless = wanted.wireless or NetWirelessConfig()
    if wireless.cellular_cfg is None:
        wireless = wireless.model_copy(update={"cellular_cfg": NetCellularConfig()})
    return wanted.model_copy(update={"proxy": proxy, "wireless": wireless})


def complete_datastore(wanted: DatastoreInfo, *, enterprise: str) -> DatastoreInfo:
    """A datastore is taken as it is: the device downloads, the controller need not reach it."""
    return wanted.model_copy(
        update={
            "ds_status": DatastoreStatus.ACTIVE,
            "origin_type": Origin.LOCAL,
            "enterprise_id": enterprise,
        }
    )


def complete_image(wanted: ImageConfig, current: ImageConfig | None) -> ImageConfig:
    status = current.image_status if current is not None else ImageStatus.CREATED
    changes: dict[str, object] = {"image_status": status, "origin_type": Origin.LOCAL}
    changes["image_local"] = current.image_local if current is not None else ""
    changes["image_error"] = current.image_error if current is not None else ""
    if current is not None and current.image_local:  # uploaded: the controller knows its bytes
        changes["image_sha256"] = current.image_sha256
        changes["image_size_bytes"] = current.image_size_bytes
    return wanted.model_copy(update=changes)


def uplinked(current: ImageConfig, body: ImageConfig | None) -> ImageConfig:
    """The image after its file is known to be in the datastore; the body may say more of it."""
    said = {
        name: getattr(body, name)
        for name in ("image_rel_url", "image_sha256", "image_size_bytes", "image_version")
        if body is not None and getattr(body, name)
    }
    return current.model_copy(update={**said, "image_status": ImageStatus.READY, "image_error": ""})


def complete_model(
    wanted: SysModel, current: SysModel | None, *, template_ids: Callable[[], str]
) -> SysModel:
    """PCR templates stay unless others are sent: they have operations of their own, and clients
    that know nothing of them write models without.
    """
    templates = wanted.pcr_templates or (current.pcr_templates if current is not None else ())
    return wanted.model_copy(
        update={
            "pcr_templates": tuple(
                one if one.id else one.model_copy(update={"id": template_ids()})
                for one in templates
            )
        }
    )


def complete_device(
    wanted: DeviceConfig,
    current: DeviceConfig | None,
    *,
    model: SysModel | None,
    network_ids: Mapping[str, str],
    onboarding_key: str,
    soft_serial: str,
) -> DeviceConfig:
    """`network_ids` leads from the names that the interfaces use to the ids of the networks;
    `onboarding_key` is a fresh one for a device that comes without, `soft_serial` for one that
    asks for it.
    """
    changes: dict[str, object] = {
        "interfaces": tuple(
            port.model_copy(update={"netid": network_ids[port.netname]})
            if port.netname in network_ids
            else port
            for port in wanted.interfaces
        )
    }
    if wanted.admin_state is AdminState.UNSPECIFIED:
        changes["admin_state"] = current.admin_state if current else AdminState.CREATED
    if wanted.config_lock is DeviceConfigLock.UNSPECIFIED:
        changes["config_lock"] = DeviceConfigLock.DISABLED
    if model is not None:
        changes["utype"] = model.type
    if identity := wanted.identity or (current.identity if current is not None else ""):
        changes["identity"] = as_sent(identity)
    changes["debug_knob"] = current.debug_knob if current is not None else None  # has a verb
    if current is None and not wanted.obkey:
        changes["obkey"] = onboarding_key
    if current is None and wanted.generate_soft_serial and not wanted.serialno:
        changes["serialno"] = soft_serial
    if current is not None:
        if wanted.reset_counter <= current.reset_counter:
            changes |= {
                "reset_counter": current.reset_counter,
                "reset_time": current.reset_time,
            }
        for counter in ("base_os_retry_counter", "prepare_power_off_counter"):
            changes[counter] = max(getattr(wanted, counter), getattr(current, counter))
        if not wanted.obkey:
            changes["obkey"] = current.obkey
        if not wanted.serialno:
            changes["serialno"] = current.serialno
        changes["onboarding"] = current.onboarding
    return wanted.model_copy(update=changes)


def complete_app(wanted: App, *, entry: App | None) -> App:
    """Figures that a list shows come from the manifest; `entry` of the catalogue is its origin."""
    manifest = wanted.manifest_json
    return wanted.model_copy(
        update={
            "cpus": resource_of(wanted, "cpus"),
            "memory": resource_of(wanted, "memory"),
            "storage": resource_of(wanted, "storage"),
            "drives": len(manifest.images) if manifest is not None else 0,
            "networks": len(manifest.interfaces) if manifest is not None else 0,
            "origin_type": Origin.LOCAL if entry is None else Origin.IMPORTED,
            "parent_detail": descent(wanted.parent_detail or NO_PARENT, entry),
        }
    )


def descent(parent: ObjectParentDetail, entry: App | None) -> ObjectParentDetail:
    """What a copy says of the catalogue's entry: is it still there, and newer than what it took?"""
    version = int(entry.revision.curr) if entry is not None and entry.revision is not None else 0
    taken = parent.version_of_parent_object
    return parent.model_copy(
        update={
            "reference_exists": entry is not None,
            "update_available": entry is not None and taken < version,
        }
    )
