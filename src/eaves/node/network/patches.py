"""Patch envelopes: what apps are handed while they run.  Pure.

An envelope counts as a whole: it is told to its apps when every artifact is here and verified, and
its action is to activate.  Encrypted artifacts are opened for each question and kept nowhere.
Source: node reference 17; EVE API v2, config/patch_envelope.proto.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eaves.errors import EavesError
from eaves.evapi.config import (
    CipherBlock,
    EdgeDevConfig,
    EveBinaryArtifact,
    EveOpaqueObjectCategory,
    EvePatchEnvelope,
    EvePatchEnvelopeAction,
    ExternalOpaqueBinaryBlob,
    InlineOpaqueBase64Data,
    VolumeContentOriginType,
    decode_encryption_block,
)
from eaves.evapi.config.wire import decode_external_artifact, decode_inline_artifact
from eaves.evapi.info.patch_envelope import EvePatchEnvelopeState, ZInfoPatchEnvelope
from eaves.ids import AppInstanceId, ContentTreeId
from eaves.node import refs
from eaves.reconcile.item import ItemRef

BASE_URL = "http://169.254.169.254"
DOWNLOAD = "/eve/v1/patch/download/"
MOST_INLINE_BYTES = 1 << 20
UNDATED = datetime.min.replace(tzinfo=UTC)
OpenBlock = Callable[[CipherBlock], bytes]


@dataclass(frozen=True, slots=True)
class Found:
    """A file that was downloaded and verified."""

    path: Path
    sha256: str
    size: int


FindFile = Callable[[ItemRef], Found | None]  # of a content tree; None: not here yet


class WrongArtifact(EavesError):
    """What is wrong with one artifact; its envelope is told to nobody."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file for an app: bytes of the configuration, or a file that was downloaded."""

    name: str
    about_file: str = ""  # base64, as the configuration has it
    about: str = ""
    data: bytes = field(default=b"", repr=False)
    file: Path | None = None
    sha256: str = ""
    size: int = 0
    here: bool = True


