"""Volumes, content trees and blobs.  info/info.proto."""

from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.info.common import ErrorInfo
from eaves.evapi.info.states import ZSwState


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageInfo:
    create_time: datetime | None = None
    ref_count: int = 0
    last_refcount_change_time: datetime | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeResources:
    max_size_bytes: int = 0
    cur_size_bytes: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoVolume:
    uuid: str = ""  # alone: the volume was deleted
    display_name: str = ""
    usage: UsageInfo | None = None
    resources: VolumeResources | None = None
    state: ZSwState = ZSwState.INVALID
    progress_percentage: int = 0
    volume_err: ErrorInfo | None = None  # the state stays where it got stuck
    generation_count: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentResources:
    cur_size_bytes: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoContentTree:
    uuid: str = ""  # alone: the content tree was deleted
    display_name: str = ""
    sha256: str = ""
    resources: ContentResources | None = None
    usage: UsageInfo | None = None
    state: ZSwState = ZSwState.INVALID
    progress_percentage: int = 0
    err: ErrorInfo | None = None
    component_sha_list: tuple[str, ...] = ()
    generation_count: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoBlob:
    sha256: str = ""
    resources: ContentResources | None = None
    usage: UsageInfo | None = None
    state: ZSwState = ZSwState.INVALID
    progress_percentage: int = 0
    err: ErrorInfo | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoBlobList:
    blob: tuple[ZInfoBlob, ...] = ()
    rest: bytes = field(default=b"", repr=False)
