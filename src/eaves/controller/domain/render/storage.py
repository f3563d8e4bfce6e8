"""Datastores, content trees and volumes: from drives and volume instances to what a device keeps.

Only datastores and images that something uses are delivered.  A drive without a volume of its own
gets an implicit one, whose generation is the purge count of the app.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from eaves.controller.domain.contract.apps import App, AppInstance, Drive
from eaves.controller.domain.contract.datastores import (
    DatastoreInfo,
    DatastoreType,
    ImageConfig,
    ImageFormat,
)
from eaves.controller.domain.contract.manifests import VMManifestImage
from eaves.controller.domain.contract.volumes import (
    VolInstConfig,
    VolumeInstanceAccessMode,
    VolumeInstanceType,
)
from eaves.controller.domain.inputs import ControllerFacts, DeviceInputs
from eaves.controller.domain.render.encoded import pem_of
from eaves.controller.domain.render.ids import content_tree_id, implicit_volume_id
from eaves.controller.domain.render.secrets import NO_ECDH, Secrets
from eaves.controller.domain.signed_images import ImageTrust
from eaves.evapi.config import (
    ContentTree,
    DatastoreConfig,
    DsType,
    Format,
    SignatureInfo,
    Target,
    Volume,
    VolumeContentOrigin,
    VolumeContentOriginType,
    VolumeRef,
)
from eaves.evapi.evecommon import EncryptionBlock
from eaves.evapi.image_signature import encode_signatures

KIB = 1024
CONTENT_PATH = "api/v1/eaves/content"
BLANK_DRIVE = "HDD_EMPTY"

DATASTORE_TYPES = {
    DatastoreType.HTTP: DsType.DsHttp,
    DatastoreType.HTTPS: DsType.DsHttps,
    DatastoreType.AWSS3: DsType.DsS3,
    DatastoreType.ZEDEDAS3: DsType.DsS3,
    DatastoreType.SFTP: DsType.DsSFTP,
    DatastoreType.CONTAINERREGISTRY: DsType.DsContainerRegistry,
    DatastoreType.AZUREBLOB: DsType.DsAzureBlob,
    DatastoreType.ZEDEDABLOB: DsType.DsAzureBlob,
}
SCHEMES = {DatastoreType.HTTP: "http://", DatastoreType.HTTPS: "https://"}
FORMATS = {image_format: Format[image_format.value] for image_format in ImageFormat}
TARGETS = {target.name.lower(): target for target in Target}


@dataclass(frozen=True, slots=True)
class AppDisks:
    """What one app instance needs: in the order of its drives, the boot disk first."""

    refs: tuple[VolumeRef, ...] = ()
    volumes: tuple[Volume, ...] = ()
    images: tuple[ImageConfig, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(slots=True)
class _Disks:
    refs: list[VolumeRef]
    volumes: list[Volume]
    images: list[ImageConfig]
    missing: list[str]

    def frozen(self) -> AppDisks:
        return AppDisks(
            tuple(self.refs), tuple(self.volumes), tuple(self.images), tuple(self.missing)
        )


def app_disks(instance: AppInstance, bundle: App, inputs: DeviceInputs) -> AppDisks:
    disks = _Disks([], [], [], [])
    manifest = bundle.manifest_json
    templates = manifest.images if manifest is not None else ()
    for number, (drive, template) in enumerate(_drives(instance.drives, templates)):
        mount = drive.mountpath or template.mountpath
        own = _own_volume(drive, template, inputs.volumes)
        if own is not None:
            generation = own.purge.counter if own.purge is not None else 0
            disks.refs.append(VolumeRef(uuid=own.id, generation_count=generation, mount_dir=mount))
            continue
        if drive.mvolname or drive.imvolname:
            name = drive.mvolname or drive.imvolname
            disks.missing.append(
                f"app instance {instance.name!r}: there is no volume instance {name!r} on the "
                "device; create it or change the drive"
            )
            continue
        image = _image(drive, template, inputs)
        if image is None and (drive.drvtype or template.drvtype) != BLANK_DRIVE:
            named = drive.imagename or template.imagename
            disks.missing.append(
                f"app instance {instance.name!r}: drive {number} names image {named!r}, which is "
                "not there; create the image or change the drive"
            )
            continue
        origin = _shared_origin(image, inputs)
        volume = _implicit_volume(instance, number, drive, template, origin)
        disks.volumes.append(volume)
        if image is not None:
            disks.images.append(image)
        disks.refs.append(
            VolumeRef(
                uuid=volume.uuid,
                generation_count=volume.generation_count,
                mount_dir=mount,
            )
        )
    return disks.frozen()


def _drives(
    drives: tuple[Drive, ...], templates: tuple[VMManifestImage, ...]
) -> Iterable[tuple[Drive, VMManifestImage]]:
    """Each drive of the instance with that of the manifest; drives left out are the manifest's."""
    if not drives:
        return [(Drive(), template) for template in templates]
    if len(drives) <= len(templates):
        return zip(drives, templates, strict=False)
    rest = [VMManifestImage()] * (len(drives) - len(templates))
    return zip(drives, [*templates, *rest], strict=False)


def _own_volume(
    drive: Drive, template: VMManifestImage, volumes: tuple[VolInstConfig, ...]
) -> VolInstConfig | None:
    name = drive.mvolname or drive.imvolname
    if name:
        return next((v for v in volumes if name in (v.name, v.id)), None)
    label = drive.volumelabel or template.volumelabel
    return next((v for v in volumes if v.label == label), None) if label else None