@dataclass(frozen=True, slots=True)
class Envelope:
    id: str
    name: str
    version: str
    apps: frozenset[AppInstanceId]
    activated: bool
    artifacts: tuple[Artifact, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def state(self) -> EvePatchEnvelopeState:
        if self.errors:
            return EvePatchEnvelopeState.PATCH_ERROR
        if not self.artifacts:
            return EvePatchEnvelopeState.PATCH_RECEIVED
        if not all(artifact.here for artifact in self.artifacts):
            return EvePatchEnvelopeState.PATCH_DOWNLOADING
        if self.activated:
            return EvePatchEnvelopeState.PATCH_ACTIVE
        return EvePatchEnvelopeState.PATCH_READY

    @property
    def served(self) -> bool:
        return self.state is EvePatchEnvelopeState.PATCH_ACTIVE


def envelopes_of(
    config: EdgeDevConfig, find_file: FindFile, opened: OpenBlock
) -> tuple[Envelope, ...]:
    """As they were made, one after the other; those without a date come first."""
    dated = sorted(config.patch_envelopes, key=lambda one: one.create_time or UNDATED)
    return tuple(_envelope(one, config, find_file, opened) for one in dated if one.uuid)


def _envelope(
    one: EvePatchEnvelope, config: EdgeDevConfig, find_file: FindFile, opened: OpenBlock
) -> Envelope:
    artifacts: list[Artifact] = []
    errors: list[str] = []
    for number, wanted in enumerate(one.artifacts, 1):
        try:
            artifact = _artifact(wanted, config, find_file, opened)
        except EavesError as error:
            errors.append(f"artifact {number}: {error}")
            continue
        if artifact.name in {a.name for a in artifacts}:
            errors.append(f"artifact {number}: another one is named {artifact.name} too")
        artifacts.append(artifact)
    return Envelope(
        one.uuid.lower(),
        one.display_name,
        one.version or "",
        frozenset(AppInstanceId(app.lower()) for app in one.app_inst_ids_allowed),
        one.action == EvePatchEnvelopeAction.ACTIVATE,
        tuple(artifacts),
        tuple(errors),
    )


def _artifact(
    wanted: EveBinaryArtifact, config: EdgeDevConfig, find_file: FindFile, opened: OpenBlock
) -> Artifact:
    about = wanted.artifact_meta_data or ""
    if wanted.metadata_cipher_data is not None:
        about = decode_encryption_block(opened(wanted.metadata_cipher_data)).encrypted_data
    inline, external = wanted.inline, wanted.volume_ref
    if wanted.encrypted_inline is not None:
        inline = decode_inline_artifact(opened(_block(wanted.encrypted_inline.cipher_data)))
    if wanted.encrypted_volumeref is not None:
        external = decode_external_artifact(opened(_block(wanted.encrypted_volumeref.cipher_data)))
    kind = wanted.format
    if inline is not None:
        if kind is EveOpaqueObjectCategory.BINARYBLOB:
            raise WrongArtifact("its format is that of a volume, and it holds data; correct either")
        return _inline(inline, about)
    if external is not None:
        if kind in (EveOpaqueObjectCategory.BASE64, EveOpaqueObjectCategory.SECRET):
            raise WrongArtifact("its format is that of data, and it names a volume; correct either")
        return _external(external, about, config, find_file)
    raise WrongArtifact("it holds neither data nor a volume; correct it in the controller")


def _block(block: CipherBlock | None) -> CipherBlock:
    if block is None:
        raise WrongArtifact("its encrypted part is empty; the controller has to encrypt it again")
    return block


def _inline(inline: InlineOpaqueBase64Data, about: str) -> Artifact:
    name = _named(inline.file_name_to_use)
    try:
        data = base64.b64decode(inline.base64_data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise WrongArtifact(f"{name} is no base64: {error}") from error
    if len(data) > MOST_INLINE_BYTES:
        raise WrongArtifact(f"{name} has more than {MOST_INLINE_BYTES} bytes; use a volume")
    digest = hashlib.sha256(data).hexdigest()
    return Artifact(name, inline.base64_meta_data or "", about, data, None, digest, len(data))


def _external(
    external: ExternalOpaqueBinaryBlob, about: str, config: EdgeDevConfig, find_file: FindFile
) -> Artifact:
    name = _named(external.file_name_to_use or external.image_name)
    volume = next((v for v in config.volumes if v.uuid.lower() == external.image_id.lower()), None)
    origin = volume.origin if volume else None
    if origin is None or origin.type != VolumeContentOriginType.VCOT_DOWNLOAD:
        raise WrongArtifact(
            f"{name}: volume {external.image_id or '(none)'} is not in the configuration, or is"
            " made from no download"
        )
    tree_id = origin.download_content_tree_id.lower()
    tree = next((t for t in config.content_info if t.uuid.lower() == tree_id), None)
    if tree is None:
        raise WrongArtifact(f"{name}: content tree {tree_id} is not in the configuration")
    found = find_file(refs.content_tree(ContentTreeId(tree_id), tree.generation_count))
    about_file = external.blob_meta_data or ""
    if found is None:
        return Artifact(name, about_file, about, here=False)
    return Artifact(name, about_file, about, b"", found.path, found.sha256, found.size)


def _named(name: str) -> str:
    """It becomes a part of a path, and of an archive that is unpacked somewhere."""
    if not name or name in {".", ".."} or "/" in name or "\\" in name or not name.isprintable():
        raise WrongArtifact(f"{name[:100]!r} is no file name; correct it in the controller")
    return name


def described(envelopes: Iterable[Envelope]) -> list[dict[str, Any]]:
    """As apps read it at /eve/v1/patch/description.json."""
    return [
        {
            "PatchID": one.id,
            "Version": one.version,
            "BinaryBlobs": [_described(one, a) for a in one.artifacts],
            "VolumeRefs": None,  # every volume is a file here
        }
        for one in envelopes
    ]


def _described(envelope: Envelope, artifact: Artifact) -> dict[str, Any]:
    return {
        "file-name": artifact.name,
        "file-sha": artifact.sha256,
        "file-meta-data": artifact.about_file,
        "artifact-meta-data": artifact.about,
        "url": f"{BASE_URL}{DOWNLOAD}{envelope.id}/{artifact.name}",
        "size": artifact.size,
    }


def patch_info(envelope: Envelope) -> ZInfoPatchEnvelope:
    return ZInfoPatchEnvelope(
        name=envelope.name,
        id=envelope.id,
        version=envelope.version,
        state=envelope.state,
        size=sum(a.size for a in envelope.artifacts if a.here),
        errors=envelope.errors,
    )
