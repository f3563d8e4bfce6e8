"""Patch envelopes, and which app instances may refer to one."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Final

from eaves.controller.domain.admission.refusal import (
    Refusal,
    admit_names,
    conflict,
    in_words,
    invalid,
    not_ready,
    unknown,
)
from eaves.controller.domain.admission.signatures import refuse_unsigned
from eaves.controller.domain.admission.storage import refuse_undeployable
from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.datastores import ImageConfig, ImageType
from eaves.controller.domain.contract.netinsts import NetInstConfig, NetworkInstanceKind
from eaves.controller.domain.contract.patches import (
    BinaryArtifact,
    OpaqueObjectCategory,
    PatchEnvelope,
    PatchEnvelopeAction,
)
from eaves.controller.domain.signed_images import ANY_IMAGE, ImageTrust

MOST_BYTES: Final = 5 << 20  # of all inline artifacts: they stand in the device's configuration
MOST_ARTIFACTS: Final = 500


def admit_patch_envelope(
    wanted: PatchEnvelope,
    current: PatchEnvelope | None,
    *,
    project_known: bool,
    images: Mapping[str, ImageConfig],
    used_by: Sequence[str],
    trust: ImageTrust = ANY_IMAGE,
) -> tuple[Refusal, ...]:
    """`images` by the id or name under which an artifact names one; `used_by` in words."""
    refusals = list(admit_names("patch envelope", wanted, current))
    if not project_known:
        refusals.append(unknown("project", wanted.project_id, "projectId"))
    if current is not None and used_by and wanted.project_id != current.project_id:
        refusals.append(
            conflict(
                "projectId",
                f"patch envelope {wanted.name!r} is used by {', '.join(used_by)}: it cannot move "
                "to another project; take it from them first",
            )
        )
    if wanted.action is PatchEnvelopeAction.UNSPECIFIED:
        refusals.append(
            invalid(
                "action",
                f"patch envelope {wanted.name!r} has no action; set {PatchEnvelopeAction.STORE} or "
                f"{PatchEnvelopeAction.ACTIVATE}",
            )
        )
    if not wanted.artifacts:
        refusals.append(
            invalid("artifacts", f"patch envelope {wanted.name!r} holds nothing; add an artifact")
        )
    if len(wanted.artifacts) > MOST_ARTIFACTS:  # the others are not looked at
        refusals.append(
            invalid(
                "artifacts",
                f"patch envelope {wanted.name!r} has {len(wanted.artifacts):,} artifacts, "
                f"{MOST_ARTIFACTS} are allowed; make several envelopes, or one archive",
            )
        )
    total, names = 0, set[str]()
    for index, artifact in enumerate(wanted.artifacts[:MOST_ARTIFACTS]):
        at, name = f"artifacts[{index}]", file_name_of(artifact)
        deployed = wanted.action is not PatchEnvelopeAction.STORE
        refusals += _admit_artifact(artifact, images, trust, at, deployed=deployed)
        total += len(_inline_of(artifact))
        if name and name in names:
            told = f"artifact {index}: the file name {name!r} stands twice; apps find files by name"
            refusals.append(invalid(at, told))
        names.add(name)
    if total * 3 // 4 > MOST_BYTES:
        refusals.append(
            invalid(
                "artifacts",
                f"patch envelope {wanted.name!r} carries {in_words(total * 3 // 4)} inline, "
                f"{in_words(MOST_BYTES)} are allowed; upload the large ones as images of type "
                f"{ImageType.ARTIFACT}",
            )
        )
    return tuple(refusals)


def file_name_of(artifact: BinaryArtifact) -> str:
    inline, blob = artifact.base64_artifact, artifact.binary_artifact
    return (inline.file_name_to_use if inline else "") or (blob.file_name_to_use if blob else "")


def _inline_of(artifact: BinaryArtifact) -> str:
    return artifact.base64_artifact.base64_data if artifact.base64_artifact is not None else ""


def image_of(artifact: BinaryArtifact) -> str:
    """The id or name of the image of an artifact; empty for one that is inline."""
    blob = artifact.binary_artifact
    return (blob.image_id or blob.image_name) if blob is not None else ""


def _admit_artifact(
    artifact: BinaryArtifact,
    images: Mapping[str, ImageConfig],
    trust: ImageTrust,
    at: str,
    *,
    deployed: bool,
) -> list[Refusal]:
    refusals: list[Refusal] = []
    inline = artifact.base64_artifact is not None and bool(_inline_of(artifact))
    external = bool(image_of(artifact))
    if inline == external:
        refusals.append(
            invalid(at, f"{at}: give base64Artifact.base64Data or binaryArtifact.imageId, not both")
        )
    said = {
        OpaqueObjectCategory.INLINE: inline,
        OpaqueObjectCategory.EXTERNAL_BINARY: external,
        OpaqueObjectCategory.UNKNOWN: True,
    }
    if inline != external and not said.get(artifact.format, True):
        refusals.append(
            invalid(f"{at}.format", f"{at}: format {artifact.format} is not what it carries")
        )
    name = file_name_of(artifact)
    if not name or "/" in name or name in (".", ".."):
        refusals.append(
            invalid(at, f"{at}: fileNameToUse is {name!r}; give a file name without folders")
        )
    if inline and not _is_base64(_inline_of(artifact)):
        refusals.append(
            invalid(f"{at}.base64Artifact.base64Data", f"{at}: base64Data is not base64")
        )
    if external:
        named = image_of(artifact)
        refusals += _admit_image(images.get(named), named, trust, at, deployed=deployed)
    return refusals


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _admit_image(
    image: ImageConfig | None, named: str, trust: ImageTrust, at: str, *, deployed: bool
) -> list[Refusal]:
    """One that is only stored may name an image that cannot be deployed yet."""
    where = f"{at}.binaryArtifact.imageId"
    if image is None:
        return [unknown("image", named, where)]
    refusals = refuse_undeployable(image, None, where) if deployed else []
    refusals += refuse_unsigned(image, trust, where)
    if image.image_type is not ImageType.ARTIFACT:
        refusals.append(
            invalid(
                where,
                f"image {image.name!r} is of type {image.image_type}; a patch envelope carries "
                f"images of type {ImageType.ARTIFACT}",
            )
        )
    return refusals


def admit_patch_reference(
    instance: AppInstance,
    envelope: PatchEnvelope | None,
    netinsts: Sequence[NetInstConfig],
    at: str = "patchEnvelopeId",
) -> tuple[Refusal, ...]:
    """`netinsts` of the device; None: the envelope that the instance names is not there."""
    if envelope is None:
        return (unknown("patch envelope", instance.patch_envelope_id, at),)
    refusals: list[Refusal] = []
    if envelope.project_id != instance.project_id:
        refusals.append(
            invalid(
                at,
                f"patch envelope {envelope.name!r} belongs to another project than app instance "
                f"{instance.name!r}; make one in that project",
            )
        )
    local = {
        key
        for netinst in netinsts
        if netinst.kind is NetworkInstanceKind.LOCAL
        for key in (netinst.id, netinst.name)
    }
    connected = {
        key for port in instance.interfaces for key in (port.netinstid, port.netinstname) if key
    }
    if not local & connected:
        refusals.append(
            not_ready(
                at,
                f"app instance {instance.name!r} has no interface on a network instance of kind "
                f"{NetworkInstanceKind.LOCAL}, through which an app fetches its patches; add one",
            )
        )
    return tuple(refusals)
