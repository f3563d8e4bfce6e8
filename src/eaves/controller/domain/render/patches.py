"""Patch envelopes of the app instances of a device.  config/patch_envelope.proto.

An artifact of an image is a volume of its own: the device downloads and verifies the image as it
does every other, and the artifact names the volume.
"""

from collections import defaultdict
from dataclasses import dataclass

from eaves.controller.domain.admission.patches import image_of
from eaves.controller.domain.admission.storage import refuse_undeployable
from eaves.controller.domain.contract.datastores import ImageConfig
from eaves.controller.domain.contract.patches import (
    BinaryArtifact,
    PatchEnvelope,
    PatchEnvelopeAction,
)
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.render.ids import artifact_volume_id
from eaves.controller.domain.render.storage import content_tree
from eaves.evapi.config import (
    EveBinaryArtifact,
    EveOpaqueObjectCategory,
    EvePatchEnvelope,
    EvePatchEnvelopeAction,
    ExternalOpaqueBinaryBlob,
    InlineOpaqueBase64Data,
    PatchEnvelopeRef,
    Volume,
    VolumeContentOrigin,
    VolumeContentOriginType,
)

ACTIONS = {
    PatchEnvelopeAction.STORE: EvePatchEnvelopeAction.STORE,
    PatchEnvelopeAction.ACTIVATE: EvePatchEnvelopeAction.ACTIVATE,
}


@dataclass(frozen=True, slots=True)
class Patches:
    envelopes: tuple[EvePatchEnvelope, ...] = ()
    volumes: tuple[Volume, ...] = ()
    images: tuple[ImageConfig, ...] = ()
    missing: tuple[str, ...] = ()


NO_PATCHES = Patches()


def patches(inputs: DeviceInputs) -> Patches:
    """Sorted by id.  One with an image that is lost is left out: half a patch is none."""
    if not inputs.envelopes:
        return NO_PATCHES
    users: defaultdict[str, list[str]] = defaultdict(list)
    for instance in inputs.instances:
        users[instance.patch_envelope_id].append(instance.id)
    rendered: list[EvePatchEnvelope] = []
    images: dict[str, ImageConfig] = {}
    missing: list[str] = []
    for envelope_id in sorted({*users} & {*inputs.envelopes}):
        envelope = inputs.envelopes[envelope_id]
        lost = [
            image_of(artifact)
            for artifact in envelope.artifacts
            if image_of(artifact) and image_of(artifact) not in inputs.images
        ]
        if lost:
            missing.append(
                f"patch envelope {envelope.name!r}: image {', '.join(lost)} is not there; create "
                "it or change the envelope"
            )
            continue
        own = [inputs.images[image_of(one)] for one in envelope.artifacts if image_of(one)]
        unfit = [one for image in own for one in refuse_undeployable(image, None, "")]
        if unfit:
            missing += [f"patch envelope {envelope.name!r}: {one.details}" for one in unfit]
            continue
        images |= {image.id: image for image in own}
        rendered.append(_envelope(envelope, sorted(users[envelope_id]), inputs))
    return Patches(
        tuple(rendered),
        tuple(_volume(images[key]) for key in sorted(images)),
        tuple(images[key] for key in sorted(images)),
        tuple(missing),
    )


def reference(envelope: PatchEnvelope | None) -> PatchEnvelopeRef | None:
    """What the app of the device says of its envelope."""
    return None if envelope is None else PatchEnvelopeRef(name=envelope.name, id=envelope.id)


def _envelope(envelope: PatchEnvelope, users: list[str], inputs: DeviceInputs) -> EvePatchEnvelope:
    revision = envelope.revision.curr if envelope.revision is not None else ""
    return EvePatchEnvelope(
        display_name=envelope.name,
        uuid=envelope.id,
        version=envelope.user_defined_version or revision,
        action=ACTIONS.get(envelope.action, EvePatchEnvelopeAction.STORE),
        artifacts=tuple(_artifact(one, inputs) for one in envelope.artifacts),
        app_inst_ids_allowed=tuple(users),
    )


def _artifact(artifact: BinaryArtifact, inputs: DeviceInputs) -> EveBinaryArtifact:
    about = artifact.artifact_meta_data or None
    inline, blob = artifact.base64_artifact, artifact.binary_artifact
    if blob is not None and image_of(artifact):
        image = inputs.images[image_of(artifact)]
        return EveBinaryArtifact(
            format=EveOpaqueObjectCategory.BINARYBLOB,
            volume_ref=ExternalOpaqueBinaryBlob(
                image_name=image.name,
                image_id=artifact_volume_id(image.id),
                file_name_to_use=blob.file_name_to_use or None,
                blob_meta_data=blob.blob_meta_data or None,
            ),
            artifact_meta_data=about,
        )
    return EveBinaryArtifact(
        format=EveOpaqueObjectCategory.BASE64,
        inline=InlineOpaqueBase64Data(
            base64_data=inline.base64_data if inline is not None else "",
            file_name_to_use=inline.file_name_to_use if inline is not None else "",
            base64_meta_data=(inline.base64_meta_data or None) if inline is not None else None,
        ),
        artifact_meta_data=about,
    )


def _volume(image: ImageConfig) -> Volume:
    return Volume(
        uuid=artifact_volume_id(image.id),
        origin=VolumeContentOrigin(
            type=VolumeContentOriginType.VCOT_DOWNLOAD,
            download_content_tree_id=content_tree(image).uuid,
        ),
        maxsizebytes=image.image_size_bytes,
        readonly=True,
        display_name=image.name,
    )
