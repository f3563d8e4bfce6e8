"""Which apps run as containers, and as what.  Pure."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from eaves.evapi.config import EdgeDevConfig, Format, VmMode
from eaves.ids import AppInstanceId, VolumeId
from eaves.node import refs
from eaves.node.containers.items import Container, Mount
from eaves.node.refs import AppInForce
from eaves.reconcile.item import ItemRef

DEFAULT_MOUNT_DIR = "/mnt"


def container_apps(config: EdgeDevConfig, apps: Sequence[AppInForce]) -> frozenset[AppInstanceId]:
    """Apps whose first volume is made from a container image; every other is a machine.

    `config` must hold the volumes and content trees in force.  Whatever mode an app asks for, a
    container image runs under the OCI runtime until containers in machines exist.
    """
    formats = {tree.uuid: tree.iformat for tree in config.content_info}
    images = {
        (volume.uuid, volume.generation_count)
        for volume in config.volumes
        if volume.origin and formats.get(volume.origin.download_content_tree_id) == Format.CONTAINER
    }
    return frozenset(
        app.app
        for app in apps
        if app.config.volume_ref_list
        and (
            app.config.volume_ref_list[0].uuid,
            app.config.volume_ref_list[0].generation_count,
        )
        in images
    )


def intent(
    apps: Sequence[AppInForce],
    containers: AbstractSet[AppInstanceId],
    user_data: Mapping[AppInstanceId, str],
    gateways: Mapping[ItemRef, str],
    fetched: AbstractSet[ItemRef] = frozenset(),
) -> tuple[Container, ...]:
    """One item for each active container app.

    `user_data` is decrypted and decoded; `gateways` tells for a vif the address that answers DNS;
    `fetched` are volumes that an app reads from the metadata service, so they are not mounted.
    """
    return tuple(
        _container(app, user_data.get(app.app, ""), gateways, fetched)
        for app in apps
        if app.activate and app.app in containers
    )


def _container(
    app: AppInForce,
    user_data: str,
    gateways: Mapping[ItemRef, str],
    fetched: AbstractSet[ItemRef],
) -> Container:
    resources = app.config.fixedresources
    volumes = app.config.volume_ref_list
    vifs = [refs.vif(app.app, n) for n in range(len(app.config.interfaces))]
    return Container(
        app=app.app,
        number=app.number,
        incarnation=app.incarnation,
        memory_kib=resources.memory if resources else 0,
        vcpus=resources.vcpus if resources else 0,
        root=Mount(VolumeId(volumes[0].uuid), volumes[0].generation_count, "/"),
        mounts=tuple(
            Mount(VolumeId(v.uuid), v.generation_count, v.mount_dir or DEFAULT_MOUNT_DIR)
            for v in volumes[1:]
            if refs.volume(VolumeId(v.uuid), v.generation_count) not in fetched
        ),
        vifs=len(vifs),
        service=app.config.service,
        name_servers=tuple(gateways[vif] for vif in vifs if gateways.get(vif)),
        name=app.config.displayname,
        user_data=user_data,
    )


def isolation_warning(app: AppInForce) -> str:
    """Blank when the app gets the isolation it asked for."""
    resources = app.config.fixedresources
    mode = resources.virtualization_mode if resources else VmMode.NOHYPER
    if mode == VmMode.NOHYPER:
        return ""
    return (
        f"isolation: OCI runtime; virtualisation mode {mode.name} asked, "
        "containers in VMs come later"
    )