def _image(drive: Drive, template: VMManifestImage, inputs: DeviceInputs) -> ImageConfig | None:
    if (drive.drvtype or template.drvtype) == BLANK_DRIVE:
        return None
    for reference in (drive.imagename, template.imageid, template.imagename):
        if reference and reference in inputs.images:
            return inputs.images[reference]
    return None


def _implicit_volume(
    instance: AppInstance,
    number: int,
    drive: Drive,
    template: VMManifestImage,
    origin: VolumeContentOrigin,
) -> Volume:
    keeps = drive.ignorepurge or template.ignorepurge
    purges = instance.purge.counter if instance.purge is not None and not keeps else 0
    target = (drive.target or template.target).lower()
    return Volume(
        uuid=implicit_volume_id(instance.id, number),
        origin=origin,
        generation_count=purges,
        maxsizebytes=(drive.maxsize or template.maxsize) * KIB,
        readonly=drive.readonly or template.readonly or drive.drvtype == "CDROM",
        display_name=f"{instance.name}_{number}",
        clear_text=drive.cleartext or template.cleartext,
        target=TARGETS.get(target, Target.TgtUnknown),
    )


def _shared_origin(image: ImageConfig | None, inputs: DeviceInputs) -> VolumeContentOrigin:
    return inputs.once_encoded("origin", (image,), lambda: _origin(image))


def _origin(image: ImageConfig | None) -> VolumeContentOrigin:
    if image is None:
        return VolumeContentOrigin(type=VolumeContentOriginType.VCOT_BLANK)
    return VolumeContentOrigin(
        type=VolumeContentOriginType.VCOT_DOWNLOAD,
        download_content_tree_id=content_tree(image).uuid,
    )


def own_volume(volume: VolInstConfig, inputs: DeviceInputs) -> tuple[Volume, ImageConfig | None]:
    image = inputs.images.get(volume.image) if volume.image else None
    read_only = volume.accessmode is VolumeInstanceAccessMode.READONLY
    return (
        Volume(
            uuid=volume.id,
            origin=_origin(image),
            generation_count=volume.purge.counter if volume.purge is not None else 0,
            maxsizebytes=volume.size_bytes,
            readonly=read_only or volume.type is VolumeInstanceType.CONTENT_TREE,
            display_name=volume.name,
            clear_text=volume.cleartext,
        ),
        image,
    )


def content_tree(image: ImageConfig) -> ContentTree:
    stores = datastore_ids(image)
    url = image.image_local or image.image_rel_url  # what the controller keeps has its own name
    return ContentTree(
        uuid=content_tree_id(image.id, image.image_sha256, url),
        ds_id=stores[0] if stores else "",
        url=url,
        iformat=FORMATS.get(image.image_format, Format.FmtUnknown),
        sha256=image.image_sha256.lower(),
        max_size_bytes=image.image_size_bytes,
        display_name=image.name,
        ds_ids_list=stores,
    )


def signed_tree(image: ImageConfig, trust: ImageTrust) -> ContentTree:
    """With what was told of its signatures: a device that asks for them finds them there."""
    told = trust.signatures.get(image.id, ())
    tree = content_tree(image)
    if not told:
        return tree
    return replace(tree, siginfo=SignatureInfo(signature=encode_signatures(told)))


def _own_store(store: DatastoreInfo, device_id: str, facts: ControllerFacts) -> DatastoreConfig:
    """The controller itself: the code in the path lets this device in, as long as it is there."""
    place = facts.content()
    return DatastoreConfig(
        id=store.id,
        d_type=DsType.DsHttps,
        fqdn=f"https://{place.server}",
        dpath=f"{CONTENT_PATH}/{store.id}/{device_id}.{facts.content_key(store.id, device_id)}",
        ds_cert_pem=(place.root_pem,) if place.root_pem else (),
    )


def datastore_ids(image: ImageConfig) -> tuple[str, ...]:
    """In the order in which the device tries them."""
    return image.datastore_id_list or ((image.datastore_id,) if image.datastore_id else ())


def is_public(store: DatastoreInfo, secrets: Secrets) -> bool:
    """The same for every device: nothing is sealed, and no path is its own."""
    held = secrets.has(store.id, "apiKey") or secrets.has(store.id, "apiPasswd") or store.api_key
    return not held and store.ds_type is not DatastoreType.FILE_STORAGE


def datastore(store: DatastoreInfo, secrets: Secrets) -> tuple[DatastoreConfig, tuple[str, ...]]:
    """The datastore and, where its credentials cannot be delivered yet, the reason."""
    if store.ds_type is DatastoreType.FILE_STORAGE:
        return _own_store(store, secrets.inputs.device.id, secrets.facts), ()
    user = secrets.clear(store.id, "apiKey") or store.api_key
    password = secrets.clear(store.id, "apiPasswd")
    missing: tuple[str, ...] = ()
    cipher = None
    if user or password:
        if secrets.sealer is None:
            missing = (f"datastore {store.name!r} goes without credentials: {NO_ECDH}",)
        else:
            cipher = secrets.sealer.seal(
                f"datastore/{store.id}", EncryptionBlock(ds_api_key=user, ds_password=password)
            )
    scheme = SCHEMES.get(store.ds_type, "")
    fqdn = store.ds_fqdn if "://" in store.ds_fqdn else scheme + store.ds_fqdn
    chain = store.certificate_chain.certificates if store.certificate_chain is not None else ()
    return (
        DatastoreConfig(
            id=store.id,
            d_type=DATASTORE_TYPES.get(store.ds_type, DsType.DsUnknown),
            fqdn=fqdn,
            dpath=store.ds_path,
            region=store.region,
            cipher_data=cipher,
            ds_cert_pem=tuple(pem_of(str(c["cert"])) for c in chain if c.get("cert")),
        ),
        missing,
    )
