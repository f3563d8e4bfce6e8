"""Port authentication (802.1X).  info/pnac.proto."""

from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.codec import OpenEnum
from eaves.evapi.info.common import ErrorInfo


class SupplicantState(OpenEnum):
    SUPPLICANT_STATE_UNSPECIFIED = 0
    SUPPLICANT_STATE_DISCONNECTED = 1
    SUPPLICANT_STATE_CONNECTING = 2
    SUPPLICANT_STATE_AUTHENTICATING = 3
    SUPPLICANT_STATE_AUTHENTICATED = 4
    SUPPLICANT_STATE_FAILED = 5
    SUPPLICANT_STATE_HELD = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class PNACStatus:
    enabled: bool = False
    state: SupplicantState = SupplicantState.SUPPLICANT_STATE_UNSPECIFIED
    last_auth_timestamp: datetime | None = None
    err: ErrorInfo | None = None
    rest: bytes = field(default=b"", repr=False)
