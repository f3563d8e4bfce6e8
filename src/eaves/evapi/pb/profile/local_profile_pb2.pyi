import datetime

from eaves.evapi.pb.evecommon import evecommon_pb2 as _evecommon_pb2
from eaves.evapi.pb.info import info_pb2 as _info_pb2
from eaves.evapi.pb.info import common_pb2 as _common_pb2
from eaves.evapi.pb.metrics import metrics_pb2 as _metrics_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BootOrderSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BOOT_ORDER_SOURCE_UNSPECIFIED: _ClassVar[BootOrderSource]
    BOOT_ORDER_SOURCE_LPS: _ClassVar[BootOrderSource]
    BOOT_ORDER_SOURCE_CONTROLLER: _ClassVar[BootOrderSource]
    BOOT_ORDER_SOURCE_DEVICE_PROPERTY: _ClassVar[BootOrderSource]
BOOT_ORDER_SOURCE_UNSPECIFIED: BootOrderSource
BOOT_ORDER_SOURCE_LPS: BootOrderSource
BOOT_ORDER_SOURCE_CONTROLLER: BootOrderSource
BOOT_ORDER_SOURCE_DEVICE_PROPERTY: BootOrderSource

class LocalProfile(_message.Message):
    __slots__ = ("local_profile", "server_token")
    LOCAL_PROFILE_FIELD_NUMBER: _ClassVar[int]
    SERVER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    local_profile: str
    server_token: str
    def __init__(self, local_profile: _Optional[str] = ..., server_token: _Optional[str] = ...) -> None: ...

class RadioStatus(_message.Message):
    __slots__ = ("radio_silence", "config_error", "cellular_status", "cellular_metrics")
    RADIO_SILENCE_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ERROR_FIELD_NUMBER: _ClassVar[int]
    CELLULAR_STATUS_FIELD_NUMBER: _ClassVar[int]
    CELLULAR_METRICS_FIELD_NUMBER: _ClassVar[int]
    radio_silence: bool
    config_error: str
    cellular_status: _containers.RepeatedCompositeFieldContainer[CellularStatus]
    cellular_metrics: _containers.RepeatedCompositeFieldContainer[_metrics_pb2.CellularMetric]
    def __init__(self, radio_silence: _Optional[bool] = ..., config_error: _Optional[str] = ..., cellular_status: _Optional[_Iterable[_Union[CellularStatus, _Mapping]]] = ..., cellular_metrics: _Optional[_Iterable[_Union[_metrics_pb2.CellularMetric, _Mapping]]] = ...) -> None: ...

class CellularStatus(_message.Message):
    __slots__ = ("logicallabel", "module", "sim_cards", "providers", "config_error", "probe_error")
    LOGICALLABEL_FIELD_NUMBER: _ClassVar[int]
    MODULE_FIELD_NUMBER: _ClassVar[int]
    SIM_CARDS_FIELD_NUMBER: _ClassVar[int]
    PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ERROR_FIELD_NUMBER: _ClassVar[int]
    PROBE_ERROR_FIELD_NUMBER: _ClassVar[int]
    logicallabel: str
    module: _info_pb2.ZCellularModuleInfo
    sim_cards: _containers.RepeatedCompositeFieldContainer[_info_pb2.ZSimcardInfo]
    providers: _containers.RepeatedCompositeFieldContainer[_info_pb2.ZCellularProvider]
    config_error: str
    probe_error: str
    def __init__(self, logicallabel: _Optional[str] = ..., module: _Optional[_Union[_info_pb2.ZCellularModuleInfo, _Mapping]] = ..., sim_cards: _Optional[_Iterable[_Union[_info_pb2.ZSimcardInfo, _Mapping]]] = ..., providers: _Optional[_Iterable[_Union[_info_pb2.ZCellularProvider, _Mapping]]] = ..., config_error: _Optional[str] = ..., probe_error: _Optional[str] = ...) -> None: ...

class RadioConfig(_message.Message):
    __slots__ = ("server_token", "radio_silence")
    SERVER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RADIO_SILENCE_FIELD_NUMBER: _ClassVar[int]
    server_token: str
    radio_silence: bool
    def __init__(self, server_token: _Optional[str] = ..., radio_silence: _Optional[bool] = ...) -> None: ...

class LocalAppInfoList(_message.Message):
    __slots__ = ("apps_info",)
    APPS_INFO_FIELD_NUMBER: _ClassVar[int]
    apps_info: _containers.RepeatedCompositeFieldContainer[LocalAppInfo]
    def __init__(self, apps_info: _Optional[_Iterable[_Union[LocalAppInfo, _Mapping]]] = ...) -> None: ...

class LocalAppInfo(_message.Message):
    __slots__ = ("id", "version", "name", "err", "state", "last_cmd_timestamp")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ERR_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LAST_CMD_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: str
    name: str
    err: _common_pb2.ErrorInfo
    state: _info_pb2.ZSwState
    last_cmd_timestamp: int
    def __init__(self, id: _Optional[str] = ..., version: _Optional[str] = ..., name: _Optional[str] = ..., err: _Optional[_Union[_common_pb2.ErrorInfo, _Mapping]] = ..., state: _Optional[_Union[_info_pb2.ZSwState, str]] = ..., last_cmd_timestamp: _Optional[int] = ...) -> None: ...

class LocalAppCmdList(_message.Message):
    __slots__ = ("server_token", "app_commands")
    SERVER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    APP_COMMANDS_FIELD_NUMBER: _ClassVar[int]
    server_token: str
    app_commands: _containers.RepeatedCompositeFieldContainer[AppCommand]
    def __init__(self, server_token: _Optional[str] = ..., app_commands: _Optional[_Iterable[_Union[AppCommand, _Mapping]]] = ...) -> None: ...

