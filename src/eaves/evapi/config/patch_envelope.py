"""Patch envelopes: data handed to running apps.  config/patch_envelope.proto."""

from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.codec import OpenEnum
from eaves.evapi.evecommon import CipherBlock


class EveOpaqueObjectCategory(OpenEnum):
    UNKNOWN = 0
    BASE64 = 1
    BINARYBLOB = 2
    SECRET = 3


class EvePatchEnvelopeAction(OpenEnum):
    STORE = 0
    ACTIVATE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineOpaqueBase64Data:
    base64_data: str = ""
    file_name_to_use: str = ""
    base64_meta_data: str | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedInlineOpaqueBase64Data:
    cipher_data: CipherBlock | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalOpaqueBinaryBlob:
    image_name: str = ""
    file_name_to_use: str | None = None
    blob_meta_data: str | None = None
    image_id: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedExternalOpaqueBinaryBlob:
    cipher_data: CipherBlock | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EveBinaryArtifact:
    format: EveOpaqueObjectCategory = EveOpaqueObjectCategory.UNKNOWN
    inline: InlineOpaqueBase64Data | None = None
    volume_ref: ExternalOpaqueBinaryBlob | None = None
    encrypted_inline: EncryptedInlineOpaqueBase64Data | None = None
    encrypted_volumeref: EncryptedExternalOpaqueBinaryBlob | None = None
    artifact_meta_data: str | None = None
    metadata_cipher_data: CipherBlock | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvePatchEnvelope:
    display_name: str = ""
    uuid: str = ""
    version: str | None = None
    action: EvePatchEnvelopeAction = EvePatchEnvelopeAction.STORE
    artifacts: tuple[EveBinaryArtifact, ...] = ()
    app_inst_ids_allowed: tuple[str, ...] = ()
    create_time: datetime | None = None
    rest: bytes = field(default=b"", repr=False)
