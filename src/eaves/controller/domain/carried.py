"""What the controller itself sets on what a device carries.  Pure: values in, value out.

As for every object: what a caller sent stays as it was sent; only members which the contract gives
to the server are filled.  A counter never goes back, whatever a replacement says.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final

from eaves.controller.domain.admission import effective_vminfo
from eaves.controller.domain.contract.apps import App, AppInstance, AppInterface, ManifestInfo
from eaves.controller.domain.contract.base import rfc3339
from eaves.controller.domain.contract.envelope import OpsCounter
from eaves.controller.domain.contract.netinsts import (
    DhcpServerConfig,
    NetInstConfig,
    NetworkInstanceKind,
)
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.numerals import number_of
from eaves.controller.domain.render.userdata import public_text

FIRST_SUBNET: Final = ipaddress.IPv4Network("10.64.0.0/24")
NEVER: Final = "0001-01-01T00:00:00Z"
NO_OPS: Final = OpsCounter(counter=0, ops_time=NEVER)


def bumped(counter: OpsCounter | None, now: datetime) -> OpsCounter:
    """The counter after one more command."""
    return OpsCounter(
        counter=(counter.counter if counter is not None else 0) + 1, ops_time=rfc3339(now)
    )


def later(wanted: OpsCounter | None, current: OpsCounter | None) -> OpsCounter:
    """The further of two counters: one that went back would be a command never given."""
    mine, stored = wanted or NO_OPS, current or NO_OPS
    if mine.counter <= stored.counter:
        return stored
    return mine.model_copy(update={"ops_time": mine.ops_time or NEVER})


def complete_netinst(
    wanted: NetInstConfig, *, project: str, siblings: Iterable[NetInstConfig]
) -> NetInstConfig:
    """A LOCAL network instance without a subnet gets a private one that the device has free."""
    changes: dict[str, object] = {"project_id": project}
    if wanted.kind is NetworkInstanceKind.LOCAL and (wanted.ip is None or not wanted.ip.subnet):
        subnet = _free_subnet(siblings)
        if wanted.ip is None:
            changes["ip"] = _served(subnet)
        elif not wanted.ip.gateway:
            changes["ip"] = wanted.ip.model_copy(update={"subnet": str(subnet)})
    return wanted.model_copy(update=changes)


def _free_subnet(siblings: Iterable[NetInstConfig]) -> ipaddress.IPv4Network:
    taken: list[ipaddress.IPv4Network] = []
    for other in siblings:
        try:
            subnet = other.ip.subnet if other.ip is not None else ""
            taken.append(ipaddress.IPv4Network(subnet, strict=False))
        except ValueError:
            continue  # no subnet, or one of IPv6
    if not taken:
        return FIRST_SUBNET
    candidates = ipaddress.IPv4Network("10.64.0.0/10").subnets(new_prefix=24)
    return next(one for one in candidates if not any(one.overlaps(other) for other in taken))


@lru_cache(maxsize=1024)
def _served(subnet: ipaddress.IPv4Network) -> DhcpServerConfig:
    return DhcpServerConfig(subnet=str(subnet), gateway=str(subnet[1]))


def complete_volume(
    wanted: VolInstConfig, current: VolInstConfig | None, *, project: str
) -> VolInstConfig:
    changes: dict[str, object] = {"project_id": project}
    if current is not None and current.purge is not None:
        changes["purge"] = later(wanted.purge, current.purge)
    return wanted.model_copy(update=changes)


def complete_instance(
    wanted: AppInstance,
    current: AppInstance | None,
    *,
    bundle: App | None,
    project: str,
    netinst_ids: Mapping[str, str],
) -> AppInstance:
    """`netinst_ids` leads from the names that the interfaces use to the ids on the device."""
    revision = bundle.revision.curr if bundle is not None and bundle.revision is not None else ""
    version = current.bundleversion if current is not None else revision
    info = wanted.manifest_info or ManifestInfo()
    manifest = bundle.manifest_json if bundle is not None else None
    changes: dict[str, object] = {
        "project_id": project,
        "bundleversion": version,
        "manifest_info": info.model_copy(
            update={"bundle_version": version, "next_bundle_version": revision}
        ),
        "interfaces": with_netinst_ids(wanted.interfaces, netinst_ids),
    }
    for counter in ("purge", "refresh", "restart"):
        changes[counter] = later(getattr(wanted, counter), getattr(current, counter, None))
    changes["cloud_init_version"] = _cloud_init_version(wanted, current, bundle)
    if bundle is not None:
        changes["user_defined_version"] = bundle.user_defined_version
    if manifest is not None:
        changes["deployment_type"] = manifest.deployment_type
    if wanted.vminfo is not None:
        changes["vminfo"] = effective_vminfo(wanted, bundle)
    return wanted.model_copy(update=changes)


def _cloud_init_version(
    wanted: AppInstance, current: AppInstance | None, bundle: App | None
) -> int:
    """A guest reads its user data anew when it starts with another one: it is raised with the text.

    What of the text is secret is for whoever knows the secrets, see `to_be_read_anew`.
    """
    if current is None:
        return wanted.cloud_init_version
    before = current.cloud_init_version
    if wanted.cloud_init_version > before:
        return wanted.cloud_init_version
    if bundle is None or wanted.custom_config == current.custom_config:
        return before
    if public_text(wanted, bundle) == public_text(current, bundle):
        return before
    return to_be_read_anew(current).cloud_init_version


def to_be_read_anew(instance: AppInstance) -> AppInstance:
    """Its guest reads the user data again when it starts next.

    Where there is no such version, devices take that of the bundle: it is never one of those.
    """
    taken = number_of(instance.bundleversion) or 0
    version = max(instance.cloud_init_version, taken) + 1
    return instance.model_copy(update={"cloud_init_version": version})


def with_netinst_ids(
    interfaces: Iterable[AppInterface], netinst_ids: Mapping[str, str]
) -> tuple[AppInterface, ...]:
    """Each with the id of the network instance that it names."""
    return tuple(
        interface.model_copy(update={"netinstid": netinst_ids[interface.netinstname]})
        if interface.netinstname in netinst_ids
        else interface
        for interface in interfaces
    )


def refreshed(current: AppInstance, bundle: App, now: datetime) -> AppInstance:
    """The instance on the newest version of its bundle."""
    revision = bundle.revision.curr if bundle.revision is not None else ""
    manifest = bundle.manifest_json
    images = manifest.images if manifest is not None else ()
    info = current.manifest_info or ManifestInfo()
    drives = tuple(
        drive.model_copy(update={"imagename": images[index].imagename})
        if index < len(images) and drive.imagename and not (drive.mvolname or drive.imvolname)
        else drive
        for index, drive in enumerate(current.drives)
    )
    if current.cloud_init_version:  # else the version of the bundle does that
        current = to_be_read_anew(current)
    return current.model_copy(
        update={
            "bundleversion": revision,
            "user_defined_version": bundle.user_defined_version,
            "drives": drives,
            "manifest_info": info.model_copy(
                update={"bundle_version": revision, "next_bundle_version": revision}
            ),
            "refresh": bumped(current.refresh, now),
        }
    )
