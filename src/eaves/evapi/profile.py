"""The dialogue with a local profile server.  profile/local_profile.proto.

Bodies are bare: no envelope.  What the server sends carries its token.
"""

from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.codec import Codec, OpenEnum
from eaves.evapi.evecommon import BootOrder
from eaves.evapi.info.common import ErrorInfo
from eaves.evapi.info.device import BootReason, MaintenanceModeReason, ZDeviceState
from eaves.evapi.info.states import ZSwState
from eaves.evapi.pb.profile import local_profile_pb2


class AppCommandKind(OpenEnum):
    COMMAND_UNSPECIFIED = 0
    COMMAND_RESTART = 1
    COMMAND_PURGE = 2


class DevCommandKind(OpenEnum):
    COMMAND_UNSPECIFIED = 0
    COMMAND_SHUTDOWN = 1
    COMMAND_GRACEFUL_POWEROFF = 2
    COMMAND_GRACEFUL_REBOOT = 3
    COMMAND_COLLECT_INFO = 4


class BootOrderSource(OpenEnum):
    BOOT_ORDER_SOURCE_UNSPECIFIED = 0
    BOOT_ORDER_SOURCE_LPS = 1
    BOOT_ORDER_SOURCE_CONTROLLER = 2
    BOOT_ORDER_SOURCE_DEVICE_PROPERTY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalProfile:
    local_profile: str = ""
    server_token: str = field(default="", repr=False)
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RadioStatus:
    radio_silence: bool = False
    config_error: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RadioConfig:
    server_token: str = field(default="", repr=False)
    radio_silence: bool = False
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAppInfo:
    id: str = ""
    version: str = ""
    name: str = ""
    err: ErrorInfo | None = None
    state: ZSwState = ZSwState.INVALID
    last_cmd_timestamp: int = 0  # of the last command that was completed
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAppInfoList:
    apps_info: tuple[LocalAppInfo, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCommand:
    id: str = ""
    displayname: str = ""
    timestamp: int = 0
    command: AppCommandKind = AppCommandKind.COMMAND_UNSPECIFIED
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAppCmdList:
    server_token: str = field(default="", repr=False)
    app_commands: tuple[AppCommand, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDevInfo:
    device_uuid: str = ""
    state: ZDeviceState = ZDeviceState.ZDEVICE_STATE_UNSPECIFIED
    maintenance_mode_reasons: tuple[MaintenanceModeReason, ...] = ()
    boot_time: datetime | None = None
    last_boot_reason: BootReason = BootReason.BOOT_REASON_UNSPECIFIED
    last_cmd_timestamp: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDevCmd:
    server_token: str = field(default="", repr=False)
    timestamp: int = 0
    command: DevCommandKind = DevCommandKind.COMMAND_UNSPECIFIED
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppBootConfig:
    id: str = ""
    displayname: str = ""
    usb_boot: BootOrder = BootOrder.BOOT_ORDER_UNSPECIFIED
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppBootConfigList:
    server_token: str = field(default="", repr=False)
    app_configs: tuple[AppBootConfig, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppBootInfo:
    id: str = ""
    displayname: str = ""
    boot_order: BootOrder = BootOrder.BOOT_ORDER_UNSPECIFIED
    source: BootOrderSource = BootOrderSource.BOOT_ORDER_SOURCE_UNSPECIFIED
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppBootInfoList:
    apps_boot_info: tuple[AppBootInfo, ...] = ()
    rest: bytes = field(default=b"", repr=False)


LOCAL_PROFILE = Codec(LocalProfile, local_profile_pb2.LocalProfile)
RADIO_STATUS = Codec(RadioStatus, local_profile_pb2.RadioStatus)
RADIO_CONFIG = Codec(RadioConfig, local_profile_pb2.RadioConfig)
LOCAL_APP_INFO_LIST = Codec(LocalAppInfoList, local_profile_pb2.LocalAppInfoList)
LOCAL_APP_CMD_LIST = Codec(LocalAppCmdList, local_profile_pb2.LocalAppCmdList)
LOCAL_DEV_INFO = Codec(LocalDevInfo, local_profile_pb2.LocalDevInfo)
LOCAL_DEV_CMD = Codec(LocalDevCmd, local_profile_pb2.LocalDevCmd)
APP_BOOT_CONFIG_LIST = Codec(AppBootConfigList, local_profile_pb2.AppBootConfigList)
APP_BOOT_INFO_LIST = Codec(AppBootInfoList, local_profile_pb2.AppBootInfoList)
