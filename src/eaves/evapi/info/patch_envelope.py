"""Patch envelopes.  info/patch_envelope.proto."""

from dataclasses import dataclass, field

from eaves.evapi.codec import OpenEnum


class EvePatchEnvelopeState(OpenEnum):
    PATCH_UNKOWN = 0
    PATCH_ERROR = 1
    PATCH_RECEIVED = 2
    PATCH_DOWNLOADING = 3
    PATCH_DOWNLOADED = 4
    PATCH_READY = 5
    PATCH_ACTIVE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoPatchEnvelope:
    name: str = ""
    id: str = ""
    version: str = ""
    state: EvePatchEnvelopeState = EvePatchEnvelopeState.PATCH_UNKOWN
    size: int = 0
    errors: tuple[str, ...] = ()
    rest: bytes = field(default=b"", repr=False)
