"""Which base OS the device runs.  config/baseosconfig.proto."""

from dataclasses import dataclass, field

from eaves.evapi.config.devcommon import DeviceOpsCmd, UUIDandVersion
from eaves.evapi.config.storage import Drive


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseOSConfig:
    uuidandversion: UUIDandVersion | None = None
    drives: tuple[Drive, ...] = ()
    activate: bool = False
    base_os_version: str = ""
    volume_id: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseOS:
    content_tree_uuid: str = ""
    retry_update: DeviceOpsCmd | None = None
    activate: bool = False
    base_os_version: str = ""  # exactly the version inside the image
    rest: bytes = field(default=b"", repr=False)
