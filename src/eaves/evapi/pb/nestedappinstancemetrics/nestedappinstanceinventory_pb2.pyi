from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NestedAppStatus(_message.Message):
    __slots__ = ("app_id", "app_name", "disable_logs")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    APP_NAME_FIELD_NUMBER: _ClassVar[int]
    DISABLE_LOGS_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    app_name: str
    disable_logs: bool
    def __init__(self, app_id: _Optional[str] = ..., app_name: _Optional[str] = ..., disable_logs: _Optional[bool] = ...) -> None: ...

class NestedAppInventory(_message.Message):
    __slots__ = ("apps",)
    APPS_FIELD_NUMBER: _ClassVar[int]
    apps: _containers.RepeatedCompositeFieldContainer[NestedAppStatus]
    def __init__(self, apps: _Optional[_Iterable[_Union[NestedAppStatus, _Mapping]]] = ...) -> None: ...
