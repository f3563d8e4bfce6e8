"""Time sources.  info/ntpsources.proto."""

from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.codec import OpenEnum


class NTPSourceState(OpenEnum):
    NTP_SOURCE_STATE_UNSPECIFIED = 0
    NTP_SOURCE_STATE_SYNC = 1
    NTP_SOURCE_STATE_UNREACH = 2
    NTP_SOURCE_STATE_FALSETICKER = 3
    NTP_SOURCE_STATE_JITTERY = 4
    NTP_SOURCE_STATE_CANDIDATE = 5
    NTP_SOURCE_STATE_OUTLIER = 6


class NTPSourceMode(OpenEnum):
    NTP_SOURCE_MODE_UNSPECIFIED = 0
    NTP_SOURCE_MODE_CLIENT = 1
    NTP_SOURCE_MODE_PEER = 2
    NTP_SOURCE_MODE_REF = 3


class NTPSourceBitmap(OpenEnum):
    NTP_SOURCE_BITMAP_UNSPECIFIED = 0
    NTP_SOURCE_BITMAP_PKT_DUP = 1
    NTP_SOURCE_BITMAP_PKT_BOGUS = 2
    NTP_SOURCE_BITMAP_PKT_INVALID = 4
    NTP_SOURCE_BITMAP_PKT_AUTH = 8
    NTP_SOURCE_BITMAP_PKT_STRATUM = 16
    NTP_SOURCE_BITMAP_PKT_HEADER = 32
    NTP_SOURCE_BITMAP_TST_MAX_DELAY = 64
    NTP_SOURCE_BITMAP_TST_DELAY_RATIO = 128
    NTP_SOURCE_BITMAP_TST_DELAY_DEV_RATION = 256
    NTP_SOURCE_BITMAP_TST_SYNC_LOOP = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class NTPSource:
    authenticated: bool = False
    reachable: bool = False
    reachability: int = 0
    state: NTPSourceState = NTPSourceState.NTP_SOURCE_STATE_UNSPECIFIED
    mode: NTPSourceMode = NTPSourceMode.NTP_SOURCE_MODE_UNSPECIFIED
    hostname: str = ""
    src_addr: str = ""
    src_port: int = 0
    dst_addr: str = ""
    dst_port: int = 0
    leap: int = 0
    stratum: int = 0
    precision: int = 0
    ref_id: str = ""
    ref_time: datetime | None = None
    poll: int = 0
    flags: int = 0
    offset: float = 0.0
    delay: float = 0.0
    dispersion: float = 0.0
    jitter: float = 0.0
    root_delay: float = 0.0
    root_disp: float = 0.0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoNTPSources:
    sources: tuple[NTPSource, ...] = ()
    rest: bytes = field(default=b"", repr=False)