class AppCommand(_message.Message):
    __slots__ = ("id", "displayname", "timestamp", "command")
    class Command(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        COMMAND_UNSPECIFIED: _ClassVar[AppCommand.Command]
        COMMAND_RESTART: _ClassVar[AppCommand.Command]
        COMMAND_PURGE: _ClassVar[AppCommand.Command]
    COMMAND_UNSPECIFIED: AppCommand.Command
    COMMAND_RESTART: AppCommand.Command
    COMMAND_PURGE: AppCommand.Command
    ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAYNAME_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    id: str
    displayname: str
    timestamp: int
    command: AppCommand.Command
    def __init__(self, id: _Optional[str] = ..., displayname: _Optional[str] = ..., timestamp: _Optional[int] = ..., command: _Optional[_Union[AppCommand.Command, str]] = ...) -> None: ...

class LocalDevInfo(_message.Message):
    __slots__ = ("device_uuid", "state", "maintenance_mode_reasons", "boot_time", "last_boot_reason", "last_cmd_timestamp")
    DEVICE_UUID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    MAINTENANCE_MODE_REASONS_FIELD_NUMBER: _ClassVar[int]
    BOOT_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_BOOT_REASON_FIELD_NUMBER: _ClassVar[int]
    LAST_CMD_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    device_uuid: str
    state: _info_pb2.ZDeviceState
    maintenance_mode_reasons: _containers.RepeatedScalarFieldContainer[_info_pb2.MaintenanceModeReason]
    boot_time: _timestamp_pb2.Timestamp
    last_boot_reason: _info_pb2.BootReason
    last_cmd_timestamp: int
    def __init__(self, device_uuid: _Optional[str] = ..., state: _Optional[_Union[_info_pb2.ZDeviceState, str]] = ..., maintenance_mode_reasons: _Optional[_Iterable[_Union[_info_pb2.MaintenanceModeReason, str]]] = ..., boot_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_boot_reason: _Optional[_Union[_info_pb2.BootReason, str]] = ..., last_cmd_timestamp: _Optional[int] = ...) -> None: ...

class LocalDevCmd(_message.Message):
    __slots__ = ("server_token", "timestamp", "command")
    class Command(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        COMMAND_UNSPECIFIED: _ClassVar[LocalDevCmd.Command]
        COMMAND_SHUTDOWN: _ClassVar[LocalDevCmd.Command]
        COMMAND_GRACEFUL_POWEROFF: _ClassVar[LocalDevCmd.Command]
        COMMAND_SHUTDOWN_POWEROFF: _ClassVar[LocalDevCmd.Command]
        COMMAND_GRACEFUL_REBOOT: _ClassVar[LocalDevCmd.Command]
        COMMAND_COLLECT_INFO: _ClassVar[LocalDevCmd.Command]
    COMMAND_UNSPECIFIED: LocalDevCmd.Command
    COMMAND_SHUTDOWN: LocalDevCmd.Command
    COMMAND_GRACEFUL_POWEROFF: LocalDevCmd.Command
    COMMAND_SHUTDOWN_POWEROFF: LocalDevCmd.Command
    COMMAND_GRACEFUL_REBOOT: LocalDevCmd.Command
    COMMAND_COLLECT_INFO: LocalDevCmd.Command
    SERVER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    server_token: str
    timestamp: int
    command: LocalDevCmd.Command
    def __init__(self, server_token: _Optional[str] = ..., timestamp: _Optional[int] = ..., command: _Optional[_Union[LocalDevCmd.Command, str]] = ...) -> None: ...

class AppBootConfig(_message.Message):
    __slots__ = ("id", "displayname", "usb_boot")
    ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAYNAME_FIELD_NUMBER: _ClassVar[int]
    USB_BOOT_FIELD_NUMBER: _ClassVar[int]
    id: str
    displayname: str
    usb_boot: _evecommon_pb2.BootOrder
    def __init__(self, id: _Optional[str] = ..., displayname: _Optional[str] = ..., usb_boot: _Optional[_Union[_evecommon_pb2.BootOrder, str]] = ...) -> None: ...

class AppBootConfigList(_message.Message):
    __slots__ = ("server_token", "app_configs")
    SERVER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    APP_CONFIGS_FIELD_NUMBER: _ClassVar[int]
    server_token: str
    app_configs: _containers.RepeatedCompositeFieldContainer[AppBootConfig]
    def __init__(self, server_token: _Optional[str] = ..., app_configs: _Optional[_Iterable[_Union[AppBootConfig, _Mapping]]] = ...) -> None: ...

class AppBootInfo(_message.Message):
    __slots__ = ("id", "displayname", "boot_order", "source")
    ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAYNAME_FIELD_NUMBER: _ClassVar[int]
    BOOT_ORDER_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    displayname: str
    boot_order: _evecommon_pb2.BootOrder
    source: BootOrderSource
    def __init__(self, id: _Optional[str] = ..., displayname: _Optional[str] = ..., boot_order: _Optional[_Union[_evecommon_pb2.BootOrder, str]] = ..., source: _Optional[_Union[BootOrderSource, str]] = ...) -> None: ...

class AppBootInfoList(_message.Message):
    __slots__ = ("apps_boot_info",)
    APPS_BOOT_INFO_FIELD_NUMBER: _ClassVar[int]
    apps_boot_info: _containers.RepeatedCompositeFieldContainer[AppBootInfo]
    def __init__(self, apps_boot_info: _Optional[_Iterable[_Union[AppBootInfo, _Mapping]]] = ...) -> None: ...
