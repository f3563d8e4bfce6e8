"""What an app policy comes to: an app instance, made from a template and its bundle.

An instance that is there follows its policy.  What the policy leaves to the bundle stays as it was
while the bundle goes on: a newer bundle is taken over whole, where the policy asks for it.
"""

from datetime import datetime

from eaves.controller.domain.admission import DeviceLoad
from eaves.controller.domain.carried import bumped, complete_instance, refreshed
from eaves.controller.domain.contract.apps import (
    App,
    AppInstance,
    AppInterface,
    Drive,
    HvMode,
    VmInfo,
)
from eaves.controller.domain.contract.manifests import CustomConfig, VMManifest
from eaves.controller.domain.policies.entries import AppTemplate


def revision_of(bundle: App | None) -> str:
    return bundle.revision.curr if bundle is not None and bundle.revision is not None else ""


def references_of(instance: AppInstance, load: DeviceLoad) -> frozenset[str]:
    """Ids of what an instance needs."""
    found = {instance.app_id, instance.device_id}
    volumes = {volume.name: volume.id for volume in load.volumes}
    for drive in instance.drives:
        volume = volumes.get(drive.mvolname or drive.imvolname)
        image = load.images.get(drive.imagename)
        found |= {volume} if volume else set()
        found |= {image.id} if image is not None and not volume else set()
    for interface in instance.interfaces:
        netinst = None if interface.directattach else load.netinst_of(interface)
        found |= {netinst.id} if netinst is not None else set()
    return frozenset(found)


def instance_of(
    template: AppTemplate, bundle: App | None, current: AppInstance | None, now: datetime
) -> AppInstance:
    """Names and places are set by the caller.

    An instance that is there keeps its counters and whether it is switched on.
    """
    wanted = (current or AppInstance(activate=True)).model_copy(
        update={
            "app_id": template.bundle_id,
            "description": template.description,
            "tags": dict(template.tags),
            "start_delay_in_seconds": template.start_delay_s,
            "logs": template.logs,
            "remote_console": template.remote_console,
            "custom_config": _custom_config(template),
        }
    )
    if current is None or bundle is None:
        return wanted.model_copy(update=_of_bundle(template, bundle))
    if _asks_for(template, bundle, current):
        of_bundle = _of_bundle(template, bundle)
        newest = refreshed(wanted, bundle, now).model_copy(update=of_bundle)
        return newest.model_copy(update={"bundleversion": revision_of(bundle)})
    if current.bundleversion != revision_of(bundle):
        return wanted.model_copy(update=_as_it_was(template, current))
    wanted = wanted.model_copy(update=_of_bundle(template, bundle))
    if not _has_images(template) and _same_images(current, wanted):
        return wanted.model_copy(update={"drives": current.drives})  # as a refresh left them
    return wanted


