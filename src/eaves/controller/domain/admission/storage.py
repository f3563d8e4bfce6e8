"""Datastores, images, volume instances."""

import re
from collections.abc import Sequence

from eaves.controller.domain.admission.refusal import (
    Refusal,
    admit_names,
    invalid,
    not_ready,
    unknown,
)
from eaves.controller.domain.admission.signatures import refuse_unsigned
from eaves.controller.domain.contract.catalogue import ModelArchType, SysModel
from eaves.controller.domain.contract.datastores import (
    DatastoreInfo,
    DatastoreType,
    ImageConfig,
    ImageFormat,
    ImageStatus,
    ImageType,
)
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.volumes import VolInstConfig, VolumeInstanceType
from eaves.controller.domain.signed_images import ANY_IMAGE, ImageTrust

SHA256 = re.compile(r"(sha256:)?[0-9a-fA-F]{64}")
NEEDS_IMAGE = {VolumeInstanceType.CONTENT_TREE}
USABLE = {ImageStatus.READY, ImageStatus.INUSE}
ARCHES = {ModelArchType.AMD64, ModelArchType.ARM64}


def admit_datastore(
    wanted: DatastoreInfo, current: DatastoreInfo | None, *, missing_projects: Sequence[str]
) -> tuple[Refusal, ...]:
    refusals = list(admit_names("datastore", wanted, current))
    if wanted.ds_type is DatastoreType.UNSPECIFIED:
        refusals.append(invalid("dsType", f"datastore {wanted.name!r} has no type; set dsType"))
    if not wanted.ds_fqdn.strip() and wanted.ds_type is not DatastoreType.FILE_STORAGE:
        refusals.append(invalid("dsFQDN", f"datastore {wanted.name!r} names no host; set dsFQDN"))
    refusals += [
        unknown("project", project, f"projectAccessList[{index}]")
        for index, project in enumerate(missing_projects)
    ]
    return tuple(refusals)


def admit_image(
    wanted: ImageConfig,
    current: ImageConfig | None,
    *,
    missing_datastores: Sequence[str],
    used_by: Sequence[str],
) -> tuple[Refusal, ...]:
    """`used_by` names what already deploys the image: then its bytes may not change."""
    refusals = list(admit_names("image", wanted, current))
    if not wanted.datastore_id and not wanted.datastore_id_list:
        refusals.append(unknown("datastore", "", "datastoreId"))
    refusals += [unknown("datastore", reference, "datastoreId") for reference in missing_datastores]
    if wanted.image_type is ImageType.UNSPECIFIED:
        refusals.append(invalid("imageType", f"image {wanted.name!r} has no type; set imageType"))
    if wanted.image_sha256 and not SHA256.fullmatch(wanted.image_sha256):
        refusals.append(
            invalid("imageSha256", f"image {wanted.name!r}: the sha256 is not 64 hex digits")
        )
    if wanted.image_size_bytes < 0:
        refusals.append(invalid("imageSizeBytes", f"image {wanted.name!r}: the size is negative"))
    if current is not None and current.image_local:
        said = wanted.image_sha256.lower().removeprefix("sha256:")
        if said not in ("", current.image_local):
            refusals.append(
                not_ready(
                    "imageSha256",
                    f"image {wanted.name!r} was uploaded and has sha256 {current.image_local}; "
                    "make a new image for other bytes",
                )
            )
    if (
        current is not None
        and used_by
        and _bytes_of(_as_pinned(current, wanted)) != _bytes_of(wanted)
    ):
        refusals.append(
            not_ready(
                "imageRelUrl",
                f"image {wanted.name!r} is used by {', '.join(used_by)}: location and sha256 "
                "cannot change; make a new image",
            )
        )
    return tuple(refusals)


def _as_pinned(current: ImageConfig, wanted: ImageConfig) -> ImageConfig:
    """What is in use.  Nobody has deployed an image that has no digest yet: it may get its first.

    Containers are deployed by what their registry says.
    """
    if current.image_sha256 or current.image_format is ImageFormat.CONTAINER:
        return current
    return current.model_copy(update={"image_sha256": wanted.image_sha256})


def _bytes_of(image: ImageConfig) -> tuple[str, str, tuple[str, ...]]:
    stores = image.datastore_id_list or (image.datastore_id,)
    return (image.image_rel_url, image.image_sha256.lower(), stores)


def refuse_undeployable(image: ImageConfig, model: SysModel | None, at: str) -> list[Refusal]:
    """Check what deploying asks of an image: usable, verifiable, of the right architecture."""
    refusals: list[Refusal] = []
    if image.image_status not in USABLE:
        refusals.append(
            not_ready(
                at,
                f"image {image.name!r} is {image.image_status}, not {ImageStatus.READY}; uplink it "
                f"with PUT /v1/apps/images/id/{image.id}/uplink",
            )
        )
    if image.image_format is not ImageFormat.CONTAINER and not image.image_sha256:
        refusals.append(
            not_ready(at, f"image {image.name!r} has no sha256; set imageSha256 before deploying")
        )
    arch = model.type if model is not None else ModelArchType.UNSPECIFIED
    if arch in ARCHES and image.image_arch in ARCHES and arch is not image.image_arch:
        refusals.append(
            invalid(
                at,
                f"image {image.name!r} is for {image.image_arch}, the device's model is {arch}; "
                "choose an image or device that fits",
            )
        )
    return refusals


def admit_volume(
    wanted: VolInstConfig,
    current: VolInstConfig | None,
    *,
    device: DeviceConfig | None,
    model: SysModel | None,
    image: ImageConfig | None,
    trust: ImageTrust = ANY_IMAGE,
) -> tuple[Refusal, ...]:
    refusals = list(admit_names("volume instance", wanted, current))
    if wanted.edge_node_cluster is not None and not wanted.device_id:
        refusals.append(
            invalid("edgeNodeCluster", "clusters are not served by this release; give deviceId")
        )
    elif device is None:
        refusals.append(unknown("device", wanted.device_id, "deviceId"))
    if wanted.image and image is None:
        refusals.append(unknown("image", wanted.image, "image"))
    if image is not None:
        refusals += refuse_undeployable(image, model, "image")
        refusals += refuse_unsigned(image, trust, "image")
    if wanted.type in NEEDS_IMAGE and not wanted.image:
        refusals.append(invalid("image", f"volume {wanted.name!r} of this type needs an image"))
    if current is None:
        return tuple(refusals)
    if wanted.device_id != current.device_id:
        refusals.append(
            invalid("deviceId", f"volume {wanted.name!r} cannot move to another device")
        )
    if wanted.image != current.image:
        refusals.append(
            invalid("image", f"volume {wanted.name!r} keeps its image; create another volume")
        )
    if 0 < wanted.size_bytes < current.size_bytes:
        refusals.append(
            invalid(
                "sizeBytes",
                f"volume {wanted.name!r} has {current.size_bytes} bytes and cannot shrink to "
                f"{wanted.size_bytes}; a volume only grows",
            )
        )
    return tuple(refusals)
