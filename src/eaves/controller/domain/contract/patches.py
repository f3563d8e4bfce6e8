"""Patch envelopes: data that a running app fetches from its device."""

from eaves.controller.domain.contract.base import Contract, Int64Text, OpenEnum, wire
from eaves.controller.domain.contract.envelope import Cursor, ObjectRevision, Summary


class OpaqueObjectCategory(OpenEnum):
    UNKNOWN = "OpaqueObjectCategoryUnknown"
    INLINE = "OpaqueObjectCategoryInline"
    EXTERNAL_BINARY = "OpaqueObjectCategoryExternalBinary"


class PatchEnvelopeAction(OpenEnum):
    UNSPECIFIED = "PATCH_ENVELOPE_ACTION_UNSPECIFIED"
    STORE = "PATCH_ENVELOPE_ACTION_STORE"
    ACTIVATE = "PATCH_ENVELOPE_ACTION_ACTIVATE"


class PatchEnvelopeState(OpenEnum):
    UNKNOWN = "PatchEnvelopeStateUnknown"
    ERRORED = "PatchEnvelopeStateErrored"
    RECEIVED = "PatchEnvelopeStateReceived"
    DOWNLOADING = "PatchEnvelopeStateDownloading"
    DOWNLOADED = "PatchEnvelopeStateDownloaded"
    READY = "PatchEnvelopeStateReady"
    ACTIVE = "PatchEnvelopeStateActive"


class InlineOpaqueBase64Data(Contract):
    base64_data: str = ""
    base64_meta_data: str = ""
    file_name_to_use: str = ""


class ExternalOpaqueBinaryBlob(Contract):
    blob_meta_data: str = ""
    file_name_to_use: str = ""
    image_id: str = ""
    image_name: str = ""


class BinaryArtifact(Contract):
    artifact_meta_data: str = ""
    base64_artifact: InlineOpaqueBase64Data | None = None
    binary_artifact: ExternalOpaqueBinaryBlob | None = None
    format: OpaqueObjectCategory = OpaqueObjectCategory.UNKNOWN
    id: str = ""


class PatchEnvelope(Contract):
    action: PatchEnvelopeAction = PatchEnvelopeAction.UNSPECIFIED
    artifacts: tuple[BinaryArtifact, ...] = ()
    description: str = ""
    device_count: int = 0
    id: str = ""
    name: str = ""
    project_id: str = ""
    project_name: str = ""
    revision: ObjectRevision | None = None
    title: str = ""
    user_defined_version: str = ""


class PatchEnvelopeList(Contract):
    list: tuple[PatchEnvelope, ...] = ()
    next: Cursor | None = None
    summary_by_action: Summary | None = None
    total_count: int = 0


class PatchEnvelopeStatus(Contract):
    device_id: str = ""
    device_name: str = ""
    errors: tuple[str, ...] = ()
    id: str = ""
    name: str = ""
    project_id: str = ""
    project_name: str = ""
    state: PatchEnvelopeState = PatchEnvelopeState.UNKNOWN
    user_defined_version: str = ""


class PatchEnvelopeUsageInfo(Contract):
    download_count: Int64Text = 0
    patch_api_call_count: int = 0
    uuid: str = ""
    version: str = ""


class PatchStatusListMsg(Contract):
    list: tuple[PatchEnvelopeStatus, ...] = ()
    next: Cursor | None = None
    total_count: int = 0


class PatchReferenceUpdateConfig(Contract):
    app_inst_id_list: tuple[str, ...] = wire("appInstIDList", ())
    patchenvelope_id: str = ""
    project_id: str = ""