class FreshInstances:
    """New instances before they have a name and a place: the nodes of a run have them in common."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._made: dict[tuple[int, int], tuple[AppTemplate, App | None, AppInstance]] = {}

    def of(self, template: AppTemplate, bundle: App | None) -> AppInstance:
        key = (id(template), id(bundle))
        known = self._made.get(key)
        if known is None:
            wanted = instance_of(template, bundle, None, self.now)
            made = complete_instance(wanted, None, bundle=bundle, project="", netinst_ids={})
            # with what it was made of, so that nothing else gets the number of one of them
            known = self._made[key] = (template, bundle, made)
        return known[2]


def _asks_for(template: AppTemplate, bundle: App, current: AppInstance) -> bool:
    """Whether the policy wants the bundle as it is now: another one, or a version not reached."""
    if current.app_id != bundle.id:
        return True
    reached = int(current.bundleversion) if current.bundleversion.isdecimal() else 0
    return template.bundle_version > reached and current.bundleversion != revision_of(bundle)


def _custom_config(template: AppTemplate) -> CustomConfig | None:
    configuration = template.manifest.configuration if template.manifest is not None else None
    return configuration.custom_config if configuration is not None else None


def _of_bundle(template: AppTemplate, bundle: App | None) -> dict[str, object]:
    """Members that the bundle gives where the template does not."""
    bundled = (bundle.manifest_json if bundle else None) or VMManifest()
    manifest = template.manifest or bundled
    base = template.vminfo or VmInfo(mode=_mode(manifest.vmmode or bundled.vmmode))
    given = template.interfaces or tuple(
        AppInterface(intfname=one.name, intforder=place, directattach=one.directattach)
        for place, one in enumerate(bundled.interfaces, start=1)
        if not one.optional
    )
    return {
        "app_type": bundled.app_type,
        "drives": _drives(template.manifest if _has_images(template) else bundled),
        "interfaces": _joined(template, given),
        "vminfo": _sized(template, base, vnc=manifest.enablevnc),
    }


def _as_it_was(template: AppTemplate, current: AppInstance) -> dict[str, object]:
    """The same members where the bundle went on: what it gave is what it gave then."""
    was = current.vminfo or VmInfo()
    manifest = template.manifest or VMManifest()
    base = template.vminfo or VmInfo(mode=_mode(manifest.vmmode) if manifest.vmmode else was.mode)
    base = base.model_copy(
        update={"cpus": base.cpus or was.cpus, "memory": base.memory or was.memory}
    )
    given = template.interfaces or tuple(
        AppInterface(intfname=one.intfname, intforder=one.intforder, directattach=one.directattach)
        for one in current.interfaces
    )
    return {
        "app_type": current.app_type,
        "drives": _drives(template.manifest) if _has_images(template) else current.drives,
        "interfaces": _joined(template, given),
        "vminfo": _sized(template, base, vnc=manifest.enablevnc if template.manifest else was.vnc),
    }


def _sized(template: AppTemplate, base: VmInfo, *, vnc: bool) -> VmInfo:
    return base.model_copy(
        update={
            "cpus": template.cpus or base.cpus,
            "memory": template.memory or base.memory,
            "vnc": base.vnc or vnc,
        }
    )


def with_transition(wanted: AppInstance, current: AppInstance, now: datetime) -> AppInstance:
    """What cannot change in a running app raises a counter: drives and the number of interfaces
    that of purges; resources, and another bundle, that of restarts.
    """
    if wanted.drives != current.drives or len(wanted.interfaces) != len(current.interfaces):
        return wanted.model_copy(update={"purge": bumped(current.purge, now)})
    if wanted.vminfo != current.vminfo or wanted.app_id != current.app_id:
        return wanted.model_copy(update={"restart": bumped(current.restart, now)})
    return wanted


def _same_images(one: AppInstance, other: AppInstance) -> bool:
    """As far as both go."""
    pairs = [*zip(one.drives, other.drives, strict=False)]
    return bool(pairs) and all(mine.imagename == theirs.imagename for mine, theirs in pairs)


def _has_images(template: AppTemplate) -> bool:
    return template.manifest is not None and bool(template.manifest.images)


def _drives(manifest: VMManifest | None) -> tuple[Drive, ...]:
    return tuple(
        Drive(
            cleartext=image.cleartext,
            drvtype=image.drvtype,
            ignorepurge=image.ignorepurge,
            imagename=image.imagename,
            maxsize=image.maxsize,
            mountpath=image.mountpath,
            preserve=image.preserve,
            readonly=image.readonly,
            target=image.target,
            volumelabel=image.volumelabel,
        )
        for image in (manifest.images if manifest is not None else ())
    )


def _mode(word: str) -> HvMode:
    found = HvMode(word) if word else HvMode.PV
    return found if found.known else HvMode.PV


def _joined(template: AppTemplate, given: tuple[AppInterface, ...]) -> tuple[AppInterface, ...]:
    """On the network instances of the template, or on the default one, where they name none."""
    joined: dict[str, object] = {
        "netinstname": template.netinst_name,
        "netinsttag": dict(template.netinst_tags),
    }
    open_ended = bool(template.netinst_name or template.netinst_tags)
    return tuple(
        one.model_copy(update=joined)
        if open_ended and not (one.netinstname or one.netinstid or one.netinsttag)
        else one
        for one in given
    )
