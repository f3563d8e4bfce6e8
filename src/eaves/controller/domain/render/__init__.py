"""From objects to the configuration of one device.

Pure: the same inputs give the same bytes, whatever the time and however often.  Lists are in a
stable order.  What cannot be delivered yet is left out and named in `missing`; nothing secret is
ever in clear text.
"""

from dataclasses import dataclass

from eaves.controller.domain.config_lock import WAITING, under_lock
from eaves.controller.domain.contract.datastores import DatastoreInfo, ImageConfig
from eaves.controller.domain.inputs import ControllerFacts, DeviceInputs
from eaves.controller.domain.render import adapters, apps, items, netinsts, storage
from eaves.controller.domain.render.enrolment import port_access
from eaves.controller.domain.render.patches import patches
from eaves.controller.domain.render.secrets import Secrets, open_secrets
from eaves.controller.domain.signed_images import ImageTrust
from eaves.evapi.config import (
    AppInstanceConfig,
    BaseOS,
    ContentTree,
    DatastoreConfig,
    EdgeDevConfig,
    UUIDandVersion,
    Volume,
    decode_edge_dev_config,
)

__all__ = ["ControllerFacts", "DeviceInputs", "Rendered", "render_device"]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A configuration without its timestamp, and what it lacks, as sentences."""

    config: EdgeDevConfig
    missing: tuple[str, ...] = ()


@dataclass(slots=True)
class _Gathered:
    """What apps, volumes and the base OS bring together: each thing once."""

    inputs: DeviceInputs
    volumes: dict[str, Volume]
    trees: dict[str, ContentTree]
    stores: set[str]
    missing: list[str]

    @property
    def trust(self) -> ImageTrust:
        return self.inputs.trust

    def use(self, image: ImageConfig | None) -> None:
        if image is not None:
            tree = self.inputs.once(
                "signed tree",
                (image, self.trust),
                lambda: storage.signed_tree(image, self.trust),
            )
            refused = "" if tree.uuid in self.trees else self.trust.refusal(image)
            self.missing += [refused] if refused else []
            self.trees[tree.uuid] = tree
            self.stores.update(storage.datastore_ids(image))

    def content_info(self) -> tuple[ContentTree, ...]:
        in_order = tuple(self.trees[key] for key in sorted(self.trees))
        return self.inputs.once_encoded("content trees", in_order, lambda: in_order)


def render_device(inputs: DeviceInputs, facts: ControllerFacts) -> Rendered:
    wanted = _render(inputs, facts)
    if not inputs.held:
        return wanted
    served, waits = under_lock(decode_edge_dev_config(inputs.held), wanted.config)
    return Rendered(served, (WAITING, *wanted.missing) if waits else wanted.missing)


def _render(inputs: DeviceInputs, facts: ControllerFacts) -> Rendered:
    secrets = open_secrets(inputs, facts)
    device = inputs.device
    gathered = _Gathered(inputs, {}, {}, set(), [])
    for own in inputs.volumes:
        volume, image = storage.own_volume(own, inputs)
        gathered.volumes[volume.uuid] = volume
        gathered.use(image)
    rendered_apps = _apps(inputs, secrets, gathered)
    patched = patches(inputs)
    gathered.volumes |= {volume.uuid: volume for volume in patched.volumes}
    for image in patched.images:
        gathered.use(image)
    gathered.missing += patched.missing
    base_os = _base_os(inputs, gathered)
    datastores = _datastores(inputs, secrets, gathered)
    connections = adapters.connections(inputs, secrets)
    access = port_access(inputs, secrets)
    console, not_told = items.operator_console(inputs)
    gathered.missing += (*connections.missing, *access.missing, *netinsts.absent_ports(inputs))
    gathered.missing += not_told
    model, project = inputs.model, inputs.project
    return Rendered(
        EdgeDevConfig(
            id=UUIDandVersion(uuid=device.id, version="1"),
            apps=rendered_apps,
            networks=connections.networks,
            datastores=datastores,
            reboot=items.reboot(inputs),
            shutdown=items.shutdown(inputs),
            config_items=items.config_items(inputs),
            system_adapter_list=connections.adapters,
            device_io_list=adapters.physical_ios(inputs),
            manufacturer=model.brand_name if model is not None else "",
            product_name=model.name if model is not None else "",
            network_instances=netinsts.network_instances(inputs),
            cipher_contexts=(secrets.sealer.context,) if secrets.sealer is not None else (),
            content_info=gathered.content_info(),
            volumes=tuple(gathered.volumes[key] for key in sorted(gathered.volumes)),
            controllercert_confighash=facts.controllercert_confighash,
            controller_epoch=inputs.epoch,
            loc_config=console,
            baseos=base_os,
            patch_envelopes=patched.envelopes,
            scep_profiles=access.profiles,
            pnacs=access.pnacs,
            vlans=adapters.vlans(device),
            bonds=adapters.bonds(device),
            device_name=device.name,
            project_name=project.name if project is not None else "",
            project_id=device.project_id,
            enterprise_name=inputs.enterprise_name,
            enterprise_id=inputs.enterprise_id,
        ),
        tuple(dict.fromkeys(gathered.missing)),
    )


def _apps(
    inputs: DeviceInputs, secrets: Secrets, gathered: _Gathered
) -> tuple[AppInstanceConfig, ...]:
    """Sorted by id; one whose bundle is gone is left out."""
    rendered: list[AppInstanceConfig] = []
    for instance in sorted(inputs.instances, key=lambda item: item.id):
        bundle = inputs.bundles.get(instance.app_id)
        if bundle is None:
            gathered.missing.append(
                f"app instance {instance.name!r}: its bundle is not there; deploy it again"
            )
            continue
        disks = storage.app_disks(instance, bundle, inputs)
        gathered.volumes |= {volume.uuid: volume for volume in disks.volumes}
        for image in disks.images:
            gathered.use(image)
        one = apps.app(instance, disks, inputs, secrets)
        rendered.append(one.config)
        gathered.missing += one.missing
    return tuple(rendered)


def _base_os(inputs: DeviceInputs, gathered: _Gathered) -> BaseOS | None:
    base_os, image, lacks = items.base_os(inputs)
    gathered.missing += lacks
    gathered.use(image)
    return base_os


def _is_public(store: DatastoreInfo, secrets: Secrets) -> bool:
    of = (store, secrets.inputs.secrets)
    return secrets.inputs.once("public", of, lambda: storage.is_public(store, secrets))


def _datastores(
    inputs: DeviceInputs, secrets: Secrets, gathered: _Gathered
) -> tuple[DatastoreConfig, ...]:
    """Those that some content tree names, sorted by id."""
    wanted = sorted(gathered.stores)
    found = tuple(inputs.datastores[key] for key in wanted if key in inputs.datastores)
    if len(found) == len(wanted) and all(_is_public(s, secrets) for s in found):
        return inputs.once_encoded(
            "datastores", found, lambda: tuple(storage.datastore(s, secrets)[0] for s in found)
        )
    rendered: list[DatastoreConfig] = []
    for store_id in wanted:
        store = inputs.datastores.get(store_id)
        if store is None:
            gathered.missing.append(
                f"datastore {store_id} is not there; change the image that names it"
            )
            continue
        one, lacks = storage.datastore(store, secrets)
        rendered.append(one)
        gathered.missing += lacks
    return tuple(rendered)
